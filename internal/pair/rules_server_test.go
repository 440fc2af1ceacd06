package pair_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/config"
	"duplex/internal/pair"
	servers "duplex/test/tenant"
)

// An again is a pair that is run again and again over the same sites.
type again struct {
	sides [2]*sql.DB
	text  string
}

func newAgain(t *testing.T, kind servers.Kind) *again {
	s := &again{text: "name: shop\nscenario: active-active\nsource: a\ntables: {include: [\"shop.*\"]}\nsites:\n"}
	for i, name := range []string{"a", "b"} {
		server := servers.For(t, kind)
		s.sides[i] = server.DB(t)
		s.text += fmt.Sprintf("  %s: {address: %q, user: %q, password: %q}\n", name, server.Addr(), server.User(), server.Password())
	}
	for _, q := range []string{
		"CREATE DATABASE shop",
		"CREATE TABLE shop.plain (id int PRIMARY KEY, v varchar(40), n int) ENGINE=InnoDB",
		"CREATE TABLE shop.sums (id int PRIMARY KEY, v varchar(40), n int NOT NULL) ENGINE=InnoDB",
	} {
		_, err := s.sides[0].Exec(q)
		require.NoError(t, err)
	}
	return s
}

// project is the project with conflict rules.
func (s *again) project(t *testing.T, rules string) *config.Project {
	file := filepath.Join(t.TempDir(), "p.yaml")
	require.NoError(t, os.WriteFile(file, []byte(s.text+"conflict: {"+rules+"}\n"), 0o600))
	p, err := config.Load(file)
	require.NoError(t, err)
	return p
}

// run runs the pair until it is steady and do has returned, or until it fails.
func (s *again) run(t *testing.T, rules string, do func(p *pair.Pair)) error {
	x := pair.New(pair.Config{Project: s.project(t, rules), Spool: t.TempDir(), Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		err := x.Run(ctx)
		cancel()
		done <- err
	}()
	if x.Barrier(ctx) == nil {
		do(x)
	}
	require.NotErrorIs(t, ctx.Err(), context.DeadlineExceeded, "it does not become steady")
	cancel()
	return <-done
}

// write writes rows at both sides until stop is closed.
func (s *again) write(t *testing.T, stop <-chan struct{}) *sync.WaitGroup {
	var wg sync.WaitGroup
	for side, db := range s.sides {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				q := fmt.Sprintf("INSERT INTO shop.plain VALUES (%d, '%d:%d', 1) ON DUPLICATE KEY UPDATE v = VALUES(v), n = n + 1", n%5, side, n)
				if n%7 == 6 {
					q = fmt.Sprintf("DELETE FROM shop.plain WHERE id = %d", n%5)
				}
				if _, err := db.Exec(q); err != nil && !strings.Contains(err.Error(), "1213") && !strings.Contains(err.Error(), "1205") {
					t.Error(err)
					return
				}
			}
		})
	}
	return &wg
}

// count waits until a query gives at least least.
func (s *again) count(t *testing.T, db *sql.DB, least int, query string) {
	require.Eventually(t, func() bool {
		var n int
		return db.QueryRow(query).Scan(&n) == nil && n >= least
	}, 4*time.Minute, 20*time.Millisecond, query)
}

func (s *again) equal(t *testing.T) {
	for _, q := range []string{"SELECT * FROM shop.plain ORDER BY id", "SELECT * FROM shop.sums ORDER BY id", "SELECT number, from_version, rules FROM duplex.rules ORDER BY 1"} {
		require.Equal(t, dump(t, s.sides[0], q), dump(t, s.sides[1], q), q)
	}
}

// TestRulesChange: the project file says another policy while both sites write
// the same rows all the time. Each decision is by the policy of its two
// versions, at both sites alike.
func TestRulesChange(t *testing.T) {
	for _, kind := range servers.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			s := newAgain(t, kind)
			require.NoError(t, s.run(t, "policy: newest", func(*pair.Pair) {}))
			stop := make(chan struct{})
			wg := s.write(t, stop)
			end := sync.OnceFunc(func() { close(stop); wg.Wait() })
			defer end()
			for i, rules := range []string{"policy: newest", "policy: site, site: a", "policy: site, site: b"} {
				require.NoError(t, s.run(t, rules, func(p *pair.Pair) {
					for _, db := range s.sides {
						s.count(t, db, 20, "SELECT COUNT(*) FROM duplex.conflict WHERE local_stamp <> '' AND incoming_stamp <> '' AND "+
							"LEAST(SUBSTRING_INDEX(local_stamp, '/', -1) + 0, SUBSTRING_INDEX(incoming_stamp, '/', -1) + 0) >= (SELECT MAX(from_version) FROM duplex.rules)")
					}
					if i == 2 {
						end()
						require.NoError(t, p.Barrier(t.Context()))
						s.equal(t)
					}
				}))
			}
			s.decisions(t)
		})
	}
}

// decisions holds the conflict logs against duplex.rules.
func (s *again) decisions(t *testing.T) {
	var from [4]int64
	for n := 2; n <= 3; n++ {
		require.NoError(t, s.sides[0].QueryRow("SELECT from_version FROM duplex.rules WHERE number = ?", n).Scan(&from[n]))
	}
	require.Less(t, from[2], from[3])
	for side, db := range s.sides {
		seen := map[string]int{}
		for _, line := range strings.Split(strings.TrimSpace(dump(t, db, "SELECT policy, winner, local_stamp, incoming_stamp FROM duplex.conflict WHERE local_stamp <> '' AND incoming_stamp <> '' AND "+
			"kind <> 'late'")), "\n") { // late is also what should have won and had been written over before that was found
			f := strings.Split(line, "|")
			var seq uint64
			var local, incoming int64
			_, err := fmt.Sscanf(f[2]+" "+f[3], "%d/%d %d/%d", &seq, &local, &seq, &incoming)
			require.NoError(t, err, line)
			era := func(v int64) int {
				switch {
				case v >= from[3]:
					return 3
				case v >= from[2]:
					return 2
				}
				return 1
			}
			policy, wins := "newest", local > incoming || local == incoming && side == 1
			if e := era(local); e > 1 && e == era(incoming) {
				policy, wins = "site", side == e-2 // first a, then b
			}
			require.Equal(t, policy, f[0], line)
			require.Equal(t, wins, f[1] == "local", "side %d: %s", side, line)
			seen[fmt.Sprintf("%d and %d", min(era(local), era(incoming)), max(era(local), era(incoming)))]++
		}
		t.Logf("side %d: %v", side, seen)
		for _, k := range []string{"1 and 1", "2 and 2", "3 and 3"} {
			require.NotZero(t, seen[k], k)
		}
	}
}

// TestRulesChangeInARun: the same without an end of the run.
func TestRulesChangeInARun(t *testing.T) {
	s := newAgain(t, servers.LogKinds()[0])
	require.NoError(t, s.run(t, "policy: newest", func(p *pair.Pair) {
		stop := make(chan struct{})
		writers := s.write(t, stop)
		for n, x := range []struct{ policy, more string }{{"site", "site: a"}, {"newest-by-column", "columns: [n]"}, {"site", "site: b"}} {
			p.Change(s.project(t, "policy: "+x.policy+", "+x.more))
			for _, db := range s.sides {
				s.count(t, db, n+2, "SELECT COUNT(*) FROM duplex.rules")
				s.count(t, db, 5, "SELECT COUNT(*) FROM duplex.conflict WHERE policy = '"+x.policy+"' AND id > "+newest(t, db))
			}
		}
		close(stop)
		writers.Wait()
		require.NoError(t, p.Barrier(t.Context()))
		require.NoError(t, p.Barrier(t.Context()), "what the readers have mended")
		s.equal(t)
	}))
	require.Equal(t, "4\n", dump(t, s.sides[0], "SELECT COUNT(*) FROM duplex.rules"))
}

func newest(t *testing.T, db *sql.DB) string {
	return strings.TrimSpace(dump(t, db, "SELECT COALESCE(MAX(id), 0) FROM duplex.conflict"))
}

// TestRulesOfSums: sums begin and end while both sites add to one row. What is
// added while they hold counts, all of it.
func TestRulesOfSums(t *testing.T) {
	s := newAgain(t, servers.LogKinds()[0])
	const plain, adds = "policy: newest", "policy: newest, tables: {shop.sums: {policy: delta, columns: [n]}}"
	require.NoError(t, s.run(t, plain, func(p *pair.Pair) {
		_, err := s.sides[0].Exec("INSERT INTO shop.sums VALUES (1, 'x', 0)")
		require.NoError(t, err)
		require.NoError(t, p.Barrier(t.Context()))
		added := s.add(t)
		for n, rules := range []string{adds, plain, adds} {
			p.Change(s.project(t, rules))
			for _, db := range s.sides { // the log says whole seconds
				s.count(t, db, 1, fmt.Sprintf("SELECT COUNT(*) FROM duplex.rules WHERE number = %d AND from_version < UNIX_TIMESTAMP() * 1000000", n+2))
				s.count(t, db, 3, "SELECT COUNT(*) FROM duplex.conflict WHERE policy = '"+[]string{"delta", "newest"}[n%2]+"' AND id > "+newest(t, db))
			}
		}
		added()
		s.settled(t, p)
		before := s.sum(t)
		added = s.add(t)
		s.count(t, s.sides[0], before+60, "SELECT n FROM shop.sums")
		more := added()
		s.settled(t, p)
		require.Equal(t, before+more, s.sum(t))
	}))
}

// add adds to one row at both sides until the function is called, which says how
// often.
func (s *again) add(t *testing.T) func() int {
	var wg sync.WaitGroup
	var all atomic.Int64
	stop := make(chan struct{})
	end := sync.OnceFunc(func() { close(stop); wg.Wait() })
	t.Cleanup(end)
	for side, db := range s.sides {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				_, err := db.Exec(fmt.Sprintf("UPDATE shop.sums SET n = n + 1, v = '%d:%d' WHERE id = 1", side, n))
				switch {
				case err == nil:
					all.Add(1)
				case !strings.Contains(err.Error(), "1213") && !strings.Contains(err.Error(), "1205"):
					t.Error(err)
					return
				}
			}
		})
	}
	return func() int {
		end()
		return int(all.Load())
	}
}

func (s *again) sum(t *testing.T) (n int) {
	require.NoError(t, s.sides[1].QueryRow("SELECT n FROM shop.sums").Scan(&n))
	return n
}

// settled waits until nothing is under way, and compares.
func (s *again) settled(t *testing.T, p *pair.Pair) {
	require.NoError(t, p.Barrier(t.Context()))
	require.NoError(t, p.Barrier(t.Context()), "what the readers have mended")
	s.equal(t)
}

// TestRulesByColumn: what was written before the rule began is judged by the old
// one, what follows by the highest value.
func TestRulesByColumn(t *testing.T) {
	s := newAgain(t, servers.LogKinds()[0])
	require.NoError(t, s.run(t, "policy: newest", func(*pair.Pair) {}))
	clash := func() {
		_, err := s.sides[0].Exec("DO SLEEP(1.1)") // the log says whole seconds
		require.NoError(t, err)
		_, err = s.sides[1].Exec("REPLACE INTO shop.plain VALUES (1, 'higher and older', 9)")
		require.NoError(t, err)
		_, err = s.sides[0].Exec("DO SLEEP(1.1)")
		require.NoError(t, err)
		_, err = s.sides[0].Exec("REPLACE INTO shop.plain VALUES (1, 'newer', 0)")
		require.NoError(t, err)
	}
	clash()
	rules := "policy: newest-by-column, columns: [n], tables: {shop.sums: {policy: newest}}"
	require.NoError(t, s.run(t, rules, func(p *pair.Pair) { s.settled(t, p) }))
	require.Equal(t, "1|newer|0\n", dump(t, s.sides[1], "SELECT * FROM shop.plain"))
	clash()
	require.NoError(t, s.run(t, rules, func(p *pair.Pair) { s.settled(t, p) }))
	require.Equal(t, "1|higher and older|9\n", dump(t, s.sides[0], "SELECT * FROM shop.plain"))
}

// TestRulesAfterStop: what has stopped a link is judged by the policy that
// follows.
func TestRulesAfterStop(t *testing.T) {
	s := newAgain(t, servers.LogKinds()[0])
	require.NoError(t, s.run(t, "policy: stop", func(*pair.Pair) {}))
	for i, db := range s.sides {
		_, err := db.Exec("INSERT INTO shop.plain VALUES (1, ?, 0)", i)
		require.NoError(t, err)
	}
	for range 2 {
		require.Error(t, s.run(t, "policy: stop", func(*pair.Pair) { t.Error("it runs") }))
	}
	require.NoError(t, s.run(t, "policy: site, site: a", func(*pair.Pair) { s.equal(t) }))
	require.Equal(t, "0\n", dump(t, s.sides[1], "SELECT v FROM shop.plain"))
	require.NoError(t, s.run(t, "policy: stop", func(*pair.Pair) {}))
	_, err := s.sides[1].Exec("DELETE FROM duplex.rules WHERE number = 3") // as if the run had been killed before it wrote it
	require.NoError(t, err)
	require.NoError(t, s.run(t, "policy: stop", func(*pair.Pair) { s.equal(t) }))
	require.Equal(t, "3\n", dump(t, s.sides[1], "SELECT COUNT(*) FROM duplex.rules"))
}
