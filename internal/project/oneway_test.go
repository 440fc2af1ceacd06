package project_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duplex/internal/config"
	"duplex/internal/project"
	servers "duplex/test/tenant"
)

// runs names, in the environment of this program, the file of a project that it
// is to run instead of the tests: a run that can be killed.
const runs = "DUPLEX_TEST_RUNS"

func TestMain(m *testing.M) {
	if file := os.Getenv(runs); file != "" {
		text, err := os.ReadFile(file)
		if err == nil {
			var p *config.Project
			if p, err = config.Parse(file, text, nil, nil); err == nil {
				err = project.New(p, project.Options{}).Run(context.Background())
			}
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func parse(t *testing.T, text string) *config.Project {
	p, err := config.Parse("test.yaml", []byte(text), nil, nil)
	require.NoError(t, err)
	return p
}

// migration is the text of a project that carries all of shop from old to new.
// more goes on behind the rules of tables.
func migration(old, new *servers.Server, name, more string) string {
	return fmt.Sprintf(`
name: %s
scenario: migration
sites:
  old: {address: %q, user: %q, password: %q}
  new: {address: %q, user: %q, password: %q}
source: old
tables:
  include: ["shop.*"]
%s`, name, old.Addr(), old.User(), old.Password(), new.Addr(), new.User(), new.Password(), strings.TrimPrefix(more, "\n"))
}

func quiet(t *testing.T) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

// TestMigrationOfSomeRowsUnderAnotherName copies and carries the rows that meet
// a condition into a table of another name, and lets rows come to meet it and
// cease to.
func TestMigrationOfSomeRowsUnderAnotherName(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	kind := servers.LogKinds()[0]
	a, b := servers.For(t, kind), servers.For(t, kind)
	source, target := a.DB(t), b.DB(t)
	exec := func(q string) {
		t.Helper()
		_, err := source.ExecContext(context.WithoutCancel(t.Context()), q)
		require.NoError(t, err, q)
	}
	exec("CREATE DATABASE shop")
	exec("CREATE TABLE shop.t (id int PRIMARY KEY, region varchar(10) COLLATE utf8mb4_general_ci, at datetime(3), v int, pic mediumblob)")
	var rows []string
	for i := range 3000 {
		rows = append(rows, fmt.Sprintf("(%d, '%s', '2026-01-02', %d, REPEAT('x', 100))", i+1, [2]string{"North", "south"}[i%2], i+1))
	}
	exec("INSERT INTO shop.t VALUES " + strings.Join(rows, ", "))
	p := parse(t, migration(a, b, "some", `
  rename: {shop.t: mall.rows}
  where: {shop.t: "region = 'NORTH' AND at < '2026-06-01'"}
`))
	run := project.New(p, project.Options{Log: quiet(t)})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run.Run(ctx) }()
	limit, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	require.NoError(t, run.Barrier(limit))
	count := func() (n int) {
		require.NoError(t, target.QueryRowContext(limit, "SELECT COUNT(*) FROM mall.rows").Scan(&n))
		return n
	}
	require.Equal(t, 1500, count())

	exec("INSERT INTO shop.t VALUES (5001, 'north', '2026-01-01', 1, NULL), (5002, 'south', '2026-01-01', 1, NULL), (5003, 'north', '2026-07-01', 1, NULL)")
	exec("UPDATE shop.t SET region = 'north' WHERE id = 2") // comes
	exec("UPDATE shop.t SET region = 'south' WHERE id = 1") // goes
	exec("UPDATE shop.t SET v = v + 1 WHERE id IN (2, 3, 4)")
	exec("DELETE FROM shop.t WHERE id IN (5, 6)")
	exec("UPDATE shop.t SET id = id + 10000 WHERE id = 7")
	require.NoError(t, run.Barrier(limit))
	require.Equal(t, 1500, count(), "+5001 +2 -1 -5")
	report, err := run.Verify(limit)
	require.NoError(t, err)
	require.True(t, report.Equal, "%+v", report)
	stop()
	require.NoError(t, <-done)
}

// TestSecondRunTakesOver starts the same project twice: the newer run goes on,
// the older one stops as fenced, and no row is written twice.
func TestSecondRunTakesOver(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	kind := servers.LogKinds()[0]
	a, b := servers.For(t, kind), servers.For(t, kind)
	source := a.DB(t)
	for _, q := range []string{"CREATE DATABASE shop", "CREATE TABLE shop.n (id int PRIMARY KEY, n int)", "INSERT INTO shop.n VALUES (1, 0)"} {
		_, err := source.ExecContext(t.Context(), q)
		require.NoError(t, err)
	}
	p := parse(t, fmt.Sprintf(`
name: twice
scenario: active-active
sites:
  a: {address: "%s", user: root, password: duplex}
  b: {address: "%s", user: root, password: duplex}
source: a
tables: {include: ["shop.*"]}
`, a.Addr(), b.Addr()))
	limit, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	first, second := project.New(p, project.Options{Log: quiet(t)}), project.New(p, project.Options{Log: quiet(t)})
	fenced := make(chan error, 1)
	go func() { fenced <- first.Run(limit) }()
	require.NoError(t, first.Barrier(limit))
	ctx, stop := context.WithCancel(limit)
	done := make(chan error, 1)
	go func() { done <- second.Run(ctx) }()
	require.NoError(t, second.Barrier(limit))
	for range 50 {
		_, err := source.ExecContext(limit, "UPDATE shop.n SET n = n + 1")
		require.NoError(t, err)
	}
	require.ErrorContains(t, <-fenced, "fenced")
	require.NoError(t, second.Barrier(limit))
	var n int
	require.NoError(t, b.DB(t).QueryRowContext(limit, "SELECT n FROM shop.n").Scan(&n))
	require.Equal(t, 50, n)
	stop()
	require.NoError(t, <-done)
}
