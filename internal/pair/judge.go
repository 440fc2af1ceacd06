package pair

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"duplex/internal/apply"
	"duplex/internal/binlog"
	"duplex/internal/config"
	"duplex/internal/conflict"
	"duplex/internal/schema"
)

// A judge is what the reader of a site knows, for the applier that writes the
// site.
type judge struct {
	*binlog.Reader
	route *route // whose source the site is

	mu      sync.Mutex
	waiting *round
	ask     chan struct{}
	gone    chan struct{} // closed when run has returned
}

// A round is one wait for the end of the log, for all who asked before it
// began.
type round struct {
	done chan struct{}
	err  error
}

func newJudge(r *route) *judge {
	return &judge{Reader: r.reader, route: r, ask: make(chan struct{}, 1), gone: make(chan struct{})}
}

// End returns when the reader has read all that was committed before the call.
func (j *judge) End(ctx context.Context) error {
	defer j.route.queue.Hurry()() // who asks may hold what the link's applier waits for
	j.mu.Lock()
	r := j.waiting
	if r == nil {
		r = &round{done: make(chan struct{})}
		j.waiting = r
		j.ask <- struct{}{} // holds one for each round, and there is one
	}
	j.mu.Unlock()
	select {
	case <-r.done:
		return r.err
	case <-j.gone:
		return errSpent
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// quiet reports whether nothing that was read is left to be mended.
func (j *judge) quiet() (yes bool) {
	j.Observe(func(o *conflict.Observer) { yes = o.Task() == nil })
	return yes
}

// run serves End. At its start it says that the log was read to the end that it
// had then.
func (j *judge) run(ctx context.Context) error {
	defer close(j.gone)
	if _, _, err := j.route.end(ctx); err != nil {
		return err
	}
	j.Observe(func(o *conflict.Observer) { o.CaughtUp() })
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-j.ask:
		}
		j.mu.Lock()
		r := j.waiting
		j.waiting = nil
		j.mu.Unlock()
		_, _, r.err = j.route.end(ctx)
		close(r.done)
		if r.err != nil {
			return r.err
		}
	}
}

// judges reports whether what comes in at a site is judged by what its own
// application wrote.
func (a *attempt) judges() bool { return Judges(a.cfg.Project) }

// Judges reports the same of a project.
func Judges(p *config.Project) bool { return judged && p.TwoWay() }

// relate reads how the rows of each route's target stand in each other's way,
// and what is decided by which rule. source is the source's tables: the target may
// get their foreign keys after the copy, and both sites go by the same.
func (a *attempt) relate(ctx context.Context, source []*schema.Table) error {
	if !a.judges() {
		return nil
	}
	var uncertain int64
	there := make([][]*schema.Table, len(a.routes))
	g, reads := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		uncertain, err = a.uncertain(reads)
		return err
	})
	for i, r := range a.routes {
		g.Go(func() (err error) {
			there[i], err = r.to.Tables(reads, a.cfg.Project.Carries)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, r := range a.routes {
		tables := there[i]
		r.know(tables)
		if err := a.layout(ctx, r); err != nil {
			return err
		}
		for _, t := range tables {
			addForeignKeys(t, source)
		}
		var err error
		if r.rules, err = a.rules(r, tables, uncertain); err != nil {
			return err
		}
		r.relations = apply.NewRelations(tables, func(database, table string) string {
			return a.back(r).history.Identity(schema.Name{Database: database, Name: table})
		})
		if r.parked, err = r.applier.Relate(ctx, r.relations, r.rules); err != nil {
			return err
		}
	}
	return nil
}

// addForeignKeys adds those that t has at the source only.
func addForeignKeys(t *schema.Table, source []*schema.Table) {
	for _, s := range source {
		if s.Database != t.Database || s.Name != t.Name {
			continue
		}
		for _, f := range s.ForeignKeys {
			if !hasForeignKey(t, f) {
				t.ForeignKeys = append(t.ForeignKeys, f)
			}
		}
	}
}

// back is the other route.
func (a *attempt) back(r *route) *route {
	for _, o := range a.routes {
		if o != r {
			return o
		}
	}
	return nil
}

// conflicts is what the reader of r's source needs to judge what the other
// route writes there.
func (a *attempt) conflicts(r *route) *binlog.Conflicts {
	if !a.judges() {
		return nil
	}
	in, p := a.back(r), a.cfg.Project
	c := &binlog.Conflicts{Rank: p.Rank(r.link.From), Peer: p.Rank(r.link.To), Rules: in.rules, Memory: p.Limits.Memory / readerBudget}
	if p.DDL != "" {
		c.Carries = func(version int64) bool { return a.carries(r.link, version) }
	}
	known := a.knownTo(in)
	c.Now = func(table string) *schema.Table { return known[table] }
	if in.relations.Any() {
		c.Claims, c.Parked, c.Unique = in.relations.Claims, in.parked, in.relations.Unique
		if in.relations.Foreign() {
			c.Gives = in.relations.Gives
		}
	}
	return c
}
