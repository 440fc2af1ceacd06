package ddl

import (
	"testing"

	servers "duplex/test/tenant"
)

// TestTruncate empties a table again and again while both sides write it: what the
// other side wrote unseen stays at both.
func TestTruncate(t *testing.T) {
	s := newStage(t, servers.MariaDB, "ddl: a\n")
	for range 12 {
		stop := s.writers("t")
		s.exec(0, "TRUNCATE TABLE shop.t")
		stop()
		s.barrier()
		s.equal()
	}
}
