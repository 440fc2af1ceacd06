package binlog

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unsafe"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"duplex/internal/change"
)

// Everything that knows how the row parser hands out a value is in this file.

// logTypes are the types of the log in which a kind's values may come.
var logTypes = map[change.Kind][]byte{
	change.Int: {gomysql.MYSQL_TYPE_TINY, gomysql.MYSQL_TYPE_SHORT, gomysql.MYSQL_TYPE_INT24,
		gomysql.MYSQL_TYPE_LONG, gomysql.MYSQL_TYPE_LONGLONG},
	change.Uint: {gomysql.MYSQL_TYPE_TINY, gomysql.MYSQL_TYPE_SHORT, gomysql.MYSQL_TYPE_INT24,
		gomysql.MYSQL_TYPE_LONG, gomysql.MYSQL_TYPE_LONGLONG},
	change.Float32:   {gomysql.MYSQL_TYPE_FLOAT, gomysql.MYSQL_TYPE_DOUBLE}, // the Binlog Service's, of a FLOAT(M,D) with M above 24
	change.Float64:   {gomysql.MYSQL_TYPE_DOUBLE},
	change.Decimal:   {gomysql.MYSQL_TYPE_NEWDECIMAL},
	change.Date:      {gomysql.MYSQL_TYPE_DATE},
	change.Datetime:  {gomysql.MYSQL_TYPE_DATETIME, gomysql.MYSQL_TYPE_DATETIME2},
	change.Timestamp: {gomysql.MYSQL_TYPE_TIMESTAMP, gomysql.MYSQL_TYPE_TIMESTAMP2},
	change.Time:      {gomysql.MYSQL_TYPE_TIME, gomysql.MYSQL_TYPE_TIME2},
	change.Year:      {gomysql.MYSQL_TYPE_YEAR},
	change.Bit:       {gomysql.MYSQL_TYPE_BIT},
	change.Enum:      {gomysql.MYSQL_TYPE_ENUM},
	change.Set:       {gomysql.MYSQL_TYPE_SET},
}

// byteTypes are those of all other kinds.
var byteTypes = []byte{gomysql.MYSQL_TYPE_STRING, gomysql.MYSQL_TYPE_VAR_STRING, gomysql.MYSQL_TYPE_VARCHAR,
	gomysql.MYSQL_TYPE_BLOB, gomysql.MYSQL_TYPE_GEOMETRY, gomysql.MYSQL_TYPE_JSON, gomysql.MYSQL_TYPE_VECTOR}

// fits checks that values of column c can come in the log's type.
func fits(c *change.Column, logType byte) error {
	types, ok := logTypes[c.Kind]
	if !ok {
		types = byteTypes
	}
	if !slices.Contains(types, logType) {
		return fmt.Errorf("column %s cannot have values of the log's type %d: the table's definition changed since", c.Name, logType)
	}
	if c.Scale > 0 && (logType == gomysql.MYSQL_TYPE_TIME || logType == gomysql.MYSQL_TYPE_DATETIME ||
		logType == gomysql.MYSQL_TYPE_TIMESTAMP) {
		return fmt.Errorf("column %s: %w", c.Name, errOldFraction)
	}
	return nil
}

// errOldFraction names what the width of is nowhere in the log.
var errOldFraction = errors.New("fractions of seconds are kept in MariaDB's old format, which the log does not describe" +
	" (set mysql56_temporal_format=ON and ALTER TABLE … FORCE)")

// rowsOf gives the row changes that the images of an event are, one after the
// other.
func (r *Reader) rowsOf(ctx context.Context, t *logTable, op change.Op, list [][]change.Value, add func(change.Row) error) error {
	if len(r.beside(t)) > 0 { // all or none: to complete an image may be broken off
		for i := range list {
			if err := r.complete(ctx, t, op, list, i); err != nil {
				return err
			}
		}
	}
	for i := 0; i < len(list); i++ {
		row := change.Row{Table: t.table, Op: op}
		switch op {
		case change.Insert:
			row.After = list[i]
		case change.Delete:
			row.Before = list[i]
		default:
			row.Before, row.After = list[i], list[i+1]
			i++
		}
		if err := add(row); err != nil {
			return err
		}
	}
	return nil
}

// value turns what the library gives for column i into a value.
func (t *logTable) value(i int, v any) (change.Value, error) {
	if v == nil {
		return change.Value{}, nil
	}
	c := &t.table.Columns[i]
	if t.compressed != nil && t.compressed[i] {
		plain, err := decompress(bytesOf(v))
		if err != nil {
			return change.Value{}, fmt.Errorf("%s: column %s: %w", t, c.Name, err)
		}
		v = plain
	}
	out, err := decode(c, t.types[i], v)
	if err != nil {
		return change.Value{}, fmt.Errorf("%s: %w", t, err)
	}
	if t.uuid[i] {
		out.Bytes = clientOrder(out.Bytes)
	}
	return out, nil
}

// decode turns one value of the parser into one of column c.
func decode(c *change.Column, logType byte, v any) (change.Value, error) {
	if d, ok := v.(*replication.JsonDiff); ok {
		return change.Value{}, fmt.Errorf("column %s: the log has only a part of a JSON document (%s): a session wrote with"+
			" binlog_row_value_options=PARTIAL_JSON", c.Name, d.Op)
	}
	out := change.Value{Kind: c.Kind}
	var ok bool
	var err error
	switch c.Kind {
	case change.Int:
		var i int64
		i, ok = integer(v)
		out.Bits = uint64(i)
	case change.Uint:
		out.Bits, ok = unsigned(v, logType)
	case change.Bit, change.Enum, change.Set, change.Year:
		var i int64
		i, ok = integer(v)
		out.Bits = uint64(i)
	case change.Float32:
		var f float32
		if f, ok = v.(float32); !ok {
			var wide float64
			wide, ok = v.(float64)
			f = float32(wide)
		}
		out.Bits = uint64(math.Float32bits(f))
	case change.Float64:
		var f float64
		f, ok = v.(float64)
		out.Bits = math.Float64bits(f)
	default:
		raw := bytesOf(v)
		if ok = raw != nil; ok {
			out, err = decodeBytes(c, logType, raw)
		}
	}
	if !ok {
		err = fmt.Errorf("value of type %T", v)
	}
	if err != nil {
		return change.Value{}, fmt.Errorf("column %s: value of the log: %w", c.Name, err)
	}
	return out, nil
}

// decodeBytes is decode for the kinds that come as bytes: texts of decimals and
// temporals, as ParseText takes them, and what is stored as bytes.
func decodeBytes(c *change.Column, logType byte, raw []byte) (change.Value, error) {
	switch c.Kind {
	case change.Time:
		if logType == gomysql.MYSQL_TYPE_TIME {
			us, err := oldTime(raw)
			return change.Value{Kind: c.Kind, Bits: uint64(us)}, err
		}
	case change.Fixed:
		return change.Value{Kind: c.Kind, Bytes: fixed(c, raw)}, nil
	case change.JSON:
		if len(raw) == 0 { // what INSERT IGNORE makes of NULL in a NOT NULL column
			raw = []byte("null")
		}
	}
	return c.ParseText(raw)
}

// fixed pads what a log leaves out.
func fixed(c *change.Column, raw []byte) []byte {
	if len(raw) >= c.Length {
		return raw
	}
	b := make([]byte, c.Length)
	copy(b, raw)
	return b
}

// clientOrder puts the parts of a UUID, which MariaDB stores in an order that
// sorts by time, back in the order that clients see (sql/sql_type_uuid.h; UUIDs
// of a version without time low part first, or of another variant, are stored
// as they are).
func clientOrder(b []byte) []byte {
	if len(b) != 16 || b[6]&0x80 == 0 || b[8] == 0 || b[8] >= 0x60 {
		return b
	}
	return slices.Concat(b[12:16], b[10:12], b[8:10], b[6:8], b[0:6])
}

// oldTime reads a TIME of before MySQL 5.6.4, an integer hhmmss with a sign in
// three bytes, from the text that the parser makes of it as if it had none.
func oldTime(raw []byte) (int64, error) {
	var h, m, s int
	if _, err := fmt.Sscanf(string(raw), "%d:%d:%d", &h, &m, &s); err != nil {
		return 0, fmt.Errorf("time %q is malformed", raw)
	}
	n := h*10000 + m*100 + s
	sign := int64(1)
	if n >= 1<<23 {
		n, sign = 1<<24-n, -1
	}
	return sign * int64(n/10000*3600+n/100%100*60+n%100) * 1_000_000, nil
}

func integer(v any) (int64, bool) {
	switch i := v.(type) {
	case int8:
		return int64(i), true
	case int16:
		return int64(i), true
	case int32:
		return int64(i), true
	case int64:
		return i, true
	case int:
		return int64(i), true
	}
	return 0, false
}

// unsigned reads what the parser took for a signed integer: not every server
// logs the sign.
func unsigned(v any, logType byte) (uint64, bool) {
	switch i := v.(type) {
	case int8:
		return uint64(uint8(i)), true
	case int16:
		return uint64(uint16(i)), true
	case int32:
		if logType == gomysql.MYSQL_TYPE_INT24 {
			return uint64(uint32(i) & 0xffffff), true
		}
		return uint64(uint32(i)), true
	case int64:
		return uint64(i), true
	}
	return 0, false
}

// bytesOf gives the bytes of a string or slice without a copy, nil for anything
// else. The parser's strings are views of the event, which is ours and is never
// written to.
func bytesOf(v any) []byte {
	switch s := v.(type) {
	case []byte:
		if s == nil {
			return []byte{}
		}
		return s
	case string:
		if s == "" {
			return []byte{}
		}
		return unsafe.Slice(unsafe.StringData(s), len(s))
	}
	return nil
}

var errCompressed = errors.New("compressed value is malformed")

// decompress undoes MariaDB's column compression (sql/field.cc): a byte with
// method, wrapping and the size of the length; the length; a zlib stream.
func decompress(raw []byte) ([]byte, error) {
	if len(raw) == 0 {
		return []byte{}, nil
	}
	head, raw := raw[0], raw[1:]
	switch head >> 4 {
	case 0:
		return raw, nil
	case 8:
	default:
		return nil, fmt.Errorf("%w: method %d", errCompressed, head>>4)
	}
	width := int(head & 7)
	if width == 0 || width > 4 || width > len(raw) {
		return nil, errCompressed
	}
	size := 0
	for _, b := range raw[:width] { // the highest first
		size = size<<8 | int(b)
	}
	var in io.Reader = flate.NewReader(bytes.NewReader(raw[width:]))
	if head&8 == 0 {
		z, err := zlib.NewReader(bytes.NewReader(raw[width:]))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errCompressed, err)
		}
		in = z
	}
	out, err := io.ReadAll(io.LimitReader(in, int64(size)+1))
	if err == nil && len(out) != size {
		err = fmt.Errorf("%d bytes, want %d", len(out), size)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCompressed, err)
	}
	return out, nil
}
