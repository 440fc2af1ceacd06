// Package project turns what a user asked for into running links: it checks,
// runs a pair, verifies, and says what state a project is in. It keeps no state
// of its own: all of it is in the tenants.
package project

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"duplex/internal/change"
	"duplex/internal/config"
	"duplex/internal/pair"
	"duplex/internal/schema"
	"duplex/internal/tenant"
	"duplex/internal/verify"
)

// Until says when a run ends by itself.
type Until string

// The ends.
const (
	Never    Until = ""          // the run goes on until it is interrupted
	CaughtUp Until = "caught-up" // both links have applied all that was committed when they became steady
	Verified Until = "verified"  // after the full verification
)

// Options say how to run.
type Options struct {
	Until Until
	Spool string // folder for large transactions; "" is the system's
	Log   *slog.Logger
}

// A Run is one run of a project in this process.
type Run struct {
	project *config.Project
	options Options
	pair    *pair.Pair

	mu      sync.Mutex
	checker *verify.Checker
	report  *verify.Report
}

// ErrDiffers says that the verification found rows that stay different.
var ErrDiffers = errors.New("the data differ")

// New makes a run.
func New(p *config.Project, o Options) *Run {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Run{project: p, options: o, pair: pair.New(pair.Config{Project: p, Spool: o.Spool, Log: o.Log})}
}

// ErrFixed says that a project file differs in what cannot change during a run.
var ErrFixed = errors.New("only `conflict` can change while the project runs; end the run and start it again for the rest")

// Change goes on by what the project file says now. What becomes of it is in the
// log. It fails with ErrFixed.
func (r *Run) Change(p *config.Project) error {
	same := *p
	same.Conflict, same.DDL, same.IgnoreDDL = r.project.Conflict, r.project.DDL, r.project.IgnoreDDL
	if !reflect.DeepEqual(&same, r.project) {
		return ErrFixed
	}
	r.pair.Change(p)
	return nil
}

// Run creates, copies, carries and verifies until ctx ends, or until what
// Options.Until says. It fails with ErrDiffers if a verification did.
func (r *Run) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.pair.Run(ctx) })
	g.Go(func() error {
		err := r.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil || r.options.Until != Never {
			stop()
		}
		return err
	})
	return g.Wait()
}

// follow does what comes once the links are steady.
func (r *Run) follow(ctx context.Context) error {
	report, err := r.settled(ctx)
	if err != nil || r.options.Until == CaughtUp {
		return err
	}
	r.options.Log.Info("verification", "project", r.project.Name, "equal", report.Equal)
	if r.options.Until == Verified && !report.Equal {
		return ErrDiffers
	}
	return nil
}

// pauseAfter is how long a run waits before it verifies again after a broken
// connection.
const pauseAfter = time.Second

// settled waits for the barrier and verifies, if the run does. A comparison
// whose connection broke, or whose tables a statement has changed meanwhile,
// begins anew, once the links are steady again.
func (r *Run) settled(ctx context.Context) (*verify.Report, error) {
	for {
		if err := r.pair.Barrier(ctx); err != nil || r.options.Until == CaughtUp {
			return nil, err
		}
		report, err := r.Verify(ctx)
		if class := tenant.Classify(err); !class.Passing() && class != tenant.Schema {
			return report, err
		}
		r.options.Log.Warn("verification interrupted, beginning anew", "error", err)
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(pauseAfter):
		}
	}
}

// Barrier waits until each side has applied all that the other had committed
// when it was called.
func (r *Run) Barrier(ctx context.Context) error { return r.pair.Barrier(ctx) }

// Verify compares both sides now, while they are written, with this run's
// links for a barrier.
func (r *Run) Verify(ctx context.Context) (*verify.Report, error) {
	s, err := OpenSites(ctx, r.project, r.options.Log)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	c, err := s.Checker(ctx, r.pair.Barrier)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.checker = c
	r.mu.Unlock()
	report, err := c.Run(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.report = report
	}
	return report, err
}

// Progress is a run as it is now.
type Progress struct {
	Pair   pair.Status
	Verify *verify.Progress // nil before the verification
	Report *verify.Report   // nil until one is complete
}

// Progress may be called from any goroutine.
func (r *Run) Progress() Progress {
	p := Progress{Pair: r.pair.Status()}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.checker != nil {
		v := r.checker.Progress()
		p.Verify = &v
	}
	p.Report = r.report
	return p
}

// Sites are the two open tenants of a project.
type Sites struct {
	Project *config.Project
	Source  *tenant.Tenant
	Target  *tenant.Tenant
	log     *slog.Logger
}

// OpenSites connects to both sites.
func OpenSites(ctx context.Context, p *config.Project, log *slog.Logger) (*Sites, error) {
	s := &Sites{Project: p, log: log}
	var err error
	if s.Source, err = pair.OpenSite(ctx, p.SourceSite(), log); err != nil {
		return nil, err
	}
	if s.Target, err = pair.OpenSite(ctx, p.TargetSite(), log); err != nil {
		return nil, errors.Join(err, s.Source.Close())
	}
	return s, nil
}

// Close ends all connections.
func (s *Sites) Close() error { return errors.Join(s.Source.Close(), s.Target.Close()) }

// Tenant gives the open tenant of a site.
func (s *Sites) Tenant(site string) *tenant.Tenant {
	if site == s.Source.Site {
		return s.Source
	}
	return s.Target
}

// Checker compares the project's tables.
func (s *Sites) Checker(ctx context.Context, barrier func(context.Context) error) (*verify.Checker, error) {
	tables, err := s.Source.Tables(ctx, s.Project.Carries)
	if err != nil {
		return nil, err
	}
	place := map[string]bool{}
	for _, t := range tables {
		d, n := s.Project.Target(t.Database, t.Name)
		place[d+"."+n] = true
	}
	others, err := s.Target.Tables(ctx, func(d, n string) bool { return place[d+"."+n] })
	if err != nil {
		return nil, err
	}
	pairs := make([]verify.Pair, len(tables))
	for i, t := range tables {
		pairs[i].A, pairs[i].WhereA = t, s.Project.Where(t.Database, t.Name)
		d, n := s.Project.Target(t.Database, t.Name)
		for _, o := range others {
			if o.Database == d && o.Name == n {
				pairs[i].B = o
			}
		}
	}
	if s.Project.TwoWay() {
		parked, err := s.parked(ctx)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, parked...)
	}
	return verify.New(verify.Config{A: s.Source, B: s.Target, Tables: pairs, Barrier: barrier, Log: s.log})
}

// parked is the pair of our own tables of rows that wait aside, if there are any:
// both sites hold the same. Why and since when a row waits is a site's own.
func (s *Sites) parked(ctx context.Context) ([]verify.Pair, error) {
	var p verify.Pair
	waiting := uint64(0)
	for _, t := range []*tenant.Tenant{s.Source, s.Target} {
		n, err := s.conflictLog(t.Site).Parked(ctx)
		if err != nil {
			return nil, err
		}
		waiting += n
	}
	if waiting == 0 {
		return nil, nil
	}
	for t, to := range map[*tenant.Tenant]**schema.Table{s.Source: &p.A, s.Target: &p.B} {
		table, err := t.Table(ctx, change.Database, "parked")
		if err != nil {
			return nil, err
		}
		table.Columns = slices.DeleteFunc(table.Columns, func(c schema.Column) bool {
			return !slices.Contains([]string{"project", "table_name", "key_hash", "row_id", "image"}, c.Name)
		})
		*to = table
	}
	p.WhereA = string(change.AppendString([]byte("project = "), s.Project.Name))
	p.WhereB = p.WhereA
	return []verify.Pair{p}, nil
}
