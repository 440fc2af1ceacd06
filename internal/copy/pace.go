package copy

import (
	"context"
	"sync"
	"time"
)

// pace holds a copy back to a number of rows and bytes a second.
type pace struct {
	rows, bytes int64 // 0: no limit

	mu   sync.Mutex
	next time.Time
}

// wait waits until what was let through before has taken its time, and lets
// rows and bytes through.
func (p *pace) wait(ctx context.Context, rows int, bytes int64) error {
	var cost time.Duration
	if p.rows > 0 {
		cost = max(cost, time.Duration(float64(rows)/float64(p.rows)*float64(time.Second)))
	}
	if p.bytes > 0 {
		cost = max(cost, time.Duration(float64(bytes)/float64(p.bytes)*float64(time.Second)))
	}
	if cost == 0 {
		return nil
	}
	p.mu.Lock()
	now := time.Now()
	at := p.next
	if at.Before(now) {
		at = now
	}
	p.next = at.Add(cost)
	p.mu.Unlock()
	if !at.After(now) {
		return nil
	}
	timer := time.NewTimer(at.Sub(now))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
