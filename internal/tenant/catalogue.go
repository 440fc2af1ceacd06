package tenant

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"duplex/internal/change"
	"duplex/internal/schema"
)

// ErrNoTable says that a tenant has no base table of the name.
var ErrNoTable = errors.New("no such table")

// Match says whether a table is wanted.
type Match func(database, table string) bool

// system reports whether a database belongs to the server or to us.
func system(database string) bool {
	switch strings.ToLower(database) {
	case "information_schema", "mysql", "performance_schema", "sys", "ndbinfo", "oceanbase", "sys_external_tbs",
		"__public", "__recyclebin", "lbacsys", "oraauditor", change.Database:
		return true
	}
	return false
}

// internalTable reports whether a table of a user's database is the server's
// own: in the recycle bin, behind a materialized view, or its log.
func internalTable(name string) bool {
	return strings.HasPrefix(name, "__recycle_$_") || strings.HasPrefix(name, "__mv_container_") ||
		strings.HasPrefix(name, "mlog$_") || strings.HasPrefix(name, "#sql")
}

// Tables reads the definitions of all base tables that match, sorted by name.
// It asks each view of information_schema once for each database that has one,
// and more only for what no view tells.
func (t *Tenant) Tables(ctx context.Context, match Match) ([]*schema.Table, error) {
	var out []*schema.Table
	err := t.reading(ctx, func(c *catalogue) error {
		databases, err := c.databases(ctx, match)
		if err != nil {
			return err
		}
		for _, database := range databases {
			tables, err := c.tables(ctx, database, "", match)
			if err != nil {
				return err
			}
			out = append(out, tables...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("site %s: read the catalogue: %w", t.Site, err)
	}
	return out, nil
}

// Table reads the definition of one base table, system databases included. It
// gives ErrNoTable if there is none. Where the server's names are case
// insensitive, so is the search.
func (t *Tenant) Table(ctx context.Context, database, name string) (*schema.Table, error) {
	var found *schema.Table
	err := t.reading(ctx, func(c *catalogue) error {
		tables, err := c.tables(ctx, database, name, func(d, n string) bool {
			return d == database && n == name || t.LowerCase != 0 && strings.EqualFold(d, database) && strings.EqualFold(n, name)
		})
		if err == nil && len(tables) == 0 {
			err = ErrNoTable
		}
		if err == nil {
			found = tables[0]
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("site %s: read the definition of %s.%s: %w", t.Site, database, name, err)
	}
	return found, nil
}

// catalogue reads information_schema over one session.
type catalogue struct {
	t       *Tenant
	s       *Session
	columns map[string]bool // "view.column", lower case, of the views that differ between servers

	charsets map[string]string // of each collation; filled when it is first needed
}

// reading gives fn a catalogue whose session ends with it.
func (t *Tenant) reading(ctx context.Context, fn func(c *catalogue) error) (err error) {
	s, err := t.Session(ctx, Read, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	c := &catalogue{t: t, s: s, columns: map[string]bool{}}
	err = c.each(ctx, `SELECT table_name, column_name FROM information_schema.columns
		WHERE table_schema = 'information_schema'
		AND table_name IN ('COLUMNS', 'STATISTICS', 'PARTITIONS', 'TABLE_CONSTRAINTS', 'CHECK_CONSTRAINTS')`,
		nil, func(f []sql.NullString) error {
			c.columns[strings.ToLower(f[0].String+"."+f[1].String)] = true
			return nil
		})
	if err != nil {
		return fmt.Errorf("views of the catalogue: %w", err)
	}
	return fn(c)
}

// column is the SELECT expression of a column that not every server has.
func (c *catalogue) column(view, column string) string {
	if c.columns[view+"."+column] {
		return column
	}
	return "NULL"
}

// each calls fn with the fields of each row; fn keeps strings, not the slice.
func (c *catalogue) each(ctx context.Context, query string, args []any, fn func(f []sql.NullString) error) error {
	rows, err := c.s.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	fields := make([]sql.NullString, len(names))
	into := make([]any, len(names))
	for i := range fields {
		into[i] = &fields[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if err := fn(fields); err != nil {
			return err
		}
	}
	return rows.Err()
}

// databases lists those with a table or view that matches, sorted.
func (c *catalogue) databases(ctx context.Context, match Match) ([]string, error) {
	found := map[string]bool{}
	err := c.each(ctx, "SELECT table_schema, table_name FROM information_schema.tables", nil, func(f []sql.NullString) error {
		if d, n := f[0].String, f[1].String; !found[d] && !system(d) && match(d, n) {
			found[d] = true
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("names of tables: %w", err)
	}
	out := make([]string, 0, len(found))
	for d := range found {
		out = append(out, d)
	}
	slices.Sort(out)
	return out, nil
}

// within is the WHERE clause, with its arguments, that keeps a query to one
// database and, unless name is empty, to one table.
func within(database, name string) (string, []any) {
	if name == "" {
		return " WHERE table_schema = ?", []any{database}
	}
	return " WHERE table_schema = ? AND table_name = ?", []any{database, name}
}

// The bounds of reading tables that do not fit together.
const (
	tornTries = 30
	tornSame  = 3 // a table that is made and dropped in turn may look the same twice
)

// tables reads the tables of one database, or only one, that match. Its
// questions see the catalogue one after the other. A table that changes or goes
// between two of them may come out as none that ever was: what looks so is read
// until it comes out the same some times, and its statement, which the server
// makes at one moment, has to tell the same.
func (c *catalogue) tables(ctx context.Context, database, name string, match Match) ([]*schema.Table, error) {
	var before []*schema.Table
	same := 0
	for range tornTries {
		out, err := c.read(ctx, database, name, match)
		if err != nil && Classify(err) != Schema { // that says that a table of the list is gone
			return nil, err
		}
		if same++; err != nil || !reflect.DeepEqual(out, before) {
			same = 1
		}
		whole := err == nil && !slices.ContainsFunc(out, torn)
		if err == nil && !whole && same >= tornSame {
			if whole, err = c.confirmed(ctx, out); err != nil && Classify(err) != Schema {
				return nil, err
			}
		}
		if whole {
			return out, nil
		}
		before = out
	}
	return nil, fmt.Errorf("tables of %s: %w", database, errTorn)
}

var errTorn = errors.New("definitions change all the time")

// torn reports whether a table may have been read in part before and in part
// behind a change.
func torn(t *schema.Table) bool {
	return len(t.Columns) == 0 || len(t.Keys) == 0 || len(absent(t)) > 0
}

// absent lists the columns that a table's keys name and that it does not have.
func absent(t *schema.Table) (names []string) {
	add := func(name string) {
		if name != "" && t.Column(name) < 0 {
			names = append(names, name)
		}
	}
	for i := range t.Keys {
		for _, p := range t.Keys[i].Parts {
			add(p.Column)
		}
	}
	for i := range t.ForeignKeys {
		for _, name := range t.ForeignKeys[i].Columns {
			add(name)
		}
	}
	return names
}

// read is tables, read once.
func (c *catalogue) read(ctx context.Context, database, name string, match Match) ([]*schema.Table, error) {
	byName := map[string]*schema.Table{}
	steps := []struct {
		what string
		read func(ctx context.Context, database, name string, tables map[string]*schema.Table) error
	}{
		{"columns", c.readColumns},
		{"keys", c.readKeys},
		{"foreign keys", c.readForeignKeys},
		{"checks", c.readChecks},
		{"partitions", c.readPartitions},
		{"statements", c.readStatements},
	}
	if err := c.readTables(ctx, database, name, match, byName); err != nil {
		return nil, fmt.Errorf("tables of %s: %w", database, err)
	}
	if len(byName) == 0 {
		return nil, nil
	}
	for _, s := range steps {
		if err := s.read(ctx, database, name, byName); err != nil {
			return nil, fmt.Errorf("%s of %s: %w", s.what, database, err)
		}
	}
	out := make([]*schema.Table, 0, len(byName))
	for _, table := range byName {
		sortKeys(table)
		table.Unsupported = append(table.Unsupported, unorderedKey(table)...)
		out = append(out, table)
	}
	slices.SortFunc(out, func(a, b *schema.Table) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func sortKeys(t *schema.Table) {
	rank := func(k schema.Key) int {
		switch k.Kind {
		case schema.Primary:
			return 0
		case schema.Unique:
			return 1
		}
		return 2
	}
	slices.SortFunc(t.Keys, func(a, b schema.Key) int {
		return cmp.Or(rank(a)-rank(b), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(t.ForeignKeys, func(a, b schema.ForeignKey) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(t.Checks, func(a, b schema.Check) int { return strings.Compare(a.Name, b.Name) })
}

func (c *catalogue) readTables(ctx context.Context, database, name string, match Match, tables map[string]*schema.Table) error {
	where, args := within(database, name)
	if err := c.readCharsets(ctx); err != nil {
		return err
	}
	query := "SELECT table_schema, table_name, table_type, engine, row_format, table_collation, create_options, table_comment " +
		"FROM information_schema.tables" + where
	return c.each(ctx, query, args, func(f []sql.NullString) error {
		d, n, kind := f[0].String, f[1].String, f[2].String
		if kind != "BASE TABLE" && kind != "SYSTEM VERSIONED" || internalTable(n) || !match(d, n) {
			return nil
		}
		table := &schema.Table{
			Dialect: schema.Dialect(c.t.Kind), Database: d, Name: n,
			Collation: f[5].String, Charset: c.charsets[f[5].String], Comment: f[7].String,
		}
		if kind == "SYSTEM VERSIONED" {
			table.Unsupported = append(table.Unsupported, "the table is system versioned")
		}
		if c.t.Kind == OceanBase {
			if r := strings.ToUpper(f[4].String); r != "DYNAMIC" {
				table.RowFormat = r
			}
		} else {
			table.Engine = f[3].String
			table.RowFormat, table.Options = createOptions(f[6].String)
		}
		tables[n] = table
		return nil
	})
}

// createOptions takes CREATE_OPTIONS apart: the row format, and what else goes
// into a CREATE TABLE.
func createOptions(text string) (format, rest string) {
	var keep []string
	for _, o := range strings.Fields(text) {
		key, value, _ := strings.Cut(o, "=")
		switch strings.ToLower(key) {
		case "partitioned":
		case "row_format":
			format = strings.ToUpper(value)
		default:
			keep = append(keep, o)
		}
	}
	return format, strings.Join(keep, " ")
}

// readCharsets maps each collation to its character set, once.
func (c *catalogue) readCharsets(ctx context.Context) error {
	if c.charsets != nil {
		return nil
	}
	c.charsets = map[string]string{}
	return c.each(ctx, "SHOW COLLATION", nil, func(f []sql.NullString) error {
		c.charsets[f[0].String] = f[1].String
		return nil
	})
}
