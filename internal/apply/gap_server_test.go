package apply_test

import (
	"context"
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

func (s *busy) Tasks() <-chan struct{} { return nil }

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

// TestGap: a delete wins over a local delete, and the application inserts the row
// anew while that is decided, without having seen it. A row that is not there is
// not locked by looking for it.
func TestGap(t *testing.T) {
	for _, kind := range servers.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			b := newSide(t, "b", kind)
			b.exec(t, "CREATE DATABASE shop", "CREATE TABLE shop.g (id int PRIMARY KEY, v int) ENGINE=InnoDB")
			table, err := b.tenant.Table(t.Context(), "shop", "g")
			require.NoError(t, err)
			a, err := apply.New(t.Context(), apply.Config{
				Target: b.tenant, Project: "p", Link: "a>b", Origin: 2147473649, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
				Place: func(d, n string) (string, string) { return d, n },
			}, "")
			require.NoError(t, err)
			rule := &conflict.Rule{Policy: conflict.Site, Rank: 0}
			rules := func(string) *conflict.Rule { return rule }
			_, err = a.Relate(t.Context(), apply.NewRelations([]*schema.Table{table}), rules)
			require.NoError(t, err)

			row := []change.Value{change.OfInt(1), change.OfInt(7)}
			key := conflict.Key{Table: "`shop`.`g`", ID: change.RowID(table.Change().Columns, table.Change().Key, row)}
			s := &busy{o: conflict.NewObserver(conflict.ObserverConfig{Rank: 1, Peer: 0, Rules: rules}, conflict.Point{})}
			s.do = func() { b.exec(t, "INSERT INTO shop.g VALUES (1, 8)") }
			w := s.o.Stamp(50)
			s.o.Wrote(&w, 50, key, row, nil)
			s.o.Behind(&w, "")
			s.o.CaughtUp()
			a.Serve(s)

			rows := change.NewRows(1<<20, t.TempDir())
			require.NoError(t, rows.Append(change.Row{Table: table.Change(), Op: change.Delete, Before: row}))
			src := make(one, 1)
			src <- &change.Txn{ID: "x:1", Stamp: change.Stamp{Version: 60}, Position: "1", Committed: time.Now(), Rows: rows}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- a.Run(ctx, src) }()
			require.NoError(t, a.WaitLow(t.Context(), 1))
			cancel()
			require.ErrorIs(t, <-ended, context.Canceled)
			var n int
			require.NoError(t, b.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM shop.g").Scan(&n))
			require.Zero(t, n, "what had not seen the delete is written over")
		})
	}
}
