package binlog

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// Of nearly all rows that the peer has written only the hash of the key counts.
// What is here finds it in the raw row images and passes over all else. It is no
// second decoder: of whatever is rare or looks wrong it says that it does not
// know, and the event goes the way of a local one.

// A field is where a column's value lies in a row image.
type field struct {
	fixed  int // bytes of the value, and
	prefix int // of a length before it, lowest first, that says how many more there are
	key    int // place in the identity, from 1; 0: not of it
}

// A layout is what the images of a table's rows look like.
type layout struct {
	fields []field
	keys   []keyColumn // in the order of the identity
	raw    [][]byte    // of each in the present image; nil is NULL
	head   []byte      // what is hashed before the identity
	any    bool        // what is looked for may be absent
}

// layoutOf describes the rows of t, of which the table map and the definition
// are known; nil if they have something that is not read here.
func layoutOf(t *logTable, name string) *layout {
	l := &layout{fields: make([]field, len(t.types)), keys: make([]keyColumn, len(t.table.Key)),
		raw: make([][]byte, len(t.table.Key)), head: conflict.AppendTable(nil, name)}
	for i := range l.fields {
		f, _, ok := fieldOf(t.logged.ColumnType[i], t.logged.ColumnMeta[i])
		if !ok {
			return nil
		}
		l.fields[i] = f
	}
	for n, i := range t.table.Key {
		k, ok := keyColumnOf(t, i)
		if !ok {
			return nil
		}
		l.keys[n], l.fields[i].key = k, n+1
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

// A keyScan reads events for the keys of their rows. It belongs to one
// goroutine.
type keyScan struct {
	hashes   []uint64
	key      []byte // what is hashed
	value    [1]change.Value
	text     []byte // of a value that has to be built
	packed   bytes.Reader
	zlib     io.ReadCloser
	unpacked bytes.Buffer
}

// rows gives the hashes of the keys of an event's row images, in their order but
// without repetition of the last; they are valid until the next call. It is
// false where the keys have to be decoded.
func (s *keyScan) rows(l *layout, e *event, op change.Op, im *images) ([]uint64, bool) {
	if l == nil {
		return nil, false
	}
	b := e.body[im.at:]
	switch e.kind {
	case replication.PARTIAL_UPDATE_ROWS_EVENT: // after images have another form
		return nil, false
	case replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1, replication.MARIADB_UPDATE_ROWS_COMPRESSED_EVENT_V1,
		replication.MARIADB_DELETE_ROWS_COMPRESSED_EVENT_V1:
		var ok bool
		if b, ok = s.unpack(b); !ok {
			return nil, false
		}
	}
	s.hashes = s.hashes[:0]
	s.key = append(s.key[:0], l.head...)
	var present []byte // nil: all columns
	for i := 0; len(b) > 0; i++ {
		if !im.full {
			present = im.bitmaps[0]
			if op == change.Update {
				present = im.bitmaps[i%2]
			}
		}
		n, ok := l.find(b, present)
		if !ok {
			return nil, false
		}
		b = b[n:]
		hash, ok := s.hash(l)
		if !ok {
			return nil, false
		}
		if k := len(s.hashes); k == 0 || s.hashes[k-1] != hash {
			s.hashes = append(s.hashes, hash)
		}
		if op == change.Update && i%2 == 0 && len(b) == 0 {
			return nil, false
		}
	}
	return s.hashes, true
}

// find gives the size of the row image that b begins with, and leaves the bytes
// of its identity in raw.
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
			if f.key > 0 && !l.any {
				return 0, false
			}
			continue
		}
		null := nulls[bit/8]>>(bit%8)&1 != 0
		bit++
		if null {
			if f.key > 0 {
				l.raw[f.key-1] = nil
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
		if f.key > 0 {
			l.raw[f.key-1] = b[at : at+n : at+n]
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

// hash is that of the key which find has found.
func (s *keyScan) hash(l *layout) (uint64, bool) {
	key := s.key
	for i := range l.keys {
		s.value[0] = change.Value{}
		if raw := l.raw[i]; raw != nil {
			var ok bool
			if s.value[0], ok = l.keys[i].value(raw, &s.text); !ok {
				return 0, false
			}
		}
		key = change.AppendImage(key, s.value[:])
	}
	s.key = key[:len(l.head)]
	return conflict.HashKey(key), true
}

// unpack undoes MariaDB's compression of an event: a byte with the method and
// the size of the length, the length, a zlib stream (sql/log_event.cc).
func (s *keyScan) unpack(b []byte) ([]byte, bool) {
	if len(b) == 0 || b[0]&0xf0 != 0x80 || int(b[0]&7) >= len(b) {
		return nil, false
	}
	size := int64(0)
	for _, x := range b[1 : 1+b[0]&7] { // the highest first
		size = size<<8 | int64(x)
	}
	s.packed.Reset(b[1+b[0]&7:])
	var err error
	if s.zlib == nil {
		s.zlib, err = zlib.NewReader(&s.packed)
	} else {
		err = s.zlib.(zlib.Resetter).Reset(&s.packed, nil)
	}
	if err != nil {
		s.zlib = nil
		return nil, false
	}
	s.unpacked.Reset()
	if _, err := io.CopyN(&s.unpacked, s.zlib, size); err != nil {
		return nil, false
	}
	return s.unpacked.Bytes(), true
}
