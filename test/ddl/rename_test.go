package ddl

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/apply"
	servers "duplex/test/tenant"
)

// A table of which nothing is under way gets another name at both sites by hand.
func TestRenameByHand(t *testing.T) {
	s := newProject(t, servers.MariaDB, "ddl: a\n")
	s.exec(0, "INSERT INTO shop.t (id, v) VALUES (1, 'x'), (2, 'y')")
	s.start()
	s.barrier()
	s.exec(0, "RENAME TABLE shop.t TO shop.s")
	<-s.ended
	err := s.stop()
	require.ErrorIs(t, err, apply.ErrStatement)
	require.ErrorContains(t, err, "RENAME")
	s.exec(1, "/* duplex */ RENAME TABLE shop.t TO shop.s")
	s.exec(1, "UPDATE duplex.ddl_log SET state = 'done' WHERE state = 'refused'")
	s.start()
	s.barrier()
	stop := s.writers("s", "p")
	s.barrier()
	s.exec(0, "ALTER TABLE shop.s ADD COLUMN c1 int")
	s.barrier()
	stop()
	s.barrier()
	s.equal()
	require.NoError(t, s.stop())
}
