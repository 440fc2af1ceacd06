package binlog

import (
	"encoding/binary"
	"log/slog"
	"math"
	"testing"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
	"duplex/internal/tenant"
)

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		kind change.Kind
		v    any
		want string
	}{
		{change.Int, "1", "column c: value of the log: value of type string"},
		{change.Text, int64(1), "value of type int64"},
		{change.Date, "2024-13-01", `date "2024-13-01" is malformed`},
		{change.Decimal, "1.x", "malformed"},
		{change.JSON, &replication.JsonDiff{}, "only a part of a JSON document"},
	} {
		_, err := decode(&change.Column{Name: "c", Kind: c.kind}, 0, c.v)
		require.ErrorContains(t, err, c.want)
	}
}

func TestDecodeUnsigned(t *testing.T) {
	c := &change.Column{Name: "c", Kind: change.Uint}
	for _, x := range []struct {
		v       any
		logType byte
		want    uint64
	}{
		{int8(-1), gomysql.MYSQL_TYPE_TINY, math.MaxUint8},
		{int16(-1), gomysql.MYSQL_TYPE_SHORT, math.MaxUint16},
		{int32(-1), gomysql.MYSQL_TYPE_INT24, 1<<24 - 1},
		{int32(-1), gomysql.MYSQL_TYPE_LONG, math.MaxUint32},
		{int64(-1), gomysql.MYSQL_TYPE_LONGLONG, math.MaxUint64},
	} {
		v, err := decode(c, x.logType, x.v)
		require.NoError(t, err)
		require.Equal(t, change.OfUint(x.want), v)
	}
}

func TestOldTime(t *testing.T) {
	for text, want := range map[string]int64{
		"00:00:00": 0, "838:59:59": 3020399, "1677:72:15": -1, "839:12:57": -3020399,
	} {
		got, err := oldTime([]byte(text))
		require.NoError(t, err)
		require.Equal(t, want*1_000_000, got, text)
	}
}

func TestCommitTime(t *testing.T) {
	ob := &Reader{oceanbase: true}
	require.Equal(t, int64(1700000000123456), ob.commitTime(&replication.GTIDEvent{LastCommitted: 1700000000, SequenceNumber: 123456}))
	require.Equal(t, int64(1700000000123456), ob.commitTime(&replication.GTIDEvent{LastCommitted: 1700000000, SequenceNumber: 1700000000123456}))
	require.Zero(t, ob.commitTime(&replication.GTIDEvent{LastCommitted: 12, SequenceNumber: 13}))
	my := &Reader{}
	require.Zero(t, my.commitTime(&replication.GTIDEvent{LastCommitted: 1700000000, SequenceNumber: 5}))
	require.Equal(t, int64(7), my.commitTime(&replication.GTIDEvent{ImmediateCommitTimestamp: 7}))
}

func TestToUTF8(t *testing.T) {
	vars := func(id uint16) []byte {
		return binary.LittleEndian.AppendUint16([]byte{0, 0, 0, 0, 0, 6, 1, 'x', 4}, id)
	}
	for _, c := range []struct {
		vars []byte
		text string
		want string
	}{
		{nil, "abc", "abc"},
		{nil, "ü", "ü"},
		{append(vars(45), 0, 0, 0, 0), "ü", "ü"},
		{append(vars(8), 0, 0, 0, 0), "\xfc\x80", "ü€"},
		{append(vars(28), 0, 0, 0, 0), "abc", "abc"},
	} {
		got, err := toUTF8(&replication.QueryEvent{Query: []byte(c.text), StatusVars: c.vars})
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	_, err := toUTF8(&replication.QueryEvent{Query: []byte("\xd6\xd0"), StatusVars: append(vars(28), 0, 0, 0, 0)})
	require.ErrorIs(t, err, errCharset)
}

// tableMapOf builds the body of a TABLE_MAP event of table d.t with number 1.
func tableMapOf(types, meta []byte) []byte {
	b := []byte{1, 0, 0, 0, 0, 0, 1, 0, 1, 'd', 0, 1, 't', 0, byte(len(types))}
	b = append(b, types...)
	b = append(append(b, byte(len(meta))), meta...)
	return append(b, make([]byte, (len(types)+7)/8)...)
}

// FuzzEvents feeds a reader any bytes as table map and rows: it may refuse
// them, but not fall over.
func FuzzEvents(f *testing.F) {
	f.Add(tableMapOf([]byte{3, 15}, []byte{40, 0}), []byte{1, 0, 0, 0, 0, 0, 1, 0, 2, 0, 2, 3, 0, 1, 0, 0, 0, 2, 'a', 'b'}, uint8(0))
	f.Add(tableMapOf([]byte{246, 18, 254}, []byte{10, 2, 6, 247, 1}), []byte{1, 0, 0, 0, 0, 0, 1, 0, 2, 0, 3, 7, 7, 0}, uint8(1))
	f.Add(tableMapOf([]byte{140, 141, 245}, []byte{2, 9, 0, 4}), []byte{1, 0, 0, 0, 0, 0, 1, 0, 2, 0, 3, 7, 7, 0}, uint8(2))
	f.Fuzz(func(t *testing.T, tableMap, rows []byte, what uint8) {
		r := &Reader{group: group{open: true}, parser: newParser(), dump: &dump{}, prepared: map[string]bool{}, observer: newObserver(nil, conflict.Point{}, ""),
			tables: map[uint64]*logTable{}, history: unstored(&tenant.Tenant{})}
		r.cfg = Config{Tenant: &tenant.Tenant{}, Project: "p", Inbound: "b>a", Site: "a", Log: slog.New(slog.DiscardHandler)}
		r.at.mode = byFile
		r.cfg.Match = func(string, string) bool { return true }
		if err := r.describe(eventOf(replication.FORMAT_DESCRIPTION_EVENT, formatDescription())); err != nil {
			t.Fatal(err)
		}
		if r.tableMap(eventOf(replication.TABLE_MAP_EVENT, tableMap)) != nil {
			return
		}
		for _, table := range r.tables {
			table.definition = definitionOf(table)
		}
		kinds := []replication.EventType{replication.WRITE_ROWS_EVENTv2, replication.UPDATE_ROWS_EVENTv2, replication.DELETE_ROWS_EVENTv2,
			replication.WRITE_ROWS_EVENTv1, replication.PARTIAL_UPDATE_ROWS_EVENT}
		if err := r.take(t.Context(), eventOf(kinds[int(what)%len(kinds)], rows)); err == nil && r.group.rows != nil {
			_ = r.group.rows.Each(func(*change.Row) error { return nil })
		}
		switch other := replication.EventType(what); other {
		case replication.TRANSACTION_PAYLOAD_EVENT, replication.MARIADB_QUERY_COMPRESSED_EVENT, replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1,
			replication.MARIADB_UPDATE_ROWS_COMPRESSED_EVENT_V1, replication.MARIADB_DELETE_ROWS_COMPRESSED_EVENT_V1:
			// The library allocates what their head asks for; only their checksum guards it.
		default:
			_ = r.take(t.Context(), eventOf(other, rows))
		}
	})
}

// definitionOf invents columns that fit the types of the log.
func definitionOf(t *logTable) *definition {
	d := &definition{table: &change.Table{Database: t.database, Name: t.name}, uuid: make([]bool, len(t.types))}
	for _, logType := range t.types {
		c := change.Column{Name: "c", Kind: change.Text}
		for _, kind := range []change.Kind{change.Int, change.Float32, change.Float64, change.Decimal, change.Date, change.Datetime,
			change.Timestamp, change.Time, change.Year, change.Bit, change.Enum, change.Set} {
			if fits(&change.Column{Kind: kind}, logType) == nil {
				c.Kind = kind
			}
		}
		d.table.Columns = append(d.table.Columns, c)
	}
	return d
}

// formatDescription is that of a MySQL 5.7 server without checksums.
func formatDescription() []byte {
	b := binary.LittleEndian.AppendUint16(nil, 4)
	version := make([]byte, 50)
	copy(version, "5.7.38-log")
	b = append(b, version...)
	b = append(b, 0, 0, 0, 0, headerSize)
	lengths := make([]byte, 170)
	for i := range lengths {
		lengths[i] = 8
	}
	b = append(b, lengths...)
	return append(b, 0, 0, 0, 0, 0)
}

func eventOf(kind replication.EventType, body []byte) *event {
	raw := make([]byte, headerSize, headerSize+len(body))
	raw[4] = byte(kind)
	binary.LittleEndian.PutUint32(raw[9:], uint32(headerSize+len(body)))
	raw = append(raw, body...)
	return &event{kind: kind, size: uint32(len(raw)), raw: raw, body: raw[headerSize:]}
}
