package binlog

import (
	"encoding/binary"
	"math"

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

// A cell makes the values of a column from the bytes that the log has of them.
type cell struct {
	column *change.Column
	parse  func(k *cell, v *change.Value, raw []byte, room *[]byte) bool
	scale  int      // digits of the fraction of a temporal or DECIMAL
	whole  []digits // of a DECIMAL
	frac   []digits
}

// value puts into v, which is NULL, what logTable.value gives for the raw bytes of a value that is not;
// false for what that may refuse. Its bytes are those of raw, or lie in room, behind
// what is there.
func (k *cell) value(v *change.Value, raw []byte, room *[]byte) bool {
	return k.parse(k, v, raw, room)
}

// spare gives room for n bytes behind those that room has, in a new piece if it has
// none: nothing in it is moved. Who uses it makes room longer.
func spare(room *[]byte, n int) []byte {
	const piece = 4096
	if cap(*room)-len(*room) < n {
		*room = make([]byte, 0, max(n, piece))
	}
	return (*room)[len(*room):]
}

// cellOf says how column i of t is read; false if it is not read here.
func cellOf(t *logTable, i int) (cell, bool) {
	c, meta := &t.table.Columns[i], t.logged.ColumnMeta[i]
	_, kind, ok := fieldOf(t.logged.ColumnType[i], meta)
	if !ok || fits(c, kind) != nil || t.compressed != nil && t.compressed[i] {
		return cell{}, false
	}
	k := cell{column: c, scale: int(meta & 0xff)}
	switch c.Kind {
	case change.Float32, change.Float64:
		k.parse = (*cell).float
	case change.Time:
		k.parse = (*cell).time
		return k, kind == gomysql.MYSQL_TYPE_TIME2
	case change.JSON, change.Geometry:
		k.parse = (*cell).bytes
		return k, kind == gomysql.MYSQL_TYPE_BLOB || kind == gomysql.MYSQL_TYPE_GEOMETRY && c.Kind == change.Geometry
	case change.Int:
		k.parse = (*cell).signed
	case change.Uint, change.Enum, change.Set:
		k.parse = (*cell).unsigned
	case change.Bit:
		k.parse = (*cell).bits
	case change.Decimal:
		k.parse = (*cell).decimal
		k.whole, k.frac, _, ok = decimalOf(int(meta>>8), k.scale)
		return k, ok && k.scale == c.Scale
	case change.Date:
		k.parse = (*cell).date
	case change.Datetime:
		k.parse = (*cell).datetime
		return k, kind == gomysql.MYSQL_TYPE_DATETIME2
	case change.Timestamp:
		k.parse = (*cell).timestamp
		return k, kind == gomysql.MYSQL_TYPE_TIMESTAMP2
	case change.Text, change.Binary, change.Fixed:
		k.parse = (*cell).bytes
		if t.uuid[i] {
			k.parse = (*cell).uuid
		}
		return k, kind != gomysql.MYSQL_TYPE_GEOMETRY && kind != gomysql.MYSQL_TYPE_JSON && kind != gomysql.MYSQL_TYPE_VECTOR
	case change.Year:
		k.parse = (*cell).year
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

func (k *cell) signed(v *change.Value, raw []byte, _ *[]byte) bool {
	shift := 64 - 8*len(raw)
	v.Kind, v.Bits = k.column.Kind, uint64(int64(lowFirst(raw)<<shift)>>shift)
	return true
}

func (k *cell) unsigned(v *change.Value, raw []byte, _ *[]byte) bool {
	v.Kind, v.Bits = k.column.Kind, lowFirst(raw)
	return true
}

func (k *cell) bits(v *change.Value, raw []byte, _ *[]byte) bool {
	v.Kind, v.Bits = k.column.Kind, highFirst(raw)
	return true
}

func (k *cell) year(v *change.Value, raw []byte, _ *[]byte) bool {
	v.Kind = change.Year
	if raw[0] != 0 {
		v.Bits = 1900 + uint64(raw[0])
	}
	return true
}

func (k *cell) bytes(v *change.Value, raw []byte, room *[]byte) bool {
	c := k.column
	switch {
	case (c.Kind == change.Binary || c.Kind == change.Fixed) && len(raw) < c.Length: // as change.Column.Pad does
		b := append(spare(room, c.Length), raw...)[:c.Length:c.Length]
		clear(b[len(raw):])
		*room = (*room)[:len(*room)+len(b)]
		raw = b
	case c.Kind == change.JSON && len(raw) == 0: // as decodeBytes does
		return false
	}
	v.Kind, v.Bytes = c.Kind, raw
	return true
}

// float reads a FLOAT or a DOUBLE, whichever the column's kind.
func (k *cell) float(v *change.Value, raw []byte, _ *[]byte) bool {
	v.Kind, v.Bits = k.column.Kind, lowFirst(raw)
	if v.Kind == change.Float32 && len(raw) == 8 {
		v.Bits = uint64(math.Float32bits(float32(math.Float64frombits(v.Bits))))
	}
	return true
}

// time reads a number of 24 bits, and those of the fraction behind it, above an
// offset: hours, minutes and seconds.
// https://dev.mysql.com/doc/dev/internals/en/date-and-time-data-type-representation.html
func (k *cell) time(v *change.Value, raw []byte, _ *[]byte) bool {
	n := int64(highFirst(raw)) - 1<<(8*len(raw)-1)
	negative := n < 0
	if negative {
		n = -n
	}
	places := len(raw) - 3
	whole := n >> (8 * places)
	var buf [8]byte
	binary.BigEndian.PutUint64(buf[:], uint64(n))
	micro, ok := k.fraction(buf[8-places:])
	hour, minute, second := whole>>12, whole>>6&63, whole&63
	if !ok || hour > 838 || minute > 59 || second > 59 {
		return false
	}
	us := (hour*3600+minute*60+second)*1_000_000 + int64(micro)
	if negative {
		us = -us
	}
	v.Kind, v.Bits = change.Time, uint64(us)
	return true
}

func (k *cell) uuid(v *change.Value, raw []byte, room *[]byte) bool {
	ok := k.bytes(v, raw, room)
	v.Bytes = clientOrder(v.Bytes)
	return ok
}

// date reads three bytes that hold what change.PackDate makes.
func (k *cell) date(v *change.Value, raw []byte, _ *[]byte) bool {
	b := lowFirst(raw)
	year, month, _ := change.UnpackDate(b)
	v.Kind, v.Bits = change.Date, b
	return year <= 9999 && month <= 12
}

// datetime reads 40 bits with the parts of a DATETIME, above an offset, and the
// fraction. https://dev.mysql.com/doc/dev/internals/en/date-and-time-data-type-representation.html
func (k *cell) datetime(v *change.Value, raw []byte, _ *[]byte) bool {
	const offset = 1 << 39
	n := highFirst(raw[:5])
	micro, ok := k.fraction(raw[5:])
	if !ok || n < offset {
		return false
	}
	n -= offset
	months, day := n>>22, int(n>>17&31)
	hour, minute, second := int(n>>12&31), int(n>>6&63), int(n&63)
	if months/13 > 9999 || hour > 23 || minute > 59 || second > 59 {
		return false
	}
	v.Kind, v.Bits = change.Datetime, change.PackDatetime(int(months/13), int(months%13), day, hour, minute, second, micro)
	return true
}

// timestamp reads seconds since 1970 and the fraction.
func (k *cell) timestamp(v *change.Value, raw []byte, _ *[]byte) bool {
	micro, ok := k.fraction(raw[4:])
	seconds := highFirst(raw[:4])
	if seconds == 0 && micro != 0 {
		return false
	}
	v.Kind, v.Bits = change.Timestamp, seconds*1_000_000+uint64(micro)
	return ok
}

// fraction gives the microseconds that scale digits show of a fraction, of which
// there are two in each byte.
func (k *cell) fraction(raw []byte) (micro int, ok bool) {
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
func (k *cell) decimal(v *change.Value, raw []byte, room *[]byte) bool {
	var buf [32]byte
	b := buf[:copy(buf[:], raw)]
	negative := b[0]&0x80 == 0
	b[0] ^= 0x80
	if negative {
		for i := range b {
			b[i] ^= 0xff
		}
	}
	const most = 70 // sign, zero, point and 65 digits
	out := append(spare(room, most), '-')
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
	*room = (*room)[:len(*room)+len(out)]
	if !negative || zero {
		out = out[1:]
	}
	v.Kind, v.Bytes = change.Decimal, out[:len(out):len(out)]
	return ok
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
