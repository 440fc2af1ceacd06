package conflict_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// TestNextRule: below a version the old rule decides, from it on the next one,
// and between the two the newer write stays; drift goes by the incoming write.
func TestNextRule(t *testing.T) {
	to := func(p conflict.Policy) *conflict.Rule {
		return &conflict.Rule{Policy: conflict.Site, Rank: 0, From: 100, Next: &conflict.Rule{
			Policy: conflict.Newest, From: 200, Uncertain: 3, Next: &conflict.Rule{Policy: p, Rank: 1},
		}}
	}
	key := conflict.Key{Table: "t", ID: "1"}
	for _, x := range []struct {
		last      conflict.Policy
		local, in int64
		copied    bool
		wrote     bool
		policy    conflict.Policy
	}{
		{conflict.Site, 10, 99, false, false, conflict.Site},
		{conflict.Site, 110, 111, false, true, conflict.Newest},
		{conflict.Site, 111, 110, false, false, conflict.Newest},
		{conflict.Site, 99, 100, false, true, conflict.Newest},
		{conflict.Site, 100, 99, false, false, conflict.Newest},
		{conflict.Site, 210, 99, false, false, conflict.Newest},
		{conflict.Site, 199, 200, false, true, conflict.Newest},
		{conflict.Site, 210, 200, false, true, conflict.Site},
		{conflict.Overwrite, 210, 200, false, true, conflict.Overwrite},
		{conflict.Ignore, 200, 210, false, false, conflict.Ignore},
		{conflict.Stop, 199, 200, false, true, conflict.Newest},
		{conflict.Stop, 200, 200, false, false, conflict.Stop},
	} {
		r := to(x.last)
		o := conflict.NewObserver(conflict.ObserverConfig{Peer: 1, Rules: func(string) *conflict.Rule { return r }}, conflict.Point{})
		s := o.Stamp(x.local)
		o.Wrote(&s, 0, key, row(0, 0), row(1, 0))
		c := conflict.Case{Rule: r, Key: key, Current: row(1, 0), Local: o.Index().Find(key)}
		out, err := c.Resolve([]conflict.Carried{{Stamp: change.Stamp{Version: x.in}, Rank: 1}}, []conflict.Step{{Before: row(0, 0), After: row(2, 0)}}, conflict.AtEnd)
		if x.policy == conflict.Stop {
			require.ErrorIs(t, err, conflict.ErrStop)
		} else {
			require.NoError(t, err)
		}
		require.Equal(t, x.wrote, out.Wrote, "%+v", x)
		require.Len(t, out.Decisions, 1)
		require.Equal(t, x.policy, out.Decisions[0].Policy, "%+v", x)

		// The late check goes by the same.
		late := o.Applied(&conflict.Applied{Carried: []change.Stamp{{Version: x.in}}, Rows: []conflict.Row{{Key: key, Before: row(1, 0), After: row(2, 0)}}})
		if x.policy == conflict.Stop {
			require.ErrorIs(t, late, conflict.ErrStop)
			continue
		}
		require.NoError(t, late)
		require.Equal(t, !x.wrote && x.last != conflict.Ignore, o.Task().Restore, "%+v", x)
		require.Equal(t, x.policy, o.Task().Plan(row(2, 0), false).Log.Policy, "%+v", x)
	}
}

// TestNextRuleDrift: a row that nothing explains is judged as the incoming
// write is.
func TestNextRuleDrift(t *testing.T) {
	r := &conflict.Rule{Policy: conflict.Newest, From: 100, Next: &conflict.Rule{Policy: conflict.Ignore}}
	for version, want := range map[int64]conflict.Action{99: conflict.Apply, 100: conflict.Keep} {
		in := &conflict.Write{Version: version, After: row(2, 0)}
		require.Equal(t, want, conflict.Decide(r, in, row(0, 0), nil, row(1, 0)).Action)
	}
}

// TestComparing: every rule of a chain compares by the columns.
func TestComparing(t *testing.T) {
	r := &conflict.Rule{Policy: conflict.Newest, From: 100, Next: &conflict.Rule{Policy: conflict.Stop}}
	for _, version := range []int64{1, 200} {
		in := &conflict.Write{Version: version, After: row(1, 7)}
		rival := &conflict.Write{Version: version + 1, After: row(1, 8)}
		require.True(t, conflict.Decide(r, in, row(0, 0), rival, row(1, 8)).Log)
		require.False(t, conflict.Decide(r.Comparing([]int{0}), in, row(0, 0), rival, row(1, 8)).Log)
	}
}

// TestEmpties: what decides is what held up to the statement, so that both sites
// say the same whenever they read it.
func TestEmpties(t *testing.T) {
	sums := &conflict.Rule{Policy: conflict.Delta}
	later := &conflict.Rule{Policy: conflict.Newest, Next: sums, From: 10}
	earlier := &conflict.Rule{Policy: conflict.NewestByColumn, Next: &conflict.Rule{Policy: conflict.Site}, From: 10}
	require.True(t, later.Empties(9))
	require.False(t, later.Empties(10))
	require.False(t, earlier.Empties(20), "rows of before may be under way")
	require.True(t, (&conflict.Rule{Policy: conflict.Stop}).Empties(1))
}
