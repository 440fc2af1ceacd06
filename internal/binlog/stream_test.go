package binlog

import (
	"encoding/binary"
	"hash/crc32"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"duplex/internal/change"
)

// A stream is written by hand as the Binlog Service sends it: one table map and
// one rows event for each row, no optional metadata, seconds and microseconds in
// place of a logical clock.
type stream struct {
	bytes    []byte
	file     string
	at       uint32 // in the file
	checksum bool
	commit   int64 // microseconds, of the transaction that is written
	number   uint64
	ids      map[string]uint64 // of tables
	lastID   uint64
}

const (
	obUUID   = "0f3e8d2c-1111-11ee-8c99-0242ac120002"
	obCommit = int64(1_700_000_000_123_456)
)

func newStream() *stream {
	return &stream{file: "mysql-bin.000001", at: 4, checksum: true, commit: obCommit, ids: map[string]uint64{}}
}

// event appends one; flags and the place behind it are as the service has them.
func (s *stream) event(kind replication.EventType, flags uint16, placed bool, body []byte) []byte {
	size := headerSize + len(body)
	if s.checksum {
		size += checksumSize
	}
	if placed {
		s.at += uint32(size)
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(s.commit/1_000_000))
	b = append(b, byte(kind))
	b = binary.LittleEndian.AppendUint32(b, 1147473732)
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	if placed {
		b = binary.LittleEndian.AppendUint32(b, s.at)
	} else {
		b = binary.LittleEndian.AppendUint32(b, 0)
	}
	b = append(binary.LittleEndian.AppendUint16(b, flags), body...)
	if s.checksum {
		b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	}
	s.bytes = append(s.bytes, b...)
	return b
}

// begin writes what a file begins with: the artificial rotation, the format
// description, the transactions before it.
func (s *stream) begin() *stream {
	s.rotation(0x20, false, s.file, 4)
	s.at = 4
	b := binary.LittleEndian.AppendUint16(nil, 4)
	version := make([]byte, 50)
	copy(version, "5.7.38")
	b = append(b, version...)
	b = append(b, 0, 0, 0, 0, headerSize)
	b = append(b, 56, 13, 0, 8, 0, 18, 0, 4, 4, 4, 4, 18, 0, 0, 96, 0, 4, 26, 8, 0, 0, 0, 8, 8, 8, 2, 0, 0, 0, 10, 10, 10, 42, 42, 0, 18, 52, 0, 10)
	if s.checksum {
		b = append(b, 1)
	} else {
		b = append(b, 0) // and no room for the checksum of this event, other than MySQL
	}
	s.event(replication.FORMAT_DESCRIPTION_EVENT, 1, true, b)
	previous := binary.LittleEndian.AppendUint64(nil, 1)
	uuid, _ := parseUUID(obUUID)
	previous = binary.LittleEndian.AppendUint64(append(previous, uuid[:]...), 1)
	previous = binary.LittleEndian.AppendUint64(previous, 1)
	s.event(replication.PREVIOUS_GTIDS_EVENT, 1, true, binary.LittleEndian.AppendUint64(previous, max(s.number+1, 2)))
	return s
}

func (s *stream) rotation(flags uint16, placed bool, file string, at uint64) {
	s.event(replication.ROTATE_EVENT, flags, placed, append(binary.LittleEndian.AppendUint64(nil, at), file...))
}

// nextFile ends the file and begins another.
func (s *stream) nextFile(file string) *stream {
	s.rotation(0, true, file, 4)
	s.file = file
	return s.begin()
}

// heartbeat has the place that the service stands at, and names a file by its
// path.
func (s *stream) heartbeat() []byte {
	return s.event(replication.HEARTBEAT_EVENT, 1, false, []byte("./data/"+s.file))
}

// gtid begins a transaction of that time.
func (s *stream) gtid(number uint64, commit int64) *stream {
	s.number, s.commit = number, commit
	uuid, _ := parseUUID(obUUID)
	b := append([]byte{0}, uuid[:]...)
	b = append(binary.LittleEndian.AppendUint64(b, number), 2)
	b = binary.LittleEndian.AppendUint64(b, uint64(commit/1_000_000))
	s.event(replication.GTID_EVENT, 1, true, binary.LittleEndian.AppendUint64(b, uint64(commit%1_000_000)))
	return s
}

// query has no sql_mode and no time zone, and collations 45, 45, 83.
func (s *stream) query(thread uint32, database, text string) *stream {
	b := binary.LittleEndian.AppendUint32(nil, thread)
	b = append(b, 0, 0, 0, 0, byte(len(database)), 0, 0, 12, 0)
	b = append(b, 0, 0, 0, 0, 0, 4, 45, 0, 45, 0, 83, 0)
	b = append(append(append(b, database...), 0), text...)
	s.event(replication.QUERY_EVENT, 1, true, b)
	return s
}

func (s *stream) xid() *stream {
	s.event(replication.XID_EVENT, 1, true, make([]byte, 8))
	return s
}

// txn is a whole transaction.
func (s *stream) txn(commit int64, thread uint32, rows ...func(*stream)) *stream {
	s.gtid(s.number+1, commit).query(thread, "", "BEGIN")
	for _, row := range rows {
		row(s)
	}
	return s.xid()
}

// ddl is a statement, which is a transaction of its own.
func (s *stream) ddl(commit int64, database, text string) *stream {
	return s.gtid(s.number+1, commit).query(1, database, text)
}

// An obTable is a table as the service describes it.
type obTable struct {
	database, name string
	columns        []obColumn
	key            []int
}

// An obColumn has the type and the metadata that the service writes.
type obColumn struct {
	change.Column
	kind byte
	meta []byte
}

func (c *obTable) definition() *definition {
	t := &change.Table{Database: c.database, Name: c.name, Key: c.key}
	for i := range c.columns {
		t.Columns = append(t.Columns, c.columns[i].Column)
	}
	return &definition{table: t, uuid: make([]bool, len(c.columns))}
}

// changed gives the table another number, as a definition statement does.
func (s *stream) changed(t *obTable) { delete(s.ids, t.database+"."+t.name) }

func (s *stream) id(t *obTable) uint64 {
	name := t.database + "." + t.name
	if s.ids[name] == 0 {
		s.lastID++
		s.ids[name] = s.lastID
	}
	return s.ids[name]
}

func (s *stream) tableMap(t *obTable) {
	b := appendID(nil, s.id(t))
	b = append(append(append(b, 1, 0, byte(len(t.database))), t.database...), 0)
	b = append(append(append(b, byte(len(t.name))), t.name...), 0, byte(len(t.columns)))
	var meta []byte
	nulls := make([]byte, (len(t.columns)+7)/8)
	for i := range t.columns {
		b = append(b, t.columns[i].kind)
		meta = append(meta, t.columns[i].meta...)
		nulls[i/8] |= 1 << (i % 8)
	}
	b = append(append(b, byte(len(meta))), meta...)
	s.event(replication.TABLE_MAP_EVENT, 1, true, append(b, nulls...))
}

func appendID(b []byte, id uint64) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(id)), byte(id>>32), byte(id>>40))
}

// rows writes a table map and a rows event of one row; nil is NULL.
func (s *stream) rows(kind replication.EventType, t *obTable, images ...[][]byte) {
	s.tableMap(t)
	b := append(appendID(nil, s.id(t)), 1, 0, 2, 0, byte(len(t.columns))) // STMT_END_F, no extra data
	size := (len(t.columns) + 7) / 8
	for range images {
		for range size {
			b = append(b, 0xff) // of the bits beyond the columns, too
		}
	}
	for _, image := range images {
		b = appendImage(b, image)
	}
	s.event(kind, 1, true, b)
}

func appendImage(b []byte, image [][]byte) []byte {
	nulls := make([]byte, (len(image)+7)/8)
	if len(image)%8 != 0 {
		nulls[len(nulls)-1] = byte(0xff << (len(image) % 8)) // the bits beyond the columns
	}
	for i, v := range image {
		if v == nil {
			nulls[i/8] |= 1 << (i % 8)
		}
	}
	b = append(b, nulls...)
	for _, v := range image {
		b = append(b, v...)
	}
	return b
}

func inserted(t *obTable, after [][]byte) func(*stream) {
	return func(s *stream) { s.rows(replication.WRITE_ROWS_EVENTv2, t, after) }
}

func updated(t *obTable, before, after [][]byte) func(*stream) {
	return func(s *stream) { s.rows(replication.UPDATE_ROWS_EVENTv2, t, before, after) }
}

func deleted(t *obTable, before [][]byte) func(*stream) {
	return func(s *stream) { s.rows(replication.DELETE_ROWS_EVENTv2, t, before) }
}

// Values as the service writes them.

func i8(n int) []byte  { return []byte{byte(n)} }
func i16(n int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(n)) }
func i24(n int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(n))[:3] }
func i32(n int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(n)) }
func i64(n int64) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(n))
}

// sized is a text or bytes behind a length of so many bytes.
func sized(width int, text string) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(text)))[:width], text...)
}

// Columns as the service describes them; lengths of texts are in bytes of utf8mb4.

func column(name string, k change.Kind, kind byte, meta ...byte) obColumn {
	c := obColumn{Column: change.Column{Name: name, Kind: k}, kind: kind, meta: meta}
	if k == change.Text || k == change.Enum || k == change.Set {
		c.Charset, c.Collation = "utf8mb4", "utf8mb4_general_ci"
	}
	return c
}

func scaled(c obColumn, scale int) obColumn {
	c.Scale = scale
	return c
}

func sizedColumn(c obColumn, length int) obColumn {
	c.Length = length
	return c
}

func varchar(name string, characters int) obColumn {
	return column(name, change.Text, gomysql.MYSQL_TYPE_VARCHAR, byte(characters*4), byte(characters*4>>8))
}

// char has two bits of its length in the byte of its type.
func char(name string, characters int) obColumn {
	n := characters * 4
	return column(name, change.Text, gomysql.MYSQL_TYPE_STRING, gomysql.MYSQL_TYPE_STRING^byte(n&0x300>>4), byte(n))
}
