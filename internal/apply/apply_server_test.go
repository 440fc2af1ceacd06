package apply_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"duplex/internal/apply"
	"duplex/internal/binlog"
	"duplex/internal/checkpoint"
	"duplex/internal/conflict"
	"duplex/internal/link"
	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

// A side is one real tenant.
type side struct {
	name string
	*servers.Server
	tenant *tenant.Tenant
	db     *sql.DB
}

func newSide(t *testing.T, name string, kind servers.Kind) *side {
	s := &side{name: name, Server: servers.For(t, kind)}
	s.db = s.DB(t)
	var err error
	s.tenant, err = tenant.Open(t.Context(), tenant.Config{Site: name, Address: s.Addr(), User: s.User(), Password: s.Password()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.tenant.Close()) })
	require.NoError(t, checkpoint.Create(t.Context(), s.tenant))
	return s
}

func (s *side) exec(t *testing.T, queries ...string) {
	t.Helper()
	for _, q := range queries {
		_, err := s.db.ExecContext(context.Background(), q)
		require.NoError(t, err, q)
	}
}

// A flow is one running direction.
type flow struct {
	applier *apply.Applier
	reader  *binlog.Reader
	from    *side
	cancel  context.CancelFunc
	done    chan error
	ctx     context.Context //nolint:containedctx // ends with the flow, says why
}

func start(t *testing.T, from, to *side, budget int64, changes ...func(*apply.Config)) *flow {
	t.Helper()
	at, err := binlog.End(t.Context(), from.tenant)
	require.NoError(t, err)
	name := from.name + ">" + to.name
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	cfg := apply.Config{
		Target: to.tenant, Project: "p", Link: name, Origin: 2147473649, Log: log,
		Place: func(d, n string) (string, string) { return d, n },
	}
	for _, change := range changes {
		change(&cfg)
	}
	a, err := apply.New(t.Context(), cfg, at)
	require.NoError(t, err)
	r, err := binlog.Open(t.Context(), binlog.Config{
		Tenant: from.tenant, Site: from.name, Project: "p", Inbound: to.name + ">" + from.name,
		Match: func(d, _ string) bool { return d == "shop" }, Budget: budget, SpoolDir: t.TempDir(), Log: log,
	}, a.Start())
	require.NoError(t, err)
	q := link.New(r, 8<<20, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	alive, died := context.WithCancelCause(t.Context())
	f := &flow{applier: a, reader: r, from: from, cancel: cancel, done: make(chan error, 1), ctx: alive}
	go func() {
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return q.Run(ctx) })
		g.Go(func() error { return a.Run(ctx, q) })
		err := g.Wait()
		if cerr := q.Close(); cerr != nil {
			err = cerr
		}
		died(err)
		f.done <- err
	}()
	return f
}

func (f *flow) stop(t *testing.T) {
	f.cancel()
	err := <-f.done
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, f.reader.Close())
}

func (f *flow) settle(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(f.ctx, 2*time.Minute)
	defer cancel()
	count, err := checkpoint.Beat(ctx, f.from.tenant)
	require.NoError(t, err)
	s, err := f.reader.WaitBeat(ctx, count)
	require.NoError(t, err, context.Cause(f.ctx))
	require.NoError(t, f.applier.WaitLow(ctx, s.Seq))
}

// contents are the rows of a table as the server prints them, in one order.
func contents(t *testing.T, s *side, table string) []string {
	t.Helper()
	rows, err := s.db.QueryContext(t.Context(), "SELECT * FROM "+table)
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	values, places := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	var out []string
	for rows.Next() {
		require.NoError(t, rows.Scan(places...))
		out = append(out, fmt.Sprintf("%v", values))
	}
	require.NoError(t, rows.Err())
	slices.Sort(out)
	return out
}

const shop = "CREATE TABLE shop.t (id int PRIMARY KEY, u int NULL UNIQUE, v varchar(40), n int) ENGINE=InnoDB"

func TestBothWays(t *testing.T) {
	for _, kind := range servers.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			a, b := newSide(t, "a", kind), newSide(t, "b", kind)
			for _, s := range []*side{a, b} {
				s.exec(t, "CREATE DATABASE shop", shop, "CREATE TABLE shop.pair (x int, y varbinary(10), z text, PRIMARY KEY (x, y))")
			}
			ab, ba := start(t, a, b, 1<<20), start(t, b, a, 1<<20)
			var wg sync.WaitGroup
			for i, s := range []*side{a, b} {
				for w := range 4 {
					wg.Go(func() { scribble(t, s, i, w) })
				}
			}
			wg.Wait()
			ab.settle(t)
			ba.settle(t)
			for _, table := range []string{"shop.t", "shop.pair"} {
				require.Equal(t, contents(t, a, table), contents(t, b, table), table)
			}
			require.Zero(t, ab.reader.State().Unmarked)
			t.Logf("%+v", ab.applier.Status())
			ab.stop(t)
			ba.stop(t)
		})
	}
}

// scribble writes rows that belong to one writer of one side.
func scribble(t *testing.T, s *side, no, w int) {
	r := rand.New(rand.NewPCG(uint64(no), uint64(w)))
	for n := range 300 {
		id := func() int { return (r.IntN(30)*2+no)*4 + w }
		tx, err := s.db.BeginTx(context.Background(), nil)
		if err != nil {
			t.Error(err)
			return
		}
		broken := false
		for left := 1 + r.IntN(4); left > 0 && !broken; left-- {
			var q string
			switch k := id(); r.IntN(6) {
			case 0:
				q = fmt.Sprintf("DELETE FROM shop.t WHERE id = %d", k)
			case 1:
				q = fmt.Sprintf("UPDATE shop.t SET n = n + 1 WHERE id = %d", k)
			case 2:
				q = fmt.Sprintf("UPDATE shop.t SET id = %d WHERE id = %d", id(), k)
			case 3:
				q = fmt.Sprintf("REPLACE INTO shop.pair VALUES (%d, x'00%02x', 'it''s %d')", k, r.IntN(5), n)
			case 4:
				q = fmt.Sprintf("UPDATE shop.t SET u = %d WHERE id = %d", id(), k)
			default:
				q = fmt.Sprintf("REPLACE INTO shop.t VALUES (%d, %d, 'é %d', %d)", k, id(), n, n)
			}
			if _, err := tx.Exec(q); err != nil {
				switch code := tenant.Code(err); code {
				case 1062: // the statement alone is undone
				case 1213, 1205:
					broken = true
				default:
					t.Error(q, err)
				}
			}
		}
		end := tx.Commit
		if broken {
			end = tx.Rollback
		}
		if err := end(); err != nil {
			t.Error(err)
		}
	}
}

func TestDriftIsLogged(t *testing.T) {
	a, b := newSide(t, "a", servers.LogKinds()[0]), newSide(t, "b", servers.LogKinds()[0])
	for _, s := range []*side{a, b} {
		s.exec(t, "CREATE DATABASE shop", shop, "INSERT INTO shop.t VALUES (1, 10, 'x', 0), (2, 20, 'y', 0), (3, NULL, 'z', 0)")
	}
	f := start(t, a, b, 1<<20)
	b.exec(t, "UPDATE shop.t SET v = 'other' WHERE id = 1", "DELETE FROM shop.t WHERE id = 3")
	a.exec(t, "UPDATE shop.t SET n = 1 WHERE id IN (1, 2, 3)")
	f.settle(t)
	require.Equal(t, contents(t, a, "shop.t"), contents(t, b, "shop.t"), "the source wins")
	rows, err := b.db.QueryContext(t.Context(), "SELECT row_key, kind, winner, COALESCE(local_image, ''), incoming_image FROM duplex.conflict ORDER BY row_key")
	require.NoError(t, err)
	defer rows.Close()
	var found [][]string
	for rows.Next() {
		r := make([]string, 5)
		require.NoError(t, rows.Scan(&r[0], &r[1], &r[2], &r[3], &r[4]))
		found = append(found, r)
	}
	require.NoError(t, rows.Err())
	require.Equal(t, [][]string{
		{"id=1", "drift", "incoming", `{"id":1,"u":10,"v":"other","n":0}`, `{"id":1,"u":10,"v":"x","n":1}`},
		{"id=3", "drift", "incoming", "", `{"id":3,"u":null,"v":"z","n":1}`},
	}, found)
	require.EqualValues(t, 2, f.applier.Status().Drifts)
	f.stop(t)
}

// TestDriftStops is the other choice: nothing is written over, and what stops
// the link says which row it is and how it differs.
func TestDriftStops(t *testing.T) {
	a, b := newSide(t, "a", servers.LogKinds()[0]), newSide(t, "b", servers.LogKinds()[0])
	for _, s := range []*side{a, b} {
		s.exec(t, "CREATE DATABASE shop", shop, "INSERT INTO shop.t VALUES (1, 10, 'x', 0), (2, 20, 'y', 0), (3, NULL, 'z', 0)")
	}
	b.exec(t, "UPDATE shop.t SET v = 'other' WHERE id = 1", "DELETE FROM shop.t WHERE id = 3", "INSERT INTO shop.t VALUES (4, 40, 'b', 0)")
	before := contents(t, b, "shop.t")
	for _, c := range []struct{ write, says string }{
		{"UPDATE shop.t SET n = 1 WHERE id = 1", "update of shop.t \\(id=1\\) from transaction .*: column v is \"other\", expected \"x\": .*policy is to stop"},
		{"DELETE FROM shop.t WHERE id = 3", "delete of shop.t \\(id=3\\) from transaction .*: the target has no such row: "},
		{"INSERT INTO shop.t VALUES (4, 41, 'a', 0)", "insert of shop.t \\(id=4\\) from transaction .*: the target has such a row already: "},
	} {
		f := start(t, a, b, 1<<20, func(cfg *apply.Config) {
			cfg.Link += c.write[:3] // a link of its own, that begins at the end of the log
			cfg.Rule = func(string, string) *conflict.Rule { return &conflict.Rule{Policy: conflict.Stop} }
		})
		a.exec(t, c.write)
		err := <-f.done
		require.ErrorIs(t, err, apply.ErrMismatch)
		require.ErrorIs(t, err, conflict.ErrStop)
		require.Regexp(t, c.says, err.Error())
		require.NoError(t, f.reader.Close())
		require.Equal(t, before, contents(t, b, "shop.t"))
	}
}

// TestDriftWithoutKey: a row that is to go and is not there is told, or stops.
func TestDriftWithoutKey(t *testing.T) {
	a, b := newSide(t, "a", servers.LogKinds()[0]), newSide(t, "b", servers.LogKinds()[0])
	for _, s := range []*side{a, b} {
		s.exec(t, "CREATE DATABASE shop", "CREATE TABLE shop.log (v varchar(10), n int)", "INSERT INTO shop.log VALUES ('x', 1), ('x', 1), ('x', 1), ('y', NULL)")
	}
	f := start(t, a, b, 1<<20)
	b.exec(t, "DELETE FROM shop.log WHERE v = 'x' LIMIT 1")
	a.exec(t, "UPDATE shop.log SET n = 2 WHERE v = 'x' LIMIT 1", "UPDATE shop.log SET v = 'Y'", "UPDATE shop.log SET v = 'y'")
	f.settle(t)
	require.Equal(t, contents(t, a, "shop.log"), contents(t, b, "shop.log"), "the source wins")
	require.EqualValues(t, 1, f.applier.Status().Drifts)
	var key, kind string
	require.NoError(t, b.db.QueryRowContext(t.Context(), "SELECT row_key, kind FROM duplex.conflict").Scan(&key, &kind))
	require.Equal(t, []string{`v="x",n=1`, "drift"}, []string{key, kind})
	f.stop(t)

	b.exec(t, "DELETE FROM shop.log WHERE n IS NULL")
	before := contents(t, b, "shop.log")
	f = start(t, a, b, 1<<20, func(cfg *apply.Config) {
		cfg.Link += "stop"
		cfg.Rule = func(string, string) *conflict.Rule { return &conflict.Rule{Policy: conflict.Stop} }
	})
	a.exec(t, "DELETE FROM shop.log")
	err := <-f.done
	require.ErrorIs(t, err, apply.ErrMismatch)
	require.Regexp(t, `delete of shop.log \(v="y", n=NULL\) from transaction .*: the target has no such row`, err.Error())
	require.NoError(t, f.reader.Close())
	require.Equal(t, before, contents(t, b, "shop.log"))
}

func TestLargeTransactionIsWhole(t *testing.T) {
	a, b := newSide(t, "a", servers.LogKinds()[0]), newSide(t, "b", servers.LogKinds()[0])
	for _, s := range []*side{a, b} {
		s.exec(t, "CREATE DATABASE shop", shop)
	}
	f := start(t, a, b, 64<<10)
	double := []string{"BEGIN", "INSERT INTO shop.t VALUES (1, 1, REPEAT('x', 30), 0)"}
	for n := 1; n < 50_000; n *= 2 {
		double = append(double, fmt.Sprintf("INSERT INTO shop.t SELECT id + %d, u + %d, v, n FROM shop.t", n, n))
	}
	a.exec(t, strings.Join(append(double, "COMMIT"), "; "))
	a.exec(t, "UPDATE shop.t SET u = u + 100000, n = 1")
	f.settle(t)
	require.True(t, slices.Equal(contents(t, a, "shop.t"), contents(t, b, "shop.t")))
	f.stop(t)
}
