package binlog

import (
	"encoding/binary"
	"math"
	"strings"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"duplex/internal/change"
)

// obTypes has a column of each type, with the service's description of it.
var obTypes = &obTable{"shop", "types", []obColumn{
	column("id", change.Int, gomysql.MYSQL_TYPE_LONG),
	column("tiny", change.Int, gomysql.MYSQL_TYPE_TINY),
	column("utiny", change.Uint, gomysql.MYSQL_TYPE_TINY),
	column("small", change.Int, gomysql.MYSQL_TYPE_SHORT),
	column("usmall", change.Uint, gomysql.MYSQL_TYPE_SHORT),
	column("medium", change.Int, gomysql.MYSQL_TYPE_INT24),
	column("umedium", change.Uint, gomysql.MYSQL_TYPE_INT24),
	column("uint", change.Uint, gomysql.MYSQL_TYPE_LONG),
	column("big", change.Int, gomysql.MYSQL_TYPE_LONGLONG),
	column("ubig", change.Uint, gomysql.MYSQL_TYPE_LONGLONG),
	column("f", change.Float32, gomysql.MYSQL_TYPE_FLOAT, 4),
	column("wide_f", change.Float32, gomysql.MYSQL_TYPE_DOUBLE, 8), // FLOAT(30,5): more than 24 digits go as DOUBLE
	column("d", change.Float64, gomysql.MYSQL_TYPE_DOUBLE, 8),
	scaled(column("dec", change.Decimal, gomysql.MYSQL_TYPE_NEWDECIMAL, 20, 6), 6),
	sizedColumn(column("bits", change.Bit, gomysql.MYSQL_TYPE_BIT, 2, 1), 10),
	column("y", change.Year, gomysql.MYSQL_TYPE_YEAR),
	column("day", change.Date, gomysql.MYSQL_TYPE_DATE),
	column("dt", change.Datetime, gomysql.MYSQL_TYPE_DATETIME2, 0),
	scaled(column("dt6", change.Datetime, gomysql.MYSQL_TYPE_DATETIME2, 6), 6),
	column("ts", change.Timestamp, gomysql.MYSQL_TYPE_TIMESTAMP2, 0),
	scaled(column("ts3", change.Timestamp, gomysql.MYSQL_TYPE_TIMESTAMP2, 3), 3),
	column("tm", change.Time, gomysql.MYSQL_TYPE_TIME2, 0),
	scaled(column("tm6", change.Time, gomysql.MYSQL_TYPE_TIME2, 6), 6),
	char("c", 10),
	char("wide_c", 200),
	varchar("vc", 20),
	varchar("wide_vc", 100),
	sizedColumn(column("bin", change.Binary, gomysql.MYSQL_TYPE_STRING, gomysql.MYSQL_TYPE_STRING, 4), 4),
	column("vbin", change.Binary, gomysql.MYSQL_TYPE_VARCHAR, 44, 1),
	column("e", change.Enum, gomysql.MYSQL_TYPE_STRING, gomysql.MYSQL_TYPE_ENUM, 1),
	column("wide_e", change.Enum, gomysql.MYSQL_TYPE_STRING, gomysql.MYSQL_TYPE_ENUM, 2),
	column("s", change.Set, gomysql.MYSQL_TYPE_STRING, gomysql.MYSQL_TYPE_SET, 2),
	column("s5", change.Set, gomysql.MYSQL_TYPE_STRING, gomysql.MYSQL_TYPE_SET, 5), // of 40 labels: MySQL takes eight bytes
	column("ttext", change.Text, gomysql.MYSQL_TYPE_BLOB, 1),
	column("txt", change.Text, gomysql.MYSQL_TYPE_BLOB, 2),
	column("mtext", change.Text, gomysql.MYSQL_TYPE_BLOB, 3),
	column("ltext", change.Text, gomysql.MYSQL_TYPE_BLOB, 4),
	column("bl", change.Binary, gomysql.MYSQL_TYPE_BLOB, 2),
	column("js", change.JSON, gomysql.MYSQL_TYPE_JSON, 4),
	column("geo", change.Geometry, gomysql.MYSQL_TYPE_GEOMETRY, 4),
}, []int{0}}

// The tables of the streams.
var (
	obPlain = &obTable{"shop", "t", []obColumn{column("id", change.Int, gomysql.MYSQL_TYPE_LONG), varchar("v", 20),
		column("n", change.Uint, gomysql.MYSQL_TYPE_LONGLONG)}, []int{0}}
	obOther = &obTable{"shop", "other", []obColumn{column("id", change.Int, gomysql.MYSQL_TYPE_LONG)}, []int{0}}
	obDocs  = &obTable{"shop", "docs", []obColumn{column("id", change.Int, gomysql.MYSQL_TYPE_LONG), varchar("title", 100),
		column("body", change.Text, gomysql.MYSQL_TYPE_BLOB, 3), column("doc", change.JSON, gomysql.MYSQL_TYPE_JSON, 4)}, []int{0}}
	obMarks = &obTable{"duplex", "checkpoint", []obColumn{varchar("project", 64), varchar("link", 80), column("lane", change.Int, gomysql.MYSQL_TYPE_LONG),
		column("epoch", change.Uint, gomysql.MYSQL_TYPE_LONGLONG), column("position", change.Binary, gomysql.MYSQL_TYPE_BLOB, 3),
		column("low", change.Uint, gomysql.MYSQL_TYPE_LONGLONG), column("applied", change.Text, gomysql.MYSQL_TYPE_BLOB, 3),
		column("carried", change.Binary, gomysql.MYSQL_TYPE_BLOB, 3), column("version", change.Int, gomysql.MYSQL_TYPE_LONGLONG),
		column("notes", change.Binary, gomysql.MYSQL_TYPE_BLOB, 3), column("settled", change.Uint, gomysql.MYSQL_TYPE_LONGLONG),
		column("settled_position", change.Binary, gomysql.MYSQL_TYPE_BLOB, 3), scaled(column("committed_at", change.Datetime, gomysql.MYSQL_TYPE_DATETIME2, 6), 6),
	}, []int{0, 1, 2}}
	obBeats = &obTable{"duplex", "heartbeat", []obColumn{varchar("site", 64), column("beat", change.Uint, gomysql.MYSQL_TYPE_LONGLONG),
		scaled(column("at", change.Datetime, gomysql.MYSQL_TYPE_DATETIME2, 6), 6), column("seq", change.Uint, gomysql.MYSQL_TYPE_LONGLONG)}, []int{0}}
	obTables = []*obTable{obTypes, obPlain, obOther, obDocs}
)

func float(f float32) []byte  { return binary.LittleEndian.AppendUint32(nil, math.Float32bits(f)) }
func double(f float64) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(f)) }

// decimal is one of DECIMAL(20,6): digits before the last nine, these, and the
// fraction.
func decimal(high, low, frac int, negative bool) []byte {
	b := []byte{byte(high >> 16), byte(high >> 8), byte(high)}
	b = binary.BigEndian.AppendUint32(b, uint32(low))
	b = append(b, byte(frac>>16), byte(frac>>8), byte(frac))
	if negative {
		for i := range b {
			b[i] ^= 0xff
		}
	}
	b[0] ^= 0x80
	return b
}

// datetime has width bytes of fraction.
func datetime(year, month, day, hour, minute, second, frac, width int) []byte {
	n := uint64((year*13+month)<<5|day)<<17 | uint64(hour<<12|minute<<6|second)
	b := binary.BigEndian.AppendUint64(nil, n+1<<39)[3:]
	return append(b, binary.BigEndian.AppendUint32(nil, uint32(frac))[4-width:]...)
}

func timestamp(seconds, frac, width int) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(seconds)), binary.BigEndian.AppendUint32(nil, uint32(frac))[4-width:]...)
}

// clock is a TIME; a negative one has its fraction inverted as well.
func clock(hour, minute, second, frac, width int, negative bool) []byte {
	n := hour<<12 | minute<<6 | second
	if negative {
		if n = -n; frac > 0 {
			n, frac = n-1, -frac
		}
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(n+0x800000))[1:]
	return append(b, binary.BigEndian.AppendUint32(nil, uint32(frac))[4-width:]...)
}

// document is {"a": n}. The service makes every object a large one.
func document(n int) []byte {
	b := append([]byte{1}, i32(1)...)
	b = append(append(append(b, i32(20)...), i32(19)...), 1, 0, 5)
	return sized(4, string(append(append(b, i32(n)...), 'a')))
}

// typesRows are three rows of obTypes: usual values, extremes, NULL.
func typesRows() [][][]byte {
	point := string(append([]byte{0xe6, 0x10, 0, 0, 1, 1, 0, 0, 0}, append(double(1.5), double(-2)...)...))
	usual := [][]byte{i32(1), i8(-5), i8(200), i16(-300), i16(60000), i24(-70000), i24(16000000), i32(4000000000), i64(-5), i64(math.MinInt64),
		float(1.5), double(2.25), double(-1e300), decimal(12345, 678901234, 567890, false), {0x02, 0x05}, i8(123), i24(2023<<9 | 11<<5 | 14),
		datetime(2023, 11, 14, 22, 13, 20, 0, 0), datetime(2023, 11, 14, 22, 13, 20, 123456, 3), timestamp(1700000000, 0, 0), timestamp(1700000000, 1230, 2),
		clock(12, 34, 56, 0, 0, false), clock(12, 34, 56, 789, 3, false), sized(1, "char"), sized(2, strings.Repeat("é", 200)),
		sized(1, "vär"), sized(2, strings.Repeat("长", 90)), sized(1, "\x00\x01\xff"), sized(2, strings.Repeat("\x00\xff", 140)),
		i8(2), i16(300), i16(0x201), {1, 0, 0, 0, 0x80}, sized(1, "tiny"), sized(2, "text"), sized(3, strings.Repeat("m", 300)), sized(4, "long"),
		sized(2, "\x00blob"), document(7), sized(4, point)}
	extreme := [][]byte{i32(2), i8(-128), i8(0), i16(-32768), i16(0), i24(-8388608), i24(0), i32(0), i64(math.MinInt64), i64(-1),
		float(-math.MaxFloat32), double(-0.5), double(math.MaxFloat64), decimal(99999, 999999999, 999999, true), {0x03, 0xff}, i8(0), i24(0),
		datetime(0, 0, 0, 0, 0, 0, 0, 0), datetime(9999, 12, 31, 23, 59, 59, 999999, 3), timestamp(0, 0, 0), timestamp(1, 0, 2),
		clock(838, 59, 59, 0, 0, true), clock(0, 0, 0, 1, 3, true), sized(1, ""), sized(2, ""), sized(1, ""), sized(2, ""), sized(1, ""), sized(2, ""),
		i8(1), i16(1), i16(0), {0, 0, 0, 0, 0}, sized(1, ""), sized(2, ""), sized(3, ""), sized(4, ""), sized(2, ""), document(-1), sized(4, point)}
	empty := make([][]byte, len(usual))
	empty[0] = i32(3)
	return [][][]byte{usual, extreme, empty}
}

func plainRow(id int, v string, n int64) [][]byte {
	return [][]byte{i32(id), sized(1, v), i64(n)}
}

// beatRow is the heartbeat of a site.
func siteBeat(site string, count int64) [][]byte {
	return [][]byte{sized(2, site), i64(count), datetime(2023, 11, 14, 22, 13, 20, 1, 3), i64(0)}
}

// markOf is a checkpoint row.
func markOf(link string, version int64, carried ...change.Stamp) [][]byte {
	return [][]byte{sized(2, testProject), sized(2, link), i32(0), i64(1), sized(3, "p"), i64(0), sized(3, ""),
		sized(3, string(change.AppendCarried(nil, 0, carried))), i64(version), sized(3, ""), i64(0), sized(3, ""), nil}
}

const ourOrigin = firstOrigin + 1

// goldenStreams are the streams that are written by hand.
func goldenStreams() map[string]*stream {
	types := newStream().begin()
	rows := typesRows()
	for _, row := range rows {
		types.txn(types.commit+1000, 1, inserted(obTypes, row))
	}
	types.txn(types.commit+1000, 1, updated(obTypes, rows[0], rows[1]), updated(obTypes, rows[1], rows[0]), deleted(obTypes, rows[0]))
	return map[string]*stream{
		"types": types, "transactions": transactions(), "repeated": repeated(), "missing": missingValues(), "unchecked": unchecked(),
	}
}

// transactions has all sorts of them, in two files.
func transactions() *stream {
	s := newStream().begin()
	stamp := change.Stamp{Seq: 0, Version: obCommit + 5_000_000}
	s.txn(obCommit, 1, inserted(obPlain, plainRow(1, "one", -1)), inserted(obOther, [][]byte{i32(1)}), inserted(obPlain, plainRow(2, "two", 2)))
	s.txn(obCommit, 1, updated(obPlain, plainRow(1, "one", -1), plainRow(4, "four", 4))) // in the same microsecond
	s.txn(obCommit+7, 1, inserted(obOther, [][]byte{i32(2)}))
	s.txn(obCommit+8, ourOrigin, inserted(obMarks, markOf(testInbound, obCommit+5_000_000, stamp)), inserted(obPlain, plainRow(5, "applied", 5)))
	s.heartbeat()
	s.txn(obCommit+9, ourOrigin, inserted(obPlain, plainRow(6, "applied", 6)), func(s *stream) { s.heartbeat() }, // the mark comes last
		updated(obMarks, markOf(testInbound, 1), markOf(testInbound, 2, change.Stamp{Seq: 2, Version: 1})))
	s.txn(obCommit+10, 1, inserted(obMarks, markOf(testInbound, 1, change.Stamp{Seq: 1, Version: 1})), inserted(obPlain, plainRow(7, "no origin", 7)))
	s.txn(obCommit+11, ourOrigin, inserted(obPlain, plainRow(8, "no mark", 8)))
	s.txn(obCommit+12, ourOrigin, inserted(obMarks, markOf("c>d", 1)), inserted(obPlain, plainRow(9, "somebody else's mark", 9)))
	s.txn(obCommit+13, 1, updated(obBeats, siteBeat("a", 1), siteBeat("a", 2)))
	s.txn(obCommit+14, 1, updated(obBeats, siteBeat("b", 1), siteBeat("b", 2)))
	s.ddl(obCommit+15, "shop", "ALTER TABLE t COMMENT = 'ü'")
	s.changed(obPlain)
	s.txn(obCommit+2_000_000, 1, inserted(obPlain, plainRow(10, "another number", 10)), deleted(obPlain, plainRow(2, "two", 2)))
	s.ddl(obCommit+2_000_001, "shop", "ALTER TABLE other SET TABLEGROUP = 'x'") // unconverted
	s.nextFile("mysql-bin.000002")
	return s.txn(obCommit+2_000_002, 1, inserted(obPlain, plainRow(11, "next file", 11)))
}

// repeated has a converter that was started anew and sends transactions again.
func repeated() *stream {
	s := newStream().begin()
	for n := range 4 {
		s.txn(obCommit+int64(n), 1, inserted(obPlain, plainRow(n, "once", 1)))
	}
	s.nextFile("mysql-bin.000002")
	s.number = 1
	for n := 1; n < 6; n++ {
		s.txn(obCommit+int64(n), 1, inserted(obPlain, plainRow(n, "once", 1)))
	}
	return s
}

// missingValues has long values that are in no image.
func missingValues() *stream {
	s := newStream().begin()
	long := sized(3, strings.Repeat("long ", 70))
	row := func(title string, body, doc []byte) [][]byte { return [][]byte{i32(1), sized(2, title), body, doc} }
	s.txn(obCommit+1, 1, inserted(obDocs, row("inserted", long, document(1))))
	s.txn(obCommit+2, 1, updated(obDocs, row("inserted", nil, document(1)), row("body left as it was", nil, document(1))))
	s.txn(obCommit+3, 1, updated(obDocs, row("body left as it was", nil, document(1)), row("body written", sized(3, "short"), nil)))
	s.txn(obCommit+4, 1, updated(obDocs, row("body written", sized(3, "short"), nil), row("body set to NULL", nil, nil)))
	s.txn(obCommit+5, 1, deleted(obDocs, row("body set to NULL", nil, nil)))
	return s
}

// unchecked comes from a service that is set up without checksums.
func unchecked() *stream {
	s := newStream()
	s.checksum = false
	return s.begin().txn(obCommit, 1, inserted(obPlain, plainRow(1, "one", 1))).nextFile("mysql-bin.000002").
		txn(obCommit+1, 1, deleted(obPlain, plainRow(1, "one", 1)))
}
