package conflict_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// A stay is a row that the application inserted while a delete of the other site,
// which it had not seen, was about to commit: the delete found nothing.
type stay struct {
	o   *conflict.Observer
	key conflict.Key
	row []change.Value
}

func newStay(t *testing.T, policy conflict.Policy) *stay {
	rule := &conflict.Rule{Policy: policy, Rank: 1} // site 1, the peer
	s := &stay{
		o:   conflict.NewObserver(conflict.ObserverConfig{Peer: 1, Rules: func(string) *conflict.Rule { return rule }}, conflict.Point{}),
		key: conflict.Key{Table: "t", ID: "1"}, row: []change.Value{change.OfInt(1)},
	}
	s.local(50, nil, s.row)
	require.NoError(t, s.o.Applied(&conflict.Applied{
		Carried: []change.Stamp{{Seq: 0, Version: 9}},
		Notes:   conflict.Notes{Keys: []conflict.KeyNote{{Hash: s.key.Hash(), Silent: true, Gone: true}}},
	}))
	require.NotNil(t, s.o.Task())
	require.Nil(t, s.o.Task().In.After, "not what was there")
	return s
}

func (s *stay) local(version int64, before, after []change.Value) {
	stamp := s.o.Stamp(version)
	s.o.Wrote(&stamp, version, s.key, before, after)
	s.o.Behind(&stamp, "")
}

func TestStays(t *testing.T) {
	won := newStay(t, conflict.Newest)
	require.True(t, won.o.Task().Restore)
	p := won.o.Task().Plan(won.row, false)
	require.Equal(t, won.row, p.After, "it stays, and has won")
	require.Equal(t, conflict.LocalWon, p.Log.Verdict.Winner)

	lost := newStay(t, conflict.Site)
	x := lost.o.Task()
	require.False(t, x.Restore)
	p = x.Plan(lost.row, false)
	require.True(t, p.Write)
	require.Nil(t, p.After, "it is taken out")
	require.EqualValues(t, 9, p.Order.Version)
	require.Equal(t, conflict.Incoming, p.Log.Verdict.Winner)
	require.False(t, x.Plan(nil, false).Write, "it was gone")
	require.NotNil(t, x.Plan(nil, false).Log, "that it has lost is said")
	require.NoError(t, lost.o.Applied(&conflict.Applied{Notes: p.Notes}))
	require.Nil(t, lost.o.Task(), "an earlier run has done it")
}

// TestStaysOvertaken: what comes on top is not taken out.
func TestStaysOvertaken(t *testing.T) {
	changed := []change.Value{change.OfInt(2)}
	local := newStay(t, conflict.Site)
	local.local(60, local.row, changed)
	local.local(61, changed, local.row)
	p := local.o.Task().Plan(local.row, false)
	require.False(t, p.Write, "the application has written on top of it")
	require.NotNil(t, p.Log)

	applied := newStay(t, conflict.Site)
	require.NoError(t, applied.o.Applied(&conflict.Applied{
		Carried: []change.Stamp{{Seq: 1, Version: 70}}, Rows: []conflict.Row{{Key: applied.key, Before: changed, After: applied.row}},
	}))
	p = applied.o.Task().Plan(applied.row, false)
	require.False(t, p.Write, "the other site wrote it after that")
	require.NotNil(t, p.Log)
}

// TestAway: the application's row came after the applier had looked for it, and
// the reader knows of it before the applier decides. Nothing is said to be decided,
// so that the late check looks.
func TestAway(t *testing.T) {
	rule := &conflict.Rule{Policy: conflict.Site, Rank: 1}
	o := conflict.NewObserver(conflict.ObserverConfig{Peer: 1, Rules: func(string) *conflict.Rule { return rule }}, conflict.Point{})
	key, row := conflict.Key{Table: "t", ID: "1"}, []change.Value{change.OfInt(1)}
	s := o.Stamp(50)
	o.Wrote(&s, 50, key, nil, row)
	c := &conflict.Case{Rule: rule, Key: key, Local: o.Index().Find(key)}
	in := []conflict.Carried{{Stamp: change.Stamp{Version: 9}, Rank: 1}}
	out, err := c.Resolve(in, []conflict.Step{{Before: row}}, conflict.AtEnd)
	require.NoError(t, err)
	require.True(t, out.Wrote)
	require.Empty(t, out.Decisions)
	var n conflict.Notes
	n.Add(c, &out, false)
	require.Equal(t, conflict.Notes{Keys: []conflict.KeyNote{{Hash: key.Hash(), Silent: true, Gone: true}}}, n)

	c.Current = row
	out, err = c.Resolve(in, []conflict.Step{{Before: row}}, conflict.AtEnd)
	require.NoError(t, err)
	require.Len(t, out.Decisions, 1, "where it is there it is locked")
}

// TestLately: what the peer's application writes on top of a row that has lost at
// both sites is no drift, also when that is settled.
func TestLately(t *testing.T) {
	key, row, other := conflict.Key{Table: "t", ID: "1"}, []change.Value{change.OfInt(1)}, []change.Value{change.OfInt(2)}
	x := conflict.NewIndex(newestRule)
	require.False(t, x.Lately(key, nil))
	o := conflict.NewObserver(conflict.ObserverConfig{Peer: 1, Rules: newestRule}, conflict.Point{})
	s := o.Stamp(5)
	o.Wrote(&s, 5, key, nil, row)
	o.Behind(&s, "")
	o.CaughtUp()
	applied := func(seq uint64, version int64, low uint64, rows ...conflict.Row) {
		require.NoError(t, o.Applied(&conflict.Applied{
			Carried: []change.Stamp{{Seq: seq, Version: version, Seen: change.Seqs{Low: low}}}, Rows: rows,
			Notes: conflict.Notes{Judged: []conflict.Judged{{Hash: key.Hash(), Seq: 0}}},
		}))
	}
	applied(0, 9, 0, conflict.Row{Key: key, Before: row})
	applied(1, 10, 1)
	require.Zero(t, o.Index().Len(), "settled")
	c := &conflict.Case{Rule: newestRule(""), Key: key, Lately: func(image []change.Value) bool { return o.Index().Lately(key, image) }}
	in := []conflict.Carried{{Stamp: change.Stamp{Seq: 2, Version: 11, Seen: change.Seqs{Low: 1}}, Rank: 1}}
	out, err := c.Resolve(in, []conflict.Step{{Before: row, After: other}}, conflict.AtEnd)
	require.NoError(t, err)
	require.Empty(t, out.Decisions)
	require.Equal(t, other, out.After)
	out, err = c.Resolve(in, []conflict.Step{{Before: other, After: row}}, conflict.AtEnd)
	require.NoError(t, err)
	require.Equal(t, conflict.Drift, out.Decisions[0].Verdict.Kind, "that row was never here")

	o.Index().Lost(key, other)
	require.True(t, o.Index().Lately(key, other), "what came in and has lost")
	for i := range 1 << 16 {
		o.Index().Lost(conflict.Key{Table: "t", ID: fmt.Sprint("other ", i)}, nil)
	}
	require.False(t, o.Index().Lately(key, other), "so much is remembered and no more")
}

// TestStaysUnderSilent: a local write came while its row was parked, has won, and
// something newer writes the same. What is there is the local write's row, not what
// it has won over.
func TestStaysUnderSilent(t *testing.T) {
	rule := &conflict.Rule{Policy: conflict.Newest}
	o := conflict.NewObserver(conflict.ObserverConfig{Peer: 1, Rules: func(string) *conflict.Rule { return rule }}, conflict.Point{})
	key := conflict.Key{Table: "t", ID: "1"}
	s := o.Stamp(15)
	o.Wrote(&s, 15, key, nil, row(3, 0))
	o.Behind(&s, "")
	require.NoError(t, o.Applied(&conflict.Applied{
		Carried: []change.Stamp{{Seq: 0, Version: 11}}, Rows: []conflict.Row{{Key: key, Before: row(1, 0), After: row(2, 0)}},
	}))
	require.True(t, o.Task().Restore)
	require.NoError(t, o.Applied(&conflict.Applied{
		Carried: []change.Stamp{{Seq: 1, Version: 20}}, Notes: conflict.Notes{Keys: []conflict.KeyNote{{Hash: key.Hash(), Silent: true}}},
	}))
	require.Nil(t, o.Task(), "the same content: nothing to do")
}
