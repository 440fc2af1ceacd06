package fault_test

import (
	"testing"

	"go.uber.org/goleak"

	"duplex/test/e2e"
)

// program is the built program; "" with -short.
var program string

// TestMain passes over what toxiproxy leaves behind when a connection ends
// while it holds a packet for it.
func TestMain(m *testing.M) {
	e2e.Main(m, &program, goleak.IgnoreTopFunction("github.com/Shopify/toxiproxy/v2/toxics.(*NoopToxic).Pipe"))
}
