package precheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"duplex/internal/change"
	"duplex/internal/config"
	"duplex/internal/conflict"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// match names each pattern that covers no table, and what else the project
// file names that is not there.
func match(ctx context.Context, r *run) error {
	s := r.source
	tables, err := r.chosen(ctx, s)
	if err != nil {
		return err
	}
	for _, p := range r.Project.Tables.Include {
		if slices.ContainsFunc(tables, func(t *schema.Table) bool { return p.Match(t.Database, t.Name) }) {
			continue
		}
		fix := "correct the pattern, or create the table"
		if lower, err := config.ParsePattern(strings.ToLower(p.String())); err == nil && s.tenant.LowerCase == 1 && lower.String() != p.String() {
			fix = "write it in lower case, as the server keeps names: " + lower.String()
		}
		r.fail(s, p.String(), fix, "the pattern matches no table")
	}
	for from := range r.Project.Tables.Rename {
		if !named(tables, from) {
			r.fail(s, from.String(), "correct `tables.rename`", "to be renamed, but not among the tables of the project")
		}
	}
	for from, condition := range r.Project.Tables.Where {
		if !named(tables, from) {
			r.fail(s, from.String(), "correct `tables.where`", "has a condition, but is not among the tables of the project")
			continue
		}
		if _, err := s.holds(ctx, sqlName(from.Database, from.Name)+" WHERE ("+condition+") LIMIT 0"); err != nil {
			r.fail(s, from.String(), "correct `tables.where`", "the server does not take the condition: %s", plain(err))
		}
	}
	r.unless(s, "%s", plural(len(tables), "table"))
	slices.SortFunc(r.found, func(a, b Result) int { return strings.Compare(a.Object, b.Object) })
	return nil
}

func named(tables []*schema.Table, name config.Table) bool {
	return slices.ContainsFunc(tables, func(t *schema.Table) bool { return t.Database == name.Database && t.Name == name.Name })
}

func keys(ctx context.Context, r *run, s *site) error {
	tables, err := r.chosen(ctx, s)
	if err != nil {
		return err
	}
	for _, t := range tables {
		k := t.Identity()
		if k == nil {
			r.keyless(s, t)
			continue
		}
		for _, p := range k.Parts {
			if i := t.Column(p.Column); i >= 0 && (t.Columns[i].Kind == change.Float32 || t.Columns[i].Kind == change.Float64) {
				r.warn(s, t.String(), "give the table a key of whole numbers or DECIMAL",
					"key column %s is a %s: rows may not be found by its value", p.Column, t.Columns[i].Type)
			}
		}
	}
	r.unless(s, "every row has a key")
	return nil
}

// keyless notes a table without a key: where both sites are written nothing can be
// said of its rows; where one is, they are counted.
func (r *run) keyless(s *site, t *schema.Table) {
	const what = "neither a primary key nor a unique key of NOT NULL columns: "
	fix := "ALTER TABLE " + sqlName(t.Database, t.Name) + " ADD PRIMARY KEY (…), or exclude the table"
	switch why := t.Uncountable(); {
	case r.Project.TwoWay():
		r.fail(s, t.String(), fix, what+"two equal rows are one to a reader, so a write of one side cannot be matched with the other's, nor conflicts be seen")
	case why != "":
		r.fail(s, t.String(), fix, what+"%s", why)
	default:
		r.warn(s, t.String(), "ALTER TABLE "+sqlName(t.Database, t.Name)+" ADD PRIMARY KEY (…), if it is large or often changed",
			what+"equal rows are counted; each row that is changed or deleted makes the other site read the table, and a copy that is interrupted begins anew")
	}
}

func types(ctx context.Context, r *run, s *site) error {
	tables, err := r.chosen(ctx, s)
	if err != nil {
		return err
	}
	for _, t := range tables {
		for _, problem := range t.Unsupported {
			r.fail(s, t.String(), "change the column's type, or exclude the table", "%s", problem)
		}
		if s.tenant.Kind != tenant.OceanBase || !s.source {
			continue
		}
		cut, mistaken := unlogged(t)
		for _, problem := range cut {
			r.fail(s, t.String(), "make it shorter, or a TEXT or BLOB, or exclude the table", "%s", problem)
		}
		for _, doubt := range mistaken {
			r.warn(s, t.String(), "rename one of the labels, or see with `duplex verify` that yours does not", "%s", doubt)
		}
	}
	r.unless(s, "every column can be carried")
	return nil
}

func engine(ctx context.Context, r *run, s *site) error {
	if s.tenant.Kind == tenant.OceanBase {
		return nil
	}
	tables, err := r.chosen(ctx, s)
	if err != nil {
		return err
	}
	for _, t := range tables {
		switch strings.ToUpper(t.Engine) {
		case "INNODB", "ROCKSDB":
		default:
			r.fail(s, t.String(), "ALTER TABLE "+sqlName(t.Database, t.Name)+" ENGINE = InnoDB",
				"engine %s has no transactions: after a crash or a rollback the sites differ", t.Engine)
		}
	}
	r.unless(s, "every table has transactions")
	return nil
}

// generated notes columns that each server computes for itself.
func generated(ctx context.Context, r *run, s *site) error {
	tables, err := r.chosen(ctx, s)
	if err != nil {
		return err
	}
	var names []string
	for _, t := range tables {
		for i := range t.Columns {
			c := &t.Columns[i]
			if !c.Generated {
				continue
			}
			names = append(names, t.String()+"."+c.Name)
			if s.tenant.Kind == tenant.OceanBase && s.source && !c.Stored {
				r.warn(s, t.String(), "make the column STORED", "generated column %s is VIRTUAL, which not every Binlog Service logs", c.Name)
			}
		}
	}
	if len(names) == 0 {
		r.pass(s, "none")
		return nil
	}
	r.pass(s, "each server computes for itself: %s", listed(names))
	return nil
}

// policy looks at the conflict rules beside the tables that they are for.
func policy(ctx context.Context, r *run) error {
	tables, err := r.chosen(ctx, r.source)
	if err != nil {
		return err
	}
	promises := func(object string, rule config.Rule) {
		if r.Project.TwoWay() && rule.Policy != "" && !conflict.Policy(rule.Policy).Converges() {
			r.warn(nil, object, "choose newest, newest-by-column, site or delta", "policy %s does not promise that the sites become equal after a conflict", rule.Policy)
		}
	}
	promises("", r.Project.Conflict.Rule)
	r.policyColumns(tables, "", r.Project.Conflict.Rule)
	for name, rule := range r.Project.Conflict.Tables {
		promises(name.String(), rule)
		if !named(tables, name) {
			r.fail(nil, name.String(), "correct `conflict.tables`", "has a conflict rule, but is not among the tables of the project")
			continue
		}
		r.policyColumns(tables, name.String(), rule)
	}
	slices.SortFunc(r.found, func(a, b Result) int { return strings.Compare(a.Object, b.Object) })
	r.unless(nil, "%s", inWords(r.Project.Conflict.Policy, r.Project.TwoWay()))
	return nil
}

// inWords says what becomes of a row that both sides changed, or, where one is
// written only, of a row that is not as the log says.
func inWords(p config.Policy, twoWay bool) string {
	switch {
	case !twoWay && p == config.PolicyStop:
		return "stop: the link stops at a row of the target that is not as the log says"
	case !twoWay:
		return "overwrite: a row of the target that is not as the log says is replaced; what it was is kept in duplex.conflict"
	case p == config.PolicyStop:
		return "stop: a link stops at a row that both sides changed"
	}
	return string(p) + " decides rows that both sides changed; what loses is kept in duplex.conflict"
}

// policyColumns looks for the columns that a rule names, in one table or in
// all that have no rule of their own.
func (r *run) policyColumns(tables []*schema.Table, only string, rule config.Rule) {
	for _, t := range tables {
		name := config.Table{Database: t.Database, Name: t.Name}
		if _, own := r.Project.Conflict.Tables[name]; only != name.String() && (only != "" || own) {
			continue
		}
		for _, column := range rule.Columns {
			i := t.Column(column)
			switch {
			case i < 0:
				r.fail(nil, t.String(), "correct the columns of the conflict rule", "policy %s needs column %s, which the table does not have", rule.Policy, column)
			case rule.Policy == config.PolicyDelta && !numeric(t.Columns[i].Kind):
				r.fail(nil, t.String(), "name a column of numbers", "policy delta adds, but column %s is a %s", column, t.Columns[i].Type)
			case rule.Policy == config.PolicyDelta && keyed(tables, t, column):
				r.fail(nil, t.String(), "name columns outside of keys", "policy delta adds to column %s, which is in a primary, unique or foreign key: a sum might be taken", column)
			}
		}
	}
}

// keyed reports whether a column of t is one by which rows stand in each other's
// way.
func keyed(tables []*schema.Table, t *schema.Table, column string) bool {
	for _, k := range t.Keys {
		if (k.Kind == schema.Primary || k.Kind == schema.Unique) && slices.ContainsFunc(k.Parts, func(p schema.KeyPart) bool { return p.Column == column }) {
			return true
		}
	}
	for _, x := range tables {
		for _, f := range x.ForeignKeys {
			if x == t && slices.Contains(f.Columns, column) ||
				f.RefDatabase == t.Database && f.RefTable == t.Name && slices.Contains(f.RefColumns, column) {
				return true
			}
		}
	}
	return false
}

func numeric(k change.Kind) bool {
	switch k {
	case change.Int, change.Uint, change.Decimal, change.Float32, change.Float64:
		return true
	}
	return false
}

// targetTables compares what is at the target with what is to come.
func targetTables(ctx context.Context, r *run) error {
	source, err := r.chosen(ctx, r.source)
	if err != nil {
		return err
	}
	target, err := r.chosen(ctx, r.other)
	if err != nil {
		return err
	}
	ran, err := r.ran(ctx)
	if err != nil {
		return err
	}
	var there int
	met := map[*schema.Table]bool{}
	for _, a := range source {
		b := r.counterpart(a, target)
		if b == nil {
			continue
		}
		there++
		met[b] = true
		r.differences(a, b)
		if ran {
			continue
		}
		if err := r.emptyTable(ctx, b); err != nil {
			return err
		}
	}
	for _, b := range target {
		if !met[b] && r.Project.TwoWay() {
			r.fail(r.other, b.String(), "create it at "+r.source.Name+" too, or exclude it", "the table is missing at %s", r.source.Name)
		}
	}
	switch {
	case ran:
		r.unless(r.other, "the project ran before: %s as at %s", plural(there, "table"), r.source.Name)
	case there == 0:
		r.unless(r.other, "empty")
	default:
		r.unless(r.other, "%s there already, as at %s and without rows; %d to be created", plural(there, "table"), r.source.Name, len(source)-there)
	}
	return nil
}

// counterpart is the target's table for one of the source.
func (r *run) counterpart(a *schema.Table, target []*schema.Table) *schema.Table {
	database, name := r.Project.Target(a.Database, a.Name)
	i := slices.IndexFunc(target, func(b *schema.Table) bool {
		return b.Database == database && b.Name == name ||
			r.other.tenant.LowerCase != 0 && strings.EqualFold(b.Database, database) && strings.EqualFold(b.Name, name)
	})
	if i < 0 {
		return nil
	}
	return target[i]
}

// differences fails for each that matters and warns of the rest in one line.
func (r *run) differences(a, b *schema.Table) {
	fix := fmt.Sprintf("ALTER TABLE %s at %s, or drop it there: it is created anew", sqlName(b.Database, b.Name), r.other.Name)
	var minor []string
	for _, d := range schema.Diff(a, b) {
		if !d.Serious {
			minor = append(minor, r.difference(d))
			continue
		}
		r.fail(r.other, b.String(), fix, "%s", r.difference(d))
	}
	if len(minor) > 0 {
		r.warn(r.other, b.String(), fix, "differs in what changes no row: %s", strings.Join(minor, "; "))
	}
}

// difference says which site has what.
func (r *run) difference(d schema.Difference) string {
	has := func(side, site string) string {
		if side == "" && d.What == "missing" {
			return "missing at " + site
		}
		return orNothing(side) + " at " + site
	}
	text := d.Object + ": " + has(d.A, r.source.Name) + ", " + has(d.B, r.other.Name)
	if d.What != "missing" {
		text = d.Object + ": " + d.What + " " + strings.TrimPrefix(text, d.Object+": ")
	}
	return text
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// emptyTable fails if a table of the target has a row.
func (r *run) emptyTable(ctx context.Context, t *schema.Table) error {
	some, err := r.other.holds(ctx, sqlName(t.Database, t.Name)+" LIMIT 1")
	if some {
		r.fail(r.other, t.String(), fmt.Sprintf("empty the table, exclude it, or set `source: %s`", r.other.Name),
			"holds rows, and %s is to be filled from %s", r.other.Name, r.source.Name)
	}
	return err
}

// holds reports whether SELECT 1 FROM what gives a row.
func (s *site) holds(ctx context.Context, what string) (some bool, err error) {
	rows, err := s.tenant.DB().QueryContext(ctx, "SELECT 1 FROM "+what)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	some = rows.Next()
	return some, rows.Err()
}
