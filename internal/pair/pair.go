// Package pair runs two sites and the links between them.
//
//	attempt:  open both ─▶ own tables ─▶ claim each link ─▶ schema ─▶ read both logs
//	          ─▶ copy what is not copied ─▶ indexes, foreign keys, views ─▶ steady
//
// An attempt keeps nothing that the tenants do not hold: when a connection
// breaks, everything is closed and the next attempt reads where it stands. That
// loop is the only place where a broken connection is tried again.
package pair

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"duplex/internal/apply"
	"duplex/internal/checkpoint"
	"duplex/internal/config"
	"duplex/internal/copy"
	"duplex/internal/lag"
	"duplex/internal/tenant"
)

// Phase is what an attempt is at.
type Phase string

// The phases, in the order in which an attempt goes through them.
const (
	Connecting  Phase = "connecting"
	Schema      Phase = "schema"
	Full        Phase = "full"
	Indexes     Phase = "indexes"
	Incremental Phase = "incremental"
)

// The pauses between attempts.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 3 * time.Second
)

// Config says which pair to run.
type Config struct {
	Project *config.Project
	Spool   string // folder for transactions that are larger than their budget; "" is the system's
	Log     *slog.Logger
}

// A Pair is made for one run.
type Pair struct {
	cfg      Config
	handover *handover       // of an attempt that has made room for other conflict rules; nil: none has. Only Run uses it
	settled  bool            // the attempt before has read both logs to their end, to know what the tables are; only Run uses it
	former   *config.Project // what Change has replaced, in case that the rules cannot change; only Run uses it

	mu      sync.Mutex
	changed chan struct{}           // closed and made anew when something below changes
	current *attempt                // nil between attempts
	next    *config.Project         // what Change wants; nil: nothing else than what is
	again   context.CancelCauseFunc // ends the attempt under way; nil: there is none
	over    error                   // why Run has ended; nil: it has not
	phase   Phase
	since   time.Time
	lastErr error
	retries int
	links   map[config.Link]totals       // of the attempts before the current one
	lags    map[config.Link]*lag.Meter   // as the links were when the Pair was made, which they stay
	copied  copy.Progress                // the same
	orphans map[string][]*tenant.Session // by site: sessions of earlier attempts that may still hold locks there
}

// New makes a Pair.
func New(cfg Config) *Pair {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pair{cfg: cfg, changed: make(chan struct{}), phase: Connecting, since: time.Now(), links: map[config.Link]totals{}, lags: map[config.Link]*lag.Meter{}, orphans: map[string][]*tenant.Session{}}
	for _, l := range cfg.Project.Links() {
		p.lags[l] = lag.NewMeter()
	}
	return p
}

// Run works until ctx ends, which is no error, or until something fails that
// another attempt would not mend. It is called once.
func (p *Pair) Run(ctx context.Context) error {
	err := p.run(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over = err; err == nil {
		p.over = ErrStopped
	}
	close(p.changed)
	p.changed = make(chan struct{})
	return err
}

func (p *Pair) run(ctx context.Context) error {
	pause := firstPause
	for {
		began := time.Now()
		err := p.attempt(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, errChanging) || errors.Is(err, apply.ErrRedefined) || p.giveBack(err) {
			continue
		}
		if !tenant.Classify(err).Passing() {
			return err
		}
		if time.Since(began) > lastPause {
			pause = firstPause
		}
		p.note(err)
		p.cfg.Log.Warn("connection lost, trying again", "pause", pause, "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

// Change goes on with what another reading of the project file says. Only
// conflict rules may differ: those that cannot change are refused in the log, and
// all goes on as before.
func (p *Pair) Change(project *config.Project) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = project
	if p.again != nil {
		p.again(errChanging)
	}
}

// take gives the configuration of an attempt, which again ends when Change has
// another one.
func (p *Pair) take(again context.CancelCauseFunc) Config {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next != nil {
		p.former, p.cfg.Project, p.next = p.cfg.Project, p.next, nil
	}
	p.again = again
	return p.cfg
}

// giveBack undoes take where the rules cannot change now.
func (p *Pair) giveBack(err error) bool {
	if p.former == nil || !errors.Is(err, ErrRules) {
		return false
	}
	p.cfg.Log.Error("conflict rules are as before", "error", err)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cfg.Project, p.former = p.former, nil
	return true
}

func (p *Pair) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastErr = err
	p.retries++
}

// orphan keeps a session that could not be ended for the next attempt.
func (p *Pair) orphan(site string) func(*tenant.Session) {
	return func(s *tenant.Session) {
		if s.Kind == tenant.OceanBase { // its numbers say nothing about whose they are by then
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.orphans[site] = append(p.orphans[site], s)
	}
}

// orphanWait bounds the time that a session of an earlier attempt takes to end.
const orphanWait = 3 * time.Second

// endOrphans ends at a site what earlier attempts could not.
func (p *Pair) endOrphans(ctx context.Context, t *tenant.Tenant) error {
	p.mu.Lock()
	all := p.orphans[t.Site]
	p.mu.Unlock()
	var left []*tenant.Session
	for _, s := range all {
		short, cancel := context.WithTimeout(ctx, orphanWait)
		err := t.End(short, s)
		late := short.Err() != nil
		cancel()
		switch {
		case late:
			left = append(left, s) // claiming the link waits for what it holds
		case err != nil:
			return siteError(t.Site, "end a session of an earlier attempt", err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.orphans[t.Site] = append(left, p.orphans[t.Site][len(all):]...)
	return nil
}

// ready connects to a site and makes it ready. The tenant is to be closed even
// if that fails, unless it is nil.
func (p *Pair) ready(ctx context.Context, s config.Site) (*tenant.Tenant, error) {
	t, err := OpenSite(ctx, s, p.cfg.Log)
	if err != nil {
		return nil, err
	}
	if err := p.endOrphans(ctx, t); err != nil {
		return t, err
	}
	return t, checkpoint.Create(ctx, t)
}

// enter says what the attempt is at now.
func (p *Pair) enter(phase Phase) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase != phase {
		p.phase, p.since = phase, time.Now()
		p.cfg.Log.Info("phase", "project", p.cfg.Project.Name, "phase", string(phase))
	}
	if phase == Incremental {
		p.lastErr = nil
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// set makes a the current attempt, or none.
func (p *Pair) set(a *attempt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a == nil && p.current != nil {
		p.keep(p.current)
	}
	p.current = a
	close(p.changed)
	p.changed = make(chan struct{})
}

// steady waits for an attempt whose links run and whose copy is complete. It
// fails with what Run failed with.
func (p *Pair) steady(ctx context.Context) (*attempt, error) {
	for {
		p.mu.Lock()
		a, changed, over := p.current, p.changed, p.over
		ok := a != nil && p.phase == Incremental
		p.mu.Unlock()
		if over != nil {
			return nil, over
		}
		if ok {
			return a, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-changed:
		}
	}
}

// Barrier waits until each side has applied all that the other had committed
// when it was called. It goes through lost connections. It fails with what Run
// failed with, and with ErrStopped where Run was told to end.
func (p *Pair) Barrier(ctx context.Context) error {
	for {
		a, err := p.steady(ctx)
		if err != nil {
			return err
		}
		err = a.barrier(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		select { // the attempt has failed: wait for the next one
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-a.ended:
		}
	}
}

// ErrStopped says that a Pair was told to end while somebody waited for it.
var ErrStopped = errors.New("the links were stopped")

// errSpent says that a part of an attempt ended without an error of its own.
var errSpent = errors.New("ended before its time")

func siteError(site string, what string, err error) error {
	return fmt.Errorf("site %s: %s: %w", site, what, err)
}
