package apply_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/apply"
	"duplex/internal/binlog"
	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/conflict"
	"duplex/internal/schema"
	servers "duplex/test/tenant"
)

// silent is a link on which nothing comes.
type silent struct{}

func (silent) Next(ctx context.Context) (*change.Txn, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// reading is what a target's reader knows.
type reading struct {
	*binlog.Reader
	of *side
}

func (r *reading) End(ctx context.Context) error {
	count, err := checkpoint.Beat(ctx, r.of.tenant)
	if err == nil {
		_, err = r.WaitBeat(ctx, count)
	}
	return err
}

// TestChunkLeavesWhatTheTargetTookAway: a row of the target's own that came
// back to it with a copied chunk stays gone if its application deleted or
// moved it and the source had not seen that when the chunk was read.
func TestChunkLeavesWhatTheTargetTookAway(t *testing.T) {
	for _, kind := range servers.LogKinds() {
		t.Run(string(kind), func(t *testing.T) { testTookAway(t, newSide(t, "b", kind)) })
	}
}

func testTookAway(t *testing.T, b *side) {
	b.exec(t, "CREATE DATABASE shop", shop)
	at, err := binlog.End(t.Context(), b.tenant)
	require.NoError(t, err)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	a, err := apply.New(t.Context(), apply.Config{
		Target: b.tenant, Project: "p", Link: "a>b", Origin: 2147473649, Log: log,
		Place: func(d, n string) (string, string) { return d, n },
	}, "")
	require.NoError(t, err)
	a.Copying("shop", "t")
	table, err := b.tenant.Table(t.Context(), "shop", "t")
	require.NoError(t, err)
	relations := apply.NewRelations([]*schema.Table{table}, nil)
	rule := func(string) *conflict.Rule { return &conflict.Rule{Policy: conflict.Newest} }
	parked, err := a.Relate(t.Context(), relations, rule)
	require.NoError(t, err)
	r, err := binlog.Open(t.Context(), binlog.Config{
		Tenant: b.tenant, Site: "b", Project: "p", Inbound: "a>b",
		Match: func(d, _ string) bool { return d == "shop" }, Log: log,
		Conflicts: &binlog.Conflicts{Rank: 1, Rules: rule, Claims: relations.Claims, Parked: parked, Unique: relations.Unique},
	}, at)
	require.NoError(t, err)
	a.Serve(&reading{r, b})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- a.Run(ctx, silent{}) }()
	go func() {
		for {
			txn, err := r.Next(ctx)
			if err == nil {
				err = txn.Rows.Close()
			}
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	defer func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.ErrorIs(t, <-ended, context.Canceled)
		require.NoError(t, r.Close())
	}()

	copied := func(seen change.Seqs, rows ...[]change.Value) {
		t.Helper()
		require.NoError(t, a.Copy(t.Context(), &change.Chunk{
			Table: table.Change(), Rows: rows, Low: change.Watermark{Seen: seen}, Note: "DO 0",
		}))
	}
	row := func(id, u int64) []change.Value {
		return []change.Value{change.OfInt(id), change.OfInt(u), {}, change.OfInt(0)}
	}
	ids := func() (got []int) {
		rows, err := b.db.QueryContext(t.Context(), "SELECT id FROM shop.t ORDER BY id")
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var id int
			require.NoError(t, rows.Scan(&id))
			got = append(got, id)
		}
		require.NoError(t, rows.Err())
		return got
	}
	b.exec(t, "INSERT INTO shop.t VALUES (1, 10, NULL, 0), (2, 20, NULL, 0), (3, 30, NULL, 0)",
		"DELETE FROM shop.t WHERE id = 1", "UPDATE shop.t SET id = 4 WHERE id = 2")
	copied(change.Seqs{}, row(1, 10), row(2, 20), row(3, 30), row(5, 50))
	require.Equal(t, []int{3, 4, 5}, ids(), "1 was deleted, 2 became 4")

	count, err := checkpoint.Beat(t.Context(), b.tenant)
	require.NoError(t, err)
	s, err := r.WaitBeat(t.Context(), count)
	require.NoError(t, err)
	copied(change.Seqs{Low: s.Seq}, row(1, 10))
	require.Equal(t, []int{1, 3, 4, 5}, ids(), "the source has seen the deletion, and has such a row since")
}
