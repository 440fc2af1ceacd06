package apply

import (
	"context"
	"sync"
	"time"

	"duplex/internal/tenant"
)

// What slows a link down. The server itself slows every writer down when its
// memory is about 60 % full; a link begins to before that, so that applications
// have the rest. The shares are those of tenant.Memstore.Taken.
const (
	slowFrom  = 0.4
	slowMost  = 0.9
	longPause = 2 * time.Second // at slowMost, and at most

	firstPenalty = 100 * time.Millisecond // after the first refusal; doubled by each further one
	lookEvery    = time.Second            // halves the penalty, too
)

// pauseOf is how long each lane waits before a target transaction.
func pauseOf(taken float64, penalty time.Duration) time.Duration {
	share := min(1, max(0, (taken-slowFrom)/(slowMost-slowFrom)))
	return max(penalty, time.Duration(share*float64(longPause)))
}

// A brake holds the lanes of a link back while the target lacks memory.
type brake struct {
	mu      sync.Mutex
	taken   float64
	penalty time.Duration
}

// refused notes that the target had no memory for a transaction.
func (b *brake) refused() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.penalty = min(max(2*b.penalty, firstPenalty), longPause)
}

// looked notes how full the target's memory is now.
func (b *brake) looked(taken float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken = taken
	if b.penalty /= 2; b.penalty < firstPenalty {
		b.penalty = 0
	}
}

// state gives the pause, and how full the memory is.
func (b *brake) state() (pause time.Duration, taken float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return pauseOf(b.taken, b.penalty), b.taken
}

// wait pauses as long as the brake says.
func (b *brake) wait(ctx context.Context) error {
	pause, _ := b.state()
	if pause == 0 {
		return nil
	}
	return sleep(ctx, pause)
}

func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// lookAtMemory keeps the brake up to date until ctx ends. Where nothing can be
// seen the brake knows of refusals only; an error is the lanes' to meet.
func (a *Applier) lookAtMemory(ctx context.Context) error {
	if a.cfg.Target.Kind != tenant.OceanBase {
		return nil
	}
	for visible := true; ; {
		var m tenant.Memstore
		var err error
		if visible {
			m, visible, err = a.cfg.Target.Memstore(ctx)
			if err != nil {
				visible = true
				a.note("look at the target's memory", err)
			} else if !visible {
				a.cfg.Log.Debug("the target's memory is not visible", "link", a.cfg.Link)
			}
		}
		a.brake.looked(m.Taken())
		if err := sleep(ctx, lookEvery); err != nil {
			return err
		}
	}
}
