package apply

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"slices"

	"duplex/internal/change"
	"duplex/internal/conflict"
	"duplex/internal/tenant"
)

// rootAtOnce is how many rows without a parent are looked up at once, and
// rootTries how often the same ones before it is an error.
const rootAtOnce, rootTries = 500, 3

// errRootless says that rows stay in their table though nothing holds them there.
var errRootless = errors.New("rows without a parent could not be put aside")

// Root puts every row of the target aside that lacks a parent, with all that
// depends on it, and looks at each parked row anew. It is called after Keep, when
// everything is done that began before, and the target has its foreign keys: so
// none comes up any more. The source's site does the same by the same rule.
func (a *Applier) Root(ctx context.Context) (err error) {
	if a.site == nil || !a.relations.foreign {
		return nil
	}
	s, err := a.cfg.Target.Session(ctx, tenant.Read, 0)
	if err != nil {
		return fmt.Errorf("link %s: %w", a.cfg.Link, err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := a.placeAnew(ctx, a.parked.keys()); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(a.relations.tables)) {
		t := a.relations.tables[name]
		for i := range t.needs {
			if err := a.rootRows(ctx, s, &t.needs[i]); err != nil {
				return fmt.Errorf("link %s: rows of %s without a parent: %w", a.cfg.Link, t.table, err)
			}
		}
	}
	return nil
}

// rootRows puts the rows aside that lack a parent by one foreign key.
func (a *Applier) rootRows(ctx context.Context, s *tenant.Session, f *reference) error {
	own, err := a.own(ctx, f.child.id)
	if err != nil {
		return err
	}
	query := f.orphans(own, a.cfg.Target.AsWritten())
	var last []conflict.Key
	for tries := 0; ; {
		var keys []conflict.Key
		err := s.Each(ctx, query, func(_ int, row []driver.Value) error {
			image, err := own.parse(row)
			if err == nil {
				keys = append(keys, conflict.Key{Table: own.id, ID: own.rowKey(image)})
			}
			return err
		})
		if err != nil || len(keys) == 0 {
			return err
		}
		if slices.Equal(keys, last) {
			tries++
		}
		if last = keys; tries == rootTries {
			return errRootless
		}
		if err := a.placeAnew(ctx, keys); err != nil {
			return err
		}
	}
}

// placeAnew has the mender place rows, and waits for it.
func (a *Applier) placeAnew(ctx context.Context, keys []conflict.Key) error {
	if len(keys) == 0 {
		return nil
	}
	a.site.Observe(func(o *conflict.Observer) {
		for _, k := range keys {
			o.Look(k)
		}
	})
	if err := a.site.End(ctx); err != nil { // which tells the mender, too
		return err
	}
	return a.WaitMended(ctx)
}

// orphans is the SELECT of rows that lack a parent.
func (f *reference) orphans(own *plan, hint string) string {
	q := append(append([]byte("SELECT "+hint), own.selected...), " FROM "...)
	q = append(append(q, own.name...), " AS `duplex_child` WHERE "...)
	for _, c := range f.columns.cols {
		q = append(change.AppendIdent(q, f.child.table.Columns[c].Name), " IS NOT NULL AND "...)
	}
	q = append(f.parent.table.AppendName(append(q, "NOT EXISTS (SELECT 1 FROM "...)), " AS `duplex_parent` WHERE "...)
	for i, c := range f.columns.cols {
		if i > 0 {
			q = append(q, " AND "...)
		}
		q = change.AppendIdent(append(q, "`duplex_parent`."...), f.parent.table.Columns[f.refers.cols[i]].Name)
		q = change.AppendIdent(append(q, " = `duplex_child`."...), f.child.table.Columns[c].Name)
	}
	return fmt.Sprintf("%s) LIMIT %d", q, rootAtOnce)
}
