package obbinlog

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
)

// A column is what the log says of one, and how a value of it is read and
// written.
type column struct {
	name      string
	kind      byte
	meta      []byte
	nullable  bool
	key       bool
	octets    int    // at most, of strings in the row itself
	lob       bool   // refused by the kernel beyond a length, and left out of a before image on demand
	generated string // the expression, where there is one
	read      string // the expression that a poll selects
	append    func(dst, text []byte) ([]byte, error)
}

// A definition of a column, as information_schema has it.
type definition struct {
	name, data, full      string // data is the type's word, full the whole type
	octets                uint64
	precision, scale, fsp int
	nullable, key         bool
	generated             string
}

// layout finds the form of a column in the log, as the Binlog Service has it.
func (d *definition) layout() (column, error) {
	c := column{name: d.name, nullable: d.nullable, key: d.key, generated: d.generated, read: d.expression()}
	switch d.data {
	case "tinyint", "bool", "boolean":
		c.integer(gomysql.MYSQL_TYPE_TINY, 1)
	case "smallint":
		c.integer(gomysql.MYSQL_TYPE_SHORT, 2)
	case "mediumint":
		c.integer(gomysql.MYSQL_TYPE_INT24, 3)
	case "int", "integer":
		c.integer(gomysql.MYSQL_TYPE_LONG, 4)
	case "bigint":
		c.integer(gomysql.MYSQL_TYPE_LONGLONG, 8)
	case "float":
		c.kind, c.meta, c.append = gomysql.MYSQL_TYPE_FLOAT, []byte{4}, appendFloat
		c.read += " * 1e0" // all digits, and the sign of zero
	case "double":
		c.kind, c.meta, c.append = gomysql.MYSQL_TYPE_DOUBLE, []byte{8}, appendDouble
	case "decimal":
		c.kind, c.meta = gomysql.MYSQL_TYPE_NEWDECIMAL, []byte{byte(d.precision), byte(d.scale)}
		c.append = func(dst, text []byte) ([]byte, error) { return appendDecimal(dst, text, d.precision, d.scale) }
	case "bit":
		n := d.precision
		c.kind, c.meta = gomysql.MYSQL_TYPE_BIT, []byte{byte(n % 8), byte(n / 8)}
		c.read += " + 0"
		c.append = bigEndian((n + 7) / 8)
	case "enum", "set":
		d.choice(&c)
	case "json":
		c.kind, c.meta, c.lob, c.append = gomysql.MYSQL_TYPE_JSON, []byte{4}, true, appendJSON
	default:
		if !d.temporal(&c) && !d.bytes(&c) {
			return c, fmt.Errorf("column %s: type %s is none that the log can have", d.name, d.full)
		}
	}
	return c, nil
}

// expression is what is selected: of a generated column what the kernel makes
// of the others, since a log does not hold it.
func (d *definition) expression() string {
	if d.generated == "" {
		return quote(d.name)
	}
	switch d.data {
	case "char", "varchar", "binary", "varbinary":
		return "(" + d.generated + ")"
	case "decimal":
		return fmt.Sprintf("CAST((%s) AS DECIMAL(%d,%d))", d.generated, d.precision, d.scale)
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		if strings.Contains(d.full, "unsigned") {
			return "CAST((" + d.generated + ") AS UNSIGNED)"
		}
		return "CAST((" + d.generated + ") AS SIGNED)"
	case "datetime", "time":
		return fmt.Sprintf("CAST((%s) AS %s(%d))", d.generated, strings.ToUpper(d.data), d.fsp)
	case "date":
		return "CAST((" + d.generated + ") AS DATE)"
	}
	return "(" + d.generated + ")"
}

func (d *definition) choice(c *column) {
	c.read = "CAST(" + c.read + " AS UNSIGNED)" // + 0 writes a million as 1e6
	members := labels(d.full)
	if d.data == "enum" {
		n := 1
		if members > 255 {
			n = 2
		}
		c.kind, c.meta, c.append = gomysql.MYSQL_TYPE_STRING, []byte{gomysql.MYSQL_TYPE_ENUM, byte(n)}, littleEndian(n)
		return
	}
	n := (members + 7) / 8
	if n > 4 {
		n = 8
	}
	c.kind, c.meta, c.append = gomysql.MYSQL_TYPE_STRING, []byte{gomysql.MYSQL_TYPE_SET, byte(n)}, littleEndian(n)
}

// labels counts the members of an ENUM or SET. A quote within a label may come
// doubled, with a backslash, or as it is: only one before a comma or the end
// closes a label.
func labels(full string) int {
	list := full[strings.IndexByte(full, '(')+1 : strings.LastIndexByte(full, ')')]
	return 1 + strings.Count(list, "','")
}

func (d *definition) temporal(c *column) bool {
	fsp := d.fsp
	meta := []byte{byte(fsp)}
	switch d.data {
	case "date":
		c.kind, c.append = gomysql.MYSQL_TYPE_DATE, appendDate
	case "year":
		c.kind, c.append = gomysql.MYSQL_TYPE_YEAR, appendYear
	case "datetime":
		c.kind, c.meta = gomysql.MYSQL_TYPE_DATETIME2, meta
		c.append = func(dst, text []byte) ([]byte, error) { return appendDatetime(dst, text, fsp) }
	case "timestamp":
		c.kind, c.meta = gomysql.MYSQL_TYPE_TIMESTAMP2, meta
		c.append = func(dst, text []byte) ([]byte, error) { return appendTimestamp(dst, text, fsp) }
	case "time":
		c.kind, c.meta = gomysql.MYSQL_TYPE_TIME2, meta
		c.append = func(dst, text []byte) ([]byte, error) { return appendTime(dst, text, fsp) }
	default:
		return false
	}
	return true
}

// bytes lays out what is a sequence of bytes.
func (d *definition) bytes(c *column) bool {
	width := map[string]int{
		"tinytext": 1, "tinyblob": 1, "text": 2, "blob": 2, "mediumtext": 3, "mediumblob": 3, "longtext": 4, "longblob": 4,
	}[d.data]
	octets := min(d.octets, math.MaxUint16)
	prefix := 1
	if octets > 255 {
		prefix = 2
	}
	switch {
	case width > 0:
		c.kind, c.meta, c.lob, c.append = gomysql.MYSQL_TYPE_BLOB, []byte{byte(width)}, true, prefixed(width)
	case d.data == "geometry" || slices.Contains([]string{"point", "linestring", "polygon", "multipoint", "multilinestring",
		"multipolygon", "geometrycollection", "geomcollection"}, d.data):
		c.kind, c.meta, c.lob, c.append = gomysql.MYSQL_TYPE_GEOMETRY, []byte{4}, true, prefixed(4)
	case d.data == "char" || d.data == "binary":
		c.octets = int(d.octets)
		c.kind, c.append = gomysql.MYSQL_TYPE_STRING, prefixed(prefix)
		c.meta = []byte{gomysql.MYSQL_TYPE_STRING ^ byte(octets&0x300>>4), byte(octets)}
	case d.data == "varchar" || d.data == "varbinary":
		c.octets = int(d.octets)
		c.kind, c.append = gomysql.MYSQL_TYPE_VARCHAR, prefixed(prefix)
		c.meta = binary.LittleEndian.AppendUint16(nil, uint16(octets))
	default:
		return false
	}
	return true
}

func (c *column) integer(kind byte, width int) {
	c.kind, c.append = kind, littleEndian(width)
}

// number reads a whole number of either sign into its 64 bits. What the kernel
// computed may come with a fraction of zeros.
func number(text []byte) (uint64, error) {
	s, zeros, _ := strings.Cut(string(text), ".")
	if strings.Trim(zeros, "0") != "" {
		return 0, fmt.Errorf("%q is no whole number", text)
	}
	if strings.HasPrefix(s, "-") {
		v, err := strconv.ParseInt(s, 10, 64)
		return uint64(v), err
	}
	return strconv.ParseUint(s, 10, 64)
}

func littleEndian(width int) func(dst, text []byte) ([]byte, error) {
	return func(dst, text []byte) ([]byte, error) {
		v, err := number(text)
		b := binary.LittleEndian.AppendUint64(dst, v)
		return b[:len(dst)+width], err
	}
}

func bigEndian(width int) func(dst, text []byte) ([]byte, error) {
	return func(dst, text []byte) ([]byte, error) {
		v, err := number(text)
		return appendBig(dst, v, width), err
	}
}

// appendBig writes the low bytes of v, the highest first.
func appendBig(dst []byte, v uint64, width int) []byte {
	for i := width - 1; i >= 0; i-- {
		dst = append(dst, byte(v>>(8*i)))
	}
	return dst
}

func prefixed(width int) func(dst, text []byte) ([]byte, error) {
	return func(dst, text []byte) ([]byte, error) {
		if width < 4 && len(text) >= 1<<(8*width) {
			return dst, fmt.Errorf("%d bytes have no room in a length of %d", len(text), width)
		}
		b := binary.LittleEndian.AppendUint32(dst, uint32(len(text)))[:len(dst)+width]
		return append(b, text...), nil
	}
}

func appendFloat(dst, text []byte) ([]byte, error) {
	f, err := strconv.ParseFloat(string(text), 64)
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(f))), err
}

func appendDouble(dst, text []byte) ([]byte, error) {
	f, err := strconv.ParseFloat(string(text), 64)
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), err
}

// quote writes a name as SQL has it.
func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
