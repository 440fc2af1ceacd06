package schema

import (
	"slices"
	"strings"

	"duplex/internal/change"
)

// change refuses what an ALTER TABLE does if the target, or rows that are under
// way, cannot follow. parts is empty where the statement is not an ALTER.
func (c *Carrying) change(old *Table, v *Version, parts []Clause) error {
	if err := c.fit(v.Table); err != nil {
		return err
	}
	if v.Table.Keyless() && !old.Keyless() {
		return refuse("%s would have neither a primary key nor a unique key of NOT NULL columns", v.Table)
	}
	for i := range parts {
		if err := c.clause(old, &parts[i]); err != nil {
			return err
		}
	}
	if c.TwoWay && !sameIdentity(old, v) {
		return refuse("it changes the key by which rows are told apart, while rows of the old one may be under way")
	}
	for i := range v.Table.Columns {
		col := &v.Table.Columns[i]
		origin := ""
		if i < len(v.Origin) {
			origin = v.Origin[i]
		}
		at := -1
		if origin != "" {
			at = old.Column(origin)
		}
		if err := c.column(old, at, col); err != nil {
			return err
		}
	}
	return nil
}

func (c *Carrying) clause(old *Table, p *Clause) error {
	switch p.Action {
	case ExchangePart:
		return refuse("EXCHANGE PARTITION moves rows between tables without row events")
	case Unknown:
		return refuse("it is not known what %s does", strings.Join(p.Words, " "))
	case Convert:
		if c.TwoWay {
			return refuse("CONVERT TO CHARACTER SET changes what the bytes of texts mean, while rows may be under way")
		}
	case OtherPart:
		if slices.Contains([]string{"REMOVE", "PARTITION"}, strings.ToUpper(p.Words[0])) || c.From == c.To {
			return nil
		}
	case Option:
		if p.Name == "ENGINE" && !strings.EqualFold(p.To, "InnoDB") {
			return refuse("engine %s has no transactions", p.To)
		}
	case DropForeignKey, AddForeignKey:
		for _, f := range old.ForeignKeys {
			if !c.Match(Name{f.RefDatabase, f.RefTable}) {
				return refuse("a foreign key refers to %s.%s, which is not in the project", f.RefDatabase, f.RefTable)
			}
		}
		if p.fk != nil && !c.Match(Name{p.fk.RefDatabase, p.fk.RefTable}) {
			return refuse("the foreign key refers to %s.%s, which is not in the project", p.fk.RefDatabase, p.fk.RefTable)
		}
	}
	return nil
}

func sameIdentity(old *Table, v *Version) bool {
	x, y := old.Identity(), v.Table.Identity()
	if x == nil || y == nil {
		return x == y
	}
	return slices.EqualFunc(x.Parts, y.Parts, func(p, q KeyPart) bool {
		at := v.Table.Column(q.Column)
		return at >= 0 && (len(v.Origin) == 0 && q.Column == p.Column || at < len(v.Origin) && strings.EqualFold(v.Origin[at], p.Column))
	})
}

// column refuses a column whose values at the target would not be those of the
// source. at is its place before, -1 for one that is new.
func (c *Carrying) column(old *Table, at int, col *Column) error {
	if at < 0 {
		_, known := col.Given()
		switch {
		case col.Generated || known:
			return nil
		case col.AutoIncrement:
			return refuse("each site would number the rows of the new column %s in its own order", col.Name)
		}
		return refuse("the rows that are there get a value of the new column %s that is not a constant (%s), and each site its own",
			col.Name, defaultText(col))
	}
	was := &old.Columns[at]
	if !c.TwoWay {
		return nil
	}
	if was.Nullable && !col.Nullable && !col.Generated {
		return refuse("column %s becomes NOT NULL, while rows with NULL may be under way", col.Name)
	}
	if why := narrows(was, col); why != "" {
		return refuse("column %s: %s, while rows with such values may be under way", col.Name, why)
	}
	return nil
}

// widths orders the types of one kind by what they hold.
var widths = map[string]int{
	"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "bigint": 8,
	"tinytext": 255, "text": 65535, "mediumtext": 1<<24 - 1, "longtext": 1<<32 - 1,
	"tinyblob": 255, "blob": 65535, "mediumblob": 1<<24 - 1, "longblob": 1<<32 - 1,
}

// width is how much a type holds, in the measure of its kind.
func (t Type) width() int {
	if w := widths[t.Name]; w != 0 {
		return w
	}
	return t.arg(0, 0)
}

// narrows says why a value of column a may not be one of b.
func narrows(a, b *Column) string {
	x, y := ParseType(a.Type, MySQL), ParseType(b.Type, MySQL)
	switch {
	case x.Normal() == y.Normal() && normalCharset(a.Charset) == normalCharset(b.Charset):
		return ""
	case a.Kind != b.Kind:
		return a.Type + " becomes " + b.Type + ", a type of another kind"
	case normalCharset(a.Charset) != normalCharset(b.Charset):
		return "its character set changes from " + a.Charset + " to " + b.Charset
	case a.Kind == change.Enum || a.Kind == change.Set:
		if len(y.Labels) < len(x.Labels) || !slices.Equal(x.Labels, y.Labels[:len(x.Labels)]) {
			return "its labels are not those it had with others behind them"
		}
		return ""
	case a.Scale > b.Scale:
		return "it keeps fewer digits of fractions"
	case a.Kind == change.Decimal && a.Scale != b.Scale, a.Length != b.Length && a.Length > 0:
		return a.Type + " becomes " + b.Type
	case y.width() < x.width():
		return a.Type + " becomes " + b.Type + ", which holds less"
	}
	return ""
}

// Given is the value that rows which are there get in a new column; false if it
// is no constant, and for generated columns.
func (c *Column) Given() (change.Value, bool) {
	switch {
	case c.Generated || c.AutoIncrement:
		return change.Value{}, false
	case c.Default == nil && !c.Nullable:
		return c.zero()
	case c.Default == nil || *c.Default == "NULL":
		if c.Nullable {
			return change.Value{}, true
		}
		return c.zero()
	}
	d := *c.Default
	text, quoted := Unquote(d)
	if !quoted {
		if !literal(d) || strings.ContainsAny(d[:1], "bBxX") {
			return change.Value{}, false
		}
		text = d
	}
	return c.parse(text)
}

// parse reads a default as a value of the column.
func (c *Column) parse(text string) (change.Value, bool) {
	switch c.Kind {
	case change.Enum, change.Set:
		return labelled(ParseType(c.Type, MySQL), text)
	case change.Bit, change.Geometry, change.JSON, change.Fixed:
		return change.Value{}, false
	case change.Timestamp:
		return change.Value{}, false // the text is in the time zone of a session
	case change.Text:
		if !ascii(text) && !strings.HasPrefix(c.Charset, "utf8") {
			return change.Value{}, false
		}
	}
	v, err := c.ParseText([]byte(text))
	return v, err == nil
}

func ascii(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 }) }

func labelled(t Type, text string) (change.Value, bool) {
	at := func(label string) int {
		return slices.IndexFunc(t.Labels, func(l string) bool { return strings.EqualFold(l, label) })
	}
	if t.Name == "enum" {
		i := at(text)
		return change.Value{Kind: change.Enum, Bits: uint64(i + 1)}, i >= 0
	}
	v := change.Value{Kind: change.Set}
	for _, label := range strings.Split(text, ",") {
		i := at(label)
		if i < 0 && label != "" {
			return v, false
		}
		if i >= 0 {
			v.Bits |= 1 << i
		}
	}
	return v, true
}

// zero is what servers put into rows of a new NOT NULL column without a default.
func (c *Column) zero() (change.Value, bool) {
	v := change.Value{Kind: c.Kind}
	switch c.Kind {
	case change.Int, change.Uint, change.Float32, change.Float64, change.Bit, change.Set, change.Time, change.Year:
		return v, true
	case change.Text:
		v.Bytes = []byte{}
		return v, true
	case change.Binary:
		v.Bytes = make([]byte, c.Length)
		return v, true
	case change.Decimal:
		out, err := c.ParseText([]byte("0"))
		return out, err == nil
	case change.Enum:
		v.Bits = 1
		return v, true
	case change.Date, change.Datetime:
		text := "0000-00-00"
		if c.Kind == change.Datetime {
			text += " 00:00:00"
		}
		out, err := c.ParseText([]byte(text))
		return out, err == nil
	}
	return v, false
}
