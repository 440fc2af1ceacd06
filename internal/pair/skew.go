package pair

import (
	"context"
	"time"

	"duplex/internal/tenant"
)

// resolution is how finely a log tells commit times.
func resolution(kind tenant.Kind) time.Duration {
	if kind == tenant.OceanBase {
		return time.Microsecond
	}
	return time.Second
}

// uncertain is how far two commit times may be from the truth, in microseconds:
// what the clocks of the sites are apart, and how finely the logs tell.
func (a *attempt) uncertain(ctx context.Context) (int64, error) {
	var offsets [2]time.Duration
	sum := time.Duration(0)
	for i, t := range a.sites {
		offset, within, err := t.Offset(ctx)
		if err != nil {
			return 0, err
		}
		offsets[i] = offset
		sum = max(sum, resolution(t.Kind)) + within
	}
	a.mu.Lock()
	a.offsets = offsets
	a.mu.Unlock()
	return (sum + (offsets[0] - offsets[1]).Abs()).Microseconds(), nil
}
