package ddl

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/pair"
	"duplex/internal/tenant"
	"duplex/test/e2e"
	servers "duplex/test/tenant"
)

// A drill is a project run by the program, which is killed.
type drill struct {
	*stage
	e2e.Program
	run *e2e.Run
}

// newDrill builds the program with the places where it can be told to end.
func newDrill(t *testing.T, s *stage) *drill {
	d := &drill{stage: s}
	d.Path, d.Project = filepath.Join(t.TempDir(), "duplex"), d.file
	out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "failpoints", "-o", d.Path, "duplex/cmd/duplex").CombinedOutput()
	require.NoError(t, err, string(out))
	d.begin()
	d.settle()
	return d
}

func (d *drill) begin() {
	d.t.Helper()
	run, err := d.Start("--skip-check")
	require.NoError(d.t, err)
	d.run = run
}

// settle waits until both sides have all. The program must not end meanwhile.
func (d *drill) settle() {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	go func() {
		select {
		case <-d.run.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	require.NoError(d.t, d.Barrier(ctx), d.run.Log())
}

func (d *drill) finish(stop func()) {
	d.t.Helper()
	stop()
	d.settle()
	require.NoError(d.t, d.run.Interrupt())
	d.begin() // what was under way when it ended is mended by the next run
	d.settle()
	require.NoError(d.t, d.run.Interrupt())
	d.equal()
	for _, line := range d.log(1) {
		require.True(d.t, strings.HasPrefix(line, "done "), line)
	}
}

// ended waits until the program has ended at a failpoint. Where the answer to the
// statement was lost, another attempt has found it done, and went on.
func (d *drill) ended(point, q string) {
	d.t.Helper()
	limit, tick := time.After(patience), time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-d.run.Done():
			require.Error(d.t, d.run.Kill())
			return
		case <-limit:
			require.Fail(d.t, "the program did not end at "+point, d.run.Log())
		case <-tick.C:
			if all := d.log(1); point != "ddl-done" && len(all) > 0 && all[len(all)-1] == "done "+q {
				d.t.Logf("%s: %s: went on", point, q)
				require.NoError(d.t, d.run.Kill())
				return
			}
		}
	}
}

// point gives where the link that carries would go on.
func (d *drill) point() checkpoint.State {
	d.t.Helper()
	var st checkpoint.State
	d.carrier(func(_ *tenant.Tenant, store *checkpoint.Store) {
		var err error
		st, _, err = store.Load(d.t.Context())
		require.NoError(d.t, err)
	})
	return st
}

// back makes the next run read the log again from a point on, though what was
// done since is done: as if of several lanes one had said last what it knew.
func (d *drill) back(to checkpoint.State) {
	d.t.Helper()
	d.carrier(func(t *tenant.Tenant, store *checkpoint.Store) {
		now, _, err := store.Load(d.t.Context())
		require.NoError(d.t, err)
		done := []change.Range{{From: to.From, To: now.Done.Low}}
		_, err = t.DB().ExecContext(d.t.Context(), "UPDATE duplex.checkpoint SET `position` = ?, low = ?, applied = ? WHERE link = 'a>b'",
			string(to.Position), to.From, change.FormatRanges(append(done, now.Done.Above...)))
		require.NoError(d.t, err)
	})
}

// carrier calls fn with the target of the link that carries, and its checkpoint.
func (d *drill) carrier(fn func(t *tenant.Tenant, store *checkpoint.Store)) {
	d.t.Helper()
	t, err := pair.OpenSite(d.t.Context(), d.project.Sites[1], slog.New(slog.DiscardHandler))
	require.NoError(d.t, err)
	defer func() { require.NoError(d.t, t.Close()) }()
	fn(t, checkpoint.New(t, d.project.Name, "a>b"))
}

// TestFailpoints ends the program between any two steps of a statement. What
// stands before that in the log is read once more, rows of a table too that the
// statement has dropped.
func TestFailpoints(t *testing.T) {
	kind := servers.LogKinds()[0]
	s := newProject(t, kind, "ddl: a\n")
	if kind != servers.OceanBase {
		s.exec(0, "CREATE TABLE shop.s LIKE shop.t")
	}
	d := newDrill(t, s)
	stop := d.writers("t", "s", "p", "x")
	defer stop()
	for n, point := range []string{"ddl-before", "ddl-step", "ddl-run", "ddl-done"} {
		statements := []string{
			fmt.Sprintf("ALTER TABLE shop.t ADD COLUMN f%d int NOT NULL DEFAULT %d", n, n),
			"CREATE TABLE shop.x (id int PRIMARY KEY, v varchar(20), n int)",
			"DROP TABLE shop.x",
			"RENAME TABLE shop.t TO shop.r, shop.s TO shop.t, shop.r TO shop.s",
			"TRUNCATE TABLE shop.t",
		}
		if kind == servers.OceanBase { // on which each takes its time
			statements = []string{statements[4], statements[0], statements[1], "RENAME TABLE shop.x TO shop.s"}[n : n+1]
		} else if point == "ddl-done" { // nothing ends there where no table becomes another
			statements = statements[:4]
		}
		for _, q := range statements {
			d.settle()
			require.NoError(t, d.run.Kill())
			at := d.point()
			began := time.Now()
			t.Setenv("DUPLEX_FAILPOINT", point)
			d.begin()
			d.exec(0, q)
			d.ended(point, q)
			t.Setenv("DUPLEX_FAILPOINT", "")
			d.back(at)
			d.begin()
			t.Logf("%s: %s: %v", point, q, time.Since(began))
		}
	}
	d.finish(stop)
}

// TestSwapOneWay ends the program around a statement by which tables that are alike
// exchange their names, where only one side is written: it is run once.
func TestSwapOneWay(t *testing.T) {
	s := newProjectOf(t, [2]servers.Kind{servers.MariaDB, servers.MariaDB}, "scenario: migration\nddl: a\n")
	s.exec(0, "CREATE TABLE shop.s LIKE shop.t")
	s.exec(0, "INSERT INTO shop.t (id, v) VALUES (1, 'first')")
	s.exec(0, "INSERT INTO shop.s (id, v) VALUES (1, 'second')")
	const q = "RENAME TABLE shop.t TO shop.r, shop.s TO shop.t, shop.r TO shop.s"
	d := newDrill(t, s)
	want := "first"
	for _, point := range []string{"ddl-before", "ddl-step", "ddl-run"} {
		d.settle()
		require.NoError(t, d.run.Kill())
		t.Setenv("DUPLEX_FAILPOINT", point)
		d.begin()
		d.exec(0, q)
		d.ended(point, q)
		t.Setenv("DUPLEX_FAILPOINT", "")
		d.begin()
		d.settle()
		want = map[string]string{"first": "second", "second": "first"}[want]
		for side := range d.sides {
			require.Equal(t, []string{want}, d.texts(side, "SELECT v FROM shop.t"), "%s, side %d", point, side)
		}
	}
	d.finish(func() {})
}

// TestParts ends the program between the parts of a statement that OceanBase does
// not take as one: each is run once.
func TestParts(t *testing.T) {
	s := newProjectOf(t, [2]servers.Kind{servers.MariaDB, servers.SeekDB}, "scenario: migration\nddl: a\n")
	s.exec(0, "CREATE UNIQUE INDEX by_v ON shop.t (v, id)")
	d := newDrill(t, s)
	const q = "ALTER TABLE shop.t DROP KEY by_v, DROP u, ADD KEY by_n (n), ADD UNIQUE KEY by_vn (v, n), COMMENT 'parts'"
	require.NoError(t, d.run.Kill())
	for n, point := range []string{"ddl-step", "ddl-step"} {
		t.Setenv("DUPLEX_FAILPOINT", point)
		d.begin()
		if n == 0 {
			d.exec(0, q)
		}
		d.ended(point, q)
		require.Equal(t, []string{"before " + q}, d.log(1), point)
		var was string
		require.NoError(t, d.sides[1].QueryRow("SELECT was FROM duplex.ddl_log WHERE state = 'before'").Scan(&was))
		require.Equal(t, n, int(was[0]-'0'), was) // of three parts
	}
	t.Setenv("DUPLEX_FAILPOINT", "")
	d.begin()
	d.exec(0, "INSERT INTO shop.t (id, v, n) VALUES (1, 'x', 2)")
	d.settle()
	require.NoError(t, d.run.Interrupt())
	require.Equal(t, []string{"done " + q}, d.log(1))
	for side := range d.sides {
		keys := d.texts(side, "SELECT DISTINCT LOWER(index_name) FROM information_schema.statistics WHERE table_schema = 'shop' AND table_name = 't' ORDER BY 1")
		require.Equal(t, []string{"by_n", "by_vn", "primary"}, keys)
		require.Equal(t, []string{"x2"}, d.texts(side, "SELECT CONCAT(v, n) FROM shop.t"))
	}
}

// TestKills ends the program at any time around statements, DDL_KILLS times.
func TestKills(t *testing.T) {
	for _, kind := range servers.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			d := newDrill(t, newProject(t, kind, "ddl: a\n"))
			kills := e2e.Number(t, "DDL_KILLS", 3)
			rng := rand.New(rand.NewPCG(uint64(kills), 1))
			stop := d.writers("t", "s", "p", "x")
			defer stop()
			for n := range kills {
				for _, q := range round(kind, n) {
					if kind == servers.OceanBase && strings.HasPrefix(q, "RENAME") { // where a name is not free at once
						d.settle()
					}
					d.exec(0, q)
					if rng.IntN(2) == 0 {
						d.settle()
					}
				}
				select {
				case <-t.Context().Done():
				case <-time.After(time.Duration(rng.IntN(800)) * time.Millisecond):
				}
				require.NoError(t, d.run.Kill())
				d.begin()
			}
			d.finish(stop)
		})
	}
}

// round gives the statements of a round.
func round(kind servers.Kind, n int) []string {
	last := fmt.Sprintf("ALTER TABLE shop.t DROP COLUMN l%d, ADD KEY by_v%d (v)", n-1, n)
	if kind == servers.OceanBase { // which refuses that as one
		last = fmt.Sprintf("ALTER TABLE shop.t DROP COLUMN l%d", n-1)
	}
	swap := []string{"CREATE TABLE shop.s LIKE shop.t", "RENAME TABLE shop.t TO shop.r, shop.s TO shop.t, shop.r TO shop.s", "DROP TABLE shop.t", "RENAME TABLE shop.s TO shop.t"}
	if kind == servers.OceanBase {
		swap = []string{"RENAME TABLE shop.t TO shop.s", "RENAME TABLE shop.s TO shop.t"}
	}
	return [][]string{
		append(swap, fmt.Sprintf("ALTER TABLE shop.t ADD COLUMN k%d int NOT NULL DEFAULT %d AFTER id", n, n)),
		{fmt.Sprintf("ALTER TABLE shop.t CHANGE k%d l%d int NOT NULL", n-1, n), "CREATE TABLE shop.x (id int PRIMARY KEY, v varchar(20), n int)"},
		{"DROP TABLE shop.x", last, "TRUNCATE TABLE shop.t"},
	}[n%3]
}
