package schema

import (
	"slices"
	"strconv"
	"strings"
)

// A Difference is one thing in which two definitions differ.
type Difference struct {
	Object  string // table, column price, primary key, key by_name, foreign key (a), check, partitions
	What    string // missing, type, collation, …
	A, B    string // what either side has, as people read it; empty: nothing
	Serious bool   // rows of one side may not fit, or not mean the same, on the other
}

// String is one line for people.
func (d Difference) String() string {
	side := func(s string) string {
		if s == "" {
			return "nothing"
		}
		return s
	}
	return d.Object + ": " + d.What + ": " + side(d.A) + " and " + side(d.B)
}

// comparison collects the differences of two tables.
type comparison struct {
	a, b  *Table
	loose bool // of different dialects
	out   []Difference
}

// Diff compares two definitions by what they mean, not by how their servers
// print them: names of the tables, display widths, names given by servers and
// the next AUTO_INCREMENT value do not count. Columns come first, in a's order,
// then keys, foreign keys, checks, partitions, the table.
func Diff(a, b *Table) []Difference {
	c := &comparison{a: a, b: b, loose: a.Dialect != b.Dialect}
	c.columns()
	c.keys()
	c.foreignKeys()
	c.checks()
	c.table()
	return c.out
}

// differ notes a difference if the normal forms are not the same.
func (c *comparison) differ(object, what, a, b string, serious bool) {
	if a != b {
		c.out = append(c.out, Difference{object, what, a, b, serious})
	}
}

func (c *comparison) columns() {
	var common []string
	for i := range c.a.Columns {
		x := &c.a.Columns[i]
		j := c.b.Column(x.Name)
		if j < 0 {
			c.differ("column "+x.Name, "missing", x.Type, "", true)
			continue
		}
		common = append(common, x.Name)
		c.column(x, &c.b.Columns[j])
	}
	var order []string
	for i := range c.b.Columns {
		x := &c.b.Columns[i]
		if c.a.Column(x.Name) < 0 {
			c.differ("column "+x.Name, "missing", "", x.Type, true)
		} else {
			order = append(order, x.Name)
		}
	}
	c.differ("table", "order of columns", strings.Join(common, ", "), strings.Join(order, ", "), true)
}

func (c *comparison) column(x, y *Column) {
	object := "column " + x.Name
	tx, ty := ParseType(x.Type, MySQL), ParseType(y.Type, MySQL) // labels are in that form already
	if tx.Normal() != ty.Normal() {
		c.differ(object, "type", x.Type, y.Type, true)
	}
	if tx.Zerofill != ty.Zerofill {
		c.differ(object, "display", x.Type, y.Type, false)
	}
	c.differ(object, "character set", normalCharset(x.Charset), normalCharset(y.Charset), !c.widened(x.Charset, y.Charset))
	c.differ(object, "collation", normalCharset(x.Collation), normalCharset(y.Collation), !c.widened(x.Collation, y.Collation))
	c.differ(object, "null", nullText(x), nullText(y), !x.Generated)
	c.generated(object, x, y)
	if normalDefault(x) != normalDefault(y) && !c.sameExpression(defaultText(x), defaultText(y)) {
		c.differ(object, "default", defaultText(x), defaultText(y), false)
	}
	c.differ(object, "on update", normalNow(x.OnUpdate), normalNow(y.OnUpdate), false)
	c.differ(object, "auto_increment", yes(x.AutoIncrement), yes(y.AutoIncrement), false)
	c.differ(object, "invisible", yes(x.Invisible), yes(y.Invisible), false)
	c.differ(object, "comment", x.Comment, y.Comment, false)
}

// widened reports whether y is what OceanBase makes of character set or
// collation x: it has utf8mb4 under the name utf8, and takes all that utf8 has.
func (c *comparison) widened(x, y string) bool {
	rest, ok := strings.CutPrefix(normalCharset(x), "utf8")
	return ok && c.b.Dialect == OceanBase && normalCharset(y) == "utf8mb4"+rest
}

func (c *comparison) generated(object string, x, y *Column) {
	if x.Generated != y.Generated || !c.sameExpression(x.Expression, y.Expression) {
		c.differ(object, "generated", x.Expression, y.Expression, true)
	}
	if x.Generated && y.Generated {
		c.differ(object, "stored", yes(x.Stored), yes(y.Stored), false)
	}
}

func (c *comparison) sameExpression(x, y string) bool {
	return normalExpression(x, c.loose) == normalExpression(y, c.loose)
}

func nullText(c *Column) string {
	if c.Nullable {
		return "NULL"
	}
	return "NOT NULL"
}

func defaultText(c *Column) string {
	if c.Default == nil {
		return ""
	}
	return *c.Default
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// text writes a key for people; two keys of the same text are the same.
func (k *Key) text() string {
	parts := make([]string, 0, len(k.Parts))
	for _, p := range k.Parts {
		s := p.Column
		if p.Expression != "" {
			s = normalExpression(p.Expression, false)
		}
		if p.Prefix > 0 {
			s += "(" + strconv.Itoa(p.Prefix) + ")"
		}
		if p.Descending {
			s += " desc"
		}
		parts = append(parts, s)
	}
	return string(k.Kind) + " (" + strings.Join(parts, ", ") + ")"
}

// keys pairs keys by name, then those that are left by what they are.
func (c *comparison) keys() {
	left := make([]*Key, 0, len(c.b.Keys))
	for i := range c.b.Keys {
		left = append(left, &c.b.Keys[i])
	}
	take := func(match func(k *Key) bool) *Key {
		i := slices.IndexFunc(left, match)
		if i < 0 {
			return nil
		}
		k := left[i]
		left = slices.Delete(left, i, i+1)
		return k
	}
	var alone []*Key
	for i := range c.a.Keys {
		x := &c.a.Keys[i]
		if y := take(func(k *Key) bool { return strings.EqualFold(k.Name, x.Name) }); y != nil {
			c.key(x, y)
		} else {
			alone = append(alone, x)
		}
	}
	for _, x := range alone {
		if y := take(func(k *Key) bool { return k.text() == x.text() }); y != nil {
			c.differ(x.object(), "name", x.Name, y.Name, false)
			c.key(x, y)
		} else if !c.implied(c.a, x) {
			c.differ(x.object(), "missing", x.text(), "", x.guards())
		}
	}
	for _, y := range left {
		if !c.implied(c.b, y) {
			c.differ(y.object(), "missing", "", y.text(), y.guards())
		}
	}
}

// implied reports whether a key is one that servers of one dialect, and not
// those of the other, make for a foreign key.
func (c *comparison) implied(t *Table, k *Key) bool {
	return c.loose && k.Kind == Plain && slices.ContainsFunc(t.ForeignKeys, func(f ForeignKey) bool {
		return slices.EqualFunc(k.Parts, f.Columns, func(p KeyPart, column string) bool {
			return p.Column == column && p.Prefix == 0
		})
	})
}

// guards reports whether a key keeps rows out.
func (k *Key) guards() bool { return k.Kind == Primary || k.Kind == Unique }

func (k *Key) object() string {
	if k.Kind == Primary {
		return "primary key"
	}
	return "key " + k.Name
}

func (c *comparison) key(x, y *Key) {
	c.differ(x.object(), "definition", x.text(), y.text(), x.guards() || y.guards())
	if !c.loose {
		c.differ(x.object(), "options", x.Options, y.Options, false)
		if x.Partition.spread() != y.Partition.spread() {
			c.differ(x.object(), "partitions", x.Partition.text(), y.Partition.text(), false)
		}
		c.differ(x.object(), "column group", x.ColumnGroup, y.ColumnGroup, false)
	}
	c.differ(x.object(), "comment", x.Comment, y.Comment, false)
}

// setDiff notes the texts that only one side has.
func (c *comparison) setDiff(object string, a, b []string) {
	for _, x := range a {
		if i := slices.Index(b, x); i >= 0 {
			b = slices.Delete(slices.Clone(b), i, i+1)
			continue
		}
		c.differ(object, "missing", x, "", true)
	}
	for _, y := range b {
		c.differ(object, "missing", "", y, true)
	}
}

func (c *comparison) foreignKeys() {
	texts := func(t *Table) []string {
		out := make([]string, 0, len(t.ForeignKeys))
		for _, k := range t.ForeignKeys {
			ref := k.RefTable
			if k.RefDatabase != t.Database {
				ref = k.RefDatabase + "." + ref
			}
			out = append(out, "("+strings.Join(k.Columns, ", ")+") to "+ref+" ("+strings.Join(k.RefColumns, ", ")+
				") on delete "+normalRule(k.OnDelete)+" on update "+normalRule(k.OnUpdate))
		}
		return out
	}
	c.setDiff("foreign key", texts(c.a), texts(c.b))
}

func (c *comparison) checks() {
	texts := func(t *Table) []string {
		out := make([]string, 0, len(t.Checks))
		for _, k := range t.Checks {
			text := normalExpression(k.Expression, c.loose)
			switch {
			case !k.Ignored:
				out = append(out, text)
			case !c.loose:
				out = append(out, text+" not enforced")
			}
		}
		return out
	}
	c.setDiff("check", texts(c.a), texts(c.b))
}

func (c *comparison) table() {
	a, b := c.a.Partition, c.b.Partition
	if normalExpression(a.spread(), c.loose) != normalExpression(b.spread(), c.loose) {
		c.differ("partitions", "definition", a.text(), b.text(), a.bounded() || b.bounded())
	}
	if c.a.Engine != "" && c.b.Engine != "" {
		c.differ("table", "engine", c.a.Engine, c.b.Engine, true)
	}
	c.differ("table", "character set", normalCharset(c.a.Charset), normalCharset(c.b.Charset), false)
	c.differ("table", "collation", normalCharset(c.a.Collation), normalCharset(c.b.Collation), false)
	if !c.loose {
		c.differ("table", "row format", c.a.RowFormat, c.b.RowFormat, false)
		c.differ("table", "organization", c.a.Storage.Organization, c.b.Storage.Organization, false)
		c.differ("table", "compression", c.a.Storage.Compression, c.b.Storage.Compression, false)
		c.differ("table", "column group", c.a.Storage.ColumnGroup, c.b.Storage.ColumnGroup, false)
		c.differ("table", "options", c.a.Options, c.b.Options, false)
	}
	c.differ("table", "comment", c.a.Comment, c.b.Comment, false)
}
