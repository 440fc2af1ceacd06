package checkpoint

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

// TestRules: what one tenant lacks it gets from the other; what differs is not
// guessed at.
func TestRules(t *testing.T) {
	kind := servers.LogKinds()[0]
	ctx := t.Context()
	one, _ := openConflicts(t, kind)
	two, _ := openConflicts(t, kind)
	both := [2]*tenant.Tenant{one, two}
	all, err := SameRules(ctx, both, "shop")
	require.NoError(t, err)
	require.Empty(t, all)

	written := []Rules{{1, 0, `{"a":"it's \\ 李"}`}, {2, -5, "{}"}, {3, 1 << 60, "x"}}
	require.NoError(t, WriteRules(ctx, one, "shop", written[0]))
	require.NoError(t, WriteRules(ctx, one, "other", written[2]))
	for _, r := range written[:2] {
		require.NoError(t, WriteRules(ctx, two, "shop", r)) // and the run ended
	}
	for range 2 {
		all, err = SameRules(ctx, both, "shop")
		require.NoError(t, err)
		require.Equal(t, written[:2], all)
	}
	for _, x := range both {
		all, err = ReadRules(ctx, x, "shop")
		require.NoError(t, err)
		require.Equal(t, written[:2], all)
	}
	require.Error(t, WriteRules(ctx, one, "shop", written[1]), "no number twice")

	require.NoError(t, WriteRules(ctx, one, "shop", written[2]))
	require.NoError(t, WriteRules(ctx, two, "shop", Rules{3, 7, "x"}))
	_, err = SameRules(ctx, both, "shop")
	require.ErrorIs(t, err, ErrRules)
}
