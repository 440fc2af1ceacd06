package tenant_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

// testTorn reads a table that goes and comes meanwhile: it is whole, or not there.
func testTorn(t *testing.T, s *server) {
	s.exec(t, "DROP DATABASE IF EXISTS torn", "CREATE DATABASE torn")
	reads := 40
	if s.Kind() == servers.SeekDB { // whose definitions take their time
		reads = 5
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		for ctx.Err() == nil {
			for _, q := range []string{
				"CREATE TABLE torn.x (id INT PRIMARY KEY, v INT, KEY by_v (v))", "ALTER TABLE torn.x DROP KEY by_v, DROP COLUMN v",
				"ALTER TABLE torn.x ADD COLUMN v INT, ADD KEY by_v (v)", "DROP TABLE torn.x",
			} {
				_, _ = s.db.ExecContext(ctx, q) // what the end of ctx cuts short leaves the next ones nothing to do
			}
		}
	})
	for range reads {
		tables, err := s.tenant.Tables(t.Context(), in("torn"))
		require.NoError(t, err)
		for _, x := range tables {
			require.NotNil(t, x.Identity(), x)
			require.Contains(t, []int{1, 2}, len(x.Columns))
		}
		x, err := s.tenant.Table(t.Context(), "torn", "x")
		if err != nil {
			require.ErrorIs(t, err, tenant.ErrNoTable)
			continue
		}
		require.NotNil(t, x.Identity(), x)
		require.Contains(t, []int{1, 2}, len(x.Columns))
	}
	cancel()
	wait.Wait()
	s.exec(t, "DROP DATABASE torn")
}
