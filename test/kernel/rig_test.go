package kernel_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

// A site is one server and our view of it.
type site struct {
	*servers.Server
	tenant *tenant.Tenant
	db     *sql.DB
}

func newSite(t *testing.T, name string, kind servers.Kind) *site {
	t.Helper()
	s := &site{Server: servers.For(t, kind)}
	s.db = s.DB(t)
	s.tenant = s.open(t, name)
	require.NoError(t, checkpoint.Create(t.Context(), s.tenant))
	return s
}

// open gives another view of the server, as a site of its own.
func (s *site) open(t *testing.T, name string) *tenant.Tenant {
	t.Helper()
	n, err := tenant.Open(t.Context(), tenant.Config{Site: name, Address: s.Addr(), User: s.User(), Password: s.Password(), Log: logger(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n
}

func logger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (s *site) exec(t *testing.T, queries ...string) {
	t.Helper()
	for _, q := range queries {
		_, err := s.db.ExecContext(context.Background(), q)
		require.NoError(t, err, "%s: %.300s", s.Kind(), q)
	}
}

// fresh makes an empty database.
func (s *site) fresh(t *testing.T, name string) {
	t.Helper()
	s.exec(t, "DROP DATABASE IF EXISTS "+name, "CREATE DATABASE "+name+" DEFAULT CHARACTER SET utf8mb4")
}

// rows gives the result of a query, a text each row, NULL as NULL.
func (s *site) rows(t *testing.T, query string) []string {
	t.Helper()
	rows, err := s.db.QueryContext(t.Context(), query)
	require.NoError(t, err, query)
	defer func() { require.NoError(t, rows.Close()) }()
	names, err := rows.Columns()
	require.NoError(t, err)
	out := []string{}
	for rows.Next() {
		cells, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range cells {
			into[i] = &cells[i]
		}
		require.NoError(t, rows.Scan(into...))
		parts := make([]string, len(cells))
		for i, c := range cells {
			if parts[i] = "NULL"; c.Valid {
				parts[i] = c.String
			}
		}
		out = append(out, strings.Join(parts, "|"))
	}
	require.NoError(t, rows.Err())
	return out
}

// A script is a source of transactions that a test writes. When it is empty
// Next waits, as a reader at the end of its log does.
type script struct {
	txns chan *change.Txn
	seq  uint64
}

func newScript(from uint64) *script { return &script{txns: make(chan *change.Txn, 1000), seq: from} }

// Next gives the oldest transaction.
func (s *script) Next(ctx context.Context) (*change.Txn, error) {
	select {
	case txn := <-s.txns:
		return txn, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// add commits rows at the source, as it were.
func (s *script) add(t *testing.T, rows ...change.Row) uint64 {
	t.Helper()
	txn := &change.Txn{
		Stamp: change.Stamp{Seq: s.seq, Version: int64(s.seq + 1)}, Position: change.Position(fmt.Sprintf("at %d", s.seq+1)),
		ID: fmt.Sprintf("txn-%d", s.seq), Rows: change.NewRows(1<<20, t.TempDir()),
	}
	for _, r := range rows {
		require.NoError(t, txn.Rows.Append(r))
	}
	s.seq++
	s.txns <- txn
	return txn.Stamp.Seq
}

// still is the watermark of a source that nobody writes to.
type still struct{}

// Mark says where a log that is empty ends.
func (still) Mark(context.Context) (change.Watermark, error) { return change.Watermark{}, nil }
