package binlog

import (
	"encoding/binary"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"duplex/internal/change"
)

// fixedSizes are the bytes of the values of types that have no metadata for it.
var fixedSizes = map[byte]int{
	gomysql.MYSQL_TYPE_TINY: 1, gomysql.MYSQL_TYPE_SHORT: 2, gomysql.MYSQL_TYPE_INT24: 3, gomysql.MYSQL_TYPE_LONG: 4,
	gomysql.MYSQL_TYPE_LONGLONG: 8, gomysql.MYSQL_TYPE_FLOAT: 4, gomysql.MYSQL_TYPE_DOUBLE: 8, gomysql.MYSQL_TYPE_YEAR: 1,
	gomysql.MYSQL_TYPE_DATE: 3, gomysql.MYSQL_TYPE_TIME: 3, gomysql.MYSQL_TYPE_DATETIME: 8, gomysql.MYSQL_TYPE_TIMESTAMP: 4,
}

// wholeSeconds are the bytes before the fraction of a temporal.
var wholeSeconds = map[byte]int{gomysql.MYSQL_TYPE_TIME2: 3, gomysql.MYSQL_TYPE_TIMESTAMP2: 4, gomysql.MYSQL_TYPE_DATETIME2: 5}

// A keyColumn makes the values of a column of an identity.
type keyColumn struct {
	column *change.Column
	parse  func(k *keyColumn, raw []byte, text *[]byte) (change.Value, bool)
	scale  int      // digits of the fraction of a temporal or DECIMAL
	whole  []digits // of a DECIMAL
	frac   []digits
}

// value gives what logTable.value gives for the raw bytes of a value that is not
// NULL; false for what that may refuse. Its bytes are those of raw, or of text.
func (k *keyColumn) value(raw []byte, text *[]byte) (change.Value, bool) {
	return k.parse(k, raw, text)
}

// keyColumnOf says how column i of t is read; false if it is not read here.
func keyColumnOf(t *logTable, i int) (keyColumn, bool) {
	c, meta := &t.table.Columns[i], t.logged.ColumnMeta[i]
	_, kind, ok := fieldOf(t.logged.ColumnType[i], meta)
	if !ok || fits(c, kind) != nil || t.compressed != nil && t.compressed[i] {
		return keyColumn{}, false
	}
	k := keyColumn{column: c, scale: int(meta & 0xff)}
	switch c.Kind {
	case change.Int:
		k.parse = (*keyColumn).signed
	case change.Uint, change.Enum, change.Set:
		k.parse = (*keyColumn).unsigned
	case change.Bit:
		k.parse = (*keyColumn).bits
	case change.Decimal:
		k.parse = (*keyColumn).decimal
		k.whole, k.frac, _, ok = decimalOf(int(meta>>8), k.scale)
		return k, ok && k.scale == c.Scale
	case change.Date:
		k.parse = (*keyColumn).date
	case change.Datetime:
		k.parse = (*keyColumn).datetime
		return k, kind == gomysql.MYSQL_TYPE_DATETIME2
	case change.Timestamp:
		k.parse = (*keyColumn).timestamp
		return k, kind == gomysql.MYSQL_TYPE_TIMESTAMP2
	case change.Text, change.Binary, change.Fixed:
		k.parse = (*keyColumn).bytes
		if t.uuid[i] {
			k.parse = (*keyColumn).uuid
		}
		return k, kind != gomysql.MYSQL_TYPE_GEOMETRY && kind != gomysql.MYSQL_TYPE_JSON && kind != gomysql.MYSQL_TYPE_VECTOR
	case change.Year:
		k.parse = (*keyColumn).year
	default:
		return k, false
	}
	return k, true
}

// lowFirst and highFirst read an integer of up to eight bytes, the lowest or the highest
// first.
func lowFirst(raw []byte) (n uint64) {
	switch len(raw) {
	case 4:
		return uint64(binary.LittleEndian.Uint32(raw))
	case 8:
		return binary.LittleEndian.Uint64(raw)
	}
	for i, b := range raw {
		n |= uint64(b) << (8 * i)
	}
	return n
}

func highFirst(raw []byte) (n uint64) {
	for _, b := range raw {
		n = n<<8 | uint64(b)
	}
	return n
}

func (k *keyColumn) signed(raw []byte, _ *[]byte) (change.Value, bool) {
	shift := 64 - 8*len(raw)
	return change.Value{Kind: k.column.Kind, Bits: uint64(int64(lowFirst(raw)<<shift) >> shift)}, true
}

func (k *keyColumn) unsigned(raw []byte, _ *[]byte) (change.Value, bool) {
	return change.Value{Kind: k.column.Kind, Bits: lowFirst(raw)}, true
}

func (k *keyColumn) bits(raw []byte, _ *[]byte) (change.Value, bool) {
	return change.Value{Kind: k.column.Kind, Bits: highFirst(raw)}, true
}

func (k *keyColumn) year(raw []byte, _ *[]byte) (change.Value, bool) {
	v := change.Value{Kind: change.Year}
	if raw[0] != 0 {
		v.Bits = 1900 + uint64(raw[0])
	}
	return v, true
}

func (k *keyColumn) bytes(raw []byte, text *[]byte) (change.Value, bool) {
	c := k.column
	if c.Kind != change.Text && len(raw) < c.Length { // as change.Column.Pad does
		*text = append((*text)[:0], raw...)
		for len(*text) < c.Length {
			*text = append(*text, 0)
		}
		raw = *text
	}
	return c.Identity(change.Value{Kind: c.Kind, Bytes: raw}), true
}

func (k *keyColumn) uuid(raw []byte, text *[]byte) (change.Value, bool) {
	v, ok := k.bytes(raw, text)
	v.Bytes = clientOrder(v.Bytes)
	return v, ok
}

// date reads three bytes that hold what change.PackDate makes.
func (k *keyColumn) date(raw []byte, _ *[]byte) (change.Value, bool) {
	b := lowFirst(raw)
	year, month, _ := change.UnpackDate(b)
	return change.Value{Kind: change.Date, Bits: b}, year <= 9999 && month <= 12
}

// datetime reads 40 bits with the parts of a DATETIME, above an offset, and the
// fraction. https://dev.mysql.com/doc/dev/internals/en/date-and-time-data-type-representation.html
func (k *keyColumn) datetime(raw []byte, _ *[]byte) (change.Value, bool) {
	const offset = 1 << 39
	n := highFirst(raw[:5])
	micro, ok := k.fraction(raw[5:])
	if !ok || n < offset {
		return change.Value{}, false
	}
	n -= offset
	months, day := n>>22, int(n>>17&31)
	hour, minute, second := int(n>>12&31), int(n>>6&63), int(n&63)
	if months/13 > 9999 || hour > 23 || minute > 59 || second > 59 {
		return change.Value{}, false
	}
	b := change.PackDatetime(int(months/13), int(months%13), day, hour, minute, second, micro)
	return change.Value{Kind: change.Datetime, Bits: b}, true
}

// timestamp reads seconds since 1970 and the fraction.
func (k *keyColumn) timestamp(raw []byte, _ *[]byte) (change.Value, bool) {
	micro, ok := k.fraction(raw[4:])
	seconds := highFirst(raw[:4])
	if seconds == 0 && micro != 0 {
		return change.Value{}, false
	}
	return change.Value{Kind: change.Timestamp, Bits: seconds*1_000_000 + uint64(micro)}, ok
}

// fraction gives the microseconds that scale digits show of a fraction, of which
// there are two in each byte.
func (k *keyColumn) fraction(raw []byte) (micro int, ok bool) {
	units := [...]int{1_000_000, 100_000, 10_000, 1000, 100, 10, 1}
	micro = int(highFirst(raw)) * units[2*len(raw)]
	return micro - micro%units[k.scale], micro < 1_000_000
}

// A digits is a part of a DECIMAL: nine digits in four bytes, the highest first.
// What is over before the first nine and behind the last takes fewer bytes.
type digits struct{ count, bytes int }

// decimalOf gives the parts before the point and behind it, and the bytes of all.
func decimalOf(precision, scale int) (whole, frac []digits, size int, ok bool) {
	sizes := [...]int{0, 1, 1, 2, 2, 3, 3, 4, 4, 4}
	n := precision - scale
	if n < 0 || precision < 1 || precision > 65 {
		return nil, nil, 0, false
	}
	if n%9 > 0 {
		whole = append(whole, digits{n % 9, sizes[n%9]})
	}
	for range n / 9 {
		whole = append(whole, digits{9, 4})
	}
	for range scale / 9 {
		frac = append(frac, digits{9, 4})
	}
	if scale%9 > 0 {
		frac = append(frac, digits{scale % 9, sizes[scale%9]})
	}
	for _, d := range whole {
		size += d.bytes
	}
	for _, d := range frac {
		size += d.bytes
	}
	return whole, frac, size, true
}

// decimal writes what change.CanonicalDecimal does. The highest bit says that a
// value is not negative; of a negative one all others are inverted.
func (k *keyColumn) decimal(raw []byte, text *[]byte) (change.Value, bool) {
	var buf [32]byte
	b := buf[:copy(buf[:], raw)]
	negative := b[0]&0x80 == 0
	b[0] ^= 0x80
	if negative {
		for i := range b {
			b[i] ^= 0xff
		}
	}
	out := append((*text)[:0], '-')
	out, b, ok := appendDigits(out, b, k.whole)
	first := 1 // digit that is not a zero
	for first < len(out) && out[first] == '0' {
		first++
	}
	zero := first == len(out)
	if out = append(out[:1], out[first:]...); zero {
		out = append(out, '0')
	}
	if k.scale > 0 {
		at := len(out) + 1
		var small bool
		out, _, small = appendDigits(append(out, '.'), b, k.frac)
		ok = ok && small
		for _, c := range out[at:] {
			zero = zero && c == '0'
		}
	}
	if *text = out; !negative || zero {
		out = out[1:]
	}
	return change.Value{Kind: change.Decimal, Bytes: out}, ok
}

// appendDigits writes the parts that b begins with; false if one has a value of
// more digits.
func appendDigits(dst, b []byte, parts []digits) (out, rest []byte, ok bool) {
	ok = true
	for _, d := range parts {
		n := highFirst(b[:d.bytes])
		b = b[d.bytes:]
		at := len(dst)
		dst = append(dst, "000000000"[:d.count]...)
		for i := len(dst) - 1; i >= at; i-- {
			dst[i] = byte('0' + n%10)
			n /= 10
		}
		ok = ok && n == 0
	}
	return dst, b, ok
}
