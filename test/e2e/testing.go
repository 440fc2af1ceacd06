package e2e

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duplex/test/tenant"
)

// Pairs are the pairs of servers that a two-way run is shown on: each kind with
// itself, and the first with the last.
func Pairs() [][2]tenant.Kind {
	kinds := tenant.LogKinds()
	var pairs [][2]tenant.Kind
	for _, k := range kinds {
		pairs = append(pairs, [2]tenant.Kind{k, k})
	}
	if last := len(kinds) - 1; last > 0 {
		pairs = append(pairs, [2]tenant.Kind{kinds[0], kinds[last]})
	}
	return pairs
}

// Main is the TestMain of a package that runs the program: it builds it, and
// keeps its path in program, unless the tests are short. Options say what may
// be left running in the end.
func Main(m *testing.M, program *string, options ...goleak.Option) {
	flag.Parse()
	if !testing.Short() {
		var err error
		if *program, err = Build(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m, append(options, goleak.Cleanup(func(code int) {
		if *program != "" {
			_ = os.RemoveAll(filepath.Dir(*program))
		}
		os.Exit(code)
	}))...)
}

// Number reads from the environment how much to do, for longer runs by hand.
func Number(t testing.TB, name string, normal int) int {
	text := os.Getenv(name)
	if text == "" {
		return normal
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

// A Pair is two servers, the program between them, and who writes them. Side 0
// holds rows at the start.
type Pair struct {
	Servers [2]*tenant.Server
	DBs     [2]*sql.DB
	Program *Program
	Work    *Workload
}

// NewPair starts the servers and writes the project file. through gives the
// address by which the program reaches a server. All ends with the test.
func NewPair(t testing.TB, program string, kinds [2]tenant.Kind, w *Workload, rowsPerSecond int, through func(s *tenant.Server) string) *Pair {
	w.Seed = uint64(Number(t, "DUPLEX_SEED", 1))
	p := &Pair{Work: w}
	var sites [2]Site
	for i, s := range tenant.All(t, kinds[:]) {
		p.Servers[i], p.DBs[i] = s, s.DB(t)
		sites[i] = Site{Name: string("ab"[i]), Address: through(s), User: s.User(), Password: s.Password()}
	}
	file := filepath.Join(t.TempDir(), "project.yaml")
	require.NoError(t, WriteProject(file, rowsPerSecond, sites))
	p.Program = &Program{Path: program, Project: file}
	require.NoError(t, w.Create(t.Context(), p.DBs[0]))
	require.NoError(t, w.Start(0, p.Servers[0]))
	t.Cleanup(func() {
		if err := w.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// Made reports whether the tables are there on side 1.
func (p *Pair) Made(ctx context.Context) bool {
	var n int
	err := p.DBs[1].QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ? AND table_name NOT LIKE 'mlog$%'", Database).Scan(&n)
	return err == nil && n == len(Tables)
}

// Copied reports whether the copy is complete.
func (p *Pair) Copied(ctx context.Context) bool {
	var n int
	err := p.DBs[1].QueryRowContext(ctx, "SELECT COUNT(*) FROM duplex.copy_chunk WHERE chunk = 0 AND state <> 'begun' AND table_name <> ''").Scan(&n)
	return err == nil && n == len(Tables)
}

// Started starts `duplex run`; the test's end kills it if it still runs. What
// it printed is shown when the test has failed.
func (p *Pair) Started(t testing.TB, args ...string) *Run {
	t.Helper()
	r, err := p.Program.Start(args...)
	require.NoError(t, err)
	t.Cleanup(func() {
		if !r.Ended() {
			_ = r.Kill()
		}
	})
	return r
}

// WaitFor asks until it is so. It takes no more than a quarter of the time for the
// asking, which is work for the servers.
func WaitFor(t testing.TB, r *Run, what string, limit time.Duration, ask func(ctx context.Context) bool) {
	t.Helper()
	began, asked := time.Now(), time.Now()
	for !ask(t.Context()) {
		if r.Ended() {
			t.Fatalf("duplex run ended by itself\n%s", r.Log())
		}
		if time.Since(began) > limit {
			t.Fatalf("%s: not so after %v\n%s", what, limit, r.Log())
		}
		<-time.After(max(20*time.Millisecond, 3*time.Since(asked)))
		asked = time.Now()
	}
}

// Settle waits for the barrier and requires that both sides are equal, by the
// program's word and by a comparison of the test's own. The writers have
// stopped, the program runs.
func (p *Pair) Settle(t testing.TB, run *Run) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	began := time.Now()
	if err := p.Program.Barrier(ctx); err != nil || run.Ended() {
		t.Fatalf("%v\nduplex run, ended: %v\n%s", err, run.Ended(), run.Log())
	}
	barrier := time.Since(began)
	faults, err := Compare(ctx, p.DBs[0], p.DBs[1])
	require.NoError(t, err)
	require.Empty(t, faults)
	var report struct {
		Equal  bool
		Tables []struct {
			Table, Result string
			Rows          uint64
		}
	}
	require.NoError(t, p.Program.JSON(ctx, &report, "verify"))
	require.True(t, report.Equal)
	require.Len(t, report.Tables, len(Tables))
	rows := uint64(0)
	for _, table := range report.Tables {
		require.Equal(t, "CONSISTENT", table.Result, table.Table)
		require.NotZero(t, table.Rows, table.Table)
		rows += table.Rows
	}
	var keys int
	require.NoError(t, p.DBs[1].QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.table_constraints "+
		"WHERE table_schema = ? AND constraint_type = 'FOREIGN KEY'", Database).Scan(&keys))
	require.Equal(t, 1, keys, "foreign keys of the copy")
	t.Logf("barrier after %v, %d rows verified", barrier.Round(time.Millisecond), rows)
}

// Prove holds both logs and the counters against what the writers know.
func (p *Pair) Prove(t testing.TB) {
	t.Helper()
	var logs [2]*Log
	for i, s := range p.Servers {
		var err error
		logs[i], err = Scan(t.Context(), s, p.DBs[i])
		require.NoError(t, err)
		faults, err := CheckCounters(t.Context(), p.DBs[i], p.Work.Counters())
		require.NoError(t, err)
		require.Empty(t, faults)
	}
	proof, faults := Prove(p.Work.History(), logs)
	require.Empty(t, faults)
	require.NotZero(t, proof.Carried)
	t.Logf("%d transactions, each once in both logs: %d whole in an applied transaction, %d by the copy; "+
		"side a: %d local, %d applied; side b: %d local, %d applied", proof.Transactions, proof.Carried, proof.Copied,
		logs[0].Unmarked, logs[0].Marked, logs[1].Unmarked, logs[1].Marked)
}
