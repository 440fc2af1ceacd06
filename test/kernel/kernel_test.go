package kernel_test

import (
	"testing"

	servers "duplex/test/tenant"
)

// TestKernel runs on one server of each kind.
func TestKernel(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	kernel, maria, mysql := newSite(t, "k", servers.SeekDB), newSite(t, "m", servers.MariaDB), newSite(t, "y", servers.MySQL56)

	t.Run("schema", func(t *testing.T) {
		for _, c := range []struct {
			name     string
			from, to *site
		}{
			{"mariadb to kernel", maria, kernel}, {"mysql56 to kernel", mysql, kernel},
			{"kernel to kernel", kernel, kernel}, {"kernel to mariadb", kernel, maria},
		} {
			t.Run(c.name, func(t *testing.T) { testSchema(t, c.from, c.to) })
		}
	})
	t.Run("mark", func(t *testing.T) { testMark(t, kernel) })
	t.Run("checkpoint", func(t *testing.T) { testCheckpoint(t, kernel) })
	t.Run("apply", func(t *testing.T) { testApply(t, kernel) })
	t.Run("errors", func(t *testing.T) { testErrors(t, kernel) })
	t.Run("faults", func(t *testing.T) { testFaults(t, kernel) })
	t.Run("copy", func(t *testing.T) {
		t.Run("kernel to mariadb", func(t *testing.T) { testCopy(t, kernel, maria) })
		t.Run("kernel to kernel", func(t *testing.T) { testCopy(t, kernel, kernel) })
	})
	t.Run("migration", func(t *testing.T) {
		t.Run("mariadb to kernel", func(t *testing.T) { testMigration(t, maria, kernel) })
		t.Run("mysql56 to kernel", func(t *testing.T) { testMigration(t, mysql, kernel) })
	})
}
