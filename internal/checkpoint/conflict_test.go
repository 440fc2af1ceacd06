package checkpoint_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duplex/internal/checkpoint"
	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, kind servers.Kind) *tenant.Tenant {
	t.Helper()
	s := servers.For(t, kind)
	x, err := tenant.Open(t.Context(), tenant.Config{Site: "west", Address: s.Addr(), User: s.User(), Password: s.Password()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, x.Close()) })
	require.NoError(t, checkpoint.Create(t.Context(), x))
	return x
}

func TestConflict(t *testing.T) {
	for _, kind := range servers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			if testing.Short() {
				t.Skip("needs servers")
			}
			x := open(t, kind)
			s := checkpoint.New(x, "shop", "east>west")
			_, err := x.DB().ExecContext(t.Context(), string(s.AppendConflict(nil, &checkpoint.Conflict{Table: "shop.stock", Key: "id=1", Kind: "drift"})))
			require.NoError(t, err)
		})
	}
}
