package e2e_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/test/e2e"
	"duplex/test/tenant"
)

// number reads how much to do from the environment, for longer runs by hand.
func number(t *testing.T, name string, normal int) int {
	text := os.Getenv(name)
	if text == "" {
		return normal
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

// A pair is two servers and the program between them.
type pair struct {
	servers [2]*tenant.Server
	dbs     [2]*sql.DB
	program *e2e.Program
	work    *e2e.Workload
}

func newPair(t *testing.T, kinds [2]tenant.Kind) *pair {
	p := &pair{work: &e2e.Workload{Seed: uint64(number(t, "DUPLEX_SEED", 1)), Span: 4000, Writers: 8, Pause: 50 * time.Millisecond}}
	var sites [2]e2e.Site
	for i, kind := range kinds {
		s := tenant.For(t, kind)
		p.servers[i], p.dbs[i] = s, s.DB(t)
		sites[i] = e2e.Site{Name: string("ab"[i]), Address: s.Addr(), User: s.User(), Password: s.Password()}
	}
	file := filepath.Join(t.TempDir(), "project.yaml")
	require.NoError(t, e2e.WriteProject(file, 12000, sites))
	p.program = &e2e.Program{Path: program, Project: file}
	return p
}

// waitFor asks until it is so.
func waitFor(t *testing.T, r *e2e.Run, limit time.Duration, ask func() bool) {
	t.Helper()
	began := time.Now()
	for !ask() {
		if r.Ended() {
			t.Fatalf("duplex run ended by itself\n%s", r.Log())
		}
		if time.Since(began) > limit {
			t.Fatalf("not so after %v\n%s", limit, r.Log())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestTwoWay: both sides are written before, while and after the one is copied
// to the other; then every table is equal, and both logs show each transaction
// once at home, once and whole on the other side, and never again.
func TestTwoWay(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	for _, kinds := range [][2]tenant.Kind{
		{tenant.MariaDB, tenant.MariaDB}, {tenant.MySQL56, tenant.MySQL56}, {tenant.MariaDB, tenant.MySQL56},
	} {
		t.Run(fmt.Sprintf("%s-%s", kinds[0], kinds[1]), func(t *testing.T) { testTwoWay(t, newPair(t, kinds)) })
	}
}

func testTwoWay(t *testing.T, p *pair) {
	require.NoError(t, p.work.Create(t.Context(), p.dbs[0]))
	require.NoError(t, p.work.Start(0, p.servers[0]))
	stopped := false
	defer func() {
		if !stopped {
			_ = p.work.Stop()
		}
	}()
	run, err := p.program.Start("--skip-check")
	require.NoError(t, err)
	defer func() {
		if !run.Ended() {
			_ = run.Kill()
		}
		if t.Failed() {
			t.Logf("duplex run:\n%s", run.Log())
		}
	}()
	waitFor(t, run, time.Minute, func() bool {
		var n int
		return p.dbs[1].QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ?", e2e.Database).
			Scan(&n) == nil && n == len(e2e.Tables)
	})
	require.NoError(t, p.work.Start(1, p.servers[1]))
	began := time.Now()
	waitFor(t, run, 2*time.Minute, func() bool { return p.phase(t) == "incremental" })
	copied := time.Since(began)
	select {
	case <-run.Done():
	case <-time.After(time.Duration(number(t, "DUPLEX_SECONDS", 4)) * time.Second):
	}
	stopped = true
	require.NoError(t, p.work.Stop())
	t.Logf("copy %v", copied.Round(time.Millisecond))
	p.settle(t, run)
	require.NoError(t, run.Interrupt())
	p.prove(t)
}

func (p *pair) phase(t *testing.T) string {
	var status struct{ Phase string }
	require.NoError(t, p.program.JSON(t.Context(), &status, "status"))
	return status.Phase
}

// settle waits for the barrier and compares both sides.
func (p *pair) settle(t *testing.T, run *e2e.Run) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	require.NoError(t, p.program.Barrier(ctx))
	require.False(t, run.Ended(), "duplex run ended by itself")
	barrier := time.Since(began)
	var report struct {
		Equal  bool
		Tables []struct {
			Table, Result string
			Rows          uint64
		}
	}
	err := p.program.JSON(ctx, &report, "verify")
	faults, cerr := e2e.Compare(ctx, p.dbs[0], p.dbs[1])
	require.NoError(t, cerr)
	require.Empty(t, faults)
	require.NoError(t, err)
	require.True(t, report.Equal)
	require.Len(t, report.Tables, len(e2e.Tables))
	rows := uint64(0)
	for _, table := range report.Tables {
		require.Equal(t, "CONSISTENT", table.Result, table.Table)
		require.NotZero(t, table.Rows, table.Table)
		rows += table.Rows
	}
	t.Logf("barrier %v, verified %d rows", barrier.Round(time.Millisecond), rows)
}

// prove holds both logs against what the writers know.
func (p *pair) prove(t *testing.T) {
	var logs [2]*e2e.Log
	for i, s := range p.servers {
		var err error
		logs[i], err = e2e.Scan(t.Context(), s, p.dbs[i])
		require.NoError(t, err)
		faults, err := e2e.CheckCounters(t.Context(), p.dbs[i], p.work.Counters())
		require.NoError(t, err)
		require.Empty(t, faults)
	}
	proof, faults := e2e.Prove(p.work.History(), logs)
	require.Empty(t, faults)
	require.NotZero(t, proof.Carried)
	require.NotZero(t, proof.Copied)
	t.Logf("%+v; side a: %d local, %d applied; side b: %d local, %d applied", proof,
		logs[0].Unmarked, logs[0].Marked, logs[1].Unmarked, logs[1].Marked)
}
