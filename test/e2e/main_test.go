package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"duplex/test/e2e"
)

// program is the built program; "" with -short.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	if !testing.Short() {
		var err error
		if program, err = e2e.Build(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if program != "" {
			_ = os.RemoveAll(filepath.Dir(program))
		}
		os.Exit(code)
	}))
}
