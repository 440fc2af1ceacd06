package ddl

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/apply"
	"duplex/test/e2e"
	servers "duplex/test/tenant"
)

// renamed is what rounds of TestRename do: tables that are alike exchange their
// names, one is made under the name that another one has just given up, one takes
// another's place at once, parents, children and tables with unique keys move.
var renamed = [][]string{
	{"RENAME TABLE shop.t TO shop.s, shop.t2 TO shop.t, shop.s TO shop.t2"},
	{"RENAME TABLE shop.t2 TO shop.s", "CREATE TABLE shop.t2 LIKE shop.s", "DROP TABLE shop.s"},
	{"CREATE TABLE shop.s LIKE shop.t", "RENAME TABLE shop.t TO shop.q, shop.s TO shop.t", "DROP TABLE shop.t2", "RENAME TABLE shop.q TO shop.t2"},
	{"ALTER TABLE shop.u RENAME TO shop.s", "RENAME TABLE shop.s TO shop.q, shop.t TO shop.u, shop.q TO shop.t", "RENAME TABLE shop.t TO shop.q, shop.u TO shop.t, shop.q TO shop.u"},
	{"RENAME TABLE shop.parent TO shop.q, shop.c TO shop.s", "RENAME TABLE shop.q TO shop.parent", "TRUNCATE TABLE shop.s", "RENAME TABLE shop.s TO shop.c"},
	{"TRUNCATE TABLE shop.t", "RENAME TABLE shop.t TO shop.s, shop.t2 TO shop.t, shop.s TO shop.t2", "TRUNCATE TABLE shop.t"},
}

// renamedSlowly is the same for OceanBase, where a name that a table has given up is
// free for another one only when both sites have seen that: a barrier is before each.
var renamedSlowly = [][]string{
	{"RENAME TABLE shop.t2 TO shop.s", "CREATE TABLE shop.t2 (id int PRIMARY KEY, v varchar(20), n int NOT NULL DEFAULT 0, u int NULL)", "DROP TABLE shop.s"},
	{"CREATE TABLE shop.s LIKE shop.t", "RENAME TABLE shop.t TO shop.q", "RENAME TABLE shop.s TO shop.t", "DROP TABLE shop.t2", "RENAME TABLE shop.q TO shop.t2"},
	{"ALTER TABLE shop.u RENAME TO shop.s", "RENAME TABLE shop.s TO shop.u"},
	{"RENAME TABLE shop.parent TO shop.q, shop.c TO shop.s", "RENAME TABLE shop.q TO shop.parent", "TRUNCATE TABLE shop.s", "RENAME TABLE shop.s TO shop.c"},
	{"TRUNCATE TABLE shop.t", "RENAME TABLE shop.t TO shop.s", "RENAME TABLE shop.t2 TO shop.t", "RENAME TABLE shop.s TO shop.t2", "TRUNCATE TABLE shop.t"},
}

// TestRename gives tables other names while both sides write them. Site a has much
// to read besides, and its reader lags behind.
func TestRename(t *testing.T) {
	for _, kind := range servers.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			s := newStage(t, kind, "ddl: a\n")
			for _, q := range append([]string{"CREATE TABLE shop.t2 LIKE shop.t", "CREATE TABLE shop.much (id int PRIMARY KEY, v varchar(200))"}, emptied...) {
				s.exec(0, strings.Replace(q, "LIKE shop.t", "(id int PRIMARY KEY, v varchar(20), n int NOT NULL DEFAULT 0, u int NULL)", 1))
			}
			s.barrier()
			rng := rand.New(rand.NewPCG(1, 1))
			n, rounds := 0, renamed
			if kind == servers.OceanBase {
				rounds = renamedSlowly
			}
			for round := range e2e.Number(t, "DDL_RENAMES", len(rounds)) {
				busy := s.busy()
				stop := s.writers("t", "t2", "s", "q", "u", "c", "p")
				for _, q := range rounds[round%len(rounds)] {
					if kind == servers.OceanBase {
						busy() // more than the kernel's stream can tell: with it the end of the log is never reached
						s.barrier()
						busy = s.busy()
					}
					t.Log(q)
					s.exec(0, q)
					n++
					<-time.After(time.Duration(rng.IntN(30)) * time.Millisecond) // what is written meanwhile differs
				}
				stop()
				busy()
				s.barrier()
				s.equal()
				require.Equal(t, s.parked(0), s.parked(1))
			}
			for _, line := range s.log(1) {
				require.True(t, strings.HasPrefix(line, "done "), line)
			}
			require.Len(t, s.log(1), n+len(emptied)-1+2)
			for _, l := range s.pair.Status().Links {
				require.Zero(t, l.Echo)
			}
		})
	}
}

// A name by which the project treats a table otherwise is refused, and so is one
// that is not the project's.
func TestRenameRefused(t *testing.T) {
	s := newProject(t, servers.MariaDB, "ddl: a\nconflict: {tables: {shop.t: {policy: site, site: b}}}\n")
	s.start()
	s.barrier()
	s.exec(0, "RENAME TABLE shop.t TO shop.s")
	<-s.ended
	err := s.stop()
	require.ErrorIs(t, err, apply.ErrStatement)
	require.ErrorContains(t, err, "the conflict rule of shop.t is site b, and that of shop.s is newest")
	s.exec(1, "/* duplex */ RENAME TABLE shop.t TO shop.s")
	s.exec(1, "UPDATE duplex.ddl_log SET state = 'done' WHERE state = 'refused'")
	s.start()
	s.barrier()
	s.exec(1, "INSERT INTO shop.s (id, v) VALUES (1, 'x')")
	s.exec(0, fmt.Sprintf("INSERT INTO shop.s (id, v) VALUES (%d, 'y')", 2))
	s.barrier()
	s.equal()
	require.NoError(t, s.stop())
}

// What the other site wrote while nothing ran is of the tables that bore the names
// there, whatever bears them now.
func TestRenameUnseen(t *testing.T) {
	s := newProject(t, servers.MariaDB, "ddl: a\n")
	s.exec(0, "CREATE TABLE shop.t2 LIKE shop.t")
	s.exec(0, "INSERT INTO shop.t (id, v) VALUES (1, 'first'), (2, 'first')")
	s.exec(0, "INSERT INTO shop.t2 (id, v) VALUES (1, 'second'), (2, 'second')")
	s.start()
	s.barrier()
	require.NoError(t, s.stop())
	s.exec(1, "UPDATE shop.t SET v = 'first of b' WHERE id = 1")
	s.exec(0, "RENAME TABLE shop.t TO shop.r, shop.t2 TO shop.t, shop.r TO shop.t2")
	s.exec(0, "UPDATE shop.t SET v = 'second of a' WHERE id = 2")
	s.exec(0, "RENAME TABLE shop.t TO shop.z")
	s.exec(0, "CREATE TABLE shop.t LIKE shop.z")
	s.exec(0, "INSERT INTO shop.t (id, v) VALUES (1, 'new')")
	s.exec(1, "UPDATE shop.t2 SET v = 'second of b' WHERE id = 1")
	s.exec(1, "INSERT INTO shop.t (id, v) VALUES (3, 'first of b')")
	s.start()
	s.barrier()
	s.equal()
	for table, want := range map[string]string{"t": "1new", "t2": "1first of b,2first,3first of b", "z": "1second of b,2second of a"} {
		require.Equal(t, []string{want}, s.texts(1, "SELECT GROUP_CONCAT(id, v ORDER BY id) FROM shop."+table), table)
	}
	require.Empty(t, s.texts(1, "SELECT kind FROM duplex.conflict"))
	require.NoError(t, s.stop())
}
