package ddl

import (
	"context"
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

// taken away again and again: a plain table, one whose rows keep each other out,
// one of texts that are equal in other letters, and a child.
var emptied = []string{
	"CREATE TABLE shop.u (id int PRIMARY KEY, v varchar(20), n int, u int NULL UNIQUE)",
	"CREATE TABLE shop.w (id varchar(10) COLLATE utf8mb4_general_ci, v varchar(20), n int, u int, PRIMARY KEY (id))",
	"CREATE TABLE shop.parent (id int PRIMARY KEY)",
	"INSERT INTO shop.parent VALUES (1), (2), (3), (4), (5)",
	"CREATE TABLE shop.c (id int, part int DEFAULT 0, v varchar(20), n int, u int NULL, PRIMARY KEY (part, id), FOREIGN KEY (u) REFERENCES shop.parent (id))",
}

// TestTruncate takes all rows out of tables while both sides write them. Site a
// has much to read besides, and its reader lags behind.
func TestTruncate(t *testing.T) {
	for _, kind := range servers.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			s := newStage(t, kind, "ddl: a\n")
			for _, q := range emptied {
				s.exec(0, q)
			}
			s.exec(0, "CREATE TABLE shop.much (id int PRIMARY KEY, v varchar(200))")
			s.barrier()
			rng := rand.New(rand.NewPCG(1, 1))
			rounds := e2e.Number(t, "DDL_TRUNCATES", 2)
			for range rounds {
				busy := s.busy()
				stop := s.writers("t", "u", "w", "c", "p")
				for range 4 {
					s.exec(0, "TRUNCATE TABLE shop."+[]string{"t", "u", "w", "c", "p"}[rng.IntN(5)])
					<-time.After(time.Duration(rng.IntN(50)) * time.Millisecond) // what is written meanwhile differs
				}
				stop()
				busy()
				s.barrier()
				s.equal()
				require.Equal(t, s.parked(0), s.parked(1))
			}
			n := 0
			for _, line := range s.log(1) {
				require.True(t, strings.HasPrefix(line, "done "), line)
				if strings.HasPrefix(line, "done TRUNCATE") {
					n++
				}
			}
			require.Equal(t, 4*rounds, n)
			for _, l := range s.pair.Status().Links {
				require.Zero(t, l.Echo)
			}
		})
	}
}

// busy gives site a much to log until the function returned is called.
func (s *stage) busy() (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ctx.Err() == nil; n++ {
			_, _ = s.sides[0].ExecContext(s.t.Context(), fmt.Sprintf("REPLACE INTO shop.much SELECT 1000 * t.id + p.id, '%d' FROM shop.t t, shop.p p", n))
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// parked gives the parked rows of a side.
func (s *stage) parked(side int) []string {
	s.t.Helper()
	return s.texts(side, "SELECT CONCAT(table_name, ' ', HEX(row_id), ' ', HEX(image)) FROM duplex.parked ORDER BY 1")
}

// texts gives the rows of a query of one column.
func (s *stage) texts(side int, q string) (out []string) {
	s.t.Helper()
	rows, err := s.sides[side].QueryContext(s.t.Context(), q)
	require.NoError(s.t, err)
	defer rows.Close()
	for rows.Next() {
		var row string
		require.NoError(s.t, rows.Scan(&row))
		out = append(out, row)
	}
	require.NoError(s.t, rows.Err())
	return out
}

// What the other site wrote unseen and loses is in the conflict log; what it wrote
// later stays, and so does what comes when the link has not told it yet.
func TestTruncateUnseen(t *testing.T) {
	s := newProject(t, servers.MariaDB, "ddl: a\n")
	s.exec(0, "INSERT INTO shop.t (id, v) VALUES (1, 'both'), (2, 'both'), (3, 'both')")
	s.start()
	s.barrier()
	require.NoError(t, s.stop())
	s.exec(1, "UPDATE shop.t SET v = 'older' WHERE id = 1")
	s.exec(1, "INSERT INTO shop.t (id, v) VALUES (4, 'older')")
	wait(t) // the log's time has seconds
	s.exec(0, "TRUNCATE TABLE shop.t")
	s.exec(0, "INSERT INTO shop.t (id, v) VALUES (3, 'after')")
	wait(t)
	s.exec(1, "UPDATE shop.t SET v = 'newer' WHERE id = 2")
	s.exec(1, "INSERT INTO shop.t (id, v) VALUES (5, 'newer')")
	s.start()
	s.barrier()
	s.equal()
	for side := range s.sides {
		var rows string
		require.NoError(t, s.sides[side].QueryRow("SELECT GROUP_CONCAT(id, v ORDER BY id) FROM shop.t").Scan(&rows))
		require.Equal(t, "2newer,3after,5newer", rows)
		var lost int
		require.NoError(t, s.sides[side].QueryRow("SELECT COUNT(*) FROM duplex.conflict WHERE local_image LIKE '%older%' OR incoming_image LIKE '%older%'").Scan(&lost))
		require.Equal(t, 2, lost)
	}
	require.NoError(t, s.stop())
}

// wait lets a second go by.
func wait(t *testing.T) {
	began := time.Now()
	require.Eventually(t, func() bool { return time.Since(began) > 2*time.Second }, time.Minute, 50*time.Millisecond)
}

// A table that others refer to, or whose rule is by sums, is not emptied so: the
// link stops and says what to do instead.
func TestTruncateRefused(t *testing.T) {
	s := newProject(t, servers.MariaDB, "ddl: a\nconflict: {tables: {shop.t: {policy: delta, columns: [n]}}}\n")
	s.start()
	s.barrier()
	s.exec(0, "TRUNCATE TABLE shop.t")
	<-s.ended
	err := s.stop()
	require.ErrorIs(t, err, apply.ErrStatement)
	require.ErrorContains(t, err, "DELETE the rows instead")
}

// A table that is being copied is emptied: what was read of it before does not come.
func TestTruncateCopied(t *testing.T) {
	for _, scenario := range []string{"active-active", "migration"} {
		t.Run(scenario, func(t *testing.T) {
			s := newProjectOf(t, [2]servers.Kind{servers.MariaDB, servers.MariaDB}, "scenario: "+scenario+"\nddl: a\nlimits: {rows_per_second: 20000}\n")
			s.exec(0, "INSERT INTO shop.t (id, v) SELECT seq, 'copied' FROM shop.seq_1_to_30000")
			s.start()
			require.Eventually(t, func() bool { return s.pair.Status().Copy.Rows > 1000 }, time.Minute, time.Millisecond)
			s.exec(0, "TRUNCATE TABLE shop.t")
			s.exec(0, "INSERT INTO shop.t (id, v) VALUES (3, 'after')")
			s.barrier()
			s.equal()
			require.Len(t, s.log(1), 1)
			require.NoError(t, s.stop())
		})
	}
}
