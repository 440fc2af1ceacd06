package pair

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"duplex/internal/apply"
	"duplex/internal/binlog"
	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/config"
	"duplex/internal/conflict"
	"duplex/internal/copy"
	"duplex/internal/lag"
	"duplex/internal/link"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// originBase is where our origin ids begin: inside the range that OceanBase's
// change data capture can filter (cluster_id_black_value_min), beyond the id
// that its control platform uses.
const originBase = 2147473649

// An attempt is everything that lives from one connection to the next.
type attempt struct {
	*Pair
	cfg     Config            // as it was at the beginning
	sites   [2]*tenant.Tenant // as in the project file
	routes  []*route
	copier  *copy.Copier
	offsets [2]time.Duration // by which the sites' clocks are before ours
	started time.Time
	ended   chan struct{} // closed when the attempt is over

	history  history     // of the conflict rules
	settled  atomic.Bool // see settle
	changing bool        // other rules are to follow: see change
	room     bool        // and may now
	coming   tableRules  // those of them that are sums
}

// A route is one direction: the reader of its source, the queue, the applier.
type route struct {
	link    config.Link
	from    *tenant.Tenant
	to      *tenant.Tenant
	applier *apply.Applier
	reader  *binlog.Reader
	queue   *link.Link
	lag     *lag.Meter // of all attempts
	filter  *filter
	ran     bool                          // before this attempt
	history *binlog.History               // what the source's tables were
	known   map[schema.Name]*schema.Table // the target's, as they were when the attempt began; nil unless two routes judge
	unlaid  bool                          // the target's parked rows are of a layout that may be another table's

	// Of two routes: what is known of the target.
	rules     func(table string) *conflict.Rule
	relations *apply.Relations
	parked    *apply.Parked
	judge     *judge // what the source's reader knows, for the other route
}

func (p *Pair) attempt(ctx context.Context) error {
	ctx, again := context.WithCancelCause(ctx)
	defer again(nil)
	a := &attempt{Pair: p, cfg: p.take(again), started: time.Now(), ended: make(chan struct{})}
	defer close(a.ended)
	p.enter(Connecting)
	err := a.open(ctx)
	if err == nil {
		err = a.run(ctx)
	}
	a.handOver()
	p.settled = a.settled.Load()
	p.set(nil)
	if cerr := a.close(); cerr != nil { // not joined: err alone says whether to try again
		p.cfg.Log.Debug("close what an attempt had open", "error", cerr)
	}
	if errors.Is(context.Cause(ctx), errChanging) {
		return errChanging
	}
	return err
}

// open connects and claims each link. The places where the logs are read from
// are durable before anything is created or copied.
func (a *attempt) open(ctx context.Context) error {
	var g errgroup.Group
	for i, s := range a.cfg.Project.Sites {
		g.Go(func() (err error) {
			a.sites[i], err = a.ready(ctx, s)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, l := range a.cfg.Project.Links() {
		r := &route{link: l, from: a.tenant(l.From), to: a.tenant(l.To), lag: a.lags[l]}
		a.routes = append(a.routes, r)
		start, err := a.begin(ctx, r)
		if err != nil {
			return err
		}
		if r.applier, err = apply.New(ctx, a.applierConfig(r, uint32(i)), start); err != nil {
			return err
		}
	}
	return nil
}

func (a *attempt) applierConfig(r *route, no uint32) apply.Config {
	p := a.cfg.Project
	place := func(database, table string) (string, string) { return database, table }
	if r.link.From == p.Source {
		place = p.Target
	}
	c := apply.Config{
		Target: r.to, Project: p.Name, Link: r.link.String(), Origin: originBase + no,
		Lanes: p.Limits.Workers, Window: min(p.Limits.Memory/8, apply.DefaultWindow), Place: place,
		Peer: p.Rank(r.link.From), DDL: a.ddl(r), Orphan: a.orphan(r.to.Site), Lag: r.lag, Log: a.cfg.Log,
	}
	if !p.TwoWay() {
		c.Rule = func(database, table string) *conflict.Rule {
			return &conflict.Rule{Policy: cmp.Or(conflict.Policy(p.Rule(database, table).Policy), conflict.Overwrite)}
		}
	}
	return c
}

// OpenSite connects to a site of a project.
func OpenSite(ctx context.Context, s config.Site, log *slog.Logger) (*tenant.Tenant, error) {
	c := tenant.Config{Site: s.Name, Address: s.Address, User: s.User, Password: s.Password.Reveal(), Log: log}
	if s.TLS != nil {
		c.TLS = s.TLS.Config()
	}
	return tenant.Open(ctx, c)
}

func (a *attempt) tenant(site string) *tenant.Tenant {
	if a.cfg.Project.Sites[0].Name == site {
		return a.sites[0]
	}
	return a.sites[1]
}

// run makes the schema, reads the logs, copies, and then stays until ctx ends
// or a part fails.
func (a *attempt) run(ctx context.Context) error {
	a.enter(Schema)
	source, target := a.tenant(a.cfg.Project.Source), a.tenant(a.cfg.Project.TargetSite().Name)
	tables, err := a.makeTables(ctx, source, target)
	if err != nil {
		return err
	}
	forward := a.routes[0]
	todo, err := copy.Unfinished(ctx, target, a.cfg.Project.Name, a.copyTables(a.initial(tables)))
	if err != nil {
		return err
	}
	if err := copy.Begin(ctx, target, a.cfg.Project.Name, todo); err != nil {
		return err
	}
	for _, t := range todo {
		if t.Source.Keyless() {
			forward.applier.CopyingWhole(t.TargetDatabase, t.TargetName)
		} else {
			forward.applier.Copying(t.TargetDatabase, t.TargetName)
		}
	}
	if err := a.readRules(ctx, tables); err != nil {
		return err
	}
	if err := a.relate(ctx, tables); err != nil {
		return err
	}
	if len(todo) == 0 {
		a.keep()
	}
	for _, r := range a.routes {
		if err := a.openReader(ctx, r); err != nil {
			return err
		}
	}
	if len(todo) == 0 && !a.changing && !a.leads() {
		// Before the links run: a carried statement could take away meanwhile what is
		// found missing here.
		if err := a.finishTables(ctx, a.initial(tables), source, target); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, r := range a.routes {
		g.Go(func() error { return ended("reader of "+r.link.From, r.queue.Run(ctx)) })
		g.Go(func() error { return a.apply(ctx, r) })
		g.Go(func() error { return a.beat(ctx, r) })
		if r.judge != nil {
			g.Go(func() error { return r.judge.run(ctx) })
		}
	}
	a.set(a)
	if a.changing {
		g.Go(func() error { return a.change(ctx) })
	} else {
		g.Go(func() error { return a.fill(ctx, tables, todo, source, target) })
	}
	return g.Wait()
}

// ended makes sure that a part that stops stops the others too.
func ended(what string, err error) error {
	if err == nil {
		return fmt.Errorf("%s: %w", what, errSpent)
	}
	return err
}

// readerBudget is the share of the project's memory that one transaction's rows
// may take before they go to disk.
const readerBudget = 16

func (a *attempt) openReader(ctx context.Context, r *route) error {
	p := a.cfg.Project
	site, _ := p.Site(r.link.From)
	start, err := a.start(r)
	if err != nil {
		return err
	}
	r.reader, err = binlog.Open(ctx, binlog.Config{
		Tenant: r.from, Changes: site.Changes, Site: site.Name, Project: p.Name,
		Inbound: config.Link{From: r.link.To, To: r.link.From}.String(),
		Match:   a.cfg.Project.Carries, Aside: a.cfg.Project.Aside, Ran: a.ran(r), History: r.history, Budget: p.Limits.Memory / readerBudget, SpoolDir: a.cfg.Spool, Log: a.cfg.Log,
		Conflicts: a.conflicts(r),
	}, start)
	if err != nil {
		return err
	}
	if a.judges() {
		r.judge = newJudge(r)
		a.back(r).applier.Serve(r.judge)
	}
	var source link.Source = r.reader
	if a.judges() {
		source = &defined{source, a, r}
	}
	r.queue = link.New(source, min(p.Limits.Memory/8, 4<<20), a.cfg.Spool)
	r.filter = &filter{source: r.queue, project: p, tenant: r.from, budget: p.Limits.Memory / readerBudget, spool: a.cfg.Spool}
	return nil
}

// start is where the reader of r's source begins: where the link goes on, or
// earlier, where the site itself is not done with what came in.
func (a *attempt) start(r *route) (change.Position, error) {
	if !a.judges() {
		return r.applier.Start(), nil
	}
	return binlog.Earlier(r.applier.Start(), a.back(r).applier.Settled())
}

// Mark is at the end of the source's log and says where that is. Whatever
// stands before that place is visible to a read that begins after Mark.
func (r *route) Mark(ctx context.Context) (change.Watermark, error) {
	count, s, err := r.end(ctx)
	if err == nil && s.Beat > count {
		// The place is behind somebody else's later heartbeat, which is in the log
		// and perhaps not visible yet. The next one waits for its row.
		_, err = checkpoint.Beat(ctx, r.from)
	}
	return change.Watermark{Seq: s.Seq, Version: s.Version, Seen: s.Seen}, err
}

// marks are a copy's watermarks: at each, nothing is left to be put back at the
// source. A row that is read may otherwise show what is not going to stay and was
// never sent.
type marks struct{ *attempt }

// Mark is at the end of the source's log.
func (m *marks) Mark(ctx context.Context) (change.Watermark, error) {
	forward := m.routes[0]
	for {
		w, err := forward.Mark(ctx)
		if err != nil || forward.judge == nil || forward.judge.quiet() {
			return w, err
		}
		if err := m.back(forward).applier.WaitMended(ctx); err != nil {
			return w, err
		}
	}
}

// barrier waits until each link has applied what its source has committed now,
// and nothing of that is left to be mended.
func (a *attempt) barrier(outer context.Context) error {
	g, ctx := errgroup.WithContext(outer)
	for _, r := range a.routes {
		g.Go(func() error {
			w, err := r.Mark(ctx)
			if err != nil {
				return err
			}
			return r.applier.WaitLow(ctx, w.Seq)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, r := range a.routes { // what came in may have hit what nobody knew of yet
		if r.judge == nil {
			continue
		}
		if err := r.judge.End(outer); err != nil {
			return err
		}
		if err := a.back(r).applier.WaitMended(outer); err != nil {
			return err
		}
	}
	return nil
}

// fill copies what is not copied yet, finishes the target's tables and then
// stays.
func (a *attempt) fill(ctx context.Context, tables []*schema.Table, todo []copy.Table, source, target *tenant.Tenant) error {
	if len(todo) > 0 {
		a.enter(Full)
		l := a.cfg.Project.Limits
		c, err := copy.New(copy.Config{
			Source: source, Target: target, Project: a.cfg.Project.Name, Tables: a.copyTables(a.initial(tables)),
			Writer: a.routes[0].applier, Watermarks: &marks{a}, Mutual: a.cfg.Project.TwoWay(), Workers: l.Workers,
			RowsPerSecond: l.RowsPerSecond, BytesPerSecond: l.BytesPerSecond, Log: a.cfg.Log,
		})
		if err != nil {
			return err
		}
		a.setCopier(c)
		if err := c.Run(ctx); err != nil {
			return err
		}
	}
	a.keep()
	a.enter(Indexes)
	if len(todo) > 0 {
		if err := a.finishTables(ctx, a.initial(tables), source, target); err != nil {
			return err
		}
	}
	if err := a.root(ctx, target); err != nil {
		return err
	}
	a.enter(Incremental)
	<-ctx.Done()
	return context.Cause(ctx)
}

// keep says that no row comes by a copy any more.
func (a *attempt) keep() {
	for _, r := range a.routes {
		if r.relations != nil {
			r.relations.Keep()
		}
	}
}

// root puts the rows of both sites aside that have lost their parents while rows
// came by a copy, and notes that the copy is whole. Both have
// all foreign keys now.
func (a *attempt) root(ctx context.Context, target *tenant.Tenant) error {
	whole, err := copy.Whole(ctx, target, a.cfg.Project.Name)
	if err != nil || whole {
		return err
	}
	if a.judges() && a.routes[0].relations.Foreign() {
		if err := a.barrier(ctx); err != nil { // what began before keep
			return err
		}
		for _, r := range a.routes {
			if err := r.applier.Root(ctx); err != nil {
				return err
			}
		}
	}
	return copy.Rooted(ctx, target, a.cfg.Project.Name)
}

func (a *attempt) setCopier(c *copy.Copier) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.copier = c
}

// close gives back what the attempt has open.
func (a *attempt) close() error {
	var errs []error
	for _, r := range a.routes {
		if r.reader != nil {
			errs = append(errs, r.reader.Close())
		}
		if r.queue != nil {
			errs = append(errs, r.queue.Close(), r.filter.close())
		}
	}
	for _, t := range a.sites {
		if t != nil {
			errs = append(errs, t.Close())
		}
	}
	return errors.Join(errs...)
}
