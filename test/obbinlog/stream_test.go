package obbinlog_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"duplex/test/tenant"
)

// testKinds has tables of every sort of key, and what a log of the kernel does
// not hold: a generated column, and rows without key.
func testKinds(t *testing.T, s *tenant.Server, name string, db *sql.DB) {
	exec(t, db,
		"CREATE TABLE gen (id int PRIMARY KEY, a int, b decimal(10,2) AS (a / 3) STORED, c varchar(20) AS (concat('<', a, '>')))",
		"CREATE TABLE nokey (a int, b varchar(10))",
		"CREATE TABLE two (a varchar(10) NOT NULL, n int NOT NULL, v int, PRIMARY KEY (a, n)) PARTITION BY KEY(a) PARTITIONS 3",
		"CREATE TABLE parent (id int PRIMARY KEY)",
		"CREATE TABLE child (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE)",
		"CREATE TABLE doc (id int PRIMARY KEY, j json)",
	)
	from := executed(t, db)
	exec(t, db,
		"INSERT INTO gen (id, a) VALUES (1, 10), (2, NULL)", "UPDATE gen SET a = 20 WHERE id = 1",
		"INSERT INTO nokey VALUES (1, 'x'), (1, 'x'), (2, NULL)", "DELETE FROM nokey WHERE a = 1 LIMIT 1",
		"INSERT INTO two VALUES ('a', 1, 1), ('b', 1, 1), ('c', 1, 1)", "UPDATE two SET v = v + 1", "UPDATE two SET a = 'z' WHERE a = 'b'",
		"INSERT INTO parent VALUES (1)", "INSERT INTO child VALUES (7, 1)", "DELETE FROM parent WHERE id = 1",
		`INSERT INTO doc VALUES (1, '{"b": [1, -1, 70000, 5000000000, 18446744073709551615, 1.5, 1e100, true, false, null], "a": "四\\n", "": {}}')`,
		`INSERT INTO doc VALUES (2, CONCAT('{"big": "', REPEAT('x', 70000), '", "list": [', REPEAT('12345678,', 9000), '1]}'))`,
	)
	mark(t, db)
	var got []string
	for _, x := range read(t, s, from).until(has(name + ".mark")) {
		for _, r := range x.rows {
			if r.table == name+".doc" {
				want := texts(t, db, fmt.Sprintf("SELECT j FROM doc WHERE id = %d", r.after[0]))[0][0]
				require.Equal(t, document(t, want), document(t, r.after[1].(string)))
			}
			got = append(got, fmt.Sprintf("%s %s %s %s", r.op, r.table, short(r.before), short(r.after)))
		}
	}
	all := strings.Join(got, "\n")
	for _, want := range []string{
		"I %s.gen - 1,10,3.33,<10>", "I %s.gen - 2,NULL,NULL,NULL", "U %s.gen 1,10,3.33,<10> 1,20,6.67,<20>",
		"I %s.nokey - 1,x", "I %s.nokey - 2,NULL", "D %s.nokey 1,x -",
		"U %s.two a,1,1 a,1,2", "U %s.two b,1,1 b,1,2", "D %s.two b,1,2 -", "I %s.two - z,1,2",
		"D %s.parent 1 -", "D %s.child 7,1 -",
	} {
		require.Contains(t, all, fmt.Sprintf(want, name))
	}
}

// document reads a JSON text. Numbers may be written in several ways.
func document(t *testing.T, text string) any {
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	require.NoError(t, d.Decode(&v), text)
	return plainNumbers(v)
}

func plainNumbers(v any) any {
	switch x := v.(type) {
	case []any:
		for i := range x {
			x[i] = plainNumbers(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = plainNumbers(x[k])
		}
	case json.Number:
		if f, err := x.Float64(); err == nil && strings.ContainsAny(x.String(), ".eE") {
			return f
		}
	}
	return v
}

func short(values []any) string {
	if values == nil {
		return "-"
	}
	var out []string
	for _, v := range values {
		switch x := v.(type) {
		case nil:
			out = append(out, "NULL")
		case []byte:
			out = append(out, string(x))
		default:
			out = append(out, fmt.Sprint(x))
		}
	}
	return strings.Join(out, ",")
}

// testWriters has four connections move money between accounts, each time with a
// row of a journal, and follows all of it in the log: a transaction is whole and
// comes once, and what the log adds up to is what is there.
func testWriters(t *testing.T, s *tenant.Server, name string, db *sql.DB) {
	exec(t, db, "CREATE TABLE account (id int PRIMARY KEY, n bigint NOT NULL)",
		"CREATE TABLE journal (id bigint PRIMARY KEY, a int, b int, n int) PARTITION BY HASH(id) PARTITIONS 2")
	from := executed(t, db)
	for i := range 20 {
		exec(t, db, fmt.Sprintf("INSERT INTO account VALUES (%d, 0)", i))
	}
	began := time.Now()
	committed := write(t, db, 4, 150)
	took := time.Since(began)
	mark(t, db)
	balance, seen := map[int]int64{}, map[int64]bool{}
	last := int64(0)
	rows := 0
	var at time.Time
	for _, x := range read(t, s, from).until(has(name + ".mark")) {
		require.Greater(t, x.number, last)
		require.False(t, x.committed.Before(at))
		last, at = x.number, x.committed
		legs, sum := 0, int64(0)
		for _, r := range x.rows {
			rows++
			switch {
			case r.table == name+".account" && r.op == "U":
				id := int(r.after[0].(int32))
				require.Equal(t, balance[id], r.before[1], "before image")
				balance[id] = r.after[1].(int64)
				legs, sum = legs+1, sum+r.after[1].(int64)-r.before[1].(int64)
			case r.table == name+".journal":
				id := r.after[0].(int64)
				require.False(t, seen[id], "journal %d comes twice", id)
				seen[id] = true
				legs++
			}
		}
		require.Contains(t, []int{0, 3}, legs, "a transaction is not whole: %+v", x)
		require.Zero(t, sum)
	}
	require.Len(t, seen, committed)
	for _, line := range texts(t, db, "SELECT id, n FROM account") {
		require.Equal(t, line[1], fmt.Sprint(balance[atoi(line[0])]), "account %s", line[0])
	}
	t.Logf("%d transactions in %v, %d rows of the log", committed, took.Round(time.Millisecond), rows)
}

func atoi(s string) (n int) {
	_, _ = fmt.Sscan(s, &n)
	return n
}

// write runs transactions and says how many committed. A quarter is rolled back.
func write(t *testing.T, db *sql.DB, writers, each int) int {
	var g errgroup.Group
	counts := make([]int, writers)
	for w := range writers {
		g.Go(func() error {
			r := rand.New(rand.NewPCG(1, uint64(w)))
			for i := range each {
				a := r.IntN(19)
				b := a + 1 + r.IntN(19-a)
				done, err := transfer(db, a, b, int64(w*1_000_000+i+1), r.IntN(4) == 0)
				if err != nil {
					return err
				}
				if done {
					counts[w]++
				}
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
}

func transfer(db *sql.DB, a, b int, id int64, undo bool) (done bool, err error) {
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		return false, err
	}
	for _, q := range []string{
		fmt.Sprintf("UPDATE account SET n = n - 5 WHERE id = %d", a), fmt.Sprintf("UPDATE account SET n = n + 5 WHERE id = %d", b),
		fmt.Sprintf("INSERT INTO journal VALUES (%d, %d, %d, 5)", id, a, b),
	} {
		if _, err := tx.ExecContext(context.Background(), q); err != nil {
			return false, tx.Rollback()
		}
	}
	if undo {
		return false, tx.Rollback()
	}
	return true, tx.Commit()
}

// testDefinitions changes a table again and again while it is written: every row
// in the log has the form that the statements before it give.
func testDefinitions(t *testing.T, s *tenant.Server, name string, db *sql.DB) {
	exec(t, db, "CREATE TABLE d (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, v int)")
	from := executed(t, db)
	stop := make(chan struct{})
	var g errgroup.Group
	for range 3 {
		g.Go(func() error {
			for {
				select {
				case <-stop:
					return nil
				default:
				}
				if _, err := db.ExecContext(context.Background(), "INSERT INTO d (v) VALUES (1)"); err != nil {
					return err
				}
			}
		})
	}
	exec(t, db, "ALTER TABLE d ADD COLUMN w varchar(10) DEFAULT 'w'", "/* a */ CREATE INDEX i ON d (v)",
		"ALTER TABLE d DROP COLUMN w; SELECT 1; TRUNCATE TABLE d")
	close(stop)
	require.NoError(t, g.Wait())
	exec(t, db, "RENAME TABLE d TO e", "INSERT INTO e (v) VALUES (5)", "CREATE TABLE f LIKE e", "INSERT INTO e (v) VALUES (6)", "INSERT INTO f (v) VALUES (7)")
	require.NoError(t, s.Service().Omit(t.Context(), 1))
	exec(t, db, "ALTER TABLE f RENAME TO g", "INSERT INTO g (v) VALUES (8)", "DROP TABLE e")
	mark(t, db)
	columns, after := 2, map[string]int{}
	var statements []string
	for _, x := range read(t, s, from).until(has(name + ".mark")) {
		switch {
		case strings.Contains(x.statement, "ADD COLUMN"):
			columns = 3
		case strings.Contains(x.statement, "DROP COLUMN"):
			columns = 2
		}
		if x.statement != "" {
			statements = append(statements, x.statement)
		}
		for _, r := range x.rows {
			if r.table != name+".mark" {
				require.Len(t, r.after, columns)
				after[fmt.Sprint(len(statements), r.table[len(name):])]++
			}
		}
	}
	require.Equal(t, []string{"ALTER TABLE d ADD COLUMN w varchar(10) DEFAULT 'w'", "/* a */ CREATE INDEX i ON d (v)", "ALTER TABLE d DROP COLUMN w",
		"TRUNCATE TABLE d", "RENAME TABLE d TO e", "CREATE TABLE f LIKE e", "DROP TABLE e"}, statements)
	for _, k := range []string{"5.e", "6.e", "6.f", "6.g"} {
		require.Equal(t, 1, after[k], k)
	}
	require.NotZero(t, after["1.d"]+after["2.d"], "%v", after)
}

// testOrigin: a transaction with a checkpoint row has the origin id of its
// session, and that row first.
func testOrigin(t *testing.T, s *tenant.Server, name string, db *sql.DB) {
	exec(t, db, "CREATE DATABASE IF NOT EXISTS duplex", "CREATE TABLE IF NOT EXISTS duplex.checkpoint (id int PRIMARY KEY, n int)",
		"INSERT INTO duplex.checkpoint VALUES (1, 0)", "CREATE TABLE a (id int PRIMARY KEY)")
	from := executed(t, db)
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	for _, q := range []string{"SET ob_org_cluster_id = 2147473649", "BEGIN", "INSERT INTO a VALUES (1)", "UPDATE duplex.checkpoint SET n = n + 1", "COMMIT",
		"SET ob_org_cluster_id = 0", "INSERT INTO a VALUES (2)"} {
		_, err := conn.ExecContext(t.Context(), q)
		require.NoError(t, err, q)
	}
	mark(t, db)
	all := read(t, s, from).until(has(name + ".mark"))
	all = all[len(all)-3:]
	require.EqualValues(t, 2147473649, all[0].origin)
	require.Equal(t, "duplex.checkpoint", all[0].rows[0].table)
	require.Equal(t, name+".a", all[0].rows[1].table)
	require.Zero(t, all[1].origin)
	exec(t, db, "DROP DATABASE duplex")
}
