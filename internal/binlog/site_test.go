package binlog

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

const (
	testProject = "shop"
	testInbound = "b>a"
)

// A site is a server with our tables and a database whose tables match.
type site struct {
	t        *testing.T
	server   *servers.Server
	tenant   *tenant.Tenant
	db       *sql.DB
	database string
	beats    uint64
	cfg      Config
}

// logKinds runs fn for each kind of server that has a log.
func logKinds(t *testing.T, fn func(t *testing.T, s *site)) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	for _, kind := range servers.LogKinds() {
		t.Run(string(kind), func(t *testing.T) { fn(t, newSite(t, kind)) })
	}
}

func newSite(t *testing.T, kind servers.Kind, opts ...servers.Option) *site {
	t.Helper()
	if testing.Short() {
		t.Skip("starts servers")
	}
	server := servers.For(t, kind, append([]servers.Option{servers.WithPool(64, 128)}, opts...)...)
	return siteOn(t, server)
}

func siteOn(t *testing.T, server *servers.Server) *site {
	t.Helper()
	ctx := t.Context()
	tn, err := tenant.Open(ctx, tenant.Config{Site: "a", Address: server.Addr(), User: server.User(), Password: server.Password()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tn.Close()) })
	require.NoError(t, checkpoint.Create(ctx, tn))
	name, db := server.Database(t)
	s := &site{t: t, server: server, tenant: tn, db: db, database: name}
	s.cfg = Config{
		Tenant: tn, Site: "a", Project: testProject, Inbound: testInbound,
		Match:    func(d, table string) bool { return d == name && !strings.HasPrefix(table, "other") },
		SpoolDir: t.TempDir(),
		Log:      slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	return s
}

func (s *site) end() change.Position {
	s.t.Helper()
	p, err := End(s.t.Context(), s.tenant)
	require.NoError(s.t, err)
	return p
}

// endOfAll is the end of a log that has all that was written before. OceanBase's
// has it a while later.
func (s *site) endOfAll() change.Position {
	s.t.Helper()
	end := s.end()
	if s.server.Kind() != servers.OceanBase {
		return end
	}
	r := s.open(end)
	until(s.t, r, s.beat())
	require.NoError(s.t, r.Close())
	return s.end()
}

func (s *site) open(from change.Position) *Reader {
	s.t.Helper()
	r, err := Open(s.t.Context(), s.cfg, from)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, r.Close()) })
	return r
}

func (s *site) exec(statements ...string) {
	s.t.Helper()
	for _, q := range statements {
		_, err := s.db.ExecContext(s.t.Context(), q)
		require.NoError(s.t, err, q)
	}
}

// tx runs the statements in one transaction.
func (s *site) tx(statements ...string) {
	s.t.Helper()
	tx, err := s.db.BeginTx(s.t.Context(), nil)
	require.NoError(s.t, err)
	for _, q := range statements {
		_, err := tx.ExecContext(s.t.Context(), q)
		require.NoError(s.t, err, q)
	}
	require.NoError(s.t, tx.Commit())
}

// beat writes the site's heartbeat.
func (s *site) beat() uint64 {
	s.t.Helper()
	s.beats++
	s.exec(fmt.Sprintf("REPLACE INTO duplex.heartbeat VALUES ('a', %d, UTC_TIMESTAMP(6), 0)", s.beats))
	return s.beats
}

// mark writes an inbound checkpoint row.
func mark(link string, lane int, version int64, carried ...change.Stamp) string {
	return markNotes(link, lane, version, nil, carried...)
}

// markNotes is mark with notes.
func markNotes(link string, lane int, version int64, notes []byte, carried ...change.Stamp) string {
	return fmt.Sprintf("REPLACE INTO duplex.checkpoint VALUES ('%s', '%s', %d, 1, 'p', 0, '', x'%x', %d, x'%x', 0, '', UTC_TIMESTAMP(6))",
		testProject, link, lane, change.AppendCarried(nil, 0, carried), version, notes)
}

// next reads one transaction.
func next(t *testing.T, r *Reader) *change.Txn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	txn, err := r.Next(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, txn.Rows.Close()) })
	return txn
}

// until reads up to the heartbeat with count, which is not among the result.
func until(t *testing.T, r *Reader, count uint64) []*change.Txn {
	t.Helper()
	var out []*change.Txn
	for {
		txn := next(t, r)
		if txn.Beat != nil && txn.Beat.Count >= count {
			return out
		}
		out = append(out, txn)
	}
}

// rowsIn gives a transaction's rows as text: op, table, before, after.
func rowsIn(t *testing.T, txn *change.Txn) []string {
	t.Helper()
	var out []string
	require.NoError(t, txn.Rows.Each(func(r *change.Row) error {
		out = append(out, fmt.Sprintf("%s %s %s %s", r.Op, r.Table.Name, image(r.Table, r.Before), image(r.Table, r.After)))
		return nil
	}))
	return out
}

func image(table *change.Table, values []change.Value) string {
	if values == nil {
		return "-"
	}
	var parts []string
	for i, v := range values {
		parts = append(parts, table.Columns[i].Format(v))
	}
	return "(" + strings.Join(parts, ",") + ")"
}
