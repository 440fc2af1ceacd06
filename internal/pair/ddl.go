package pair

import (
	"context"
	"errors"
	"slices"

	"duplex/internal/apply"
	"duplex/internal/binlog"
	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/config"
	"duplex/internal/link"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// How definitions change while both sites are written. An attempt knows each
// site's tables as they were at its beginning: rules, keys, what is remembered of
// rows, all is laid out by that. So it ends where a site's tables become others,
// and the next one begins with these: it reads again what is not settled, brings
// what it remembers into the new layout, and goes on.

// begin gives the place where a link that never ran begins, and what the tables
// of its source are there and from there on.
func (a *attempt) begin(ctx context.Context, r *route) (start change.Position, err error) {
	p := a.cfg.Project
	store := checkpoint.NewHistory(r.from, p.Name)
	_, r.ran, err = checkpoint.New(r.to, p.Name, r.link.String()).Load(ctx)
	switch {
	case err != nil:
	case r.ran:
		r.history, err = binlog.OpenHistory(ctx, r.from, store)
	default:
		start, r.history, err = binlog.Begin(ctx, r.from, store, p.Matches)
	}
	return start, err
}

// ddl says what a route does with statements.
func (a *attempt) ddl(r *route) apply.DDL {
	p := a.cfg.Project
	d := apply.DDL{Dialect: dialect(r.from), From: r.link.From, Match: p.Matches, Source: r.history, TwoWay: a.judges(), Ignore: p.IgnoreDDL}
	if p.DDL != "" {
		d.Carries = func(version int64) bool { return a.carries(r.link, version) }
	}
	if !a.judges() {
		return d
	}
	d.Now = func(database, table string) *schema.Table {
		return r.known[schema.Name{Database: database, Name: table}]
	}
	d.Named = func(rows *change.Table, at *change.Stamp) schema.Name {
		return a.back(r).history.Named(rows, at, r.history.Followed)
	}
	d.Toward = func(rows *change.Table, at *change.Stamp, now *schema.Table) (*schema.Mapping, bool) {
		return a.back(r).history.Toward(rows, at, r.history.Followed, now)
	}
	d.Followed = func(seq uint64) bool {
		_, ok := a.back(r).history.Followed(seq)
		return ok
	}
	d.Alike = a.alike
	if r.from.Kind == tenant.OceanBase { // which does not tell when a name becomes another table's: see apply.DDL.Renames
		d.Held = func(n schema.Name, at *change.Stamp) bool {
			since, given := r.history.GivenUp(n, at.Seq)
			from, said := a.back(r).history.Followed(since)
			return given && (!said || !at.Seen.Beyond(from))
		}
	}
	d.Renames = p.DDL == r.link.To && r.to.Kind != tenant.OceanBase
	return d
}

// identity tells a table of r's target as keys do.
func (a *attempt) identity(r *route, t *schema.Table) string {
	return a.back(r).history.Identity(schema.Name{Database: t.Database, Name: t.Name})
}

// apply runs a route's applier.
func (a *attempt) apply(ctx context.Context, r *route) error {
	if err := a.settle(ctx, r); err != nil {
		return err
	}
	return ended("applier of "+r.link.String(), r.applier.Run(ctx, r.filter))
}

// settle waits until it is known what r's target calls its tables: a statement that
// its reader has not come to may have changed that. The attempt ends at such a one.
func (a *attempt) settle(ctx context.Context, r *route) error {
	if !a.judges() || a.cfg.Project.DDL == "" {
		return nil
	}
	if err := a.back(r).judge.End(ctx); err != nil || !r.unlaid {
		return err
	}
	a.settled.Store(true)
	return apply.ErrRedefined
}

// know notes the target's tables as they are when the attempt begins.
func (r *route) know(tables []*schema.Table) {
	r.known = map[schema.Name]*schema.Table{}
	for _, t := range tables {
		own := *t // foreign keys are added to t
		r.known[schema.Name{Database: t.Database, Name: t.Name}] = &own
	}
}

// knownTo gives the tables of r's target as keys tell them.
func (a *attempt) knownTo(r *route) map[string]*schema.Table {
	out := map[string]*schema.Table{}
	for _, t := range r.known {
		out[a.identity(r, t)] = t
	}
	return out
}

// ran finds the statement of the peer that the link which writes into r's source
// has run there, by the connection or by the statement's own mark.
func (a *attempt) ran(r *route) func(ctx context.Context, session uint32, text string) (*binlog.Carried, error) {
	in := config.Link{From: r.link.To, To: r.link.From}
	store := checkpoint.New(r.from, a.cfg.Project.Name, in.String())
	return func(ctx context.Context, session uint32, text string) (*binlog.Carried, error) {
		var st checkpoint.Statement
		var err error
		if seq, ok := apply.Marked(text, in.String()); ok {
			st, err = store.Statement(ctx, seq)
		} else if session != 0 {
			st, err = store.By(ctx, uint64(session))
		}
		if err != nil || st.State == "" {
			return nil, err
		}
		return &binlog.Carried{Seq: st.Seq, Seen: st.Seen}, nil
	}
}

// defined ends the attempt at a statement that makes the source's tables others
// than the attempt knows.
type defined struct {
	link.Source
	attempt *attempt
	route   *route
}

// Next gives the next transaction, unless it makes tables others.
func (d *defined) Next(ctx context.Context) (*change.Txn, error) {
	txn, err := d.Source.Next(ctx)
	if err != nil || txn.DDL == nil {
		return txn, err
	}
	other, err := d.attempt.redefined(ctx, d.route, txn)
	if err == nil && other {
		err = apply.ErrRedefined
	}
	if err != nil {
		return nil, errors.Join(err, txn.Rows.Close())
	}
	return txn, nil
}

// redefined reports whether a statement has made tables of r's source others
// than the attempt knows them.
func (a *attempt) redefined(ctx context.Context, r *route, txn *change.Txn) (bool, error) {
	if r.history.Renames(txn.Stamp.Seq) {
		return true, nil
	}
	s := schema.Classify(txn.DDL.Text, txn.DDL.Database)
	names := slices.Clone(s.Objects)
	for _, x := range s.Renames {
		names = append(names, x.To)
	}
	known := a.back(r).known
	for _, n := range names {
		if n.Name == "" || !a.cfg.Project.Carries(n.Database, n.Name) {
			continue
		}
		now, err := r.from.Table(ctx, n.Database, n.Name)
		if err != nil && !errors.Is(err, tenant.ErrNoTable) {
			return false, err
		}
		if !sameTable(known[n], now, txn.DDL.Ours) {
			return true, nil
		}
	}
	return false, nil
}

// sameTable reports whether nothing differs by which rows are read and judged.
// Foreign keys that we have made ourselves were reckoned with.
func sameTable(a, b *schema.Table, ours bool) bool {
	if a == nil || b == nil {
		return a == b
	}
	if !schema.SameRows(a, b) || !schema.SameShape(a, b) {
		return false
	}
	return ours || !lacksForeignKey(a, b) && !lacksForeignKey(b, a)
}

// lacksForeignKey reports whether a has not all foreign keys of b.
func lacksForeignKey(a, b *schema.Table) bool {
	return slices.ContainsFunc(b.ForeignKeys, func(f schema.ForeignKey) bool { return !hasForeignKey(a, f) })
}

// initial gives the tables that are not made by a statement which the link
// carries: their definitions and rows do not come through it.
func (a *attempt) initial(tables []*schema.Table) []*schema.Table {
	forward := a.routes[0]
	if a.cfg.Project.DDL == "" {
		return tables
	}
	return slices.DeleteFunc(slices.Clone(tables), func(t *schema.Table) bool {
		return !forward.history.Began(schema.Name{Database: t.Database, Name: t.Name})
	})
}

// follows reports whether the target's tables are what carried statements have
// made of them.
func (a *attempt) follows() bool { return a.routes[0].ran && a.cfg.Project.DDL != "" }

// leads reports whether the tables of the site that was filled come first: what
// they have or lack is no matter of the other site's.
func (a *attempt) leads() bool {
	return a.routes[0].ran && a.cfg.Project.DDL == a.cfg.Project.TargetSite().Name
}

// placedNow is a table of the source as the target has it where the link is, under
// its name there; nil: it has none.
func (a *attempt) placedNow(t *schema.Table) *schema.Table {
	forward := a.routes[0]
	if a.cfg.Project.CarriesDDL(forward.link) {
		if t = forward.history.At(schema.Name{Database: t.Database, Name: t.Name}, forward.applier.Status().Low); t == nil {
			return nil
		}
	}
	return a.placed(t)
}

// unfinished reports whether a carried statement was begun and is not known to
// be done: the target's tables may be before it, or behind.
func (a *attempt) unfinished(ctx context.Context) (bool, error) {
	forward := a.routes[0]
	return checkpoint.New(forward.to, a.cfg.Project.Name, forward.link.String()).Pending(ctx)
}

// layout brings parked rows of a site into the layout that its tables have now. Where
// the history does not know that yet, a table of the name may be another one: that is
// left to an attempt behind one that has settled it.
func (a *attempt) layout(ctx context.Context, r *route) error {
	store := checkpoint.New(r.to, a.cfg.Project.Name, r.link.String())
	rows, err := store.Parked(ctx)
	if err != nil {
		return err
	}
	byIdentity := a.knownTo(r)
	for i := range rows {
		t := byIdentity[rows[i].Key.Table]
		if t == nil || len(rows[i].Row) == len(t.Columns) {
			continue
		}
		told := a.back(r).history.Now(schema.Name{Database: t.Database, Name: t.Name})
		if a.cfg.Project.DDL != "" && !a.Pair.settled && (told == nil || !schema.SameRows(told, t)) {
			r.unlaid = true
			continue
		}
		if err := store.Relay(ctx, rows[i].Key, a.back(r).history.Counted(rows[i].Row, t)); err != nil {
			return err
		}
	}
	return nil
}
