package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// DefaultWorkers is how many tables are compared side by side.
const DefaultWorkers = 2

// Config says what is compared.
type Config struct {
	A, B   *tenant.Tenant // of different Site
	Tables []Pair
	// Barrier returns once each side has applied all that the other had
	// committed at the call. nil: there is no replication to wait for.
	Barrier func(ctx context.Context) error
	Workers int // tables side by side; 0: DefaultWorkers
	Log     *slog.Logger
}

// A Pair is a table on both sides. One that is nil does not exist there.
type Pair struct {
	A, B           *schema.Table
	WhereA, WhereB string // SQL conditions; empty: all rows
}

// name is what reports call the pair.
func (p *Pair) name() string {
	if p.A == nil {
		return p.B.String()
	}
	return p.A.String()
}

// A Checker compares once: after Run has returned it is spent.
type Checker struct {
	cfg      Config
	found    found
	progress []*progress
}

// New checks the arguments. It asks no tenant.
func New(cfg Config) (*Checker, error) {
	switch {
	case cfg.A == nil || cfg.B == nil:
		return nil, errors.New("verify: A and B are needed")
	case cfg.A.Site == cfg.B.Site:
		return nil, fmt.Errorf("verify: both sides are called %s", cfg.A.Site)
	case cfg.Workers < 0:
		return nil, errors.New("verify: Workers may not be negative")
	}
	if cfg.Workers == 0 {
		cfg.Workers = DefaultWorkers
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := &Checker{cfg: cfg, found: found{list: []Difference{}}}
	for i := range cfg.Tables {
		if p := &cfg.Tables[i]; p.A == nil && p.B == nil {
			return nil, errors.New("verify: a pair without tables")
		}
		c.progress = append(c.progress, &progress{})
	}
	return c, nil
}

// Run compares all tables. A report comes with no error only.
func (c *Checker) Run(ctx context.Context) (*Report, error) {
	r := &Report{Started: time.Now().UTC(), Tables: make([]Table, len(c.cfg.Tables)), Equal: true}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.cfg.Workers)
	for i := range c.cfg.Tables {
		g.Go(func() error {
			t, err := c.table(ctx, &c.cfg.Tables[i], c.progress[i])
			if err != nil {
				return fmt.Errorf("verify %s: %w", c.cfg.Tables[i].name(), err)
			}
			r.Tables[i] = *t
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i := range r.Tables {
		r.Equal = r.Equal && r.Tables[i].Result == Consistent
	}
	r.Differences, r.Unlisted = c.found.list, c.found.more
	r.names = []string{c.cfg.A.Site, c.cfg.B.Site}
	r.Ended = time.Now().UTC()
	return r, nil
}

// table compares one table.
func (c *Checker) table(ctx context.Context, p *Pair, progress *progress) (*Table, error) {
	out := &Table{Table: p.name(), Only: map[string]uint64{c.cfg.A.Site: 0, c.cfg.B.Site: 0}}
	defer progress.done.Store(true)
	switch {
	case p.A == nil:
		out.Result, out.Reason = SourceMissing, "the table does not exist at "+c.cfg.A.Site
		return out, nil
	case p.B == nil:
		out.Result, out.Reason = TargetMissing, "the table does not exist at "+c.cfg.B.Site
		return out, nil
	}
	cols, reason := match(p.A, p.B)
	if reason != "" {
		out.Result, out.Reason = SchemaMismatch, reason
		return out, nil
	}
	t := &comparison{Checker: c, out: out, progress: progress, twice: map[string]bool{}}
	t.sides[0] = newSide(c.cfg.A, p.A, cols, p.WhereA, func(c *columns) []int { return c.a })
	t.sides[1] = newSide(c.cfg.B, p.B, cols, p.WhereB, func(c *columns) []int { return c.b })
	compare := t.run
	if cols.whole {
		compare = t.count
	}
	if err := compare(ctx); err != nil {
		return nil, err
	}
	out.judge()
	return out, nil
}
