package fault_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"duplex/test/tenant"
)

// A wire is what stands between the program and a server: SQL and change
// stream go through it.
type wire struct {
	*toxiproxy.Proxy
}

func newWire(t *testing.T, s *tenant.Server) *wire {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	w := &wire{toxiproxy.NewProxy(server, s.Addr(), "127.0.0.1:0", s.Addr())}
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	return w
}

// cut breaks all connections and refuses new ones until mend.
func (w *wire) cut() { w.Stop() }

func (w *wire) mend(t *testing.T) { require.NoError(t, w.Start()) }

// toxic adds a toxic in both directions; the function returned takes it away.
func (w *wire) toxic(t *testing.T, kind, attributes string) (remove func()) {
	t.Helper()
	for _, stream := range []string{"upstream", "downstream"} {
		_, err := w.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
			`{"name": "%s-%s", "type": "%s", "stream": "%s", "attributes": {%s}}`, kind, stream, kind, stream, attributes)))
		require.NoError(t, err)
	}
	return func() {
		for _, stream := range []string{"upstream", "downstream"} {
			require.NoError(t, w.Toxics.RemoveToxic(context.Background(), kind+"-"+stream))
		}
	}
}

// stall lets nothing through until the function returned is called; then all
// connections that were stalled end.
func (w *wire) stall(t *testing.T) (end func()) { return w.toxic(t, "timeout", `"timeout": 0`) }

// delay makes every packet late, by up to 2*ms milliseconds.
func (w *wire) delay(t *testing.T, ms int) (end func()) {
	return w.toxic(t, "latency", fmt.Sprintf(`"latency": %d, "jitter": %d`, ms, ms))
}
