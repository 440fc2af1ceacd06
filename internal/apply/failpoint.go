//go:build !failpoints

package apply

// failpoint is a place where tests end the process.
func failpoint(string) {}
