package e2e

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"duplex/test/tenant"
)

// A Logged is a transaction of a change log, as far as it concerns the proof.
type Logged struct {
	Marked bool // it has a row of duplex.checkpoint
	Chunk  bool // and one of duplex.copy_chunk
	Ledger []Key
	First  map[Key]bool
	Last   map[Key]bool
	Batch  map[Key]int
}

// A Log is a site's whole change log.
type Log struct {
	Transactions []*Logged // those with rows that name a writer's transaction
	Marked       int       // transactions with a checkpoint row
	Unmarked     int       // transactions of the tables' database without one
	Rewritten    int       // rows of ledger and its like that were changed or deleted
}

// Scan reads a server's change log from its beginning to where it ends now.
func Scan(ctx context.Context, s *tenant.Server, db *sql.DB) (*Log, error) {
	first, end, err := logEnds(ctx, db)
	if err != nil {
		return nil, err
	}
	id, err := rand.Int(rand.Reader, big.NewInt(1<<30))
	if err != nil {
		return nil, err
	}
	flavor := mysql.MySQLFlavor
	if s.Kind() == tenant.MariaDB {
		flavor = mysql.MariaDBFlavor
	}
	syncer := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{
		ServerID: uint32(1<<30 + id.Int64()), Flavor: flavor, Host: s.Host(), Port: uint16(s.Port()), User: s.User(), Password: s.Password(),
		Logger: slog.New(slog.DiscardHandler), HeartbeatPeriod: time.Second, MaxReconnectAttempts: 1,
	})
	defer syncer.Close()
	stream, err := syncer.StartSync(first)
	if err != nil {
		return nil, err
	}
	l := &scanner{log: &Log{}, at: first.Name}
	for !l.reached(end) {
		e, err := stream.GetEvent(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the log at %s: %w", l.at, err)
		}
		l.take(e)
	}
	return l.log, nil
}

// logEnds gives the first file of the log and the end of the last.
func logEnds(ctx context.Context, db *sql.DB) (first, end mysql.Position, err error) {
	var size uint64
	if err = db.QueryRowContext(ctx, "SHOW BINARY LOGS").Scan(&first.Name, &size); err != nil {
		return first, end, err
	}
	first.Pos = 4
	rows, err := db.QueryContext(ctx, "SHOW MASTER STATUS")
	if err != nil {
		return first, end, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return first, end, err
	}
	rest := make([]any, len(columns))
	for i := range rest {
		rest[i] = new(sql.RawBytes)
	}
	rest[0], rest[1] = &end.Name, &end.Pos
	for rows.Next() {
		if err := rows.Scan(rest...); err != nil {
			return first, end, err
		}
	}
	return first, end, rows.Err()
}

// A scanner takes the events of a log one after the other.
type scanner struct {
	log  *Log
	at   string // file
	pos  uint32
	open *Logged
	ours bool // the open transaction has rows of the tables' database
}

func (l *scanner) reached(end mysql.Position) bool { return l.at == end.Name && l.pos >= end.Pos }

func (l *scanner) take(e *replication.BinlogEvent) {
	if e.Header.LogPos != 0 && e.Header.EventType != replication.HEARTBEAT_EVENT {
		l.pos = e.Header.LogPos
	}
	switch x := e.Event.(type) {
	case *replication.RotateEvent:
		l.at, l.pos = string(x.NextLogName), uint32(x.Position)
	case *replication.MariadbGTIDEvent:
		l.open, l.ours = &Logged{}, false
	case *replication.QueryEvent:
		switch strings.ToUpper(string(x.Query)) {
		case "BEGIN":
			l.open, l.ours = &Logged{}, false
		case "COMMIT":
			l.end()
		}
	case *replication.XIDEvent:
		l.end()
	case *replication.RowsEvent:
		if l.open != nil {
			l.rows(e.Header.EventType, string(x.Table.Schema), string(x.Table.Table), x.Rows)
		}
	}
}

func (l *scanner) end() {
	t := l.open
	if t == nil {
		return
	}
	l.open = nil
	switch {
	case t.Marked:
		l.log.Marked++
	case l.ours:
		l.log.Unmarked++
	}
	if len(t.Ledger)+len(t.First)+len(t.Last)+len(t.Batch) > 0 {
		l.log.Transactions = append(l.log.Transactions, t)
	}
}

func (l *scanner) rows(kind replication.EventType, database, table string, rows [][]any) {
	t := l.open
	switch {
	case database == "duplex" && table == "checkpoint":
		t.Marked = true
	case database == "duplex" && table == "copy_chunk":
		t.Chunk = true
	}
	if database != Database {
		return
	}
	l.ours = true
	insert := kind == replication.WRITE_ROWS_EVENTv1 || kind == replication.WRITE_ROWS_EVENTv2
	for _, row := range rows {
		switch table {
		case "ledger":
			t.Ledger = append(t.Ledger, keyOf(row, 0, 1, 2))
		case "mark_first":
			put(&t.First, keyOf(row, 0, 1, 2), true)
		case "mark_last":
			put(&t.Last, keyOf(row, 2, 1, 0), true)
		case "batch":
			k := keyOf(row, 0, 1, 2)
			put(&t.Batch, k, t.Batch[k]+1)
		default:
			continue
		}
		if !insert {
			l.log.Rewritten++
		}
	}
}

func put[V any](m *map[Key]V, k Key, v V) {
	if *m == nil {
		*m = map[Key]V{}
	}
	(*m)[k] = v
}

func keyOf(row []any, side, writer, n int) Key {
	return Key{number(row[side]), number(row[writer]), number(row[n])}
}

func number(v any) int {
	switch x := v.(type) {
	case int8:
		return int(x)
	case int32:
		return int(x)
	}
	return -1
}
