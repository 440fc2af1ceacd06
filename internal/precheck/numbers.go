package precheck

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// autoIncrement warns where both sides give the same numbers: rows inserted on
// both at once collide.
func autoIncrement(ctx context.Context, r *run) error {
	if !r.Project.TwoWay() {
		return nil
	}
	tables, err := r.chosen(ctx, r.source)
	if err != nil {
		return err
	}
	var names []string
	for _, t := range tables {
		if slices.ContainsFunc(t.Columns, func(c schema.Column) bool { return c.AutoIncrement }) {
			names = append(names, t.String())
		}
	}
	if len(names) == 0 {
		r.pass(nil, "no table has an AUTO_INCREMENT column")
		return nil
	}
	for _, s := range r.sites() {
		if err := r.ordered(ctx, s); err != nil {
			return err
		}
	}
	stepA, startA := r.source.numbering()
	stepB, startB := r.other.numbering()
	if stepA == stepB && stepA > 1 && startA%stepA != startB%stepB {
		r.pass(nil, "steps of %d, from %d at %s and from %d at %s", stepA, startA, r.source.Name, startB, r.other.Name)
		return nil
	}
	r.warn(nil, "", fmt.Sprintf("SET GLOBAL auto_increment_increment = 2, GLOBAL auto_increment_offset = 1 at %s; SET GLOBAL auto_increment_increment = 2, GLOBAL auto_increment_offset = 2 at %s; in the option files too",
		r.source.Name, r.other.Name),
		"both sides give the same numbers in %s (increment %d offset %d at %s, increment %d offset %d at %s)",
		listed(names), stepA, startA, r.source.Name, stepB, startB, r.other.Name)
	for i, s := range r.sites() { // a session that is open goes on as before
		r.sql(s, "SET GLOBAL auto_increment_increment = 2", fmt.Sprintf("SET GLOBAL auto_increment_offset = %d", i+1))
	}
	return nil
}

// ordered warns of OceanBase's AUTO_INCREMENT_MODE ORDER: there each row that is
// applied asks the one counter of the whole tenant to go on.
func (r *run) ordered(ctx context.Context, s *site) error {
	if s.tenant.Kind != tenant.OceanBase {
		return nil
	}
	tables, err := r.chosen(ctx, s)
	if err != nil {
		return err
	}
	var names, statements []string
	for _, t := range tables {
		if strings.Contains(t.Options, "AUTO_INCREMENT_MODE = 'ORDER'") {
			names = append(names, t.String())
			statements = append(statements, "ALTER TABLE "+sqlName(t.Database, t.Name)+" AUTO_INCREMENT_MODE = 'NOORDER'")
		}
	}
	if len(names) > 0 {
		r.warn(s, "", statements[0]+", and so on", "AUTO_INCREMENT_MODE is ORDER in %s: every row that is applied moves the tenant's one counter", listed(names))
		r.sql(s, statements...)
	}
	return nil
}

// numbering is auto_increment_increment and auto_increment_offset.
func (s *site) numbering() (step, start uint64) {
	return s.number("auto_increment_increment", 1), s.number("auto_increment_offset", 1)
}

// sequences warns where a sequence gives the same numbers on both sides, or would
// when the application has gone over. What they give is in no change stream.
func sequences(ctx context.Context, r *run) error {
	if r.source.tenant.Kind != tenant.OceanBase || r.other.tenant.Kind != tenant.OceanBase {
		return nil
	}
	var found [2]map[string]*schema.Sequence
	var names []string
	for i, s := range r.sites() {
		list, err := s.tenant.Sequences(ctx, func(database, name string) bool {
			return r.Project.Matches(database, name) || i > 0 && !r.Project.TwoWay()
		})
		if denied(err) {
			r.warn(s, "", "GRANT SELECT ON oceanbase.* to our user, or see to it that no sequence gives the same number on both sides", "sequences cannot be read: %s", plain(err))
			return nil
		}
		if err != nil {
			return err
		}
		found[i] = map[string]*schema.Sequence{}
		for n := range list {
			found[i][list[n].String()] = &list[n]
			names = append(names, list[n].String())
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, name := range names {
		if r.Project.TwoWay() {
			r.sequence(name, found[0][name], found[1][name])
		} else {
			r.overtaken(found[0][name], found[1])
		}
	}
	r.unless(nil, "%s, of which none gives a number on both sides", plural(len(names), "sequence"))
	return nil
}

// sequence looks at one sequence as the two sites have it; either may be nil.
func (r *run) sequence(name string, a, b *schema.Sequence) {
	at, other := r.source, r.other
	if a == nil {
		a, b, at, other = b, nil, other, at
	}
	if b != nil && schema.Apart(a, b) {
		return
	}
	here, there, ok := schema.Split(a, b)
	if !ok {
		r.fail(nil, name, "drop the sequence at one side, or widen its bounds", "both sides give the same numbers, and there is no room to split them")
		return
	}
	found := "both sides give the same numbers"
	if b == nil {
		found = "missing at " + other.Name
	}
	r.warn(nil, name, here+" at "+at.Name+"; "+there+" at "+other.Name, "%s", found)
	r.sql(at, here)
	r.sql(other, there)
}

// overtaken warns where the application, once it has gone over, would be given
// numbers again that it had at the source. What is missing there a run makes.
func (r *run) overtaken(a *schema.Sequence, others map[string]*schema.Sequence) {
	if a == nil {
		return
	}
	database, name := r.Project.Target(a.Database, a.Name)
	if b := others[database+"."+name]; b != nil && b.Behind(a) {
		q := b.RestartSQL(a)
		r.warn(r.other, b.String(), "before the application goes over: "+q, "the sequence is at %s, and at %s in the source", b.Next, a.Next)
		r.sql(r.other, q)
	}
}

// partitionKeys fails for a key that OceanBase cannot keep unique: a unique key
// of a partitioned table, unless it is a GLOBAL index, is kept in each partition
// by itself.
func partitionKeys(ctx context.Context, r *run, s *site) error {
	if !r.Project.TwoWay() {
		return nil
	}
	tables, err := r.chosen(ctx, s)
	if err != nil {
		return err
	}
	n := 0
	for _, t := range tables {
		if t.Partition == nil {
			continue
		}
		n++
		for i := range t.Keys {
			if k := &t.Keys[i]; k.Kind == schema.Primary || k.Kind == schema.Unique {
				r.partitionKey(s, t, k)
			}
		}
	}
	if n > 0 {
		r.unless(s, "%s partitioned, each by columns that all its unique keys hold", plural(n, "table"))
	}
	return nil
}

func (r *run) partitionKey(s *site, t *schema.Table, k *schema.Key) {
	global := strings.Contains(k.Options, "GLOBAL")
	for _, column := range t.PartitionColumns() {
		if slices.ContainsFunc(k.Parts, func(p schema.KeyPart) bool { return p.Column == column }) {
			continue
		}
		name := "unique key " + k.Name
		if k.Kind == schema.Primary {
			name = "the primary key"
		}
		if global {
			r.warn(s, t.String(), "do not change the column's value, or add it to the key",
				"%s is GLOBAL and lacks column %s, by which the table is partitioned: a row that changes it moves, and is logged as one that went and one that came", name, column)
			continue
		}
		r.fail(s, t.String(), "add the column to the key, make the index GLOBAL, or partition by a column that the key has",
			"%s lacks column %s, by which the table is partitioned: OceanBase keeps it unique in each partition only", name, column)
	}
}

// notes warns of what of a definition is not made on the other side.
func notes(ctx context.Context, r *run) error {
	if r.source.tenant.Kind != tenant.OceanBase {
		return nil
	}
	tables, err := r.chosen(ctx, r.source)
	if err != nil {
		return err
	}
	for _, t := range tables {
		for _, note := range t.Notes {
			r.warn(r.source, t.String(), "see whether the other side needs it", "%s", note)
		}
	}
	r.unless(r.source, "every definition goes over whole")
	return nil
}

// A Statement is SQL that mends what was found, and the site to run it at.
type Statement struct {
	Site string `json:"site"`
	SQL  string `json:"sql"`
}

// sql adds statements to the last finding.
func (r *run) sql(s *site, statements ...string) {
	f := &r.found[len(r.found)-1]
	for _, q := range statements {
		f.SQL = append(f.SQL, Statement{s.Name, q})
	}
}

// Fixes gives the statements that results hold, site by site.
func Fixes(results []Result, sites ...string) []Statement {
	var out []Statement
	for _, site := range sites {
		for _, f := range results {
			for _, q := range f.SQL {
				if q.Site == site {
					out = append(out, q)
				}
			}
		}
	}
	return out
}
