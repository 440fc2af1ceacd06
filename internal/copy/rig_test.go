package copy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/schema"
	"duplex/internal/tenant"
	"duplex/internal/verify"
	servers "duplex/test/tenant"
)

const testProject = "shop"

// A rig is one server with a database to copy from and one to copy into.
type rig struct {
	t        *testing.T
	server   *servers.Server
	tenant   *tenant.Tenant
	db       *sql.DB
	from, to string
	marks    fakeMarks
	chunk    int64
}

// eachKind runs fn on a server of each kind.
func eachKind(t *testing.T, fn func(t *testing.T, open func(t *testing.T) *rig)) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	for _, kind := range servers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			server := servers.For(t, kind, servers.WithPool(64, 128))
			fn(t, func(t *testing.T) *rig { return newRig(t, server) })
		})
	}
}

func newRig(t *testing.T, server *servers.Server) *rig {
	t.Helper()
	tn, err := tenant.Open(t.Context(), tenant.Config{Site: "a", Address: server.Addr(), User: server.User(), Password: server.Password()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tn.Close()) })
	require.NoError(t, checkpoint.Drop(t.Context(), tn))
	require.NoError(t, checkpoint.Create(t.Context(), tn))
	from, db := server.Database(t)
	r := &rig{t: t, server: server, tenant: tn, db: db, from: from, to: from + "_to", chunk: 2000}
	r.exec("CREATE DATABASE " + r.to)
	t.Cleanup(func() {
		_, err := r.tenant.DB().ExecContext(context.Background(), "DROP DATABASE "+r.to)
		require.NoError(t, err)
	})
	return r
}

func (r *rig) exec(query string, args ...any) {
	r.t.Helper()
	_, err := r.tenant.DB().ExecContext(r.t.Context(), query, args...)
	require.NoError(r.t, err, "%.200s", query)
}

// table makes a table on both sides and fills the source.
func (r *rig) table(name, columns string, rows ...string) Table {
	r.t.Helper()
	for _, d := range []string{r.from, r.to} {
		r.exec(fmt.Sprintf("CREATE TABLE %s.%s (%s) DEFAULT CHARSET=utf8mb4", d, name, columns))
	}
	s, err := r.tenant.Session(r.t.Context(), tenant.Read, 0)
	require.NoError(r.t, err)
	defer func() { require.NoError(r.t, s.Close()) }()
	for len(rows) > 0 {
		n := min(len(rows), 500)
		_, err := s.Exec(r.t.Context(), fmt.Sprintf("INSERT INTO %s.%s VALUES %s", r.from, name, strings.Join(rows[:n], ",")))
		require.NoError(r.t, err)
		rows = rows[n:]
	}
	return Table{Source: r.definition(r.from, name), TargetDatabase: r.to}
}

func (r *rig) definition(database, name string) *schema.Table {
	r.t.Helper()
	d, err := r.tenant.Table(r.t.Context(), database, name)
	require.NoError(r.t, err)
	return d
}

func (r *rig) copier(w Writer, tables ...Table) *Copier {
	r.t.Helper()
	c, err := New(Config{
		Source: r.tenant, Target: r.tenant, Project: testProject, Tables: tables, Writer: w, Watermarks: &r.marks,
		ChunkBytes: r.chunk, Log: slog.New(slog.NewTextHandler(r.t.Output(), nil)),
	})
	require.NoError(r.t, err)
	return c
}

// equal requires that a table's copy holds the same values.
func (r *rig) equal(tables ...Table) {
	r.t.Helper()
	other, err := tenant.Open(r.t.Context(), tenant.Config{Site: "b", Address: r.server.Addr(), User: r.server.User(), Password: r.server.Password()})
	require.NoError(r.t, err)
	defer func() { require.NoError(r.t, other.Close()) }()
	cfg := verify.Config{A: r.tenant, B: other}
	for _, t := range tables {
		database, name := t.Target()
		cfg.Tables = append(cfg.Tables, verify.Pair{A: t.Source, B: r.definition(database, name), WhereA: t.Where})
	}
	c, err := verify.New(cfg)
	require.NoError(r.t, err)
	report, err := c.Run(r.t.Context())
	require.NoError(r.t, err)
	var text strings.Builder
	require.NoError(r.t, report.Print(&text))
	require.True(r.t, report.Equal, text.String())
}

// fakeMarks is a log that moves on with each look at it.
type fakeMarks struct{ seq atomic.Uint64 }

func (m *fakeMarks) Mark(context.Context) (change.Watermark, error) {
	n := m.seq.Add(1)
	return change.Watermark{Seq: n, Version: int64(n)}, nil
}

var errTest = errors.New("stopped by the test")

// fakeWriter inserts chunks plainly: a row that comes twice is an error. It
// keeps watch over what a Writer relies on.
type fakeWriter struct {
	rig *rig
	// verdict is asked before and after a chunk's transaction; nil: all pass.
	verdict func(n int, c *change.Chunk, durable bool) error

	mu     sync.Mutex
	calls  int
	rows   int
	waited uint64                   // highest seq that was waited for
	oldest map[*change.Table]uint64 // highest that was promised
	faults []string
	copied []string
}

func (w *fakeWriter) WaitLow(_ context.Context, seq uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waited = max(w.waited, seq)
	return nil
}

func (w *fakeWriter) Hold(string, string, uint64, uint64) error { return nil }

func (w *fakeWriter) Copied(database, table string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.copied = append(w.copied, database+"."+table)
}

// enter checks a chunk and gives its number.
func (w *fakeWriter) enter(c *change.Chunk) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.oldest == nil {
		w.oldest = map[*change.Table]uint64{}
	}
	if c.Low.Seq < w.oldest[c.Table] {
		w.faults = append(w.faults, fmt.Sprintf("%s: low %d after oldest %d", c.Table, c.Low.Seq, w.oldest[c.Table]))
	}
	if c.Low.Before(&c.Oldest) {
		w.faults = append(w.faults, fmt.Sprintf("oldest %v above low %v", c.Oldest, c.Low))
	}
	if w.waited <= c.Low.Seq {
		w.faults = append(w.faults, fmt.Sprintf("waited for %d, low %d", w.waited, c.Low.Seq))
	}
	w.oldest[c.Table] = max(w.oldest[c.Table], c.Oldest.Seq)
	w.calls++
	return w.calls
}

func (w *fakeWriter) Copy(ctx context.Context, c *change.Chunk) error {
	n := w.enter(c)
	if w.verdict != nil {
		if err := w.verdict(n, c, false); err != nil {
			return err
		}
	}
	ctx = context.WithoutCancel(ctx) // a real writer is claimed anew: what this one has begun is decided when it returns
	s, err := w.rig.tenant.Session(ctx, tenant.Apply, 0)
	if err != nil {
		return err
	}
	text := []byte("BEGIN; ")
	if len(c.Rows) > 0 {
		text = append(w.appendInsert(text, c), "; "...)
	}
	text = append(append(text, c.Note...), "; COMMIT"...)
	_, err = s.ExecAll(ctx, string(text))
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	w.mu.Lock()
	w.rows += len(c.Rows)
	w.mu.Unlock()
	if w.verdict != nil {
		return w.verdict(n, c, true)
	}
	return nil
}

func (w *fakeWriter) appendInsert(dst []byte, c *change.Chunk) []byte {
	target := change.Table{Database: w.rig.to, Name: c.Table.Name}
	dst = append(target.AppendName(append(dst, "INSERT INTO "...)), " ("...)
	sep := ""
	for i := range c.Table.Columns {
		if !c.Table.Columns[i].Generated {
			dst = change.AppendIdent(append(dst, sep...), c.Table.Columns[i].Name)
			sep = ", "
		}
	}
	dst = append(dst, ") VALUES "...)
	for n, row := range c.Rows {
		if n > 0 {
			dst = append(dst, ", "...)
		}
		sep = "("
		for i := range row {
			if !c.Table.Columns[i].Generated {
				dst = c.Table.Columns[i].AppendLiteral(append(dst, sep...), row[i])
				sep = ", "
			}
		}
		dst = append(dst, ')')
	}
	return dst
}

func (w *fakeWriter) sound() {
	w.rig.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Empty(w.rig.t, w.faults)
}
