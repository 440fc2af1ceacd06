package pair

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/config"
)

func TestTurns(t *testing.T) {
	newest, siteA, siteB, stop := rule{Policy: config.PolicyNewest}, rule{Policy: config.PolicySite, Site: "a"},
		rule{Policy: config.PolicySite, Site: "b"}, rule{Policy: config.PolicyStop}
	delta := rule{Policy: config.PolicyDelta, Columns: []string{"n"}}
	of := func(from int64, r rule) era { return era{from, tableRules{"t": r, "u": newest}} }
	for _, x := range []struct {
		name    string
		history history
		want    []turn
	}{
		{"none", nil, nil},
		{"the first", history{of(0, newest)}, []turn{{newest, 0}}},
		{"another table has changed", history{of(0, siteA), of(5, siteA), of(6, siteB)}, []turn{{siteA, 0}, {siteB, 6}}},
		{"there and back", history{of(0, newest), of(5, siteA), of(6, newest)}, []turn{{newest, 0}, {siteA, 5}, {newest, 6}}},
		{"what stopped is judged by what follows", history{of(0, newest), of(5, stop), of(5, siteA), of(9, siteB)}, []turn{{newest, 0}, {siteA, 5}, {siteB, 9}}},
		{"of two that became one the turn stays", history{of(0, siteA), of(5, stop), of(5, siteA)}, []turn{{siteA, 0}, {siteA, 5}}},
		{"stop from the first", history{of(0, stop), of(0, siteB)}, []turn{{siteB, 0}}},
		{"a new table", history{{0, tableRules{}}, of(0, siteB), of(7, siteA)}, []turn{{siteB, 0}, {siteA, 7}}},
		{"all began anew", history{of(0, newest), of(5, siteA), of(0, delta)}, []turn{{delta, 0}}},
	} {
		require.Equal(t, x.want, x.history.turns("t"), x.name)
	}
	require.Empty(t, history{of(0, newest)}.turns("v"))
}

func TestRuleChanges(t *testing.T) {
	r := func(p config.Policy) rule { return rule{Policy: p} }
	h := history{{0, tableRules{"same": r(config.PolicyStop), "gone": r(config.PolicyStop), "stopped": r(config.PolicyStop), "adds": r(config.PolicyNewest), "site": {config.PolicySite, "a", nil}}}}
	want := tableRules{"same": r(config.PolicyStop), "new": r(config.PolicyDelta), "stopped": r(config.PolicyNewest), "adds": r(config.PolicyDelta), "site": {config.PolicySite, "b", nil}}
	now, later, err := h.changes(want)
	require.NoError(t, err)
	require.Equal(t, []string{"new", "stopped"}, now)
	require.Equal(t, []string{"adds", "site"}, later)
	require.Equal(t, tableRules{"adds": r(config.PolicyDelta)}, want.sums(later))
	require.Equal(t, tableRules{
		"same": r(config.PolicyStop), "gone": r(config.PolicyStop), "stopped": r(config.PolicyNewest), "adds": r(config.PolicyNewest),
		"site": {config.PolicySite, "a", nil}, "new": r(config.PolicyDelta),
	}, h.with(want, now))
	require.Equal(t, "site a", rule{config.PolicySite, "a", nil}.String())
	require.Equal(t, "delta (n, m)", rule{config.PolicyDelta, "", []string{"n", "m"}}.String())

	for _, p := range []config.Policy{config.PolicyDelta, config.PolicyNewestByColumn} {
		_, _, err = h.changes(tableRules{"stopped": {Policy: p, Columns: []string{"n"}}})
		require.ErrorIs(t, err, ErrRules)
		require.ErrorContains(t, err, "stopped from stop to "+string(p)+" (n)")
	}
}
