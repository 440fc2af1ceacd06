package schema

import (
	"slices"
	"strings"

	"duplex/internal/change"
)

// typeNames are other names of types, as servers take them.
var typeNames = map[string]string{
	"integer": "int", "int1": "tinyint", "int2": "smallint", "int3": "mediumint", "int4": "int", "int8": "bigint", "middleint": "mediumint",
	"numeric": "decimal", "dec": "decimal", "fixed": "decimal", "number": "decimal", "real": "double", "float8": "double", "float4": "float",
	"character": "char", "varcharacter": "varchar",
}

// plainTypes are the types that are known by the name that servers print.
var plainTypes = []string{"tinyint", "smallint", "mediumint", "int", "bigint", "bool", "boolean", "float", "double", "decimal", "char", "varchar",
	"tinytext", "text", "mediumtext", "longtext", "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "inet4", "inet6", "uuid",
	"bit", "enum", "set", "json", "date", "datetime", "timestamp", "time", "year", "geometry", "point", "linestring", "polygon", "multipoint",
	"multilinestring", "multipolygon", "geometrycollection"}

func knownType(name string) bool {
	name = strings.ToLower(name)
	return typeNames[name] != "" || slices.Contains(plainTypes, name)
}

// columnType reads the type and what belongs to it into the clause's column.
func (r *clauseReader) columnType(c *Clause) {
	word := strings.ToLower(r.name())
	if other := typeNames[word]; other != "" {
		word = other
	}
	if !slices.Contains(plainTypes, word) {
		c.Lost = true
		return
	}
	if word == "double" {
		r.accept("PRECISION")
	}
	if word == "char" && r.accept("VARYING") {
		word = "varchar"
	}
	if word == "bool" || word == "boolean" {
		word = "tinyint(1)"
	}
	args := r.brackets()
	text := r.typeText(c, word, args)
	for {
		switch {
		case r.accept("UNSIGNED"):
			text += " unsigned"
		case r.accept("ZEROFILL"):
			text += " zerofill"
		case r.accept("SIGNED"):
		case r.accept("COMPRESSED"): // its rows are marked as such in the log
			c.Lost = true
		case r.accept("CHARSET"):
			r.setCharset(c, r.name(), "")
		case r.tok().is("CHARACTER") && r.at+1 < len(r.tokens) && r.tokens[r.at+1].is("SET"):
			r.at += 2
			r.punct('=')
			r.setCharset(c, r.name(), "")
		case r.accept("BINARY", "ASCII", "UNICODE", "BYTE"):
			c.Lost = true
		default:
			r.fill(c, text)
			return
		}
	}
}

// typeText writes a type as servers print it.
func (r *clauseReader) typeText(c *Clause, word string, args []token) string {
	switch word {
	case "enum", "set":
		var labels []string
		for _, t := range args {
			if t.kind == tokenString {
				labels = append(labels, strings.TrimRight(t.text, " "))
			}
		}
		return Type{Name: word, Labels: labels}.String()
	case "text", "blob":
		c.Lost = c.Lost || args != nil // the length chooses the type
		return word
	case "json":
		if r.table != nil && r.table.Dialect == MariaDB {
			r.setCharset(c, "utf8mb4", "utf8mb4_bin")
			return "longtext"
		}
	case "float":
		if len(args) == 1 {
			c.Lost = true
		}
	case "char", "binary", "bit":
		if args == nil {
			return word + "(1)"
		}
	case "decimal":
		if args == nil {
			return "decimal(10,0)"
		}
		if len(args) == 1 {
			return "decimal(" + args[0].text + ",0)"
		}
	case "year":
		return "year(4)"
	case "varchar", "varbinary":
		c.Lost = c.Lost || args == nil
	}
	if args == nil {
		return word
	}
	parts := make([]string, len(args))
	for i, t := range args {
		parts[i] = t.text
	}
	return word + "(" + strings.Join(parts, "") + ")"
}

// fill sets what the codec needs. A character set that is not named is that of
// the table.
func (r *clauseReader) fill(c *Clause, text string) {
	typ := ParseType(text, MySQL)
	if typ.Labels == nil && strings.Contains(text, "zerofill") && !typ.Unsigned {
		typ.Unsigned = true
	}
	c.Column.Type = typ.String()
	if err := typ.Fill(&c.Column.Column); err != nil {
		c.Lost = true
		return
	}
	switch c.Column.Kind {
	case change.Text, change.Enum, change.Set:
		if c.Column.Charset == "" && r.table != nil {
			c.Column.Charset, c.Column.Collation = r.table.Charset, r.table.Collation
		}
		c.Lost = c.Lost || c.Column.Charset == "" || c.Column.Charset == "binary" // which makes bytes of texts
	}
}

// setCharset takes in a character set or collation of a column. Which collation
// a character set has by default only the server knows.
func (r *clauseReader) setCharset(c *Clause, charset, collation string) {
	col := c.Column
	switch {
	case collation != "":
		col.Collation = collation
		col.Charset, _, _ = strings.Cut(collation, "_")
		if r.table != nil && normalCharset(col.Charset) == normalCharset(r.table.Charset) {
			col.Charset = r.table.Charset
		}
	case r.table != nil && normalCharset(charset) == normalCharset(r.table.Charset):
		col.Charset, col.Collation = r.table.Charset, r.table.Collation
	default:
		col.Charset, c.Vague = charset, true
	}
}
