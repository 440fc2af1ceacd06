package binlog

import (
	"encoding/binary"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
)

// A field is where a column's value lies in a row image.
type field struct {
	fixed  int // bytes of the value, and
	prefix int // of a length before it, lowest first, that says how many more there are
	nth    int // place among what is looked for, from 1; 0: is not
}

// A layout is what the images of a table's rows look like, and which columns are
// looked for in them.
type layout struct {
	fields []field
	cells  []cell   // of what is looked for, in its order
	raw    [][]byte // of each in the present image; nil is NULL
	any    bool     // what is looked for may be absent
}

// layoutOf describes the rows of t, of which the table map and the definition are
// known, to look for columns; nil if there is something that is not read here.
func layoutOf(t *logTable, columns []int) *layout {
	l := &layout{fields: make([]field, len(t.types)), cells: make([]cell, len(columns)), raw: make([][]byte, len(columns))}
	for i := range l.fields {
		f, _, ok := fieldOf(t.logged.ColumnType[i], t.logged.ColumnMeta[i])
		if !ok {
			return nil
		}
		l.fields[i] = f
	}
	for n, i := range columns {
		k, ok := cellOf(t, i)
		if !ok {
			return nil
		}
		l.cells[n], l.fields[i].nth = k, n+1
	}
	return l
}

// fieldOf gives the form of a type's values, and the type itself: CHAR stands
// for ENUM and SET as well, and its metadata holds two bits of its length
// elsewhere.
// https://dev.mysql.com/doc/dev/mysql-server/latest/classmysql_1_1binlog_1_1event_1_1Table__map__event.html
func fieldOf(kind byte, meta uint16) (f field, real byte, ok bool) {
	low, high := int(meta&0xff), int(meta>>8)
	n := 0
	switch kind {
	case gomysql.MYSQL_TYPE_STRING:
		switch real = byte(high); real {
		case gomysql.MYSQL_TYPE_ENUM:
			return field{fixed: low}, real, low == 1 || low == 2
		case gomysql.MYSQL_TYPE_SET:
			return field{fixed: low}, real, low >= 1 && low <= 8
		}
		if real|0x30 != gomysql.MYSQL_TYPE_STRING {
			return field{}, kind, false
		}
		return lengthBefore(low | (high&0x30^0x30)<<4), kind, true
	case gomysql.MYSQL_TYPE_VARCHAR, gomysql.MYSQL_TYPE_VAR_STRING:
		return lengthBefore(int(meta)), kind, true
	case gomysql.MYSQL_TYPE_BLOB, gomysql.MYSQL_TYPE_GEOMETRY, gomysql.MYSQL_TYPE_VECTOR, gomysql.MYSQL_TYPE_JSON:
		return field{prefix: int(meta)}, kind, meta > 0 && meta <= 4
	case gomysql.MYSQL_TYPE_NEWDECIMAL:
		_, _, n, ok = decimalOf(high, low)
		return field{fixed: n}, kind, ok
	case gomysql.MYSQL_TYPE_BIT:
		n = (8*high + low + 7) / 8
		return field{fixed: n}, kind, n > 0 && n <= 8
	case gomysql.MYSQL_TYPE_TIME2, gomysql.MYSQL_TYPE_TIMESTAMP2, gomysql.MYSQL_TYPE_DATETIME2:
		return field{fixed: wholeSeconds[kind] + (low+1)/2}, kind, meta <= 6
	}
	n, ok = fixedSizes[kind]
	return field{fixed: n}, kind, ok
}

func lengthBefore(most int) field {
	if most < 256 {
		return field{prefix: 1}
	}
	return field{prefix: 2}
}

// find gives the size of the row image that b begins with, and leaves the bytes
// of what is looked for in raw.
func (l *layout) find(b, present []byte) (size int, ok bool) {
	columns := len(l.fields)
	if present != nil {
		columns = 0
		for i := range l.fields {
			columns += int(present[i/8] >> (i % 8) & 1)
		}
	}
	at := (columns + 7) / 8
	if at > len(b) {
		return 0, false
	}
	nulls, bit := b[:at], 0
	for i := range l.fields {
		f := &l.fields[i]
		if present != nil && present[i/8]>>(i%8)&1 == 0 {
			if f.nth > 0 && !l.any {
				return 0, false
			}
			continue
		}
		null := nulls[bit/8]>>(bit%8)&1 != 0
		bit++
		if null {
			if f.nth > 0 {
				l.raw[f.nth-1] = nil
			}
			continue
		}
		n := f.fixed
		if f.prefix > 0 {
			if f.prefix > len(b)-at {
				return 0, false
			}
			n = length(b[at:], f.prefix)
			at += f.prefix
		}
		if n > len(b)-at {
			return 0, false
		}
		if f.nth > 0 {
			l.raw[f.nth-1] = b[at : at+n : at+n]
		}
		at += n
	}
	return at, true
}

// length reads a length of one to four bytes.
func length(b []byte, size int) int {
	switch size {
	case 1:
		return int(b[0])
	case 2:
		return int(binary.LittleEndian.Uint16(b))
	case 3:
		return int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	}
	return int(binary.LittleEndian.Uint32(b))
}
