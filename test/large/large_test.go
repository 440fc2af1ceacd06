package large_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"duplex/internal/config"
	"duplex/internal/project"
	servers "duplex/test/tenant"
)

// most is what the program may take at its peak, whatever passes through it.
const most = 600 << 20

// fullEnv asks for the full size, see make large. What make test does without
// it is the same in small: a transaction that is several times the memory that
// one may take before it goes to disk.
const fullEnv = "DUPLEX_LARGE"

// A size is how large the transactions are.
type size struct {
	blobs int // MiB of them in a transaction
	each  int // KiB in a row
	rows  int
	waits int // transactions of a backlog
}

func sizeOf(kind servers.Kind) size {
	switch {
	case kind == servers.OceanBase: // whose stand-in logs no values that a kernel keeps beside their row
		return size{blobs: 64, each: 128, rows: 50_000, waits: 4}
	case os.Getenv(fullEnv) != "":
		return size{blobs: 1024, each: 1024, rows: 2_000_000, waits: 16}
	}
	return size{blobs: 128, each: 1024, rows: 300_000, waits: 16}
}

// count is how many rows have so many MiB.
func (n size) count(mib int) int { return mib << 10 / n.each }

// insert inserts so many MiB, with numbers after the given one.
func (n size) insert(after, mib int) string {
	return fmt.Sprintf("INSERT INTO big.blobs SELECT %d + n, REPEAT(UNHEX(SHA2(CONCAT(UUID(), n), 512)), %d) FROM spare.numbers WHERE n <= %d",
		after, n.each<<10/64, n.count(mib))
}

// TestLargeTransactions sends a transaction of 1 GiB, one of 2 million rows and
// those that undo them from one tenant to the other.
func TestLargeTransactions(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	kind := servers.LogKinds()[0]
	n := sizeOf(kind)
	a, b := newSide(t, "a", kind), newSide(t, "b", kind)
	for _, s := range []*side{a, b} {
		s.count(t, n.rows)
	}
	inRow := ""
	if kind == servers.OceanBase {
		inRow = fmt.Sprintf(" LOB_INROW_THRESHOLD=%d", 2*n.each<<10)
	}
	a.exec(t, "CREATE DATABASE big",
		"CREATE TABLE big.blobs (id int PRIMARY KEY, b longblob NOT NULL)"+inRow,
		"CREATE TABLE big.many (id int PRIMARY KEY, v varchar(40) NOT NULL, n int NOT NULL)",
		"INSERT INTO big.many VALUES (0, 'there before', 0)")
	p := start(t, a, b)
	p.settle(t)
	p.report(t, "idle")

	blobs := n.count(n.blobs)
	p.pass(t, fmt.Sprintf("%d MiB inserted", n.blobs), "big.blobs", "id > 0", blobs, blobs, n.insert(0, n.blobs))
	p.pass(t, fmt.Sprintf("%d rows inserted", n.rows), "big.many", "n = 0 AND id > 0", n.rows, n.rows,
		fmt.Sprintf("INSERT INTO big.many SELECT n, CONCAT('row number ', n), 0 FROM spare.numbers WHERE n <= %d", n.rows))
	p.pass(t, fmt.Sprintf("%d rows updated", n.rows), "big.many", "n = 1 AND id > 0", n.rows, n.rows,
		"UPDATE big.many SET n = n + 1 WHERE id > 0")
	p.backlog(t, n)
	p.pass(t, fmt.Sprintf("%d MiB deleted", n.blobs), "big.blobs", "id < 100000", blobs, 0, "DELETE FROM big.blobs WHERE id < 100000")
	for table, row := range map[string]string{
		"big.many":  "CONCAT_WS('|', id, v, n)",
		"big.blobs": "CONCAT_WS('|', id, MD5(b))",
	} {
		require.Equal(t, a.checksum(t, table, row), b.checksum(t, table, row), table)
	}
}

// pass runs a statement on a, waits until it is on b, and watches there
// meanwhile: of the first, middle and last of ids rows all match or none. In
// the end rows rows do.
func (p *program) pass(t *testing.T, what, table, match string, ids, rows int, statement string) {
	t.Helper()
	watched, stop := context.WithCancel(t.Context())
	type sight struct{ seen, partly int }
	done := make(chan sight, 1)
	query := fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE %s AND id IN (1, %d, %d)", table, match, ids/2+1, ids)
	db := p.b.DB(t)
	go func() {
		var s sight
		for watched.Err() == nil {
			var n int
			if err := db.QueryRowContext(watched, query).Scan(&n); err == nil {
				s.seen++
				if n != 0 && n != 3 {
					s.partly++
				}
			}
			select {
			case <-watched.Done():
			case <-time.After(5 * time.Millisecond):
			}
		}
		done <- s
	}()
	began := time.Now()
	p.a.exec(t, statement)
	written := time.Since(began)
	p.settle(t)
	passed := time.Since(began) - written
	stop()
	s := <-done
	require.Zero(t, s.partly, "a part of the transaction was seen")
	require.Positive(t, s.seen)
	var n int
	require.NoError(t, db.QueryRow("SELECT COUNT(*) FROM "+table+" WHERE "+match).Scan(&n))
	require.Equal(t, rows, n)
	p.report(t, fmt.Sprintf("%s: %v to write, %v to pass after that, looked at %d times", what,
		written.Round(time.Millisecond), passed.Round(time.Millisecond), s.seen))
}

// backlog writes transactions that are just small enough to stay in memory,
// faster than they pass, on both sides at once.
func (p *program) backlog(t *testing.T, n size) {
	t.Helper()
	const each = 24 // MiB
	began := time.Now()
	var g errgroup.Group
	for i, s := range []*side{p.a, p.b} {
		g.Go(func() error {
			for txn := range n.waits / 2 {
				if _, err := s.db.ExecContext(t.Context(), n.insert((i+1)*100_000+txn*n.count(each), each)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
	written := time.Since(began)
	p.settle(t)
	p.report(t, fmt.Sprintf("%d transactions of %d MiB each way: %v to write, %v to pass after that", n.waits/2, each,
		written.Round(time.Millisecond), (time.Since(began)-written).Round(time.Millisecond)))
}

// A side is one tenant.
type side struct {
	name string
	*servers.Server
	db *sql.DB
}

func newSide(t *testing.T, name string, kind servers.Kind) *side {
	opts := []servers.Option{servers.WithPool(512, 1024)}
	if kind == servers.MariaDB {
		opts = append(opts, servers.WithFlags("--innodb-doublewrite=0", "--skip-innodb-buffer-pool-dump-at-shutdown"))
	}
	s := &side{name: name, Server: servers.For(t, kind, opts...)}
	s.db = s.DB(t)
	return s
}

// count makes a table of the numbers from 1 to most, which the project leaves out.
func (s *side) count(t *testing.T, most int) {
	t.Helper()
	s.exec(t, "CREATE DATABASE spare", "CREATE TABLE spare.numbers (n int PRIMARY KEY)", "INSERT INTO spare.numbers VALUES (1)")
	for n := 1; n < most; n *= 2 {
		s.exec(t, fmt.Sprintf("INSERT INTO spare.numbers SELECT n + %d FROM spare.numbers WHERE n + %d <= %d", n, n, most))
	}
}

func (s *side) exec(t *testing.T, queries ...string) {
	t.Helper()
	for _, q := range queries {
		_, err := s.db.ExecContext(t.Context(), q)
		require.NoError(t, err, q)
	}
}

// checksum counts a table's rows and sums up one expression of each; a kernel
// has no CHECKSUM TABLE.
func (s *side) checksum(t *testing.T, table, row string) string {
	t.Helper()
	var sum string
	query := fmt.Sprintf("SELECT CONCAT_WS(':', COUNT(*), SUM(CRC32(%s))) FROM %s", row, table)
	require.NoError(t, s.db.QueryRowContext(t.Context(), query).Scan(&sum))
	return sum
}

// A program is duplex, run as users run it.
type program struct {
	a, b  *side
	cmd   *exec.Cmd
	sites *project.Sites
	done  chan struct{} // closed when it has ended
}

const file = `name: large
scenario: active-active
sites:
  a: {address: "%s", user: %s, password: %s}
  b: {address: "%s", user: %s, password: %s}
source: a
tables:
  include: ["big.*"]
`

func start(t *testing.T, a, b *side) *program {
	t.Helper()
	folder := t.TempDir()
	bin := filepath.Join(folder, "duplex")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "duplex/cmd/duplex").CombinedOutput()
	require.NoError(t, err, string(out))
	text := fmt.Sprintf(file, a.Addr(), a.User(), a.Password(), b.Addr(), b.User(), b.Password())
	path := filepath.Join(folder, "large.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	cfg, err := config.Load(path)
	require.NoError(t, err)

	p := &program{a: a, b: b, done: make(chan struct{})}
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), bin, "run", path)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said strings.Builder
	p.cmd.Stdout, p.cmd.Stderr = &said, &said
	require.NoError(t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // how it ended shows in what it said
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("duplex said:\n%s", said.String())
		}
	})
	p.sites, err = project.OpenSites(t.Context(), cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.sites.Close()) })
	return p
}

// settle waits until each side has what the other has.
func (p *program) settle(t *testing.T) {
	t.Helper()
	for {
		_, err := p.sites.Barrier(t.Context(), 5*time.Minute)
		if err == nil {
			return
		}
		select {
		case <-p.done:
			t.Fatalf("the program has ended: %v", err)
		case <-t.Context().Done():
			t.Fatal(err)
		case <-time.After(100 * time.Millisecond): // it has not begun yet
		}
	}
}

// report logs the program's memory and holds it against what it may take.
func (p *program) report(t *testing.T, what string) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(t, err)
	var peak, now int
	for line := range strings.Lines(string(text)) {
		_, _ = fmt.Sscanf(line, "VmHWM: %d kB", &peak)
		_, _ = fmt.Sscanf(line, "VmRSS: %d kB", &now)
	}
	t.Logf("%s; memory %d MiB, at most %d MiB", what, now>>10, peak>>10)
	require.Positive(t, peak)
	require.Less(t, peak<<10, most, "VmHWM in bytes: %s", what)
}
