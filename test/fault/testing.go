package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duplex/test/tenant"
)

// A Wire is what stands between the program and a server: SQL and change
// stream go through it, from its Listen on.
type Wire struct {
	*toxiproxy.Proxy
}

// NewWire lays a wire to a server. It ends with the test.
func NewWire(t testing.TB, s *tenant.Server) *Wire {
	w, err := Lay(s.Addr())
	require.NoError(t, err)
	t.Cleanup(w.Stop)
	return w
}

// Lay lays a wire to an address. It ends with Stop.
func Lay(address string) (*Wire, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	w := &Wire{toxiproxy.NewProxy(server, address, "127.0.0.1:0", address)}
	return w, w.Start()
}

// Leftovers passes over what toxiproxy leaves behind when a connection ends
// while a packet is on its way through it.
func Leftovers() []goleak.Option {
	const proxy = "github.com/Shopify/toxiproxy/v2"
	return []goleak.Option{
		goleak.IgnoreAnyFunction(proxy + ".(*ToxicLink).read"),
		goleak.IgnoreAnyFunction(proxy + ".(*ToxicLink).write"),
		goleak.IgnoreAnyFunction(proxy + "/toxics.(*ToxicStub).Run"),
	}
}

// Cut breaks all connections and refuses new ones until Mend.
func (w *Wire) Cut() { w.Stop() }

// Mend lets connections through again after Cut.
func (w *Wire) Mend(t testing.TB) { require.NoError(t, w.Start()) }

func (w *Wire) add(kind, attributes string) error {
	for _, stream := range []string{"upstream", "downstream"} {
		if _, err := w.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
			`{"name": "%s-%s", "type": "%s", "stream": "%s", "attributes": {%s}}`, kind, stream, kind, stream, attributes))); err != nil {
			return fmt.Errorf("%s on the wire: %w", kind, err)
		}
	}
	return nil
}

// toxic adds a toxic in both directions; the function returned takes it away.
func (w *Wire) toxic(t testing.TB, kind, attributes string) (remove func()) {
	t.Helper()
	require.NoError(t, w.add(kind, attributes))
	return func() {
		for _, stream := range []string{"upstream", "downstream"} {
			require.NoError(t, w.Toxics.RemoveToxic(context.Background(), kind+"-"+stream))
		}
	}
}

// Stall lets nothing through until the function returned is called; then all
// connections that were stalled end.
func (w *Wire) Stall(t testing.TB) (end func()) { return w.toxic(t, "timeout", `"timeout": 0`) }

// Lengthen makes every packet late by ms milliseconds: a round trip takes twice
// as long. Packets follow each other as closely as before.
func (w *Wire) Lengthen(ms int) error { return w.add("latency", fmt.Sprintf(`"latency": %d`, ms)) }

// Delay makes every packet late, by up to 2*ms milliseconds.
func (w *Wire) Delay(t testing.TB, ms int) (end func()) {
	return w.toxic(t, "latency", fmt.Sprintf(`"latency": %d, "jitter": %d`, ms, ms))
}

// A Death is a way in which a server, or a part of it, can die and come back.
type Death struct {
	Of            string
	Kill, Restart func(ctx context.Context) error
}

// Deaths are the ways in which a server can die, by SIGKILL: of an OceanBase
// tenant the kernel alone, its change log service with all connections, and both.
func Deaths(s *tenant.Server) []Death {
	if s.Kernel() == nil {
		return []Death{{"a database", s.Kill, s.Restart}}
	}
	return []Death{
		{"a kernel", s.Kernel().Kill, s.Kernel().Restart},
		{"a change log service", s.KillService, s.Restart},
		{"a kernel and its change log service", s.Kill, s.Restart},
	}
}

// Pause lets a random time below limit go by: when a fault comes, and how long it
// stays, is part of the schedule that a test draws.
func Pause(t testing.TB, rng *rand.Rand, limit time.Duration) {
	select {
	case <-t.Context().Done():
	case <-time.After(time.Duration(rng.Int64N(int64(limit)))):
	}
}
