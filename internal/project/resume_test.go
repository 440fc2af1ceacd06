package project_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/project"
	servers "duplex/test/tenant"
)

// TestIndexStillBeingMade starts a run while the session of one that was killed
// still makes an index in the target: the server ends it when the statement is
// done, not before.
func TestIndexStillBeingMade(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	for _, kind := range servers.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			if kind == servers.OceanBase {
				t.Skip("a reader does not keep an index from being made there: nothing to wait for")
			}
			stillBeingMade(t, servers.For(t, kind), servers.For(t, kind))
		})
	}
}

func stillBeingMade(t *testing.T, a, b *servers.Server) {
	source, target := a.DB(t), b.DB(t)
	for _, q := range []string{"CREATE DATABASE shop", "CREATE TABLE shop.t (id int PRIMARY KEY, v int, KEY by_v (v))", "INSERT INTO shop.t VALUES (1, 1)"} {
		_, err := source.ExecContext(t.Context(), q)
		require.NoError(t, err, q)
	}
	p := parse(t, migration(a, b, "index", ""))
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	require.NoError(t, project.New(p, project.Options{Log: quiet(t), Until: project.CaughtUp}).Run(ctx))

	_, err := target.ExecContext(ctx, "ALTER TABLE shop.t DROP KEY by_v")
	require.NoError(t, err)
	reading, err := target.BeginTx(ctx, nil)
	require.NoError(t, err)
	var n int
	require.NoError(t, reading.QueryRowContext(ctx, "SELECT v FROM shop.t").Scan(&n))
	makers := func(count int) func() bool {
		return func() bool {
			err := target.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%ADD KEY%by_v%' AND state LIKE 'Waiting for table metadata lock'").Scan(&n)
			return err == nil && n == count
		}
	}
	former := make(chan error, 1)
	go func() {
		_, err := target.ExecContext(ctx, "ALTER TABLE shop.t ADD KEY by_v (v)")
		former <- err
	}()
	require.Eventually(t, makers(1), time.Minute, time.Millisecond)
	again := make(chan error, 1)
	go func() { again <- project.New(p, project.Options{Log: quiet(t), Until: project.Verified}).Run(ctx) }()
	require.Eventually(t, makers(2), time.Minute, time.Millisecond)
	require.NoError(t, reading.Rollback())
	require.NoError(t, <-former)
	require.NoError(t, <-again)
	require.NoError(t, target.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = 'shop' AND index_name = 'by_v'").Scan(&n))
	require.Equal(t, 1, n)
}

// TestBarrierOfAnEndedRun waits for a barrier of a run that cannot begin.
func TestBarrierOfAnEndedRun(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	kind := servers.LogKinds()[0]
	a, b := servers.For(t, kind), servers.For(t, kind)
	run := project.New(parse(t, migration(a, b, "nothing", "")), project.Options{Log: quiet(t)})
	ended := make(chan error, 1)
	go func() { ended <- run.Run(t.Context()) }()
	err := run.Barrier(t.Context())
	require.ErrorContains(t, err, "matches the project's rules")
	require.Equal(t, err, <-ended)
}
