package binlog

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
	"duplex/internal/schema"
)

// What was written in a table that was dropped is void: it does not stand in the
// way of rows of another table of its name, also when the log is read again.
func TestDropped(t *testing.T) {
	historyKinds(t, func(t *testing.T, s *site, at change.Position) {
		s.twoWay(conflict.Newest)
		s.exec("INSERT INTO t VALUES (1, 'x', 1), (2, 'y', 2)")
		s.tx(mark(testInbound, 0, 1, from(0, 0)), "UPDATE t SET a = 'peer' WHERE id = 1")
		r := s.open(at)
		s.observe(r, func(o *conflict.Observer) {
			require.NotNil(t, o.Task())
			require.Equal(t, 2, o.Index().Len())
		})
		s.exec("DROP TABLE t", "CREATE TABLE t (id int PRIMARY KEY)")
		look := func(o *conflict.Observer) {
			require.Nil(t, o.Task())
			require.Zero(t, o.Index().Len())
		}
		s.observe(r, look)
		s.tx(mark(testInbound, 0, 1, from(1, 0)), "INSERT INTO t VALUES (1)")
		s.observe(r, look)
		require.NoError(t, r.Close())

		now, err := s.tenant.Table(t.Context(), s.database, "t")
		require.NoError(t, err)
		s.cfg.Conflicts.Now = func(string) *schema.Table { return now }
		s.observe(s.restart(at), look)
	})
}
