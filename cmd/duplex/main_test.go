package main

import (
	"os"
	"testing"
)

// asCommand is set in the environment of processes of the test binary that are
// to be the command itself.
const asCommand = "DUPLEX_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}
