package precheck

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"duplex/internal/checkpoint"
	"duplex/internal/config"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// ran reports whether the project has been at work here before.
func (r *run) ran(ctx context.Context) (bool, error) {
	link := config.Link{From: r.source.Name, To: r.other.Name}
	_, ok, err := checkpoint.New(r.other.tenant, r.Project.Name, link.String()).Load(ctx)
	return ok, err
}

// foreignKeys fails for one that leads out of the project, and for one whose
// changes do not come into the log: MariaDB's and MySQL's InnoDB changes the
// rows of a cascade beneath the log, OceanBase logs them.
func foreignKeys(ctx context.Context, r *run, s *site) error {
	tables, err := r.chosen(ctx, s)
	if err != nil {
		return err
	}
	n := 0
	for _, t := range tables {
		for _, k := range t.ForeignKeys {
			n++
			r.foreignKey(s, tables, t, &k)
		}
	}
	if n == 0 {
		r.pass(s, "none")
		return nil
	}
	r.unless(s, "%s within the project", plural(n, "foreign key"))
	return nil
}

func (r *run) foreignKey(s *site, tables []*schema.Table, t *schema.Table, k *schema.ForeignKey) {
	ref := config.Table{Database: k.RefDatabase, Name: k.RefTable}
	inside := slices.ContainsFunc(tables, func(o *schema.Table) bool {
		return o.Database == ref.Database && o.Name == ref.Name ||
			s.tenant.LowerCase != 0 && strings.EqualFold(o.Database, ref.Database) && strings.EqualFold(o.Name, ref.Name)
	})
	if !inside {
		r.fail(s, t.String(), "include "+ref.String()+", or drop the foreign key",
			"foreign key %s refers to %s, which is not among the tables of the project", k.Name, ref)
	}
	if s.tenant.Kind == tenant.OceanBase {
		return
	}
	var rules []string
	for _, rule := range []struct{ event, does string }{{"DELETE", k.OnDelete}, {"UPDATE", k.OnUpdate}} {
		if rule.does == "CASCADE" || rule.does == "SET NULL" {
			rules = append(rules, "ON "+rule.event+" "+rule.does)
		}
	}
	if len(rules) > 0 {
		r.fail(s, t.String(), fmt.Sprintf("make it RESTRICT (ALTER TABLE %s DROP FOREIGN KEY %s, ADD FOREIGN KEY … without the rule), and let the application change these rows itself, in the same transaction",
			sqlName(t.Database, t.Name), schema.Ident(k.Name)),
			"foreign key %s is %s: the server does not log the rows that this changes", k.Name, strings.Join(rules, " "))
	}
}

// triggers fails where changes are applied: those fire them again.
func triggers(ctx context.Context, r *run, s *site) error {
	if !s.target {
		return nil
	}
	tables, err := r.chosen(ctx, s)
	if err != nil {
		return err
	}
	found, err := s.tenant.Triggers(ctx, func(database, name string) bool {
		return named(tables, config.Table{Database: database, Name: name})
	})
	if err != nil {
		return err
	}
	for _, g := range found {
		r.fail(s, g.Database+"."+g.Table, "DROP TRIGGER "+sqlName(g.Database, g.Name)+", and do its work in the application, or exclude the table",
			"trigger %s (%s %s) would fire once more for each row that is applied", g.Name, g.Timing, g.Event)
	}
	r.unless(s, "none")
	return nil
}

// events warns of statements that the server runs by itself, on both sides.
func events(ctx context.Context, r *run, s *site) error {
	if !s.target || s.vars["event_scheduler"] != "ON" {
		return nil
	}
	tables, err := r.chosen(ctx, s)
	if err != nil {
		return err
	}
	found, err := s.events(ctx)
	if err != nil {
		return err
	}
	for _, e := range found {
		if slices.ContainsFunc(tables, func(t *schema.Table) bool { return t.Database == e.Database }) {
			r.warn(s, e.String(), "ALTER EVENT "+sqlName(e.Database, e.Name)+" DISABLE on one side",
				"the event scheduler runs it here; if it changes tables of the project, it must run on one side only")
		}
	}
	r.unless(s, "none")
	return nil
}

// events lists what the scheduler runs.
func (s *site) events(ctx context.Context) (out []config.Table, err error) {
	rows, err := s.tenant.DB().QueryContext(ctx, "SELECT event_schema, event_name FROM information_schema.events WHERE status = 'ENABLED' ORDER BY 1, 2")
	if err != nil {
		if tenant.Classify(err) == tenant.Schema { // OceanBase before it had events
			return nil, nil
		}
		return nil, err
	}
	defer func() {
		if cerr := rows.Close(); err == nil {
			err = cerr
		}
	}()
	for rows.Next() {
		var e config.Table
		if err := rows.Scan(&e.Database, &e.Name); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// number is a variable as a whole number, or other where it is none.
func (s *site) number(variable string, other uint64) uint64 {
	if n, err := strconv.ParseUint(s.vars[variable], 10, 64); err == nil {
		return n
	}
	return other
}
