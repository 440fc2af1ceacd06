package schema

import (
	"regexp"
	"strconv"
	"strings"

	"duplex/internal/change"
)

// PrintOptions say for whom a definition is printed.
type PrintOptions struct {
	Dialect            Dialect // of the server that will read it; empty: the table's own
	WithoutIndexes     bool    // leave out what IndexSQL gives
	WithoutForeignKeys bool    // leave out what ForeignKeySQL gives

	Release     string   // of an OceanBase that will read it, as 4.2.1.8: what is newer is left out; empty: the same as the source's
	TableGroups []string // that there are on an OceanBase; a table is put into no other
}

// printer holds the dialects that a table goes between.
type printer struct {
	t    *Table
	to   Dialect
	same bool
	o    PrintOptions
	b    strings.Builder
}

func (t *Table) printer(o PrintOptions) *printer {
	to := o.Dialect
	if to == "" {
		to = t.Dialect
	}
	return &printer{t: t, to: to, same: to == t.Dialect, o: o}
}

// CreateSQL writes a CREATE TABLE, qualified by the database, for a session
// with the settings of tenant.Session. Names that the server gave to
// constraints are left out. What the other
// dialect cannot say (checks on MySQL 5.6, table options of another server) is
// left out; Diff names it afterwards. The primary key, unique keys and the key
// of an AUTO_INCREMENT column are always part of it.
func (t *Table) CreateSQL(o PrintOptions) string {
	p := t.printer(o)
	p.b.WriteString("CREATE TABLE " + qualified(t.Database, t.Name) + " (")
	var lines []string
	for i := range t.Columns {
		lines = append(lines, p.column(&t.Columns[i]))
	}
	for i := range t.Keys {
		if k := &t.Keys[i]; !o.WithoutIndexes || !p.later(k) {
			lines = append(lines, p.key(k))
		}
	}
	for _, c := range t.Checks {
		if line := p.check(c); line != "" && (c.Column == "" || p.to != MariaDB) {
			lines = append(lines, line)
		}
	}
	if !o.WithoutForeignKeys {
		for _, k := range t.ForeignKeys {
			lines = append(lines, p.foreignKey(k))
		}
	}
	p.b.WriteString("\n  " + strings.Join(lines, ",\n  ") + "\n)")
	p.options()
	return p.b.String()
}

// IndexSQL writes the statements that add the keys which CreateSQL leaves out
// WithoutIndexes. The plain ones share a statement; a full-text or spatial one
// has its own, since servers build one of them at a time, and so has one with
// clauses of OceanBase's: there STORING reaches the keys behind it too.
func (t *Table) IndexSQL(o PrintOptions) []string {
	p := t.printer(o)
	var out, plain []string
	alter := "ALTER TABLE " + qualified(t.Database, t.Name) + " "
	for i := range t.Keys {
		k := &t.Keys[i]
		switch {
		case !p.later(k):
		case k.Kind == Plain && (!p.same || !k.clauses()):
			plain = append(plain, "ADD "+p.key(k))
		default:
			out = append(out, alter+"ADD "+p.key(k))
		}
	}
	if len(plain) > 0 {
		out = append([]string{alter + strings.Join(plain, ", ")}, out...)
	}
	for i := range t.Keys { // OceanBase does not hear it in an ALTER TABLE … ADD
		k := &t.Keys[i]
		if p.same && p.to == OceanBase && p.later(k) && strings.Contains(k.Options, "INVISIBLE") {
			out = append(out, alter+"ALTER INDEX "+Ident(k.Name)+" INVISIBLE")
		}
	}
	return out
}

// ForeignKeySQL writes a statement for each foreign key.
func (t *Table) ForeignKeySQL(o PrintOptions) []string {
	p := t.printer(o)
	var out []string
	for _, k := range t.ForeignKeys {
		out = append(out, "ALTER TABLE "+qualified(t.Database, t.Name)+" ADD "+p.foreignKey(k))
	}
	return out
}

func qualified(database, name string) string { return Ident(database) + "." + Ident(name) }

// later reports whether a key may be made after the data: it guards no value,
// no AUTO_INCREMENT column leans on it, and it is none that OceanBase makes with
// the table only: a multivalued one, and any of a table with a ` in its name.
func (p *printer) later(k *Key) bool {
	if p.to == OceanBase && (k.multivalued() || strings.Contains(p.t.Name, "`")) {
		return false
	}
	return k.Kind != Primary && k.Kind != Unique && k != p.t.counterKey()
}

// counterKey is the key that an AUTO_INCREMENT column needs: the first that
// begins with it, else the first that has it.
func (t *Table) counterKey() *Key {
	var second *Key
	for i := range t.Keys {
		for n, p := range t.Keys[i].Parts {
			if c := t.Column(p.Column); c < 0 || !t.Columns[c].AutoIncrement {
				continue
			}
			if n == 0 {
				return &t.Keys[i]
			}
			if second == nil {
				second = &t.Keys[i]
			}
		}
	}
	return second
}

func (p *printer) column(c *Column) string {
	out := Ident(c.Name) + " " + p.typeOf(c)
	if c.Charset != "" && c.Kind != change.JSON {
		out += " CHARACTER SET " + p.charset(c.Charset) + " COLLATE " + p.charset(c.Collation)
	}
	switch {
	case c.Generated:
		out += " GENERATED ALWAYS AS (" + c.Expression + ")"
		if c.Stored {
			out += " STORED"
		} else {
			out += " VIRTUAL"
		}
		if !c.Nullable && p.to != MariaDB { // which has no such thing
			out += " NOT NULL"
		}
	case !c.Nullable:
		out += " NOT NULL"
	case c.Kind == change.Timestamp: // else NOT NULL on some servers
		out += " NULL"
	}
	if d := p.defaultOf(c); d != "" {
		out += " DEFAULT " + d
	}
	if c.OnUpdate != "" {
		out += " ON UPDATE " + c.OnUpdate
	}
	if c.AutoIncrement {
		out += " AUTO_INCREMENT"
	}
	if c.Invisible && p.same {
		out += " INVISIBLE"
	}
	if c.Comment != "" {
		out += " COMMENT " + Quote(c.Comment)
	}
	if p.to == MariaDB {
		for _, k := range p.t.Checks {
			if k.Column == c.Name {
				out += " CHECK (" + k.Expression + ")"
			}
		}
	}
	return out
}

func (p *printer) typeOf(c *Column) string {
	if p.same {
		return c.Type
	}
	text := c.Type
	if c.Kind != change.Enum && c.Kind != change.Set {
		text = strings.TrimSuffix(text, " compressed")
	}
	if c.Kind == change.Geometry {
		text, _, _ = strings.Cut(text, " srid ")
	}
	switch {
	case c.Kind == change.JSON && p.to == MySQL: // 5.6 has none
		return "longtext"
	case text == "geomcollection":
		return "geometrycollection"
	}
	return text
}

// defaultOf is the DEFAULT of a column, empty if it needs none.
func (p *printer) defaultOf(c *Column) string {
	if c.Default == nil || c.Generated {
		return ""
	}
	d := *c.Default
	if d == "NULL" {
		if c.Kind == change.Timestamp {
			return d
		}
		return ""
	}
	if p.to == MariaDB || p.same {
		return d
	}
	if literal(d) {
		switch ParseType(c.Type, p.t.Dialect).Name {
		case "tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob", "json":
			return "" // not allowed there
		}
		return d
	}
	if !strings.HasPrefix(d, "(") && !now(d) {
		d = "(" + d + ")"
	}
	return d
}

// literal reports whether a default is a constant.
func literal(d string) bool {
	return d == "NULL" || strings.ContainsRune("'-.0123456789", rune(d[0])) ||
		len(d) > 1 && strings.ContainsRune("bBxX", rune(d[0])) && d[1] == '\''
}

func now(d string) bool {
	return len(d) >= 17 && strings.EqualFold(d[:17], "current_timestamp")
}

// charset translates the name of a character set or collation: what MariaDB
// calls utf8mb3 is utf8 elsewhere.
func (p *printer) charset(name string) string {
	name = normalCharset(name)
	if p.to == MariaDB && (name == "utf8" || strings.HasPrefix(name, "utf8_")) {
		return "utf8mb3" + name[len("utf8"):]
	}
	return name
}

func (p *printer) key(k *Key) string {
	parts := make([]string, 0, len(k.Parts))
	for _, part := range k.Parts {
		parts = append(parts, part.sql())
	}
	columns := " (" + strings.Join(parts, ", ") + ")"
	var out string
	switch k.Kind {
	case Primary:
		out = "PRIMARY KEY" + columns
	case Unique:
		out = "UNIQUE KEY " + Ident(k.Name) + columns
	case Fulltext:
		out = "FULLTEXT KEY " + Ident(k.Name) + columns
	case Spatial:
		out = "SPATIAL KEY " + Ident(k.Name) + columns
	default:
		out = "KEY " + Ident(k.Name) + columns
	}
	if k.Options != "" && p.same {
		out += " " + k.Options
	}
	if k.Comment != "" {
		out += " COMMENT " + Quote(k.Comment)
	}
	if k.Partition != nil && p.same {
		out += " " + k.Partition.SQL(p.to)
	}
	return out + p.columnGroup(k.ColumnGroup)
}

func (p KeyPart) sql() string {
	out := Ident(p.Column)
	if p.Expression != "" {
		out = p.Expression
		if !strings.HasPrefix(out, "(") || !strings.HasSuffix(out, ")") {
			out = "(" + out + ")"
		}
	}
	if p.Prefix > 0 {
		out += "(" + strconv.Itoa(p.Prefix) + ")"
	}
	if p.Descending {
		out += " DESC"
	}
	return out
}

func (p *printer) check(c Check) string {
	if p.to == MySQL {
		return ""
	}
	out := "CHECK (" + c.Expression + ")"
	if c.Name != "" && !givenName(c.Name) {
		out = "CONSTRAINT " + Ident(c.Name) + " " + out
	}
	if c.Ignored {
		if p.to == MariaDB { // which would enforce it
			return ""
		}
		out += " NOT ENFORCED"
	}
	return out
}

var numberedName = regexp.MustCompile(`^(CONSTRAINT_\d+|.*_(ibfk|chk|OBCHECK|OBFK)_\d+)$`)

// givenName reports whether a constraint's name is one that servers give.
func givenName(name string) bool { return numberedName.MatchString(name) }

func (p *printer) foreignKey(k ForeignKey) string {
	out := "FOREIGN KEY (" + idents(k.Columns) + ") REFERENCES " + qualified(k.RefDatabase, k.RefTable) + " (" + idents(k.RefColumns) + ")"
	if !givenName(k.Name) {
		out = "CONSTRAINT " + Ident(k.Name) + " " + out
	}
	if k.OnDelete != "" {
		out += " ON DELETE " + k.OnDelete
	}
	if k.OnUpdate != "" {
		out += " ON UPDATE " + k.OnUpdate
	}
	return out
}

func idents(names []string) string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		out = append(out, Ident(n))
	}
	return strings.Join(out, ", ")
}

// options writes what stands behind the brackets.
func (p *printer) options() {
	t := p.t
	if t.Engine != "" && p.to != OceanBase {
		p.b.WriteString(" ENGINE=" + t.Engine)
	}
	if t.Charset != "" {
		p.b.WriteString(" DEFAULT CHARSET=" + p.charset(t.Charset) + " COLLATE=" + p.charset(t.Collation))
	}
	if t.RowFormat != "" && (p.same || p.to != OceanBase && t.Dialect != OceanBase) {
		p.b.WriteString(" ROW_FORMAT=" + t.RowFormat)
	}
	p.storage()
	if t.Options != "" && p.same {
		p.b.WriteString(" " + t.Options)
	}
	if t.Comment != "" {
		p.b.WriteString(" COMMENT=" + Quote(t.Comment))
	}
	if t.Partition != nil {
		p.b.WriteString(" " + t.Partition.SQL(p.to))
	}
	p.b.WriteString(p.columnGroup(t.Storage.ColumnGroup))
}
