package binlog

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// logEnv names a log file of MariaDB with transactions of bench.item alone, which
// `go run ./bench decode` makes.
const logEnv = "DUPLEX_BINLOG"

// BenchmarkWholeLog decodes a server's log file, from its events to transactions with
// the values of their rows, as Next gives them out; and the same file with
// the library, as its syncer does it: without looking at the checksums, unless it
// is told to.
func BenchmarkWholeLog(b *testing.B) {
	path := os.Getenv(logEnv)
	if path == "" {
		b.Skip(logEnv + " names no log")
	}
	log, err := os.ReadFile(path)
	require.NoError(b, err)
	library := func(verify bool) func(b *testing.B, events [][]byte) int {
		return func(b *testing.B, events [][]byte) int { return libraryRows(b, events, verify) }
	}
	for _, bench := range []struct {
		name   string
		decode func(b *testing.B, events [][]byte) (rows int)
	}{{"duplex", readRows}, {"go-mysql", library(false)}, {"go-mysql-verified", library(true)}} {
		b.Run(bench.name, func(b *testing.B) { perLog(b, log, bench.decode) })
	}
}

// perLog reports what decode costs for each row of a log. It gets a fresh copy of
// the events each time: it may write into them.
func perLog(b *testing.B, log []byte, decode func(b *testing.B, events [][]byte) (rows int)) {
	require.NotZero(b, decode(b, eventsOf(b, log)), "rows")
	var rows int
	var mallocs, bytes uint64
	var wall, cpu time.Duration
	for range b.N {
		events := eventsOf(b, log)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before) // ends a collection as well: of what the copy left
		began, used := time.Now(), processor(b)
		rows += decode(b, events)
		wall, cpu = wall+time.Since(began), cpu+processor(b)-used
		runtime.ReadMemStats(&after)
		mallocs, bytes = mallocs+after.Mallocs-before.Mallocs, bytes+after.TotalAlloc-before.TotalAlloc
	}
	n := float64(rows)
	b.ReportMetric(float64(rows)/float64(b.N), "rows")
	b.ReportMetric(float64(wall)/n, "ns/row")
	b.ReportMetric(float64(cpu)/n, "cpu-ns/row")
	b.ReportMetric(float64(mallocs)/n, "allocs/row")
	b.ReportMetric(float64(bytes)/n, "B/row")
	b.ReportMetric(float64(b.N*len(log))/wall.Seconds()/1e6, "MB/s")
}

// eventsOf cuts a copy of a log file into its events.
func eventsOf(b *testing.B, log []byte) (events [][]byte) {
	const magic = 4
	for at := append([]byte(nil), log[magic:]...); len(at) > 0; {
		size := int(binary.LittleEndian.Uint32(at[9:]))
		require.LessOrEqual(b, size, len(at))
		events, at = append(events, at[:size:size]), at[size:]
	}
	return events
}

// readRows reads events as Next does.
func readRows(b *testing.B, events [][]byte) (rows int) {
	cfg := Config{Tenant: &tenant.Tenant{Kind: tenant.MariaDB}, Site: "a", Project: testProject, Inbound: testInbound,
		Match: func(database, _ string) bool { return database == "bench" }}
	require.NoError(b, cfg.check())
	d := &definition{table: &change.Table{Database: "bench", Name: "item", Key: []int{0}}, uuid: make([]bool, 4)}
	for i, name := range []string{"id", "k", "c", "pad"} {
		d.table.Columns = append(d.table.Columns, change.Column{Name: name, Kind: []change.Kind{change.Int, change.Text}[i/2]})
	}
	cfg.History.put(&version{
		Placed:     schema.Placed{Version: schema.Version{Name: schema.Name{Database: "bench", Name: "item"}, Table: &schema.Table{Database: "bench", Name: "item"}}},
		definition: d,
	})
	r := newReader(cfg, position{cursor: cursor{mode: byMaria}}, "")
	r.dump = &dump{}
	defer r.observer.Index().Close()
	ctx := b.Context()
	for _, raw := range events {
		err := r.last.parse(raw, r.dump.checked(raw))
		if err == nil {
			err = r.take(ctx, &r.last)
		}
		for _, t := range r.ready {
			rows += t.Rows.Len()
			err = errors.Join(err, t.Rows.Close())
		}
		if err != nil { // require would cost as much as what is measured
			b.Fatal(err)
		}
		r.ready = r.ready[:0]
	}
	return rows
}

func libraryRows(b *testing.B, events [][]byte, verify bool) (rows int) {
	p := replication.NewBinlogParser()
	p.SetFlavor(gomysql.MariaDBFlavor)
	p.SetVerifyChecksum(verify)
	for _, raw := range events {
		e, err := p.Parse(raw)
		if err != nil {
			b.Fatal(err)
		}
		if r, ok := e.Event.(*replication.RowsEvent); ok {
			n := len(r.Rows)
			switch e.Header.EventType {
			case replication.UPDATE_ROWS_EVENTv1, replication.UPDATE_ROWS_EVENTv2:
				n /= 2
			}
			rows += n
		}
	}
	return rows
}
