package fault_test

import (
	"testing"

	"go.uber.org/goleak"

	"duplex/test/e2e"
)

// program is the built program; "" with -short.
var program string

// TestMain passes over what toxiproxy leaves behind when a connection ends
// while a packet is on its way through it.
func TestMain(m *testing.M) {
	const proxy = "github.com/Shopify/toxiproxy/v2"
	e2e.Main(m, &program,
		goleak.IgnoreAnyFunction(proxy+".(*ToxicLink).read"),
		goleak.IgnoreAnyFunction(proxy+".(*ToxicLink).write"),
		goleak.IgnoreAnyFunction(proxy+"/toxics.(*ToxicStub).Run"))
}
