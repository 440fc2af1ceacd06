package demo

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"duplex/internal/config"
	"duplex/internal/pair"
	"duplex/internal/project"
	"duplex/internal/verify"
)

// A Site is one of the two tenants.
type Site struct {
	Name string
	DB   *sql.DB
}

// Config says what is played.
type Config struct {
	Project *config.Project
	Sites   [2]Site // the source first
	Orders  int     // in the shop at the start
	Writers int     // at each site
	Rate    int     // transactions a second at each site
	Clashes int     // times a second that both sites write the same row at once; 0: never
	For     time.Duration
	Log     *slog.Logger // of the project

	// Show is called from one goroutine, every Every.
	Show  func(State)
	Every time.Duration
}

// Stage is how far the demo is.
type Stage string

// The stages, in their order.
const (
	Filling   Stage = "filling the shop"
	Working   Stage = "both sides are written"
	Stopping  Stage = "waiting until each side has what the other has"
	Comparing Stage = "comparing every row"
	Compared  Stage = "every row compared"
)

// State is the demo as it is now. Counters only grow.
type State struct {
	Stage    Stage
	Began    time.Time
	Filled   uint64 // rows
	Sites    [2]SiteState
	Project  project.Progress
	Equality Equality
	Last     *project.Conflict // that was decided; nil: none yet
}

// SiteState is what was written at a site, and what came there.
type SiteState struct {
	Name         string
	Transactions uint64
	Rows         uint64
	Again        uint64  // tried again after a deadlock
	Last         string  // what was done last, in words
	Arrival      Arrival // of what the other site wrote
	Decided      Decided
}

// A Verdict is the end of a demo.
type Verdict struct {
	Equal    bool // every row, in the tables and parked, at every moment that was compared; and the stock adds up
	Report   *verify.Report
	Equality Equality
	Parked   []string           // rows that wait and are not the same on both sides, for people
	Stock    *Stock             // what policy delta has to keep
	Last     *project.Conflict  // that was decided; nil: none
	History  []project.Conflict // what was decided about rows that differ
	Sites    [2]SiteState
	Pair     pair.Status // when the last change had been applied
	Took     time.Duration
}

// demo is one performance.
type demo struct {
	cfg   Config
	run   *project.Run
	gate  sync.RWMutex // held by those who write; locked to make them stand still
	staff [2]*staff

	mu       sync.Mutex
	stage    Stage
	began    time.Time
	filled   uint64
	equality Equality
	decided  decisions
}

// ErrEarly says that a demo was stopped before anybody wrote.
var ErrEarly = errors.New("stopped before the shop was open")

// Run plays until stop is closed or Config.For is over, then compares both
// sides and gives the verdict. It fails when ctx ends, and with the first error
// of the project, a writer or a comparison; with ErrEarly when there is nothing
// to compare yet.
func Run(ctx context.Context, stop <-chan struct{}, cfg Config) (*Verdict, error) {
	d := &demo{cfg: cfg, stage: Filling, began: time.Now()}
	d.run = project.New(cfg.Project, project.Options{Log: cfg.Log})
	for i := range d.staff {
		d.staff[i] = newStaff(&d.cfg, i, &d.gate)
	}
	shown, endShow := context.WithCancel(ctx)
	var show sync.WaitGroup
	show.Go(func() { d.show(shown) })
	defer show.Wait()
	defer endShow()
	return d.play(ctx, stop)
}

func (d *demo) play(ctx context.Context, stop <-chan struct{}) (*Verdict, error) {
	if err := d.open(ctx, stop); err != nil {
		return nil, err
	}
	sites, err := project.OpenSites(ctx, d.cfg.Project, d.cfg.Log)
	if err != nil {
		return nil, err
	}
	defer sites.Close()
	running, end := context.WithCancel(ctx)
	defer end()
	g, running := errgroup.WithContext(running)
	g.Go(func() error { return d.run.Run(running) })
	g.Go(func() error { return d.tell(running, sites) })
	var v *Verdict
	g.Go(func() (err error) {
		defer end()
		if err := d.live(running, stop); err != nil || running.Err() != nil {
			return err
		}
		v, err = d.judge(running, sites)
		return quiet(running, err)
	})
	err = g.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	case v == nil:
		return nil, errors.New("the project ended before the demo did")
	}
	return v, nil
}

// open makes the shop and fills it, unless it is stopped at that.
func (d *demo) open(ctx context.Context, stop <-chan struct{}) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	done := make(chan error, 1)
	var rows uint64
	go func() {
		err := create(ctx, d.cfg.Sites[0].DB)
		if err == nil {
			rows, err = fill(ctx, d.cfg.Sites[0].DB, extentOf(d.cfg.Orders))
		}
		done <- err
	}()
	select {
	case <-stop:
		end()
		return errors.Join(ErrEarly, quiet(ctx, <-done))
	case err := <-done:
		if err == nil {
			d.enter(Working, rows)
		}
		return err
	}
}

// live lets the writers write until stop is closed or the time is over.
func (d *demo) live(ctx context.Context, stop <-chan struct{}) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range d.staff {
		g.Go(func() error { return s.work(ctx) })
		g.Go(func() error { return s.arrivals.watch(ctx) })
	}
	g.Go(func() error { return d.rush(ctx) })
	g.Go(func() error { return d.moments(ctx) })
	g.Go(func() error {
		defer end()
		var over <-chan time.Time
		if d.cfg.For > 0 {
			over = time.After(d.cfg.For)
		}
		select {
		case <-ctx.Done():
		case <-stop:
		case <-over:
		}
		return nil
	})
	return g.Wait()
}

// judge compares everything once nobody writes any more.
func (d *demo) judge(ctx context.Context, sites *project.Sites) (*Verdict, error) {
	d.enter(Stopping, 0)
	if err := d.run.Barrier(ctx); err != nil {
		return nil, err
	}
	v := &Verdict{Pair: d.run.Progress().Pair}
	d.enter(Comparing, 0)
	report, err := d.run.Verify(ctx)
	if err != nil {
		return nil, err
	}
	if v.Parked, err = d.waiting(ctx, sites); err != nil {
		return nil, err
	}
	if v.Stock, err = d.count(ctx); err != nil {
		return nil, err
	}
	if v.History, err = history(ctx, sites, report); err != nil {
		return nil, err
	}
	if err := d.look(ctx, sites); err != nil {
		return nil, err
	}
	d.enter(Compared, 0)
	s := d.state()
	v.Report, v.Equality, v.Sites, v.Last, v.Took = report, s.Equality, s.Sites, s.Last, time.Since(s.Began)
	v.Equal = report.Equal && len(v.Parked) == 0 && len(v.Stock.Wrong) == 0 && v.Equality.Different == 0
	return v, nil
}

func (d *demo) enter(s Stage, rows uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stage = s
	d.filled += rows
	if s == Working {
		d.began = time.Now()
	}
}

// state gathers what there is to show.
func (d *demo) state() State {
	d.mu.Lock()
	s := State{Stage: d.stage, Began: d.began, Filled: d.filled, Equality: d.equality, Last: d.decided.last}
	decided := d.decided.sites
	d.mu.Unlock()
	for i, w := range d.staff {
		s.Sites[i] = SiteState{Name: w.site.Name, Transactions: w.transactions.Load(), Rows: w.rows.Load(), Again: w.again.Load()}
		if last := w.last.Load(); last != nil {
			s.Sites[i].Last = *last
		}
		s.Sites[i].Decided = decided[i]
		s.Sites[i].Arrival = d.staff[1-i].arrivals.state()
	}
	s.Project = d.run.Progress()
	return s
}

// show calls Config.Show until ctx ends.
func (d *demo) show(ctx context.Context) {
	tick := time.NewTicker(d.cfg.Every)
	defer tick.Stop()
	for {
		d.cfg.Show(d.state())
		select {
		case <-ctx.Done():
			d.cfg.Show(d.state())
			return
		case <-tick.C:
		}
	}
}
