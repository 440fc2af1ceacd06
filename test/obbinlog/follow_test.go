package obbinlog_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/stretchr/testify/require"

	"duplex/test/tenant"
)

// A txn is a transaction of the log, or a statement.
type txn struct {
	number    int64 // of its GTID
	committed time.Time
	origin    uint32
	statement string
	rows      []row
}

// A row is the change of one row; before or after is nil.
type row struct {
	table         string
	op            string
	before, after []any
	skipped       []int // columns that the before image has not
}

// A reader reads a tenant's log with the library's own client.
type reader struct {
	t      testing.TB
	syncer *replication.BinlogSyncer
	stream *replication.BinlogStreamer
	set    *mysql.MysqlGTIDSet // what has been read
}

// read begins behind the transactions of set.
func read(t testing.TB, s *tenant.Server, set string) *reader {
	t.Helper()
	syncer := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{
		ServerID: rand.Uint32N(1<<30) + 1, Flavor: mysql.MySQLFlavor, Host: s.Host(), Port: uint16(s.Port()), User: s.User(), Password: s.Password(),
		Logger: slog.New(slog.DiscardHandler), HeartbeatPeriod: 200 * time.Millisecond, DisableRetrySync: true, VerifyChecksum: true,
		TimestampStringLocation: time.UTC, RenderJSONAsMySQLText: true,
	})
	t.Cleanup(syncer.Close)
	gtids, err := mysql.ParseMysqlGTIDSet(set)
	require.NoError(t, err)
	stream, err := syncer.StartSyncGTID(gtids.Clone())
	require.NoError(t, err)
	return &reader{t: t, syncer: syncer, stream: stream, set: gtids.(*mysql.MysqlGTIDSet)}
}

// limit is how long anything may take on a busy machine.
const limit = 2 * time.Minute

// next reads one transaction.
func (r *reader) next() (*txn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var out *txn
	for {
		e, err := r.stream.GetEvent(ctx)
		if err != nil {
			return nil, err
		}
		switch x := e.Event.(type) {
		case *replication.GTIDEvent:
			if out != nil {
				return nil, fmt.Errorf("GTID %d within a transaction", x.GNO)
			}
			out = &txn{number: x.GNO, committed: time.Unix(x.LastCommitted, x.SequenceNumber*1000)}
			next, err := x.GTIDNext()
			if err != nil {
				return nil, err
			}
			if err := r.set.Update(next.String()); err != nil {
				return nil, err
			}
		case *replication.QueryEvent:
			if string(x.Query) != "BEGIN" {
				out.statement = string(x.Query)
				return out, nil
			}
			out.origin = x.SlaveProxyID
		case *replication.RowsEvent:
			out.add(e.Header.EventType, x)
		case *replication.XIDEvent:
			return out, nil
		}
	}
}

func (x *txn) add(kind replication.EventType, e *replication.RowsEvent) {
	r := row{table: string(e.Table.Schema) + "." + string(e.Table.Table)}
	switch kind {
	case replication.WRITE_ROWS_EVENTv2:
		r.op, r.after = "I", e.Rows[0]
	case replication.DELETE_ROWS_EVENTv2:
		r.op, r.before = "D", e.Rows[0]
	case replication.UPDATE_ROWS_EVENTv2:
		r.op, r.before, r.after = "U", e.Rows[0], e.Rows[1]
	}
	if len(e.SkippedColumns) > 0 {
		r.skipped = e.SkippedColumns[0]
	}
	x.rows = append(x.rows, r)
}

// until reads transactions up to the one that says stop, which is the last.
func (r *reader) until(stop func(x *txn) bool) []*txn {
	r.t.Helper()
	var out []*txn
	for {
		x, err := r.next()
		require.NoError(r.t, err)
		out = append(out, x)
		if stop(x) {
			return out
		}
	}
}

// has tells whether a transaction has a row of the table.
func has(table string) func(*txn) bool {
	return func(x *txn) bool {
		for _, r := range x.rows {
			if r.table == table {
				return true
			}
		}
		return false
	}
}

func exec(t testing.TB, db *sql.DB, queries ...string) {
	t.Helper()
	for _, q := range queries {
		_, err := db.ExecContext(context.Background(), q)
		require.NoError(t, err, q)
	}
}

// texts gives the rows of a query, each a list of texts.
func texts(t testing.TB, db *sql.DB, query string) [][]string {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), query)
	require.NoError(t, err, query)
	defer func() { require.NoError(t, rows.Close()) }()
	names, err := rows.Columns()
	require.NoError(t, err)
	var out [][]string
	for rows.Next() {
		cells, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range cells {
			into[i] = &cells[i]
		}
		require.NoError(t, rows.Scan(into...))
		line := make([]string, len(cells))
		for i, c := range cells {
			if line[i] = "NULL"; c.Valid {
				line[i] = c.String
			}
		}
		out = append(out, line)
	}
	require.NoError(t, rows.Err())
	return out
}

// executed is what the service says that is in the log.
func executed(t testing.TB, db *sql.DB) string {
	return strings.ReplaceAll(texts(t, db, "SHOW MASTER STATUS")[0][4], "\n", "")
}

// mark writes a row by which a reader knows that it has read everything before.
func mark(t testing.TB, db *sql.DB) {
	exec(t, db, "INSERT INTO mark VALUES (NULL)")
}
