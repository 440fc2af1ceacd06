package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Version is what a statement makes of a table.
type Version struct {
	Name  Name
	Was   Name   // its name before, with its rows; zero: it begins here, or ends
	Table *Table // nil: there is no such table from here on
	// Origin has for each column its name before the statement; empty where rows
	// that were there got the column's default.
	Origin []string
	// Vague says that Table has rows as they are laid out, and perhaps not all
	// else that a catalogue would tell.
	Vague bool
	// Carried is, of what the peer's link has made here, the place in the peer's log
	// behind the statement that it followed; 0: a statement of the site's own.
	Carried uint64 `json:",omitempty"`
}

// A Placed is a version with its place in a site's log.
type Placed struct {
	From uint64 // seq of the site's first local transaction whose rows are so
	Version
}

// Tables finds tables as they are before a statement; nil is none.
type Tables func(Name) *Table

// ErrUnclear says that what a statement makes of a table cannot be told from
// its text.
var ErrUnclear = errors.New("what the statement makes of the table cannot be told from its text")

// Evolve says what a statement makes of tables; nothing where it changes no
// definition of a table. inherit gives what new tables of a database inherit.
func Evolve(text, defaultDatabase string, before Tables, inherit func(database string) Database, d Dialect) ([]Version, error) {
	s := Classify(text, defaultDatabase)
	switch {
	case s.Temporary:
		return nil, nil
	case s.Verb == CreateTable:
		return evolveCreate(text, &s, before, inherit, d)
	case s.Verb == DropTable, s.Verb == Recycle:
		if s.Verb == Recycle {
			return nil, ErrUnclear
		}
		var out []Version
		for _, n := range s.Objects {
			out = append(out, Version{Name: n})
		}
		return out, nil
	case s.Verb == RenameTable:
		return evolveRename(s.Renames, before)
	case s.Verb == AlterTable && len(s.Objects) > 0:
		return evolveAlter(text, &s, before)
	case s.Verb == CreateIndex, s.Verb == DropIndex:
		return evolveIndex(text, &s, before)
	case s.Verb == DropDatabase, s.Verb == Other:
		return nil, ErrUnclear
	}
	return nil, nil
}

func columnNames(t *Table) []string {
	out := make([]string, len(t.Columns))
	for i := range t.Columns {
		out[i] = t.Columns[i].Name
	}
	return out
}

// clone shares nothing with t that is changed here.
func (t *Table) clone() *Table {
	out := *t
	out.Columns, out.Keys = slices.Clone(t.Columns), slices.Clone(t.Keys)
	for i := range out.Keys {
		out.Keys[i].Parts = slices.Clone(out.Keys[i].Parts)
	}
	out.ForeignKeys, out.Checks = slices.Clone(t.ForeignKeys), slices.Clone(t.Checks)
	out.Unsupported = slices.Clone(t.Unsupported)
	return &out
}

// evolveCreate reads a CREATE TABLE.
func evolveCreate(text string, s *Statement, before Tables, inherit func(string) Database, d Dialect) ([]Version, error) {
	if len(s.Objects) == 0 {
		return nil, ErrUnclear
	}
	name := s.Objects[0]
	if before(name) != nil && ifNotExists(text) {
		return nil, nil
	}
	if s.Like.Name != "" {
		t := before(s.Like)
		if t == nil {
			return nil, fmt.Errorf("%w: %s.%s is not known", ErrUnclear, s.Like.Database, s.Like.Name)
		}
		t = t.clone()
		t.Database, t.Name, t.ForeignKeys = name.Database, name.Name, nil
		return []Version{{Name: name, Table: t}}, nil
	}
	body, rest := behindName(text)
	if body == nil || s.Select {
		return nil, ErrUnclear
	}
	db := inherit(name.Database)
	e := &evolution{now: &Table{Dialect: d, Database: name.Database, Name: name.Name, Charset: db.Charset, Collation: db.Collation}}
	if d != OceanBase {
		e.now.Engine = "InnoDB"
	}
	options := clauses(rest, e.now)
	for i := range options { // before the columns, which inherit from them
		if err := e.clause(&options[i]); err != nil {
			return nil, err
		}
	}
	for _, line := range split(body, ',') {
		c := lineOf(line, e.now)
		if err := e.clause(&c); err != nil {
			return nil, err
		}
	}
	e.sortKeys()
	return []Version{{Name: name, Table: e.now, Vague: e.vague}}, nil
}

func ifNotExists(text string) bool {
	r := &clauseReader{tokens: tokensOf(text)}
	for !r.done() && !r.accept("TABLE") {
		r.at++
	}
	return r.maybe()
}

// behindName gives the lines of a CREATE TABLE, and what follows them.
func behindName(text string) (body []token, rest string) {
	r := &clauseReader{tokens: tokensOf(text)}
	for !r.done() && !r.tok().punct('(') {
		r.at++
	}
	body = r.brackets()
	return body, text[r.end(text):]
}

// end is where in the text the current token begins.
func (r *clauseReader) end(text string) int {
	if r.done() {
		return len(text)
	}
	return r.tok().at
}

// Tail gives what stands behind the table's name in an ALTER TABLE.
func Tail(text string) string {
	r := &clauseReader{tokens: tokensOf(text)}
	for !r.done() && !r.accept("TABLE") {
		r.at++
	}
	r.maybe()
	r.name()
	if r.punct('.') {
		r.name()
	}
	return text[r.end(text):]
}

// Clauses takes an ALTER TABLE apart. t is the table before it.
func Clauses(text string, t *Table) []Clause { return clauses(Tail(text), t) }

func evolveAlter(text string, s *Statement, before Tables) ([]Version, error) {
	old := before(s.Objects[0])
	if old == nil {
		return nil, fmt.Errorf("%w: there is no %s.%s", ErrUnclear, s.Objects[0].Database, s.Objects[0].Name)
	}
	e := &evolution{now: old.clone(), origin: columnNames(old)}
	for _, c := range Clauses(text, old) {
		if err := e.clause(&c); err != nil {
			return nil, err
		}
	}
	e.sortKeys()
	v := Version{Name: s.Objects[0], Was: s.Objects[0], Table: e.now, Origin: e.origin, Vague: e.vague}
	if len(s.Renames) == 0 {
		return []Version{v}, nil
	}
	v.Name = s.Renames[0].To
	v.Table.Database, v.Table.Name = v.Name.Database, v.Name.Name
	return []Version{{Name: s.Objects[0]}, v}, nil
}

// evolveIndex reads CREATE INDEX and DROP INDEX.
func evolveIndex(text string, s *Statement, before Tables) ([]Version, error) {
	if len(s.Objects) == 0 {
		return nil, ErrUnclear
	}
	old := before(s.Objects[0])
	if old == nil {
		return nil, fmt.Errorf("%w: there is no %s.%s", ErrUnclear, s.Objects[0].Database, s.Objects[0].Name)
	}
	c := IndexClause(text)
	e := &evolution{now: old.clone(), origin: columnNames(old)}
	if err := e.clause(&c); err != nil {
		return nil, err
	}
	e.sortKeys()
	return []Version{{Name: s.Objects[0], Was: s.Objects[0], Table: e.now, Origin: e.origin, Vague: e.vague}}, nil
}

// IndexClause gives CREATE INDEX and DROP INDEX as the clause of an ALTER TABLE.
func IndexClause(text string) Clause {
	r := &clauseReader{tokens: tokensOf(text)}
	drop := r.tok().is("DROP")
	kind := Plain
	for !r.done() && !r.accept("INDEX") {
		switch {
		case r.tok().is("UNIQUE"):
			kind = Unique
		case r.tok().is("FULLTEXT"):
			kind = Fulltext
		case r.tok().is("SPATIAL"):
			kind = Spatial
		}
		r.at++
	}
	maybe := r.maybe()
	c := Clause{Action: DropKey, Name: r.name(), Maybe: maybe}
	if drop {
		return c
	}
	name := c.Name
	for !r.done() && !r.accept("ON") {
		c.Vague = true
		r.at++
	}
	r.name()
	if r.punct('.') {
		r.name()
	}
	vague := c.Vague
	c = r.key(kind, name)
	c.Maybe, c.Vague = maybe, c.Vague || vague
	return c
}

// An evolution is a table while clauses change it.
type evolution struct {
	now    *Table
	origin []string
	vague  bool
}

func (e *evolution) unclear(c *Clause) error {
	return fmt.Errorf("%w: %s %s", ErrUnclear, c.Action, strings.Join(append(c.Words, c.Name), " "))
}

// clause takes in one clause.
func (e *evolution) clause(c *Clause) error {
	e.vague = e.vague || c.Vague
	if c.Lost {
		return e.unclear(c)
	}
	switch c.Action {
	case AddColumn, ModifyColumn, DropColumn, RenameColumn, SetDefault:
		return e.column(c)
	case AddKey:
		e.addKey(c.Key)
	case DropKey, DropPrimary, DropCheck:
		e.dropKey(c)
	case RenameKey:
		if i := e.now.key(c.Name); i >= 0 {
			e.now.Keys[i].Name = c.To
		}
	case AddForeignKey:
		e.now.ForeignKeys = append(e.now.ForeignKeys, *c.fk)
	case DropForeignKey:
		e.now.ForeignKeys = slices.DeleteFunc(e.now.ForeignKeys, func(f ForeignKey) bool { return strings.EqualFold(f.Name, c.Name) })
	case AddCheck:
		e.now.Checks = append(e.now.Checks, *c.check)
	case Option:
		e.option(c)
	case ExchangePart, Unknown, Convert:
		return e.unclear(c)
	}
	return nil
}

func (e *evolution) option(c *Clause) {
	switch c.Name {
	case "COMMENT":
		e.now.Comment = c.To
	case "ENGINE":
		e.now.Engine = c.To
	case "CHARSET":
		if normalCharset(c.To) != normalCharset(e.now.Charset) { // its default collation only the server knows
			e.now.Charset, e.now.Collation, e.vague = c.To, "", true
		}
	case "COLLATE":
		e.now.Collation = c.To
		charset, _, _ := strings.Cut(c.To, "_")
		if normalCharset(charset) != normalCharset(e.now.Charset) {
			e.now.Charset = charset
		}
	case "AUTO_INCREMENT":
	default:
		e.vague = true
	}
}
