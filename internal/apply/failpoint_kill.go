//go:build failpoints

package apply

import (
	"os"
	"syscall"
)

// failpoint ends the process, as a kill does, where DUPLEX_FAILPOINT names it.
func failpoint(name string) {
	if os.Getenv("DUPLEX_FAILPOINT") == name {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
