package pair

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"duplex/internal/apply"
	"duplex/internal/copy"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// ErrSchema says that a table of the target differs from the source's in
// something that matters.
var ErrSchema = errors.New("the tables differ")

// twice takes a step that makes what the target lacks once more where a server
// refused a statement. A run may have been killed while its session made the very
// same, and the server ends that session when the statement is done, not before:
// then only looking again shows what is there.
func (a *attempt) twice(step func() error) error {
	err := step()
	if tenant.Code(err) == 0 || tenant.Classify(err).Passing() {
		return err
	}
	a.cfg.Log.Warn("a statement was refused, looking again at what is missing", "error", err)
	return step()
}

// makeTables creates what the target lacks and compares what it has. Plain
// indexes, foreign keys and views come after the data. It gives the source's
// tables.
func (a *attempt) makeTables(ctx context.Context, source, target *tenant.Tenant) (tables []*schema.Table, err error) {
	err = a.twice(func() error {
		tables, err = a.makeTablesOnce(ctx, source, target)
		return err
	})
	return tables, err
}

func (a *attempt) makeTablesOnce(ctx context.Context, source, target *tenant.Tenant) ([]*schema.Table, error) {
	tables, err := source.Tables(ctx, a.cfg.Project.Carries)
	if err != nil {
		return nil, err
	}
	if half, err := a.unfinished(ctx); half || err != nil || a.leads() { // all that remains is to be done when that statement is
		return tables, err
	}
	if len(tables) == 0 {
		return nil, fmt.Errorf("%w: no table of site %s matches the project's rules", ErrSchema, source.Site)
	}
	there, err := a.targetTables(ctx, tables, target)
	if err != nil {
		return nil, err
	}
	databases, err := source.Databases(ctx)
	if err != nil {
		return nil, err
	}
	made, err := target.Databases(ctx)
	if err != nil {
		return nil, err
	}
	session, err := target.Session(ctx, tenant.Read, 0)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	how := deferred(target)
	if how.TableGroups, err = target.TableGroups(ctx); err != nil {
		return nil, err
	}
	for _, t := range a.initial(tables) {
		want := a.placedNow(t)
		if want == nil {
			continue
		}
		if have := there[want.String()]; have != nil {
			if a.follows() { // they were compared at the beginning, and what came since is carried
				continue
			}
			if err := differs(want, have, target.Site); err != nil {
				return nil, err
			}
			continue
		}
		statements := []string{want.CreateSQL(how)}
		if database := databaseOf(databases, t.Database); databaseOf(made, want.Database).Charset == "" {
			database.Name = want.Database
			statements = append([]string{database.CreateSQL(dialect(target))}, statements...)
			made = append(made, database)
		}
		for _, q := range statements {
			if _, err := session.Exec(ctx, apply.Ours+q); err != nil {
				return nil, siteError(target.Site, "create "+want.String(), err)
			}
		}
	}
	return tables, nil
}

func dialect(t *tenant.Tenant) schema.Dialect { return schema.Dialect(t.Kind) }

// deferred prints without what comes after the data.
func deferred(t *tenant.Tenant) schema.PrintOptions {
	o := schema.PrintOptions{Dialect: dialect(t), WithoutIndexes: true, WithoutForeignKeys: true}
	if t.OB != nil {
		o.Release = t.OB.Kernel
	}
	return o
}

func databaseOf(all []schema.Database, name string) schema.Database {
	for _, d := range all {
		if d.Name == name {
			return d
		}
	}
	return schema.Database{Name: name}
}

// placed is the table under the name that it has in the target.
func (a *attempt) placed(t *schema.Table) *schema.Table {
	out := *t
	out.Database, out.Name = a.cfg.Project.Target(t.Database, t.Name)
	for i := range out.ForeignKeys {
		f := &out.ForeignKeys[i]
		f.RefDatabase, f.RefTable = a.cfg.Project.Target(f.RefDatabase, f.RefTable)
	}
	return &out
}

// targetTables reads the target's definitions of the tables, by name.
func (a *attempt) targetTables(ctx context.Context, tables []*schema.Table, target *tenant.Tenant) (map[string]*schema.Table, error) {
	wanted := map[string]bool{}
	for _, t := range tables {
		wanted[a.placed(t).String()] = true
	}
	list, err := target.Tables(ctx, func(database, table string) bool { return wanted[database+"."+table] })
	if err != nil {
		return nil, err
	}
	out := map[string]*schema.Table{}
	for _, t := range list {
		out[t.String()] = t
	}
	return out, nil
}

// differs names the differences that matter, but for what comes after the data.
func differs(want, have *schema.Table, site string) error {
	w, h := bare(want), bare(have)
	var lines []string
	for _, d := range schema.Diff(w, h) {
		if d.Serious {
			lines = append(lines, d.String())
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s on site %s: %s", ErrSchema, have, site, strings.Join(lines, "; "))
}

// bare is a table without what comes after the data.
func bare(t *schema.Table) *schema.Table {
	out := *t
	out.ForeignKeys, out.Keys = nil, nil
	for _, k := range t.Keys {
		if k.Kind == schema.Primary || k.Kind == schema.Unique {
			out.Keys = append(out.Keys, k)
		}
	}
	return &out
}

// finishTables adds the indexes, foreign keys, sequences and views that the target
// lacks.
func (a *attempt) finishTables(ctx context.Context, tables []*schema.Table, source, target *tenant.Tenant) error {
	return a.twice(func() error { return a.finishTablesOnce(ctx, tables, source, target) })
}

func (a *attempt) finishTablesOnce(ctx context.Context, tables []*schema.Table, source, target *tenant.Tenant) error {
	if half, err := a.unfinished(ctx); half || err != nil { // the attempt behind that statement does it
		return err
	}
	there, err := a.targetTables(ctx, tables, target)
	if err != nil {
		return err
	}
	session, err := target.Session(ctx, tenant.Read, 0)
	if err != nil {
		return err
	}
	defer session.Close()
	var foreign []string
	for _, t := range tables {
		want := a.placedNow(t)
		if want == nil {
			continue
		}
		have := there[want.String()]
		if have == nil {
			return siteError(target.Site, "finish "+want.String(), tenant.ErrNoTable)
		}
		missing := lacking(want, have)
		for _, q := range missing.IndexSQL(deferred(target)) {
			if _, err := session.Exec(ctx, apply.Ours+q); err != nil {
				return siteError(target.Site, "index "+want.String(), err)
			}
		}
		foreign = append(foreign, missing.ForeignKeySQL(deferred(target))...)
	}
	for _, q := range foreign {
		if _, err := session.Exec(ctx, apply.Ours+q); err != nil {
			return siteError(target.Site, q, err)
		}
	}
	if err := a.makeSequences(ctx, source, target, session); err != nil {
		return err
	}
	return a.makeViews(ctx, source, target, session)
}

// lacking is want with only those plain indexes and foreign keys that have
// does not have.
func lacking(want, have *schema.Table) *schema.Table {
	out := *want
	out.Keys, out.ForeignKeys = nil, nil
	for _, k := range want.Keys {
		if k.Kind == schema.Primary || k.Kind == schema.Unique || !hasKey(have, k.Name) {
			out.Keys = append(out.Keys, k)
		}
	}
	for _, f := range want.ForeignKeys {
		if !hasForeignKey(have, f) {
			out.ForeignKeys = append(out.ForeignKeys, f)
		}
	}
	return &out
}

func hasKey(t *schema.Table, name string) bool {
	for _, k := range t.Keys {
		if strings.EqualFold(k.Name, name) {
			return true
		}
	}
	return false
}

// hasForeignKey compares by columns: names may be given by the server.
func hasForeignKey(t *schema.Table, f schema.ForeignKey) bool {
	for _, h := range t.ForeignKeys {
		if strings.EqualFold(h.RefTable, f.RefTable) && strings.EqualFold(strings.Join(h.Columns, ","), strings.Join(f.Columns, ",")) {
			return true
		}
	}
	return false
}

// makeViews creates the views that the target lacks, each after those that it
// reads.
func (a *attempt) makeViews(ctx context.Context, source, target *tenant.Tenant, session *tenant.Session) error {
	views, err := source.Views(ctx, a.cfg.Project.Matches)
	if err != nil {
		return err
	}
	have, err := target.Views(ctx, a.cfg.Project.Matches)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for i := range have {
		known[have[i].String()] = true
	}
	for _, v := range schema.OrderViews(views) {
		if known[v.String()] {
			continue
		}
		if _, err := session.Exec(ctx, apply.Ours+v.CreateSQL()); err != nil {
			return siteError(target.Site, "create view "+v.String(), err)
		}
	}
	return nil
}

// copyTables pairs the tables with their places in the target.
func (a *attempt) copyTables(tables []*schema.Table) []copy.Table {
	out := make([]copy.Table, len(tables))
	for i, t := range tables {
		database, name := a.cfg.Project.Target(t.Database, t.Name)
		out[i] = copy.Table{Source: t, TargetDatabase: database, TargetName: name, Where: a.cfg.Project.Where(t.Database, t.Name)}
	}
	return out
}
