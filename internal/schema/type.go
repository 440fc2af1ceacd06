package schema

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"duplex/internal/change"
)

// A Type is the type of a column, taken apart.
type Type struct {
	Name     string   // lower case: bigint, varchar, enum
	Args     []int    // of the brackets behind the name
	Labels   []string // of enum and set, as they are, in order
	Unsigned bool
	Zerofill bool
	text     string
}

// executable is how MariaDB writes what only it understands.
var executable = regexp.MustCompile(`/\*M?!\d* ?([^*]*)\*/`)

// ParseType takes a type apart as the dialect's server prints it. What it
// does not know is kept as the type's name.
//
// OceanBase prints labels as they are, neither quotes nor backslashes escaped:
// there a label ends at the quote before ,' or the end, and a label in which
// every quote is doubled is taken for an escaped one.
func ParseType(text string, d Dialect) Type {
	t := Type{text: executable.ReplaceAllString(strings.TrimSpace(text), "$1")}
	open := strings.IndexByte(t.text, '(')
	if i := strings.IndexAny(t.text, "( "); i >= 0 {
		t.Name = strings.ToLower(t.text[:i])
	} else {
		t.Name = strings.ToLower(t.text)
	}
	if t.Name == "enum" || t.Name == "set" {
		end := strings.LastIndexByte(t.text, ')')
		if open >= 0 && end > open {
			t.Labels = parseLabels(t.text[open+1:end], d)
		}
		return t
	}
	t.text = strings.ToLower(t.text)
	if end := strings.IndexByte(t.text, ')'); open >= 0 && end > open {
		for _, a := range strings.Split(t.text[open+1:end], ",") {
			n, err := strconv.Atoi(strings.TrimSpace(a))
			if err != nil {
				t.Name, t.Args = t.text, nil
				return t
			}
			t.Args = append(t.Args, n)
		}
	}
	words := strings.Fields(t.text)
	for _, w := range words[min(1, len(words)):] {
		t.Unsigned = t.Unsigned || w == "unsigned" || w == "zerofill"
		t.Zerofill = t.Zerofill || w == "zerofill"
	}
	return t
}

func parseLabels(s string, d Dialect) []string {
	var out []string
	for len(s) > 0 && s[0] == '\'' {
		var label string
		var n int
		if d == OceanBase {
			label, n = rawLabel(s)
		} else {
			label, n = unquote(s)
		}
		out = append(out, label)
		s = strings.TrimPrefix(s[n:], ",")
	}
	return out
}

// rawLabel reads a label that nobody escaped, and its length with quotes.
func rawLabel(s string) (string, int) {
	for j := 1; j < len(s); j++ {
		if s[j] != '\'' || j+1 < len(s) && !strings.HasPrefix(s[j+1:], ",'") {
			continue
		}
		label := s[1:j]
		if single := strings.ReplaceAll(label, "''", ""); strings.Contains(label, "''") && !strings.Contains(single, "'") {
			label = strings.ReplaceAll(label, "''", "'")
		}
		return label, j + 1
	}
	return s[1:], len(s)
}

// String writes the type as SQL that every dialect reads, labels quoted as
// change.AppendString does.
func (t Type) String() string {
	if t.Labels == nil {
		return t.text
	}
	out := []byte(t.Name)
	out = append(out, '(')
	for i, l := range t.Labels {
		if i > 0 {
			out = append(out, ',')
		}
		out = change.AppendString(out, l)
	}
	return string(append(out, ')'))
}

// arg is the i-th argument, or other where there is none.
func (t Type) arg(i, other int) int {
	if i < len(t.Args) {
		return t.Args[i]
	}
	return other
}

// Compressed reports whether the server compresses the values, as MariaDB
// can: its log holds them so, and its clients see them plain.
func (t Type) Compressed() bool { return t.Labels == nil && strings.HasSuffix(t.text, " compressed") }

// Fill sets Kind, Length and Scale of c. It fails on a type whose values
// nobody here can carry; then c is a Binary column, so that it has some kind.
func (t Type) Fill(c *change.Column) error {
	c.Kind, c.Length, c.Scale = change.Binary, 0, 0
	switch t.Name {
	case "tinyint", "smallint", "mediumint", "int", "integer", "bigint", "bool", "boolean":
		c.Kind = change.Int
		if t.Unsigned {
			c.Kind = change.Uint
		}
	case "float":
		c.Kind = change.Float32
	case "double", "real":
		c.Kind = change.Float64
	case "decimal", "numeric", "dec", "fixed":
		c.Kind, c.Scale = change.Decimal, t.arg(1, 0)
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext":
		c.Kind = change.Text
	case "binary":
		c.Length = t.arg(0, 1)
	case "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
	case "inet4":
		c.Kind, c.Length = change.Fixed, 4
	case "inet6", "uuid":
		c.Kind, c.Length = change.Fixed, 16
	case "bit":
		c.Kind, c.Length = change.Bit, t.arg(0, 1)
	case "enum":
		c.Kind = change.Enum
	case "set":
		c.Kind = change.Set
	case "json":
		c.Kind = change.JSON
	case "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
		"geometrycollection", "geomcollection":
		c.Kind = change.Geometry
	default:
		return t.fillTemporal(c)
	}
	return nil
}

func (t Type) fillTemporal(c *change.Column) error {
	switch t.Name {
	case "date":
		c.Kind = change.Date
	case "datetime":
		c.Kind, c.Scale = change.Datetime, t.arg(0, 0)
	case "timestamp":
		c.Kind, c.Scale = change.Timestamp, t.arg(0, 0)
	case "time":
		c.Kind, c.Scale = change.Time, t.arg(0, 0)
	case "year":
		if t.arg(0, 4) != 4 { // reads back as two digits, logged as four
			return fmt.Errorf("type %s: values of two digits do not tell the century", t.text)
		}
		c.Kind = change.Year
	default:
		return fmt.Errorf("type %s is not known", t.text)
	}
	return nil
}
