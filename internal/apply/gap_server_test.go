package apply_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/apply"
	"duplex/internal/change"
	"duplex/internal/conflict"
	"duplex/internal/schema"
	servers "duplex/test/tenant"
)

// busy is a site whose application writes while an applier has its rows locked
// and waits for the reader.
type busy struct {
	mu   sync.Mutex
	o    *conflict.Observer
	once sync.Once
	do   func()

	tasks chan struct{}
}

func (s *busy) Observe(fn func(*conflict.Observer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(s.o)
}

func (s *busy) End(context.Context) error {
	s.once.Do(s.do)
	return nil
}

func (s *busy) Tasks() <-chan struct{} { return s.tasks }

// one gives a single transaction.
type one chan *change.Txn

func (o one) Next(ctx context.Context) (*change.Txn, error) {
	select {
	case txn := <-o:
		return txn, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// A gap is a table of site b whose row 1 was (1, 7), as site a has it, and which
// b's application has deleted. It inserts (1, 8) while a change that comes from a
// is decided: a row that is not there is not locked by looking for it.
type gap struct {
	side  *side
	site  *busy
	rule  *conflict.Rule
	from  int64 // version of what comes from a
	known bool  // the reader sees the insert before that is decided
	key   conflict.Key
	was   []change.Value
	came  []change.Value
}

// run applies what comes from a, and returns after done.
func (g *gap) run(t *testing.T, kind servers.Kind, op change.Op, after []change.Value, done func(*apply.Applier)) {
	g.side = newSide(t, "b", kind)
	g.side.exec(t, "CREATE DATABASE shop", "CREATE TABLE shop.g (id int PRIMARY KEY, v int) ENGINE=InnoDB")
	table, err := g.side.tenant.Table(t.Context(), "shop", "g")
	require.NoError(t, err)
	a, err := apply.New(t.Context(), apply.Config{
		Target: g.side.tenant, Project: "p", Link: "a>b", Origin: 2147473649, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Place: func(d, n string) (string, string) { return d, n },
	}, "")
	require.NoError(t, err)
	rules := func(string) *conflict.Rule { return g.rule }
	_, err = a.Relate(t.Context(), apply.NewRelations([]*schema.Table{table}, nil), rules)
	require.NoError(t, err)

	g.was, g.came = []change.Value{change.OfInt(1), change.OfInt(7)}, []change.Value{change.OfInt(1), change.OfInt(8)}
	g.key = conflict.Key{Table: "`shop`.`g`", ID: change.RowID(table.Change().Columns, table.Change().Key, g.was)}
	g.site = &busy{o: conflict.NewObserver(conflict.ObserverConfig{Rank: 1, Peer: 0, Rules: rules}, conflict.Point{}), tasks: make(chan struct{}, 1)}
	g.site.do = func() {
		if g.side.exec(t, "INSERT INTO shop.g VALUES (1, 8)"); g.known {
			g.wrote(51, nil, g.came)
		}
	}
	g.wrote(50, g.was, nil)
	g.site.o.CaughtUp()
	a.Serve(g.site)

	rows := change.NewRows(1<<20, t.TempDir())
	require.NoError(t, rows.Append(change.Row{Table: table.Change(), Op: op, Before: g.was, After: after}))
	src := make(one, 1)
	src <- &change.Txn{ID: "x:1", Stamp: change.Stamp{Version: g.from}, Position: "1", Committed: time.Now(), Rows: rows}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, src) }()
	require.NoError(t, a.WaitLow(t.Context(), 1))
	done(a)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

// wrote is what b's reader sees of its application.
func (g *gap) wrote(version int64, before, after []change.Value) {
	g.site.Observe(func(o *conflict.Observer) {
		w := o.Stamp(version)
		o.Wrote(&w, version, g.key, before, after)
		o.Behind(&w, "")
	})
}

// TestStays: a delete wins, and its row comes meanwhile. The reader finds that in
// the log, where the row stands before the mark.
func TestStays(t *testing.T) {
	for _, kind := range servers.LogKinds() {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, known %v", kind, known), func(t *testing.T) { stays(t, kind, known) })
		}
	}
}

func stays(t *testing.T, kind servers.Kind, known bool) {
	g := &gap{rule: &conflict.Rule{Policy: conflict.Site, Rank: 0}, from: 60, known: known}
	g.run(t, kind, change.Delete, nil, func(a *apply.Applier) {
		require.Equal(t, 1, g.count(t, "SELECT COUNT(*) FROM shop.g"))
		var carried, notes []byte
		require.NoError(t, g.side.db.QueryRowContext(t.Context(), "SELECT carried, notes FROM duplex.checkpoint WHERE notes <> ''").Scan(&carried, &notes))
		stamps, err := change.ParseCarried(carried)
		require.NoError(t, err)
		n, err := conflict.ParseNotes(notes, len(stamps))
		require.NoError(t, err)
		if !known {
			g.wrote(51, nil, g.came)
		}
		g.site.Observe(func(o *conflict.Observer) {
			require.NoError(t, o.Applied(&conflict.Applied{Version: 60, Carried: stamps, Notes: n}))
		})
		g.site.tasks <- struct{}{}
		require.NoError(t, a.WaitMended(t.Context()))
	})
	require.Zero(t, g.count(t, "SELECT COUNT(*) FROM shop.g"))
	require.Equal(t, 1, g.count(t, "SELECT COUNT(*) FROM duplex.conflict WHERE incoming_stamp <> '' AND kind = 'late'"))
}

// TestGap: sums are decided once, so the gap is locked where the server can, and
// the group done again.
func TestGap(t *testing.T) {
	for _, kind := range servers.LogKinds() {
		if kind == servers.OceanBase {
			continue // it locks no gaps
		}
		t.Run(string(kind), func(t *testing.T) {
			g := &gap{rule: &conflict.Rule{Policy: conflict.Delta, Columns: []int{1}}, from: 40}
			g.run(t, kind, change.Update, []change.Value{change.OfInt(1), change.OfInt(9)}, func(*apply.Applier) {})
			require.Equal(t, 8+2, g.count(t, "SELECT v FROM shop.g"), "what was added counts")
		})
	}
}

func (g *gap) count(t *testing.T, query string) (n int) {
	require.NoError(t, g.side.db.QueryRowContext(t.Context(), query).Scan(&n))
	return n
}
