package conflict_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// TestDeltaWinner: who gets the newest write takes its row and adds what it had
// not seen; who has it adds what comes in.
func TestDeltaWinner(t *testing.T) {
	rule := &conflict.Rule{Policy: conflict.Delta, Columns: []int{1}}
	key := conflict.Key{Table: "t", ID: "1"}
	type images struct{ before, after []change.Value }
	for _, x := range []struct {
		name    string
		local   []images // at 100, 101, …
		seen    uint64   // how many of them the incoming one has seen
		version int64    // of the incoming one
		in      images
		want    []change.Value
	}{
		{"both add, the incoming is newer", []images{{row(0, 10), row(1, 12)}}, 0, 200, images{row(0, 10), row(2, 13)}, row(2, 15)},
		{"both add, the local is newer", []images{{row(0, 10), row(1, 12)}}, 0, 50, images{row(0, 10), row(2, 13)}, row(1, 15)},
		{"it has seen one of two", []images{{row(0, 10), row(0, 11)}, {row(0, 11), row(0, 15)}}, 1, 200, images{row(0, 11), row(0, 10)}, row(0, 14)},
		{"a newer insert takes what was added to another row", []images{{nil, row(0, 100)}, {row(0, 100), row(0, 101)}}, 0, 200, images{nil, row(5, 7)}, row(5, 8)},
		{"an older insert adds nothing", []images{{nil, row(0, 100)}}, 0, 50, images{nil, row(5, 7)}, row(0, 100)},
		{"an update loses to a newer delete", []images{{row(0, 10), nil}}, 0, 50, images{row(0, 10), row(0, 11)}, nil},
		{"an update wins over an older delete", []images{{row(0, 10), row(0, 12)}, {row(0, 12), nil}}, 0, 200, images{row(0, 10), row(0, 11)}, row(0, 13)},
		{"a newer delete", []images{{row(0, 10), row(0, 12)}}, 0, 200, images{row(0, 10), nil}, nil},
	} {
		o := conflict.NewObserver(conflict.ObserverConfig{Peer: 1, Rules: func(string) *conflict.Rule { return rule }}, conflict.Point{})
		for i, l := range x.local {
			s := o.Stamp(100 + int64(i))
			o.Wrote(&s, 0, key, l.before, l.after)
		}
		c := conflict.Case{Rule: rule, Key: key, Current: x.local[len(x.local)-1].after, Local: o.Index().Find(key)}
		group := []conflict.Carried{{Stamp: change.Stamp{Version: x.version, Seen: change.Seqs{Low: x.seen}}, Rank: 1}}
		steps := []conflict.Step{{Before: x.in.before, After: x.in.after}}
		out, err := c.Resolve(group, steps, conflict.GivenUp)
		require.NoError(t, err)
		require.True(t, out.Wait && out.Strict, "sums are decided at the end of the log")
		out, err = c.Resolve(group, steps, conflict.AtEnd)
		require.NoError(t, err, x.name)
		require.Equal(t, x.want, out.After, x.name)
		if out.Wrote {
			require.Equal(t, max(x.version, 99+int64(len(x.local))), c.Order(&out, group).Version, x.name)
		}
	}
}

// TestDeltaTurns: of two writes under different rules the later stays as it is; of
// two under the sums of one turn, only what was written in it adds up.
func TestDeltaTurns(t *testing.T) {
	rule := &conflict.Rule{Policy: conflict.Newest, From: 100, Next: &conflict.Rule{
		Policy: conflict.Delta, Columns: []int{1}, From: 200, Next: &conflict.Rule{Policy: conflict.Newest},
	}}
	key := conflict.Key{Table: "t", ID: "1"}
	for _, x := range []struct {
		name  string
		local []int64 // versions of increments by 1, from 10 on
		in    int64   // of one by 5
		want  int64
		logs  bool
	}{
		{"both before", []int64{50}, 60, 15, true},
		{"it is before", []int64{100}, 99, 11, true},
		{"it is in the turn, and newer", []int64{99, 100}, 150, 15 + 1, false},
		{"it is in the turn, and older", []int64{99, 150}, 100, 12 + 5, false},
		{"the local ones are before", []int64{98, 99}, 100, 15, true},
		{"the local ones end it", []int64{150, 200}, 199, 12, true},
		{"it ends it", []int64{99, 150}, 200, 15, true},
	} {
		o := conflict.NewObserver(conflict.ObserverConfig{Peer: 1, Rules: func(string) *conflict.Rule { return rule }}, conflict.Point{})
		now := int64(10)
		for _, v := range x.local {
			s := o.Stamp(v)
			o.Wrote(&s, 0, key, row(0, now), row(0, now+1))
			now++
		}
		c := conflict.Case{Rule: rule, Key: key, Current: row(0, now), Local: o.Index().Find(key)}
		out, err := c.Resolve([]conflict.Carried{{Stamp: change.Stamp{Version: x.in}, Rank: 1}}, []conflict.Step{{Before: row(0, 10), After: row(0, 15)}}, conflict.AtEnd)
		require.NoError(t, err)
		require.Equal(t, row(0, x.want), out.After, x.name)
		require.Equal(t, x.logs, len(out.Decisions) == 1, x.name)
	}
}

// TestDeltaAfterAnotherRule: a row that is not as the source has it was perhaps
// another one for a moment under the rule before, so nothing is added to it.
func TestDeltaAfterAnotherRule(t *testing.T) {
	delta := &conflict.Rule{Policy: conflict.Delta, Columns: []int{1}}
	in := &conflict.Write{Version: 150, After: row(2, 15)}
	v := conflict.Decide(delta, in, row(1, 10), nil, row(1, 30))
	require.Equal(t, row(2, 35), v.Image)
	v = conflict.Decide(&conflict.Rule{Policy: conflict.Newest, From: 100, Next: delta}, in, row(1, 10), nil, row(1, 30))
	require.Equal(t, conflict.Apply, v.Action)
	require.Nil(t, v.Image)
}
