package schema

import (
	"fmt"
	"slices"
	"strings"

	"duplex/internal/change"
)

// A Step is one statement by which a target follows the source.
type Step struct {
	SQL      string
	Database string // default database of the session that runs it
	// Tables are the target's tables whose definitions tell whether the step was
	// taken. Where they cannot tell, the step does no harm twice.
	Tables []Name
	Clears bool // it takes rows away that no row event speaks of
	// Empties says that the one table is to have no rows, of those that the source's
	// site knew; there is no SQL for that.
	Empties bool
}

// A Carrying is a statement of a source's log that a target has to follow.
type Carrying struct {
	Text     string
	Database string // the session's default database
	From, To Dialect
	Versions []Version // what it has made of the source's tables
	Before   Tables    // the source's tables before it
	Match    func(Name) bool
	Place    func(Name) Name // a source's name in the target
	TwoWay   bool            // the target is written too
	// Alike says why the project does not treat two tables alike; empty: it does. nil:
	// it treats all alike.
	Alike func(a, b Name) string
	// Held reports whether rows of another table may still be written by a name, until
	// the source's site knows better; nil: that is noticed.
	Held func(n Name) bool
}

// A Refusal says why a statement is not carried.
type Refusal struct{ Reason string }

// Error gives the reason.
func (r *Refusal) Error() string { return r.Reason }

func refuse(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// Steps gives the statements by which the target follows; none where it has
// nothing to follow. An error is a *Refusal.
func (c *Carrying) Steps() ([]Step, error) {
	s := Classify(c.Text, c.Database)
	if s.Temporary || c.passing(&s) {
		return nil, nil
	}
	switch s.Verb {
	case CreateTable:
		return c.create(&s)
	case DropTable:
		return c.drop(&s), nil
	case Truncate:
		return c.truncate(&s)
	case RenameTable:
		return c.rename(&s)
	case AlterTable:
		return c.alter(&s)
	case CreateIndex, DropIndex:
		return c.index(&s)
	case CreateView, DropView:
		return c.view(&s)
	case CreateDatabase:
		return c.createDatabase(&s)
	}
	return nil, refusals[s.Verb].orOther()
}

// refusals are the reasons for which a verb is never carried.
var refusals = map[Verb]refusal{
	DropDatabase:  "it takes a whole database away",
	AlterDatabase: "it changes what new tables inherit",
	AlterTrigger:  "triggers are not carried: what they write is in the log already, and at the other site they would write it twice",
	Recycle:       "the recycle bin of one site is not that of the other",
}

type refusal string

func (r refusal) orOther() error {
	if r == "" {
		return refuse("it is not known what it does")
	}
	return refuse("%s", string(r))
}

// passing reports whether a statement is about tables of a tool for schema
// changes alone, or tables outside the project.
func (c *Carrying) passing(s *Statement) bool {
	if len(s.Objects) == 0 || s.Objects[0].Name == "" {
		return false
	}
	for _, n := range s.Objects {
		if c.ours(n) {
			return false
		}
	}
	for _, r := range s.Renames {
		if c.ours(r.To) {
			return false
		}
	}
	return true
}

// ours reports whether a table takes part.
func (c *Carrying) ours(n Name) bool {
	_, ghost := c.ghost(n)
	return c.Match(n) && !ghost
}

// ghost gives the table that a tool's table stands beside.
func (c *Carrying) ghost(n Name) (Name, bool) {
	base, ok := change.Ghost(n.Name)
	t := Name{n.Database, base}
	return t, ok && c.Match(t)
}

// version gives what the statement has made of a table.
func (c *Carrying) version(n Name) *Version {
	for i := range c.Versions {
		if strings.EqualFold(c.Versions[i].Name.Database, n.Database) && strings.EqualFold(c.Versions[i].Name.Name, n.Name) {
			return &c.Versions[i]
		}
	}
	return nil
}

// placed is a table of the source under its name in the target.
func (c *Carrying) placed(t *Table) *Table {
	out := t.clone()
	n := c.Place(Name{t.Database, t.Name})
	out.Database, out.Name = n.Database, n.Name
	for i := range out.ForeignKeys {
		f := &out.ForeignKeys[i]
		r := c.Place(Name{f.RefDatabase, f.RefTable})
		f.RefDatabase, f.RefTable = r.Database, r.Name
	}
	return out
}

func (c *Carrying) step(sql string, tables ...Name) []Step {
	s := Step{SQL: sql, Tables: tables}
	if len(tables) > 0 {
		s.Database = tables[0].Database
	}
	return []Step{s}
}

func (c *Carrying) create(s *Statement) ([]Step, error) {
	name := s.Objects[0]
	v := c.version(name)
	words := tokensOf(c.Text)
	switch {
	case s.Select:
		return nil, refuse("it makes a table from a query, whose rows are not in the statement")
	case len(words) > 2 && words[1].is("OR"):
		return nil, refuse("CREATE OR REPLACE TABLE drops the table that is there: drop it first")
	case v == nil || v.Table == nil:
		return nil, refuse("what it makes cannot be told, and the table is not there any more")
	case c.held(name):
		return nil, c.early(name)
	}
	t := c.placed(v.Table)
	if err := c.fit(t); err != nil {
		return nil, err
	}
	target := c.Place(name)
	if v.Vague && c.From == c.To && s.Like.Name == "" {
		return c.step("CREATE TABLE IF NOT EXISTS "+qualified(target.Database, target.Name)+" "+Tail(c.Text), target), nil
	}
	return c.step(t.CreateSQL(PrintOptions{Dialect: c.To}), target), nil
}

// fit refuses a table whose rows nobody can carry.
func (c *Carrying) fit(t *Table) error {
	switch {
	case len(t.Unsupported) > 0:
		return refuse("%s", t.Unsupported[0])
	case t.Keyless() && c.TwoWay:
		return refuse("%s would have neither a primary key nor a unique key of NOT NULL columns", t)
	case t.Keyless() && t.Uncountable() != "":
		return refuse("%s: %s", t, t.Uncountable())
	case t.Engine != "" && !strings.EqualFold(t.Engine, "InnoDB"):
		return refuse("engine %s has no transactions", t.Engine)
	}
	return nil
}

func (c *Carrying) drop(s *Statement) []Step {
	var out []Step
	for _, n := range s.Objects {
		if c.ours(n) {
			t := c.Place(n)
			out = append(out, c.step("DROP TABLE IF EXISTS "+qualified(t.Database, t.Name), t)...)
		}
	}
	return out
}

func (c *Carrying) truncate(s *Statement) ([]Step, error) {
	t := c.Place(s.Objects[0])
	if c.TwoWay {
		return []Step{{Tables: []Name{t}, Empties: true}}, nil
	}
	out := c.step("TRUNCATE TABLE "+qualified(t.Database, t.Name), t)
	out[0].Clears = true
	return out, nil
}

// swapped carries what a schema change tool has made of a table.
func (c *Carrying) swapped(n Name) ([]Step, error) {
	v, old := c.version(n), c.Before(n)
	if v == nil || v.Table == nil || old == nil { // set aside by an earlier statement
		return nil, refuse("what %s.%s was before the schema change tool replaced it is not known", n.Database, n.Name)
	}
	by := *v // name: the tool's table has copies of the rows
	by.Origin = make([]string, len(v.Table.Columns))
	come, stay := 0, 0
	for i := range v.Table.Columns {
		if old.Column(v.Table.Columns[i].Name) < 0 {
			come++
			continue
		}
		by.Origin[i] = v.Table.Columns[i].Name
		stay++
	}
	if come > 0 && stay < len(old.Columns) {
		return nil, refuse("of %s.%s columns go and others come, and it cannot be told which of them are the same under another name", n.Database, n.Name)
	}
	return c.differences(old, &by, n)
}

func (c *Carrying) index(s *Statement) ([]Step, error) {
	n := s.Objects[0]
	v, old := c.version(n), c.Before(n)
	if v == nil || v.Table == nil || old == nil {
		return nil, refuse("what it makes of %s.%s cannot be told", n.Database, n.Name)
	}
	if err := c.change(old, v, []Clause{IndexClause(c.Text)}); err != nil {
		return nil, err
	}
	return c.differences(old, v, n)
}

// differences carries a change by what is different after it.
func (c *Carrying) differences(old *Table, v *Version, n Name) ([]Step, error) {
	if err := c.change(old, v, nil); err != nil {
		return nil, err
	}
	all, err := AlterSQL(c.placed(old), c.placed(v.Table), v.Origin, c.To)
	var out []Step
	for _, sql := range all {
		out = append(out, c.step(sql, c.Place(n))...)
	}
	return out, err
}

func (c *Carrying) alter(s *Statement) ([]Step, error) {
	n := s.Objects[0]
	after := n
	if len(s.Renames) > 0 {
		after = s.Renames[0].To
	}
	if _, ghost := c.ghost(n); ghost && after != n && c.ours(after) {
		return c.swapped(after)
	}
	v, old := c.version(after), c.Before(n)
	if v == nil || v.Table == nil || old == nil {
		return nil, refuse("what it makes of %s.%s cannot be told", n.Database, n.Name)
	}
	parts := Clauses(c.Text, old)
	if err := c.change(old, v, parts); err != nil {
		return nil, err
	}
	target := c.Place(n)
	tables := []Name{target}
	if after != n {
		if err := c.renamed(n, after); err != nil {
			return nil, err
		}
		tables = append(tables, c.Place(after))
	}
	if c.From != c.To {
		if slices.ContainsFunc(parts, func(p Clause) bool { return p.partition() }) || after != n {
			return nil, refuse("partitions and names are not carried between %s and %s", c.From, c.To)
		}
		return c.differences(old, v, n)
	}
	out := c.step("ALTER TABLE "+qualified(target.Database, target.Name)+" "+Tail(c.Text), tables...)
	out[0].Database = c.Place(Name{c.Database, n.Name}).Database // what the text names without a database
	if c.Database == "" {
		out[0].Database = target.Database
	}
	out[0].Clears = slices.ContainsFunc(parts, func(p Clause) bool { return p.Action == DropPart || p.Action == TruncatePart })
	return out, nil
}

func (c *Clause) partition() bool {
	switch c.Action {
	case AddPart, DropPart, TruncatePart, ExchangePart, OtherPart:
		return true
	}
	return false
}

func (c *Carrying) createDatabase(s *Statement) ([]Step, error) {
	if len(s.Objects) == 0 {
		return nil, refuse("it names no database")
	}
	r := &clauseReader{tokens: tokensOf(c.Text)}
	for !r.done() && !r.accept("DATABASE", "SCHEMA") {
		r.at++
	}
	r.maybe()
	r.name()
	if c.From != c.To {
		return []Step{{SQL: "CREATE DATABASE IF NOT EXISTS " + Ident(s.Objects[0].Database)}}, nil
	}
	return []Step{{SQL: "CREATE DATABASE IF NOT EXISTS " + Ident(s.Objects[0].Database) + " " + c.Text[r.end(c.Text):]}}, nil
}

// view carries a view's text, without the name of who owns it: he may not exist
// at the target.
func (c *Carrying) view(s *Statement) ([]Step, error) {
	database := c.Place(Name{c.Database, ""}).Database
	if s.Verb == DropView {
		var out []Step
		for _, n := range s.Objects {
			if c.ours(n) {
				out = append(out, Step{SQL: "DROP VIEW IF EXISTS " + qualified(n.Database, n.Name), Database: database})
			}
		}
		return out, nil
	}
	if c.From != c.To {
		return nil, refuse("views are not carried between %s and %s", c.From, c.To)
	}
	security := ""
	r := &clauseReader{tokens: tokensOf(c.Text)}
	for !r.done() && !r.accept("VIEW") {
		switch {
		case r.tok().is("MATERIALIZED"):
			return nil, refuse("materialized views are not carried: each site makes its own")
		case r.tok().is("SECURITY") && r.at+1 < len(r.tokens):
			security = "SQL SECURITY " + r.tokens[r.at+1].text + " "
		}
		r.at++
	}
	r.maybe()
	return []Step{{SQL: "CREATE OR REPLACE " + security + "VIEW " + c.Text[r.end(c.Text):], Database: database}}, nil
}

// Visible reports whether the target's tables show by their columns and keys
// that the statement was run.
func (c *Carrying) Visible() bool {
	shown := false
	for i := range c.Versions {
		v := &c.Versions[i]
		if old := c.Before(v.Name); v.Table != nil && c.Match(v.Name) {
			shown = shown || old == nil || !SameShape(old, v.Table)
		}
	}
	return shown
}

// Redefines reports whether rows of some table are laid out, told apart or kept
// out otherwise after the statement.
func (c *Carrying) Redefines() bool {
	for i := range c.Versions {
		v := &c.Versions[i]
		old := c.Before(v.Name)
		if !c.Match(v.Name) || old == nil && v.Table == nil {
			continue
		}
		if old == nil || v.Table == nil || v.Renamed() || !SameRows(old, v.Table) || !SameShape(old, v.Table) || len(old.ForeignKeys) != len(v.Table.ForeignKeys) {
			return true
		}
	}
	return false
}
