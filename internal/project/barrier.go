package project

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"duplex/internal/checkpoint"
	"duplex/internal/config"
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

// Barrier waits until each side has applied all that the other had committed
// when it was called, with nothing but the tenants to ask. It fails with
// ErrNotRunning if within patience no heartbeat comes through a link.
func (s *Sites) Barrier(ctx context.Context, patience time.Duration) ([]Token, error) {
	links := s.Project.Links()
	tokens := make([]Token, len(links))
	g, ctx := errgroup.WithContext(ctx)
	for i, l := range links {
		g.Go(func() (err error) {
			tokens[i], err = s.passed(ctx, l, patience)
			return err
		})
	}
	return tokens, g.Wait()
}

func (s *Sites) passed(ctx context.Context, l config.Link, patience time.Duration) (Token, error) {
	from, to := s.Tenant(l.From), s.Tenant(l.To)
	t := Token{Link: l, Name: l.String()}
	var err error
	if t.Beat, err = checkpoint.Beat(ctx, from); err != nil {
		return t, err
	}
	store := checkpoint.New(to, s.Project.Name, l.String())
	var last checkpoint.Pulse
	heard := time.Now()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		p, ok, err := checkpoint.ReadPulse(ctx, to, l.From)
		if err != nil {
			return t, err
		}
		if ok && p.Count >= t.Beat {
			if t.Seq == 0 {
				t.Seq = p.Seq
			}
			st, _, err := store.Load(ctx)
			if err != nil || st.Done.Low > t.Seq {
				return t, err
			}
		}
		if p != last {
			last, heard = p, time.Now()
		}
		if time.Since(heard) > patience {
			return t, fmt.Errorf("link %s: %w for %s", l, ErrNotRunning, patience)
		}
		select {
		case <-ctx.Done():
			return t, context.Cause(ctx)
		case <-tick.C:
		}
	}
}
