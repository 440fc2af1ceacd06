package apply

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/conflict"
	"duplex/internal/lag"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// A Source gives the local transactions of a site in log order. Whoever takes
// a transaction closes its Rows.
type Source interface {
	Next(ctx context.Context) (*change.Txn, error)
}

// The defaults of Config. A lane waits for an answer for as long as a round trip
// takes; so that the target is kept busy meanwhile there is one more for each
// laneTrip of it.
const (
	DefaultLanes  = 4
	mostLanes     = 16
	laneTrip      = 3 * time.Millisecond
	DefaultWindow = 16 << 20
)

func lanesFor(roundTrip time.Duration) int {
	return min(mostLanes, DefaultLanes+int(roundTrip/laneTrip))
}

// Config says what an Applier writes and where.
type Config struct {
	Target  *tenant.Tenant
	Project string
	Link    string // "from>to"
	Origin  uint32 // the link's origin id
	Lanes   int    // writers side by side; 0: DefaultLanes, more where the target is far
	Window  int64  // bytes of transactions held; 0: DefaultWindow
	// Place gives a source table's name in the target.
	Place func(database, table string) (string, string)
	Peer  int // rank of the source's site
	DDL   DDL
	// Rule is the conflict rule of a source table, named as there, in a target that
	// nobody else writes: it judges rows that are not as the log says. Relate's rules
	// take its place. nil: the source's row is taken and the other logged.
	Rule func(database, table string) *conflict.Rule
	// Orphan gets a session that broke and could not be ended at the server: its
	// locks may outlive it there. nil: nobody wants to know.
	Orphan func(*tenant.Session)
	Lag    *lag.Meter // counts what is applied; nil: one of the Applier's own
	Log    *slog.Logger
}

// An Applier writes one link's transactions into its target. It is made for
// one run: after Run has returned it is spent.
type Applier struct {
	cfg    Config
	store  *checkpoint.Store
	state  checkpoint.State
	window *window
	brake  brake
	count  counters

	site      Site // nil: nobody else writes the target
	relations *Relations
	rules     func(table string) *conflict.Rule // nil: the newest write stays
	parked    *Parked
	idle      *sync.Cond // the mender has nothing to do
	mending   sync.Mutex // held while something is mended, and while a statement is met: a row that comes back is not there to be locked

	mu    sync.Mutex
	plans map[*change.Table]*plan
	owns  map[string]*plan // of the target's tables as their own source
}

// New claims the link for this run. A link that never ran begins at start.
func New(ctx context.Context, cfg Config, start change.Position) (*Applier, error) {
	if cfg.Lanes == 0 {
		cfg.Lanes = lanesFor(cfg.Target.RoundTrip)
	}
	if cfg.Window == 0 {
		cfg.Window = DefaultWindow
	}
	if cfg.Lag == nil {
		cfg.Lag = lag.NewMeter()
	}
	a := &Applier{cfg: cfg, store: checkpoint.New(cfg.Target, cfg.Project, cfg.Link), plans: map[*change.Table]*plan{}, owns: map[string]*plan{}, idle: sync.NewCond(&sync.Mutex{})}
	a.count.verdict = map[Decision]uint64{}
	var err error
	if a.state, err = a.store.Claim(ctx, cfg.Lanes+1, start); err != nil {
		return nil, err
	}
	a.window = newWindow(cfg.Window, a.state.From, a.state.Position, a.state.Done)
	return a, nil
}

// Start is where the source's reader has to begin. It may begin earlier.
func (a *Applier) Start() change.Position { return a.state.Position }

// Settled is from where the target's own reader may start again; empty: that
// was never said.
func (a *Applier) Settled() change.Position { return a.state.Settled.Position }

// WaitLow waits until every source transaction below seq is in the target.
func (a *Applier) WaitLow(ctx context.Context, seq uint64) error {
	return a.window.waitLow(ctx, seq)
}

// Run applies what src gives until ctx ends or something fails; then no
// transaction is half applied, and what was acknowledged is in the checkpoint.
func (a *Applier) Run(ctx context.Context, src Source) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.fetch(ctx, src) })
	g.Go(func() error { return a.lookAtMemory(ctx) })
	for no := range a.cfg.Lanes {
		g.Go(func() error {
			l := newLane(a, no)
			defer l.close()
			return l.run(ctx)
		})
	}
	if a.site != nil {
		g.Go(func() error {
			m := newMender(a)
			defer m.close()
			return m.run(ctx)
		})
	}
	err := g.Wait()
	for _, n := range a.window.order { // nobody else holds the window any more
		if n.txn != nil {
			a.note("close a spool", n.txn.Rows.Close())
		}
	}
	a.window.close(fmt.Errorf("link %s has stopped: %w", a.cfg.Link, err))
	a.wake()
	return err
}

// note keeps an error in the log that changes nothing any more.
func (a *Applier) note(what string, err error) {
	if err != nil {
		a.cfg.Log.Debug(what, "link", a.cfg.Link, "error", err)
	}
}

// fetch pulls transactions into the window.
func (a *Applier) fetch(ctx context.Context, src Source) error {
	for {
		txn, err := src.Next(ctx)
		if err != nil {
			return err
		}
		if txn.Stamp.Seq < a.state.From { // the reader began earlier, for the site's own sake
			if err := txn.Rows.Close(); err != nil {
				return err
			}
			continue
		}
		statement := txn.DDL != nil
		n, err := a.node(ctx, txn)
		if err == nil {
			err = a.window.push(ctx, n)
		}
		if err != nil {
			return errors.Join(err, txn.Rows.Close())
		}
		if a.window.skip.Has(n.seq) { // applied by an earlier run
			a.count.passed.Add(1)
			if err := txn.Rows.Close(); err != nil {
				return err
			}
		}
		if statement { // rows behind it are of tables as they are after it
			if err := a.window.waitLow(ctx, n.seq+1); err != nil {
				return err
			}
		}
	}
}

// pulseKey orders the heartbeats of a link: the rows of all of them are one.
var pulseKey = dep{hash: 1}

// node finds out what a transaction has to wait for.
func (a *Applier) node(ctx context.Context, txn *change.Txn) (*node, error) {
	n := &node{seq: txn.Stamp.Seq, position: txn.Position, txn: txn, rows: txn.Rows.Len(), bytes: txn.Rows.Size() + 256}
	n.alone = txn.DDL != nil || txn.Rows.Spooled()
	if txn.Beat != nil {
		n.deps = append(n.deps, pulseKey)
	}
	if a.window.skip.Has(n.seq) && !a.window.copying() { // nothing waits for it, and its tables may be others by now
		return n, nil
	}
	a.clears(n)
	var scratch [256]byte
	err := txn.Rows.Each(func(row *change.Row) error {
		n.ops[row.Op]++
		p, err := a.plan(ctx, row.Table, &txn.Stamp)
		if err != nil {
			return fmt.Errorf("transaction %s: %w", txn.ID, err)
		}
		if p.gone {
			return nil
		}
		if p.keyless() && a.window.whole(p.name) != nil {
			n.addTouch(p, nil)
		}
		n.apart = n.apart || a.site != nil && p.rule.Apart(txn.Stamp.Version)
		inCopy := a.window.inCopy(p.name)
		for _, image := range [][]change.Value{p.image(row.Before), p.image(row.After)} {
			if image == nil {
				continue
			}
			if inCopy {
				n.addTouch(p, image)
			}
			if n.alone {
				continue
			}
			var exact bool
			if n.deps, exact = p.deps(n.deps, image, scratch[:0]); !exact {
				n.alone = true
			}
		}
		return nil
	})
	if n.alone {
		n.deps = nil
	}
	return n, err
}

// clears notes the tables in copy that a statement takes all rows out of.
func (a *Applier) clears(n *node) {
	if n.txn.DDL == nil {
		return
	}
	s := schema.Classify(n.txn.DDL.Text, n.txn.DDL.Database)
	for _, o := range s.Objects {
		database, name := a.cfg.Place(o.Database, o.Name)
		t := string((&change.Table{Database: database, Name: name}).AppendName(nil))
		if s.Verb == schema.Truncate && a.window.inCopy(t) {
			n.touch = append(n.touch, touch{table: t})
		}
	}
}

// addTouch notes a row of a table in copy; of a large transaction, or without an
// image, only the table.
func (n *node) addTouch(p *plan, image []change.Value) {
	t := touch{table: p.name}
	if image != nil && !n.txn.Rows.Spooled() {
		t.key = p.rowKey(image)
	} else if len(n.touch) > 0 && n.touch[len(n.touch)-1] == t {
		return
	}
	n.touch = append(n.touch, t)
}

// plan finds how rows of a source table are written, of a transaction with a
// stamp. Where they have no place, a statement in the target's log that nobody has
// read yet may have changed the table, or have taken it away.
func (a *Applier) plan(ctx context.Context, source *change.Table, at *change.Stamp) (*plan, error) {
	p, err := a.findPlan(ctx, source, at)
	if a.site == nil || !errors.Is(err, ErrTable) {
		return p, err
	}
	if err := a.site.End(ctx); err != nil {
		return nil, err
	}
	return a.findPlan(ctx, source, at)
}

func (a *Applier) findPlan(ctx context.Context, source *change.Table, at *change.Stamp) (*plan, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.plans[source]; p != nil {
		return p, nil
	}
	t, err := a.target(ctx, source, at)
	var m *schema.Mapping
	if gone := false; a.cfg.DDL.Toward != nil && (err == nil || errors.Is(err, ErrTable)) {
		if m, gone = a.cfg.DDL.Toward(source, at, t); gone {
			p := &plan{gone: true}
			a.plans[source] = p
			return p, nil
		}
	}
	if err != nil {
		return nil, err
	}
	p, err := a.fit(source, t, m)
	if err != nil {
		return nil, err
	}
	a.plans[source] = p
	return p, nil
}

// fit makes a plan, with what is known of its target table.
func (a *Applier) fit(source *change.Table, t *schema.Table, m *schema.Mapping) (*plan, error) {
	p, err := newPlan(source, t, m)
	if err != nil {
		return nil, err
	}
	if p.keyless() && a.site != nil {
		return nil, fmt.Errorf("%w: %s has no key, and site %s is written too: whose rows are whose cannot be told", ErrTable, t, a.cfg.Target.Site)
	}
	if a.cfg.Target.Kind == tenant.OceanBase {
		p.force = "" // it reads by the key whenever the key is given
	}
	p.id = a.relations.identity(p.name)
	p.rule = a.rule(source, p)
	if a.relations != nil && a.relations.tables[p.id] != nil {
		r := a.relations.tables[p.id]
		p.unique, p.touches, p.rank = r.parks(), r.touches(), r.rank
	}
	return p, nil
}

// own finds how rows of a target table, told as keys do, are written that come
// from nowhere else.
func (a *Applier) own(ctx context.Context, id string) (*plan, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.owns[id]; p != nil {
		return p, nil
	}
	r := a.relations.tables[id]
	if r == nil {
		return nil, fmt.Errorf("%w: %s is not known at site %s", ErrTable, id, a.cfg.Target.Site)
	}
	t, err := a.now(ctx, r.table.Database, r.table.Name)
	if err != nil {
		return nil, err
	}
	p, err := a.fit(t.Change(), t, nil)
	if err != nil {
		return nil, err
	}
	a.owns[id] = p
	return p, nil
}

func (a *Applier) target(ctx context.Context, source *change.Table, at *change.Stamp) (*schema.Table, error) {
	database, name := a.cfg.Place(source.Database, source.Name)
	if a.cfg.DDL.Named != nil {
		n := a.cfg.DDL.Named(source, at)
		database, name = n.Database, n.Name
	}
	t, err := a.now(ctx, database, name)
	if errors.Is(err, tenant.ErrNoTable) {
		return nil, fmt.Errorf("%w: %s.%s does not exist in the target, site %s", ErrTable, database, name, a.cfg.Target.Site)
	}
	return t, err
}

// now gives a table of the target. Where what its application wrote is judged,
// all that is remembered is laid out as the tables were when the attempt began.
func (a *Applier) now(ctx context.Context, database, name string) (*schema.Table, error) {
	if a.cfg.DDL.Now != nil {
		if t := a.cfg.DDL.Now(database, name); t != nil {
			return t, nil
		}
	}
	return a.cfg.Target.Table(ctx, database, name)
}

// forgetPlans makes the catalogue be read again.
func (a *Applier) forgetPlans() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.plans)
	clear(a.owns)
}
