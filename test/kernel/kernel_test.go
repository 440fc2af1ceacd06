package kernel_test

import (
	"testing"

	servers "duplex/test/tenant"
)

// TestKernel runs on one server of each kind. The kernel is nobody else's: its
// settings are changed, what waits in it is counted, and it is killed.
func TestKernel(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	t.Parallel()
	kernel, maria, mysql := newSite(t, "k", servers.SeekDB), newSite(t, "m", servers.MariaDB), newSite(t, "y", servers.MySQL56)
	t.Run("mark", func(t *testing.T) { testMark(t, kernel) })
	t.Run("checkpoint", func(t *testing.T) { testCheckpoint(t, kernel) })
	t.Run("apply", func(t *testing.T) { testApply(t, kernel) })
	t.Run("errors", func(t *testing.T) { testErrors(t, kernel) })
	t.Run("faults", func(t *testing.T) { testFaults(t, kernel) })
	t.Run("copy", func(t *testing.T) { testCopy(t, kernel, maria) })
	t.Run("migration", func(t *testing.T) {
		t.Run("mysql56 to kernel", func(t *testing.T) { testMigration(t, mysql, kernel, false) })
		t.Run("mariadb to kernel", func(t *testing.T) { testMigration(t, maria, kernel, true) })
	})
}
