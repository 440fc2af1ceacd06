package project

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"duplex/internal/checkpoint"
	"duplex/internal/config"
	"duplex/internal/copy"
	"duplex/internal/pair"
)

// ErrNotRunning says that nothing carries changes between the sites now.
var ErrNotRunning = errors.New("the project is not running: no heartbeat has come through")

// A Token is a point of one link: who has applied it has applied all that the
// link's source had committed when the token was made.
type Token struct {
	Link config.Link `json:"-"`
	Name string      `json:"link"`
	Beat uint64      `json:"beat"` // the source's heartbeat
	Seq  uint64      `json:"seq"`  // of the source transaction that is the heartbeat
}

// pollEvery is how often a tenant is asked whether it has come that far. Who
// runs the links knows at once; a process beside it has to ask.
const pollEvery = 10 * time.Millisecond

// Barrier waits until the copy is whole and each side has applied all that the
// other had committed when it was called, with nothing of that left to be mended,
// with nothing but the tenants to ask. It fails with ErrNotRunning if within
// patience no heartbeat comes through a link.
func (s *Sites) Barrier(ctx context.Context, patience time.Duration) ([]Token, error) {
	if err := s.filled(ctx, patience); err != nil {
		return nil, err
	}
	tokens, err := s.passed(ctx, patience)
	if err != nil || !pair.Judges(s.Project) {
		return tokens, err
	}
	// What has come in may have hit what nobody knew of yet. That is known once what
	// stands in each log until now is settled.
	behind, err := s.passed(ctx, patience)
	if err != nil {
		return nil, err
	}
	return tokens, s.each(ctx, func(ctx context.Context, i int, l config.Link) error {
		return s.settled(ctx, l, behind[i].Seq, patience)
	})
}

// each calls fn for every link, for all at once.
func (s *Sites) each(ctx context.Context, fn func(ctx context.Context, i int, l config.Link) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for i, l := range s.Project.Links() {
		g.Go(func() error { return fn(ctx, i, l) })
	}
	return g.Wait()
}

// filled waits until the copy is whole.
func (s *Sites) filled(ctx context.Context, patience time.Duration) error {
	forward := s.Project.Links()[0]
	return s.wait(ctx, forward, patience, func(ctx context.Context, _ checkpoint.Pulse) (bool, error) {
		return copy.Whole(ctx, s.Target, s.Project.Name)
	})
}

// passed waits until each link has applied what its source had committed.
func (s *Sites) passed(ctx context.Context, patience time.Duration) ([]Token, error) {
	tokens := make([]Token, len(s.Project.Links()))
	return tokens, s.each(ctx, func(ctx context.Context, i int, l config.Link) error {
		t := &tokens[i]
		t.Link, t.Name = l, l.String()
		var err error
		if t.Beat, err = checkpoint.Beat(ctx, s.Tenant(l.From)); err != nil {
			return err
		}
		store := checkpoint.New(s.Tenant(l.To), s.Project.Name, t.Name)
		return s.wait(ctx, l, patience, func(ctx context.Context, p checkpoint.Pulse) (bool, error) {
			if p.Count < t.Beat {
				return false, nil
			}
			if t.Seq == 0 {
				t.Seq = p.Seq
			}
			st, _, err := store.Load(ctx)
			return st.Done.Low > t.Seq, err
		})
	})
}

// settled waits until nothing is left to be mended of what stands in the log of
// l's source up to seq. That site says so with what it applies, so that its peer
// is given something to send.
func (s *Sites) settled(ctx context.Context, l config.Link, seq uint64, patience time.Duration) error {
	back := config.Link{From: l.To, To: l.From}
	store := checkpoint.New(s.Tenant(l.From), s.Project.Name, back.String())
	var sent uint64
	return s.wait(ctx, back, patience, func(ctx context.Context, p checkpoint.Pulse) (bool, error) {
		st, _, err := store.Load(ctx)
		if err != nil || st.Settled.Seq > seq {
			return true, err
		}
		if p.Count >= sent {
			sent, err = checkpoint.Beat(ctx, s.Tenant(l.To))
		}
		return false, err
	})
}

// wait asks until it is so, as long as heartbeats come through link l. ask is given
// the newest one; the zero Pulse: none came yet.
func (s *Sites) wait(ctx context.Context, l config.Link, patience time.Duration, ask func(context.Context, checkpoint.Pulse) (bool, error)) error {
	var last checkpoint.Pulse
	heard := time.Now()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		p, _, err := checkpoint.ReadPulse(ctx, s.Tenant(l.To), l.From)
		if err != nil {
			return err
		}
		if ok, err := ask(ctx, p); ok || err != nil {
			return err
		}
		if p != last {
			last, heard = p, time.Now()
		}
		if time.Since(heard) > patience {
			return fmt.Errorf("link %s: %w for %s", l, ErrNotRunning, patience)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
