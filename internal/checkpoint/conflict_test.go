package checkpoint

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openConflicts(t *testing.T, kind servers.Kind) (*tenant.Tenant, *ConflictLog) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a server")
	}
	s := servers.For(t, kind)
	x, err := tenant.Open(t.Context(), tenant.Config{Site: "west", Address: s.Addr(), User: s.User(), Password: s.Password()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, x.Close()) })
	log := NewConflictLog(x, "shop")
	list, err := log.List(t.Context(), ConflictFilter{}, 0)
	require.NoError(t, err)
	require.Empty(t, list, "our tables are not there yet")
	require.NoError(t, Create(t.Context(), x))
	return x, log
}

func exec(t *testing.T, x *tenant.Tenant, query []byte) {
	t.Helper()
	_, err := x.DB().ExecContext(t.Context(), string(query))
	require.NoError(t, err)
}

func TestConflicts(t *testing.T) {
	for _, kind := range servers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			x, log := openConflicts(t, kind)
			testConflicts(t, x, log)
		})
	}
}

// testConflicts writes conflicts and reads, accepts and purges them.
func testConflicts(t *testing.T, x *tenant.Tenant, log *ConflictLog) {
	ctx := t.Context()
	at := func(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 5, 678_000, time.UTC) }
	written := []Conflict{
		{
			Table: "shop.stock", Key: `a=1,b="x'y\\\u00e9李"` + strings.Repeat("k", 3000), Kind: "update-update", Policy: "newest", Winner: "incoming", Ambiguous: true,
			Local: []byte(`{"a":"it's \\ \"q\" \u0000 😀","b":{"base64":"/w=="}}`), Incoming: []byte(`{"a":null}`),
			LocalStamp: "1/-5", IncomingStamp: "18446744073709551615/1764000000000000", LocalCommitted: at(0), IncomingCommitted: at(1), DecidedAt: at(2),
		},
		{Table: "shop.stock", Key: "id=2", Kind: "delete-update", Policy: "site", Winner: "local", Incoming: []byte(`{}`), DecidedAt: at(3)},
		{Table: "shop.cart", Key: "id=2", Kind: "drift", Policy: "newest", Winner: "incoming", Local: []byte(`{}`), DecidedAt: at(4)},
	}
	store := New(x, "shop", "east>west")
	exec(t, x, store.AppendConflicts(nil, written))
	exec(t, x, New(x, "other", "east>west").AppendConflict(nil, &Conflict{Table: "shop.stock", Key: "id=2"}))

	list, err := log.List(ctx, ConflictFilter{}, 0)
	require.NoError(t, err)
	require.Len(t, list, 3)
	slices.Reverse(list)
	for i := range written {
		written[i].ID, written[i].Project, written[i].Link = list[i].ID, "shop", "east>west"
	}
	require.Equal(t, written, list)
	one, err := log.Get(ctx, list[0].ID)
	require.NoError(t, err)
	require.Equal(t, written[0], one)
	for _, id := range []uint64{999, list[2].ID + 1} { // none, and another project's
		_, err = log.Get(ctx, id)
		require.ErrorIs(t, err, ErrNoConflict)
	}

	exec(t, x, []byte(SetUndone(list[1].ID)))
	exec(t, x, store.AppendConflict(nil, &Conflict{Table: "shop.stock", Key: "id=2", Kind: Undo, Winner: "incoming"}))
	n, err := log.Accept(ctx, []uint64{list[2].ID, 999})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	for _, c := range []struct {
		name  string
		f     ConflictFilter
		wants string
	}{
		{"all", ConflictFilter{}, "undo drift delete-update update-update"},
		{"table", ConflictFilter{Table: "shop.stock"}, "undo delete-update update-update"},
		{"key", ConflictFilter{Key: "id=2"}, "undo drift delete-update"},
		{"long key", ConflictFilter{Key: written[0].Key}, "update-update"},
		{"key and table", ConflictFilter{Key: "id=2", Table: "shop.cart"}, "drift"},
		{"kind", ConflictFilter{Kind: "drift"}, "drift"},
		{"winner", ConflictFilter{Winner: "local"}, "delete-update"},
		{"ambiguous", ConflictFilter{Ambiguous: true}, "update-update"},
		{"open", ConflictFilter{Open: true}, "update-update"},
		{"since", ConflictFilter{Since: at(4)}, "undo drift"},
		{"until", ConflictFilter{Until: at(3)}, "update-update"},
		{"none", ConflictFilter{Table: "SHOP.stock"}, ""},
	} {
		testFilter(t, log, c.name, c.f, strings.Fields(c.wants))
	}

	tallies, err := log.Links(ctx)
	require.NoError(t, err)
	require.Equal(t, map[string]Tally{"east>west": {Conflicts: 2, Drifts: 1}}, tallies)
	parked, err := log.Parked(ctx)
	require.NoError(t, err)
	require.Zero(t, parked)

	n, err = log.Purge(ctx, at(5), 2)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	n, err = log.Purge(ctx, at(5), 2)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	testFilter(t, log, "purged", ConflictFilter{}, []string{Undo})
	exec(t, x, store.AppendConflict(nil, &Conflict{Kind: "update-update", Winner: "both"}))
	testFilter(t, log, "merged", ConflictFilter{}, []string{"update-update", Undo})
	testFilter(t, log, "lost", ConflictFilter{Lost: true}, []string{Undo})
}

func testFilter(t *testing.T, log *ConflictLog, name string, f ConflictFilter, kinds []string) {
	t.Helper()
	list, err := log.List(t.Context(), f, 10)
	require.NoError(t, err, name)
	found, err := log.Find(t.Context(), f)
	require.NoError(t, err, name)
	counted, err := log.Kinds(t.Context(), f)
	require.NoError(t, err, name)
	got, counts := []string{}, map[string]uint64{}
	for i := range list {
		got = append(got, list[i].Kind)
		require.Equal(t, list[i].ID, found[i].ID)
		counts[list[i].Kind]++
	}
	require.Equal(t, kinds, got, name)
	require.Len(t, found, len(list), name)
	require.Equal(t, counts, counted, name)
}

// TestManyConflicts shows that filters find their way by an index, and prints
// how long they take.
func TestManyConflicts(t *testing.T) {
	const rows = 100_000
	for _, kind := range []servers.Kind{servers.MariaDB, servers.MySQL56} {
		t.Run(string(kind), func(t *testing.T) {
			x, log := openConflicts(t, kind)
			began := time.Now().UTC().Add(-rows * time.Second).Truncate(time.Second)
			fillConflicts(t, New(x, "shop", "east>west"), rows, began)
			for _, c := range []struct {
				name  string
				f     ConflictFilter
				index string
				count uint64
			}{
				{"all", ConflictFilter{}, "by_time", rows},
				{"table", ConflictFilter{Table: "shop.table3"}, "by_table", rows / 5},
				{"key", ConflictFilter{Key: "id=777"}, "by_key", rows / 1000},
				{"hot key", ConflictFilter{Key: "id=1"}, "by_key", rows/10 + rows/1000},
				{"kind", ConflictFilter{Kind: "drift"}, "by_kind", rows / 4},
				{"one hour", ConflictFilter{Since: began.Add(time.Hour), Until: began.Add(2 * time.Hour)}, "by_time", 3600},
				{"winner, none", ConflictFilter{Winner: "both"}, "by_time", 0},
				{"open", ConflictFilter{Open: true}, "by_time", rows},
				{"ambiguous", ConflictFilter{Ambiguous: true}, "by_time", rows / 100},
			} {
				at := time.Now()
				list, err := log.List(t.Context(), c.f, 50)
				require.NoError(t, err)
				listed := time.Since(at)
				counts, err := log.Kinds(t.Context(), c.f)
				require.NoError(t, err)
				both := time.Since(at)
				total := uint64(0)
				for _, n := range counts {
					total += n
				}
				require.Equal(t, c.count, total, c.name)
				require.Len(t, list, min(50, int(c.count)), c.name)
				for _, q := range []string{string(log.found(&c.f, 50)), string(log.from([]byte("SELECT kind, COUNT(*)"), &c.f)) + " GROUP BY kind"} {
					require.Equal(t, c.index, indexOf(t, x.DB(), q), "%s: %s", c.name, q)
				}
				t.Logf("%-14s listed in %8s, counted in %8s", c.name, listed.Round(time.Millisecond/10), (both - listed).Round(time.Millisecond/10))
			}
			at := time.Now()
			tallies, err := log.Links(t.Context())
			require.NoError(t, err)
			require.Equal(t, Tally{Conflicts: rows * 3 / 4, Drifts: rows / 4}, tallies["east>west"])
			t.Logf("%-14s in %s", "status", time.Since(at).Round(time.Millisecond/10))
		})
	}
}

// fillConflicts writes one conflict a second.
func fillConflicts(t *testing.T, s *Store, rows int, began time.Time) {
	kinds, image := []string{"update-update", "drift", "insert-insert", "late"}, []byte(`{"id":1,"note":"`+strings.Repeat("x", 300)+`"}`)
	var batch []Conflict
	for i := range rows {
		key := i % 1000
		if i%10 == 0 { // a row that both sites keep writing
			key = 1
		}
		batch = append(batch, Conflict{
			Table: fmt.Sprintf("shop.table%d", i%5), Key: fmt.Sprintf("id=%d", key), Kind: kinds[i%4], Policy: "newest", Winner: "incoming",
			Ambiguous: i%100 == 0, Local: image, Incoming: image, DecidedAt: began.Add(time.Duration(i) * time.Second),
		})
		if len(batch) == 5000 {
			exec(t, s.tenant, s.AppendConflicts(nil, batch))
			batch = batch[:0]
		}
	}
	exec(t, s.tenant, []byte("ANALYZE TABLE duplex.conflict"))
}

// indexOf gives the index that the server uses for the only table of a query.
func indexOf(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN "+query)
	require.NoError(t, err)
	defer rows.Close()
	names, err := rows.Columns()
	require.NoError(t, err)
	fields, into := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range fields {
		into[i] = &fields[i]
	}
	require.True(t, rows.Next())
	require.NoError(t, rows.Scan(into...))
	require.NoError(t, rows.Err())
	return fields[slices.Index(names, "key")].String
}
