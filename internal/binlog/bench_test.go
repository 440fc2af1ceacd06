package binlog

import (
	"encoding/binary"
	"log/slog"
	"syscall"
	"testing"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// What a row costs the reader: of applied transactions and of local ones, in
// processor time, which a busy machine changes less than the time of day.

// An order is id bigint, customer int, status varchar(16), amount decimal(12,2),
// changed datetime(6), note varchar(200).
var (
	orderTypes = []byte{gomysql.MYSQL_TYPE_LONGLONG, gomysql.MYSQL_TYPE_LONG, gomysql.MYSQL_TYPE_VARCHAR,
		gomysql.MYSQL_TYPE_NEWDECIMAL, gomysql.MYSQL_TYPE_DATETIME2, gomysql.MYSQL_TYPE_VARCHAR}
	orderMeta  = []byte{64, 0, 12, 2, 6, 32, 3}
	orderKinds = []change.Kind{change.Int, change.Int, change.Text, change.Decimal, change.Datetime, change.Text}
)

// orders are images of n orders with ids from first on.
func orders(first, n int) []byte {
	var b []byte
	for i := range n {
		b = append(b, 0)
		b = binary.LittleEndian.AppendUint64(b, uint64(first+i))
		b = binary.LittleEndian.AppendUint32(b, 4711)
		b = append(append(b, 7), "shipped"...)
		b = append(b, 0x80, 0, 0, 1, 35, 45)
		b = append(b, 0x99, 0xb2, 0x44, 0x10, 0x83, 0x01, 0x02, 0x03)
		b = append(append(b, 40, 0), "a note of some length, as people write it"[:40]...)
	}
	return b
}

func orderRows(images []byte) []byte {
	return append([]byte{1, 0, 0, 0, 0, 0, 1, 0, 2, 0, 6, 63}, images...)
}

// testTable is the table of a bareReader.
var testTable = schema.Name{Database: "d", Name: "t"}

// bareReader reads no log: events are given to take. Rows are of table d.t with
// the columns of kinds, of which key are the identity.
func bareReader(t testing.TB, tableMap []byte, kinds []change.Kind, key ...int) *Reader {
	r := &Reader{parser: newParser(), dump: &dump{}, prepared: map[string]bool{}, tables: map[uint64]*logTable{},
		history: unstored(&tenant.Tenant{}), names: map[*change.Table]string{}, tasks: make(chan struct{}, 1)}
	rule := &conflict.Rule{Policy: conflict.Newest}
	r.cfg = Config{Tenant: &tenant.Tenant{}, Project: testProject, Inbound: testInbound, Site: "a", Log: slog.New(slog.DiscardHandler),
		Match: func(string, string) bool { return true }, Budget: defaultBudget,
		Conflicts: &Conflicts{Peer: 1, Rules: func(string) *conflict.Rule { return rule }}}
	r.at.mode, r.at.file, r.file = byFile, "b.1", "b.1"
	r.observer = newObserver(r.cfg.Conflicts, conflict.Point{}, "")
	t.Cleanup(r.observer.Index().Close)
	r.observer.CaughtUp()
	require.NoError(t, r.describe(eventOf(replication.FORMAT_DESCRIPTION_EVENT, formatDescription())))
	d := &definition{table: &change.Table{Database: "d", Name: "t", Key: key}, uuid: make([]bool, len(kinds))}
	for _, k := range kinds {
		c := change.Column{Name: "c", Kind: k}
		if k == change.Decimal {
			c.Scale = 2
		}
		d.table.Columns = append(d.table.Columns, c)
	}
	r.history.put(&version{Placed: schema.Placed{Version: schema.Version{Name: testTable, Table: &schema.Table{Database: testTable.Database, Name: testTable.Name}}}, definition: d})
	require.NoError(t, r.take(t.Context(), eventOf(replication.TABLE_MAP_EVENT, tableMap)))
	return r
}

// processor is the processor time of the process.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perRow reports what fn costs for each of rows rows.
func perRow(b *testing.B, rows int, fn func(i int)) {
	b.ReportAllocs()
	start := processor(b)
	for i := range b.N {
		fn(i)
	}
	b.ReportMetric(float64(processor(b)-start)/float64(b.N*rows), "cpu-ns/row")
}

// written puts n rows of d.t, with ids from first on, into the index.
func written(r *Reader, first, n int) {
	key := conflict.Key{Table: "`d`.`t`"}
	for i := range n {
		s := r.observer.Stamp(0)
		image := []change.Value{change.OfInt(int64(first + i)), change.OfInt(1), change.OfText([]byte("new"))}
		key.ID = change.RowID(make([]change.Column, 1), []int{0}, image)
		r.observer.Wrote(&s, 0, key, nil, image)
	}
}

// BenchmarkApplied reads events of applied transactions, with 64 rows or with
// one: over and done with where the index is empty, looked at where it is not.
func BenchmarkApplied(b *testing.B) {
	tableMap := tableMapOf(orderTypes, orderMeta)
	for _, bench := range []struct {
		name        string
		index, rows int
		what        string
	}{
		{"skipped", 0, 64, ""},
		{"looked-at", 1000, 64, ""},
		{"decoded", 1000, 64, "not scanned"},
		{"unique", 1000, 64, "may be parked"},
		{"concerned", 1000, 64, "one is in the index"},
		{"skipped-single", 0, 1, ""},
		{"looked-at-single", 1000, 1, ""},
		{"decoded-single", 1000, 1, "not scanned"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r := bareReader(b, tableMap, orderKinds, 0)
			written(r, 1_000_000, bench.index)
			first := 1
			switch bench.what {
			case "may be parked":
				r.cfg.Conflicts.Unique = func(string) bool { return true }
			case "one is in the index":
				first = 1_000_000 - bench.rows + 1
			case "not scanned":
				r.tables[1].definition = r.history.at(testTable, 0).definition
				r.tables[1].scanned = r.tables[1].definition
			}
			body := orderRows(orders(first, bench.rows))
			rows, tables := eventOf(replication.WRITE_ROWS_EVENTv2, body), eventOf(replication.TABLE_MAP_EVENT, tableMap)
			perRow(b, bench.rows, func(int) {
				r.group = group{open: true, applied: &applied{}}
				r.group.applied.Carried = []change.Stamp{{}}
				if r.take(b.Context(), tables) != nil || r.take(b.Context(), rows) != nil {
					b.Fatal("an event was refused")
				}
			})
		})
	}
}

// BenchmarkLocal reads transactions of the site's own: of 64 rows, and of one.
// The peer stays 100,000 rows behind.
func BenchmarkLocal(b *testing.B) {
	tableMap := tableMapOf(orderTypes, orderMeta)
	for _, bench := range []struct {
		name   string
		twoWay bool
		rows   int
	}{{"one-way", false, 64}, {"two-way", true, 64}, {"one-way-single", false, 1}, {"two-way-single", true, 1}} {
		b.Run(bench.name, func(b *testing.B) {
			r := bareReader(b, tableMap, orderKinds, 0)
			if !bench.twoWay {
				r.cfg.Conflicts = nil
			}
			body := orderRows(orders(0, bench.rows))
			tables, xid := eventOf(replication.TABLE_MAP_EVENT, tableMap), eventOf(replication.XID_EVENT, make([]byte, 8))
			size := len(body[12:]) / bench.rows
			behind := 100_000 / bench.rows
			perRow(b, bench.rows, func(i int) {
				rows := eventOf(replication.WRITE_ROWS_EVENTv2, body)
				for row := range bench.rows {
					binary.LittleEndian.PutUint64(rows.body[12+1+row*size:], uint64(i*bench.rows+row))
				}
				r.group = group{open: true}
				if r.take(b.Context(), tables) != nil || r.take(b.Context(), rows) != nil || r.take(b.Context(), xid) != nil {
					b.Fatal("an event was refused")
				}
				r.ready = r.ready[:0]
				if bench.twoWay && i > behind && i%64 == 0 {
					r.observer.Index().Settle(uint64(i - behind))
				}
			})
		})
	}
}
