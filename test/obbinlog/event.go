package obbinlog

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/go-mysql-org/go-mysql/replication"
)

// The events, as OceanBase's Binlog Service writes them: format version 4 of a
// 5.7 server, each with a CRC32.

const (
	magic         = "\xfebin"
	serverVersion = "5.7.38"
	headerSize    = 19
	checksumSize  = 4
	artificial    = 0x20 // flag of an event that is in no file
)

// postHeaders are the lengths of the fixed parts of MySQL 5.7's events, from
// START_EVENT_V3 on.
var postHeaders = []byte{
	56, 13, 0, 8, 0, 18, 0, 4, 4, 4, 4, 18, 0, 0, 95, 0, 4, 26, 8, 0, 0, 0, 8, 8, 8, 2, 0, 0, 0, 10, 10, 10, 42, 42, 0, 18, 52, 0,
}

// An encoder appends events to the end of a file.
type encoder struct {
	server uint32
	at     uint32 // offset of the next event in its file
	when   uint32 // seconds, of the events to come
	out    []byte
}

// event appends one. fill appends its body.
func (e *encoder) event(kind replication.EventType, flags uint16, fill func(b []byte) []byte) {
	begin := len(e.out)
	b := binary.LittleEndian.AppendUint32(e.out, e.when)
	b = binary.LittleEndian.AppendUint32(append(b, byte(kind)), e.server)
	b = append(b, make([]byte, 8)...) // size, end
	b = binary.LittleEndian.AppendUint16(b, flags)
	b = fill(b)
	size := uint32(len(b) - begin + checksumSize)
	binary.LittleEndian.PutUint32(b[begin+9:], size)
	if flags&artificial == 0 {
		e.at += size
		binary.LittleEndian.PutUint32(b[begin+13:], e.at)
	}
	e.out = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[begin:]))
}

// describe appends the format description, with which a file begins.
func (e *encoder) describe() {
	e.event(replication.FORMAT_DESCRIPTION_EVENT, 0, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint16(b, 4)
		var version [50]byte
		copy(version[:], serverVersion)
		b = binary.LittleEndian.AppendUint32(append(b, version[:]...), e.when)
		return append(append(append(b, headerSize), postHeaders...), 1) // CRC32
	})
}

// previous appends the GTIDs that lie in earlier files: numbers below next.
func (e *encoder) previous(uuid [16]byte, next uint64) {
	e.event(replication.PREVIOUS_GTIDS_EVENT, 0, func(b []byte) []byte {
		if next <= 1 {
			return append(b, make([]byte, 8)...)
		}
		b = append(binary.LittleEndian.AppendUint64(b, 1), uuid[:]...)
		for _, n := range []uint64{1, 1, next} { // intervals; from, behind
			b = binary.LittleEndian.AppendUint64(b, n)
		}
		return b
	})
}

// rotate appends the name of the next file.
func (e *encoder) rotate(flags uint16, position uint64, name string) {
	e.event(replication.ROTATE_EVENT, flags, func(b []byte) []byte {
		return append(binary.LittleEndian.AppendUint64(b, position), name...)
	})
}

// gtid appends the number of a transaction. Where MySQL has its logical clock
// there are the seconds and microseconds of the commit.
func (e *encoder) gtid(uuid [16]byte, number uint64, seconds, micros uint64) {
	e.event(replication.GTID_EVENT, 0, func(b []byte) []byte {
		b = append(append(b, 1), uuid[:]...)
		b = append(binary.LittleEndian.AppendUint64(b, number), 2)
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, seconds), micros)
	})
}

// query appends a statement. origin stands where MySQL has the thread.
func (e *encoder) query(origin uint32, database, text string) {
	e.event(replication.QUERY_EVENT, 0, func(b []byte) []byte {
		vars := []byte{0, 0, 0, 0, 0, 4, 45, 0, 45, 0, 83, 0} // flags2; character sets of client, connection, server
		b = binary.LittleEndian.AppendUint32(b, origin)
		b = binary.LittleEndian.AppendUint32(b, 0) // time it took
		b = append(b, byte(len(database)), 0, 0)
		b = append(binary.LittleEndian.AppendUint16(b, uint16(len(vars))), vars...)
		return append(append(append(b, database...), 0), text...)
	})
}

func appendTableID(b []byte, id uint64) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(id)), byte(id>>32), byte(id>>40))
}

// tableMap appends what a table's number stands for: no names of columns, no
// signs, no keys.
func (e *encoder) tableMap(t *table) {
	e.event(replication.TABLE_MAP_EVENT, 0, func(b []byte) []byte {
		b = append(appendTableID(b, t.id), 1, 0)
		b = append(append(append(b, byte(len(t.database))), t.database...), 0)
		b = append(append(append(b, byte(len(t.name))), t.name...), 0)
		b = appendLengthEncoded(b, uint64(len(t.columns)))
		var meta []byte
		null := make([]byte, (len(t.columns)+7)/8)
		for i := range t.columns {
			c := &t.columns[i]
			b = append(b, c.kind)
			meta = append(meta, c.meta...)
			if c.nullable {
				null[i/8] |= 1 << (i % 8)
			}
		}
		b = append(appendLengthEncoded(b, uint64(len(meta))), meta...)
		return append(b, null...)
	})
}

// rows appends the change of one row. The images begin with their NULL bits.
func (e *encoder) rows(t *table, op byte, before, after image) {
	kinds := map[byte]replication.EventType{
		'I': replication.WRITE_ROWS_EVENTv2, 'U': replication.UPDATE_ROWS_EVENTv2, 'D': replication.DELETE_ROWS_EVENTv2,
	}
	e.event(kinds[op], 0, func(b []byte) []byte {
		b = append(appendTableID(b, t.id), 1, 0, 2, 0) // end of the statement; nothing extra
		b = appendLengthEncoded(b, uint64(len(t.columns)))
		for _, im := range []image{before, after} {
			if im.bytes != nil {
				b = append(b, im.present...)
			}
		}
		return append(append(b, before.bytes...), after.bytes...)
	})
}

// xid ends a transaction.
func (e *encoder) xid(number uint64) {
	e.event(replication.XID_EVENT, 0, func(b []byte) []byte { return binary.LittleEndian.AppendUint64(b, number) })
}

// heartbeat says that there is nothing behind offset of a file.
func (e *encoder) heartbeat(name string, offset uint32) {
	begin := len(e.out)
	e.when = 0
	e.event(replication.HEARTBEAT_EVENT, artificial, func(b []byte) []byte { return append(b, name...) })
	event := e.out[begin:]
	binary.LittleEndian.PutUint32(event[13:], offset)
	sum := len(event) - checksumSize
	binary.LittleEndian.PutUint32(event[sum:], crc32.ChecksumIEEE(event[:sum]))
}
