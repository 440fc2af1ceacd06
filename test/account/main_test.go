package account_test

import (
	"testing"

	"duplex/test/e2e"
	"duplex/test/fault"
)

// program is the built program; "" with -short.
var program string

func TestMain(m *testing.M) { e2e.Main(m, &program, fault.Leftovers()...) }
