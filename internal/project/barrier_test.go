package project_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/project"
	servers "duplex/test/tenant"
)

// TestBarrierOverACopy asks for a barrier, as another process does, while tables are
// copied, and while a carried statement makes one more.
func TestBarrierOverACopy(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	kind := servers.LogKinds()[0]
	a, b := servers.For(t, kind, servers.WithRowMetadata("NO_LOG")), servers.For(t, kind, servers.WithRowMetadata("NO_LOG"))
	source, target := a.DB(t), b.DB(t)
	const rows = 3000
	do := func(q string) {
		t.Helper()
		_, err := source.ExecContext(t.Context(), q)
		require.NoError(t, err, q)
	}
	do("CREATE DATABASE shop")
	do("CREATE TABLE shop.t (id int PRIMARY KEY, v int, KEY by_v (v))")
	for n := range rows {
		do("INSERT INTO shop.t VALUES (" + strconv.Itoa(n) + ", 1)")
	}
	p := parse(t, migration(a, b, "barrier", "ddl: old\nlimits: {rows_per_second: 1500}\n"))
	limit, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- project.New(p, project.Options{Log: quiet(t)}).Run(ctx) }()
	sites, err := project.OpenSites(limit, p, quiet(t))
	require.NoError(t, err)
	defer sites.Close()
	holds := func(table string, want int) {
		t.Helper()
		_, err := sites.Barrier(limit, time.Minute)
		require.NoError(t, err)
		var n int
		require.NoError(t, target.QueryRowContext(limit, "SELECT COUNT(*) FROM shop."+table).Scan(&n))
		require.Equal(t, want, n)
		st, err := sites.Status(limit)
		require.NoError(t, err)
		require.Equal(t, "incremental", st.Phase)
		require.Equal(t, 1, st.Copy.TablesDone, "%+v", st.Copy)
	}
	require.Eventually(t, func() bool {
		st, err := sites.Status(limit)
		return err == nil && st.Phase == "full" && st.Copy.Tables == 1 && st.State == "running"
	}, time.Minute, time.Millisecond)
	holds("t", rows)
	do("CREATE TABLE shop.s (id int PRIMARY KEY)")
	do("INSERT INTO shop.s VALUES (1)")
	holds("s", 1)
	stop()
	require.NoError(t, <-done)
}
