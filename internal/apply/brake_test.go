package apply

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/tenant"
)

func TestBrake(t *testing.T) {
	of := func(used int64) float64 { return tenant.Memstore{Used: used, Trigger: 20, Limit: 100}.Taken() }
	for _, c := range []struct {
		used int64
		want time.Duration
	}{{0, 0}, {20, 0}, {52, 0}, {72, longPause / 2}, {92, longPause}, {100, longPause}, {120, longPause}} {
		require.InDelta(t, c.want, pauseOf(of(c.used), 0), float64(time.Millisecond), "%d of 100 used", c.used)
	}
	require.Zero(t, tenant.Memstore{}.Taken(), "nothing is known")
	require.InDelta(t, 0.5, tenant.Memstore{Used: 75, Trigger: 120, Limit: 100}.Taken(), 0.001)

	var b brake
	pause := func() time.Duration {
		p, _ := b.state()
		return p
	}
	require.Zero(t, pause())
	b.refused()
	require.Equal(t, firstPenalty, pause())
	for range 10 {
		b.refused()
	}
	require.Equal(t, longPause, pause())
	for range 10 { // nothing is refused any more
		b.looked(0)
	}
	require.Zero(t, pause())
	b.looked(1)
	require.Equal(t, longPause, pause())
	require.NoError(t, new(brake).wait(t.Context()))
}
