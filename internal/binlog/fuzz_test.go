package binlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/stretchr/testify/require"

	"duplex/internal/change"
)

// goldenEvents gives each event of the golden streams, as it was sent.
func goldenEvents(t testing.TB) [][]byte {
	files, err := filepath.Glob(filepath.Join("testdata", "oceanbase", "*.bin"))
	require.NoError(t, err)
	var out [][]byte
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		for len(raw) > 0 {
			n := binary.LittleEndian.Uint32(raw[9:])
			out = append(out, raw[:n])
			raw = raw[n:]
		}
	}
	return out
}

// fuzzReader reads no log: it is in the midst of a transaction of an OceanBase
// tenant, and makes up the definitions of tables.
func fuzzReader(t testing.TB) *Reader {
	r := bareReader(t, tableMapOf([]byte{3, 15}, []byte{40, 0}), []change.Kind{change.Int, change.Text}, 0)
	r.oceanbase, r.group = true, group{open: true, begun: true}
	r.cfg.Match = func(string, string) bool { return true }
	r.ask = func(_ context.Context, _ *logTable, _ []change.Value, columns []int) ([]change.Value, error) {
		return make([]change.Value, len(columns)), nil
	}
	return r
}

// bounded runs fn and finds that it asks for no more memory than what it is
// given can need.
func bounded(t *testing.T, size int, fn func()) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	if got, most := after.TotalAlloc-before.TotalAlloc, uint64(8<<20+4096*size); got > most {
		t.Fatalf("%d bytes of input made it ask for %d bytes of memory", size, got)
	}
}

// FuzzEvent gives a reader any bytes for an event, as they come, and then with
// the checksum that they should have. It may refuse them.
func FuzzEvent(f *testing.F) {
	for _, raw := range goldenEvents(f) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		bounded(t, len(raw), func() {
			_, _ = parseEvent(raw, true)
			raw = bytes.Clone(raw)
			if len(raw) < headerSize {
				return
			}
			binary.LittleEndian.PutUint32(raw[9:], uint32(len(raw)))
			e, err := parseEvent(raw, false)
			require.NoError(t, err)
			r := fuzzReader(t)
			for _, table := range r.tables {
				table.definition = r.history.at(testTable, 0).definition
			}
			r.cfg.Match = func(d, table string) bool { return d == "d" } // others would have to be asked for
			_ = r.take(t.Context(), e)
			_ = r.group.close()
		})
	})
}

// FuzzRows gives a reader any bytes as rows of a table that it knows.
func FuzzRows(f *testing.F) {
	var tableMap []byte
	for _, raw := range goldenEvents(f) {
		body := raw[headerSize : len(raw)-checksumSize]
		switch kind := replication.EventType(raw[4]); kind {
		case replication.TABLE_MAP_EVENT:
			tableMap = body
		case replication.WRITE_ROWS_EVENTv2, replication.UPDATE_ROWS_EVENTv2, replication.DELETE_ROWS_EVENTv2:
			f.Add(tableMap, body, byte(kind), false)
			f.Add(tableMap, body, byte(kind), true)
			f.Add(tableMap, body, byte(replication.PARTIAL_UPDATE_ROWS_EVENT), false)
		}
	}
	f.Fuzz(func(t *testing.T, tableMap, rows []byte, kind byte, again bool) {
		bounded(t, len(tableMap)+len(rows), func() {
			r := fuzzReader(t)
			if again { // the rows come back from the peer
				r.group.applied = &applied{doubt: map[uint64]bool{1: true}}
				r.group.applied.Carried = []change.Stamp{{}}
			}
			if r.tableMap(eventOf(replication.TABLE_MAP_EVENT, tableMap)) != nil {
				return
			}
			for _, table := range r.tables {
				table.definition = definitionOf(table)
				if len(table.types) > 0 {
					table.table.Key = []int{0}
				}
			}
			switch replication.EventType(kind) {
			case replication.WRITE_ROWS_EVENTv2, replication.UPDATE_ROWS_EVENTv2, replication.DELETE_ROWS_EVENTv2, replication.PARTIAL_UPDATE_ROWS_EVENT:
			default:
				kind = byte(replication.UPDATE_ROWS_EVENTv2)
			}
			if err := r.take(t.Context(), eventOf(replication.EventType(kind), rows)); err == nil && r.group.rows != nil {
				require.NoError(t, r.group.rows.Each(func(row *change.Row) error {
					require.True(t, change.Whole(row.After), "an after image is whole")
					return nil
				}))
			}
			_ = r.group.close()
		})
	})
}
