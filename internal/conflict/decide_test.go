package conflict_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// row makes an image of a payload and a number.
func row(p, n int64) []change.Value { return []change.Value{change.OfInt(p), change.OfInt(n)} }

// TestDecide: each operation of the peer against each of this site, under each
// policy, with the local write older and newer.
func TestDecide(t *testing.T) {
	before, mine, theirs := row(0, 10), row(1, 12), row(2, 13)
	type write struct{ before, after []change.Value }
	insert := func(after []change.Value) write { return write{nil, after} }
	update := func(after []change.Value) write { return write{before, after} }
	remove := write{before, nil}
	type want struct {
		action conflict.Action
		winner conflict.Side
	}
	apply, keep := want{conflict.Apply, conflict.Incoming}, want{conflict.Keep, conflict.LocalWon}
	mergeLocal := want{conflict.Merge, conflict.LocalWon}
	refuse := want{conflict.Refuse, conflict.Neither}
	older := map[conflict.Policy]want{ // the local write is the older one
		conflict.Newest: apply, conflict.NewestByColumn: apply, conflict.Site: keep, conflict.Delta: apply,
		conflict.Stop: refuse, conflict.Overwrite: apply, conflict.Ignore: keep,
	}
	newer := map[conflict.Policy]want{
		conflict.Newest: keep, conflict.NewestByColumn: apply, conflict.Site: keep, conflict.Delta: keep,
		conflict.Stop: refuse, conflict.Overwrite: apply, conflict.Ignore: keep,
	}
	for _, x := range []struct {
		kind          conflict.Kind
		local, in     write
		except        map[conflict.Policy]want // where it depends on more than the age
		exceptIfNewer map[conflict.Policy]want
	}{
		{kind: conflict.InsertInsert, local: insert(mine), in: insert(theirs)},
		{
			kind: conflict.UpdateUpdate, local: update(mine), in: update(theirs),
			except:        map[conflict.Policy]want{conflict.Delta: apply}, // and what the index says was added here
			exceptIfNewer: map[conflict.Policy]want{conflict.Delta: mergeLocal},
		},
		{
			kind: conflict.UpdateDelete, local: update(mine), in: remove, // who has a value outranks who has none
			except:        map[conflict.Policy]want{conflict.NewestByColumn: keep},
			exceptIfNewer: map[conflict.Policy]want{conflict.NewestByColumn: keep},
		},
		{kind: conflict.DeleteUpdate, local: remove, in: update(theirs)},
	} {
		for policy := range older {
			for _, isNewer := range []bool{false, true} {
				expect, except := older[policy], x.except
				version := int64(100)
				if isNewer {
					expect, except, version = newer[policy], x.exceptIfNewer, 300
				}
				if e, ok := except[policy]; ok {
					expect = e
				}
				r := &conflict.Rule{Policy: policy, Rank: 0, Columns: []int{1}}
				local := &conflict.Write{Seq: 1, Version: version, Rank: 0, Fresh: x.local.before == nil, After: x.local.after}
				in := &conflict.Write{Seq: 2, Version: 200, Rank: 1, Fresh: x.in.before == nil, After: x.in.after}
				v := conflict.Decide(r, in, x.in.before, local, x.local.after)
				name := string(x.kind) + " " + string(policy)
				require.Equal(t, expect, want{v.Action, v.Winner}, "%s, local newer: %v", name, isNewer)
				require.Equal(t, x.kind, v.Kind, name)
				require.True(t, v.Log, name)
				if v.Action == conflict.Merge {
					require.Equal(t, int64(15), int64(v.Image[1].Bits), "12 here, and 3 more from there")
				}
			}
		}
	}
}

// TestDecideUnopposed: no local write is concurrent with the incoming one.
func TestDecideUnopposed(t *testing.T) {
	for policy, action := range map[conflict.Policy]conflict.Action{
		conflict.Newest: conflict.Apply, conflict.NewestByColumn: conflict.Apply, conflict.Site: conflict.Apply,
		conflict.Delta: conflict.Merge, conflict.Stop: conflict.Refuse, conflict.Overwrite: conflict.Apply, conflict.Ignore: conflict.Keep,
	} {
		r := &conflict.Rule{Policy: policy, Columns: []int{1}}
		in := &conflict.Write{Seq: 2, Version: 200, Rank: 1, After: row(2, 13)}
		v := conflict.Decide(r, in, row(0, 10), nil, row(0, 10))
		require.Equal(t, conflict.Verdict{Action: conflict.Apply}, v, "the row is what the source says")
		v = conflict.Decide(r, in, row(0, 10), nil, row(5, 50))
		require.Equal(t, action, v.Action, policy)
		require.Equal(t, conflict.Drift, v.Kind, policy)
		require.True(t, v.Log)
	}
}

// TestDecideTies: equal versions go by the site, at both sites alike, and near
// ones are called ambiguous.
func TestDecideTies(t *testing.T) {
	r := &conflict.Rule{Policy: conflict.Newest, Uncertain: 5}
	a := &conflict.Write{Seq: 1, Version: 100, Rank: 0, After: row(1, 1)}
	b := &conflict.Write{Seq: 1, Version: 100, Rank: 1, After: row(2, 2)}
	require.Equal(t, conflict.Keep, conflict.Decide(r, a, nil, b, b.After).Action)
	require.Equal(t, conflict.Apply, conflict.Decide(r, b, nil, a, a.After).Action)
	for away, ambiguous := range map[int64]bool{0: true, 5: true, -5: true, 6: false, -6: false} {
		b.Version = 100 + away
		require.Equal(t, ambiguous, conflict.Decide(r, b, nil, a, a.After).Ambiguous, "%d", away)
	}
	b.After = row(1, 1)
	require.False(t, conflict.Decide(r, b, nil, a, a.After).Log, "both wrote the same")
}

// TestDelta: differences are added in every kind of number, and refused where
// the sum does not fit.
func TestDelta(t *testing.T) {
	decimal := func(s string) change.Value { return change.Value{Kind: change.Decimal, Bytes: []byte(s)} }
	for _, x := range []struct {
		current, before, after, sum change.Value
		refused                     bool
	}{
		{current: change.OfInt(8), before: change.OfInt(10), after: change.OfInt(13), sum: change.OfInt(11)},
		{current: change.OfInt(-8), before: change.OfInt(10), after: change.OfInt(3), sum: change.OfInt(-15)},
		{current: change.OfInt(1<<63 - 1), before: change.OfInt(0), after: change.OfInt(1), refused: true},
		{current: change.OfInt(-1 << 63), before: change.OfInt(1), after: change.OfInt(0), refused: true},
		{current: change.OfInt(0), before: change.OfInt(-1 << 63), after: change.OfInt(1<<63 - 1), refused: true},
		{current: change.OfUint(5), before: change.OfUint(10), after: change.OfUint(7), sum: change.OfUint(2)},
		{current: change.OfUint(5), before: change.OfUint(10), after: change.OfUint(4), refused: true},
		{current: change.OfUint(1<<64 - 1), before: change.OfUint(1), after: change.OfUint(2), refused: true},
		{current: change.OfFloat64(1.5), before: change.OfFloat64(1), after: change.OfFloat64(1.25), sum: change.OfFloat64(1.75)},
		{current: decimal("0.05"), before: decimal("1.00"), after: decimal("0.90"), sum: decimal("-0.05")},
		{current: decimal("99.99"), before: decimal("0.00"), after: decimal("0.01"), sum: decimal("100.00")},
		{current: decimal("7"), before: decimal("10"), after: decimal("3"), sum: decimal("0")},
	} {
		r := &conflict.Rule{Policy: conflict.Delta, Columns: []int{0}}
		in := &conflict.Write{Seq: 2, Version: 200, Rank: 1, After: []change.Value{x.after}}
		local := &conflict.Write{Seq: 1, Version: 300, After: []change.Value{x.current}}
		v := conflict.Decide(r, in, []change.Value{x.before}, local, []change.Value{x.current})
		if x.refused {
			require.Equal(t, conflict.Refuse, v.Action)
			continue
		}
		require.Equal(t, conflict.Merge, v.Action)
		require.True(t, x.sum.Equal(v.Image[0]), "%+v: %+v", x, v.Image[0])
	}
}
