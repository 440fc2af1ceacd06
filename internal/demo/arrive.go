package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"duplex/internal/tenant"
)

// arrivals measures how long it takes from a commit at one site until the
// order is there at the other: the only clock is ours, and nothing is asked of
// the project.
type arrivals struct {
	to     Site
	sample chan placed // at most one waits; more are not looked at

	mu   sync.Mutex
	last time.Duration
	took []time.Duration
	n    int
}

// A placed order and when its commit had returned.
type placed struct {
	order int64
	at    time.Time
}

const (
	arrivalEvery   = 150 * time.Millisecond // between two samples
	arrivalPoll    = time.Millisecond
	arrivalLimit   = 10 * time.Second // an order that was deleted meanwhile never arrives
	arrivalSamples = 512              // of which the percentile is taken
)

func newArrivals(to Site) *arrivals { return &arrivals{to: to, sample: make(chan placed)} }

// offer gives an order to be looked for, if nothing is being looked for.
func (a *arrivals) offer(order int64) {
	select {
	case a.sample <- placed{order, time.Now()}:
	default:
	}
}

// watch looks for one order after the other until ctx ends.
func (a *arrivals) watch(ctx context.Context) error {
	pause := time.NewTicker(arrivalEvery)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-a.sample:
			if err := a.find(ctx, p); err != nil {
				return quiet(ctx, err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
	}
}

func (a *arrivals) find(ctx context.Context, p placed) error {
	poll := time.NewTicker(arrivalPoll)
	defer poll.Stop()
	for time.Since(p.at) < arrivalLimit {
		var one int
		err := a.to.DB.QueryRowContext(ctx, "SELECT 1 FROM shop.orders WHERE id = ?", p.order).Scan(&one)
		switch {
		case err == nil:
			a.note(time.Since(p.at))
			return nil
		case !errors.Is(err, sql.ErrNoRows) && tenant.Classify(err) != tenant.Schema: // no table yet
			return fmt.Errorf("site %s: look for an order: %w", a.to.Name, err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-poll.C:
		}
	}
	return nil
}

func (a *arrivals) note(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = d
	if len(a.took) < arrivalSamples {
		a.took = append(a.took, d)
	} else {
		a.took[a.n%arrivalSamples] = d
	}
	a.n++
}

// Arrival is how long what was written at the other site took to be here.
type Arrival struct {
	Samples     int
	Median, P99 time.Duration // of the newest 512
	Last        time.Duration
}

func (a *arrivals) state() Arrival {
	a.mu.Lock()
	took := slices.Clone(a.took)
	s := Arrival{Samples: a.n, Last: a.last}
	a.mu.Unlock()
	if len(took) > 0 {
		slices.Sort(took)
		s.Median, s.P99 = took[len(took)/2], took[(len(took)-1)*99/100]
	}
	return s
}
