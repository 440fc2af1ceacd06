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

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-sql-driver/mysql"
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

// testRelay: what passes through the rig arrives as from the kernel.
func testRelay(t *testing.T, s *tenant.Server, _ string, db *sql.DB) {
	exec(t, db, "CREATE TABLE big (id int PRIMARY KEY, b longblob)")
	blob := strings.Repeat("0123456789abcdef", 40_000)
	statement, err := db.PrepareContext(t.Context(), "INSERT INTO big VALUES (?, ?)")
	require.NoError(t, err)
	defer func() { require.NoError(t, statement.Close()) }()
	for i := range 30 {
		_, err := statement.ExecContext(t.Context(), i, blob)
		require.NoError(t, err)
	}
	var n, size int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*), SUM(LENGTH(b)) FROM big WHERE id >= ?", 0).Scan(&n, &size))
	require.Equal(t, []int{30, 30 * len(blob)}, []int{n, size})
	_, err = db.ExecContext(t.Context(), "CREATE TABLE copied AS SELECT * FROM big")
	require.ErrorContains(t, err, "1235")

	_, err = db.ExecContext(t.Context(), "INSERT INTO big VALUES (1, 'again')")
	var refused *mysql.MySQLError
	require.ErrorAs(t, err, &refused)
	require.EqualValues(t, 1062, refused.Number)

	require.NotEmpty(t, texts(t, db, "SHOW BINARY LOGS"))
	require.Len(t, texts(t, db, "SHOW BINLOG SERVER FOR TENANT c.t")[0], 5)
	require.Len(t, texts(t, db, "SHOW BINLOG EVENTS LIMIT 2"), 2)
	rows, err := db.QueryContext(t.Context(), "SELECT 1; SHOW MASTER STATUS; SELECT 3")
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	sets := 1
	for rows.NextResultSet() {
		sets++
	}
	require.NoError(t, rows.Err())
	require.Equal(t, 3, sets)

	victim, err := db.Conn(t.Context())
	require.NoError(t, err)
	var id int
	require.NoError(t, victim.QueryRowContext(t.Context(), "SELECT connection_id()").Scan(&id))
	exec(t, db, fmt.Sprintf("KILL %d", id))
	require.Error(t, victim.PingContext(t.Context()))
	_ = victim.Close()
}

// testFaults asks for each fault and sees what a client sees of it.
func testFaults(t *testing.T, s *tenant.Server, name string, db *sql.DB) {
	exec(t, db, "CREATE TABLE f (id int PRIMARY KEY, v text, j json, n int)")
	order, ctx := s.Service(), t.Context()
	from := executed(t, db)
	add := func(id int) { exec(t, db, fmt.Sprintf("INSERT INTO f VALUES (%d, 'text', '[1]', 0)", id)) }
	wanted := func(id int) func(x *txn) bool {
		return func(x *txn) bool {
			return has(name+".f")(x) && x.rows[0].after != nil && x.rows[0].after[0] == int32(id)
		}
	}
	for i := range 5 {
		add(i)
	}
	require.NoError(t, order.Tear(ctx, 1))
	r := read(t, s, from)
	_, err := r.next()
	require.Error(t, err, "torn")
	r = read(t, s, from)
	r.until(wanted(4))
	require.NoError(t, order.Cut(ctx))
	_, err = r.next()
	require.Error(t, err, "cut")

	have := r.set.String()
	require.NoError(t, order.Repeat(ctx, 2))
	r = read(t, s, have)
	again := r.until(wanted(4))
	require.Len(t, again, 2, "two transactions come again")
	require.Equal(t, have, r.set.String())

	require.NoError(t, order.Freeze(ctx, true))
	before := executed(t, db)
	add(5)
	r.until(wanted(5))
	require.Equal(t, before, executed(t, db))
	require.NoError(t, order.Freeze(ctx, false))
	require.NotEqual(t, before, executed(t, db))

	require.NoError(t, order.Stall(ctx, true))
	standing := executed(t, db)
	add(6)
	require.Equal(t, standing, executed(t, db))
	require.NoError(t, order.Stall(ctx, false))
	r.until(wanted(6))

	require.NoError(t, order.HideLOBs(ctx, true))
	exec(t, db, "UPDATE f SET n = 1 WHERE id = 1")
	x := r.until(has(name + ".f"))
	holes := x[len(x)-1].rows[0]
	require.Equal(t, []int{1, 2}, holes.skipped)
	require.Equal(t, "text", string(holes.after[1].([]byte)))
	require.NoError(t, order.HideLOBs(ctx, false))

	const slow = 100 * time.Millisecond
	require.NoError(t, order.Slow(ctx, slow))
	add(7)
	began := time.Now()
	r.until(wanted(7))
	require.Greater(t, time.Since(began), 2*slow)
	require.NoError(t, order.Slow(ctx, 0))

	require.NoError(t, order.Purge(ctx))
	add(8)
	r.until(wanted(8)) // a dump that is open follows into the new file
	late := read(t, s, from)
	_, err = late.next()
	var refused *gomysql.MyError
	require.ErrorAs(t, err, &refused)
	require.EqualValues(t, 1236, refused.Code)
}

// testKill kills the service again and again while it is written through it:
// nothing that was committed is missing from the log, and nothing comes twice.
func testKill(t *testing.T, s *tenant.Server, name string, db *sql.DB) {
	exec(t, db, "CREATE TABLE account (id int PRIMARY KEY, n bigint NOT NULL)", "CREATE TABLE journal (id bigint PRIMARY KEY, a int, b int, n int)")
	from := executed(t, db)
	for i := range 20 {
		exec(t, db, fmt.Sprintf("INSERT INTO account VALUES (%d, 0)", i))
	}
	r := read(t, s, from)
	var all []*txn
	for round := range 3 {
		stop := make(chan struct{})
		var g errgroup.Group
		for w := range 3 {
			g.Go(func() error {
				random := rand.New(rand.NewPCG(uint64(round), uint64(w)))
				for i := 0; ; i++ {
					select {
					case <-stop:
						return nil
					default:
					}
					a := random.IntN(19)
					if _, err := transfer(db, a, a+1, int64(round*10_000_000+w*1_000_000+i), false); err != nil {
						return nil // the service is gone
					}
				}
			})
		}
		for range 20 {
			x, err := r.next()
			require.NoError(t, err)
			all = append(all, x)
		}
		require.NoError(t, s.KillService(t.Context()))
		close(stop)
		require.NoError(t, g.Wait())
		for { // what the client still has
			x, err := r.next()
			if err != nil {
				break
			}
			all = append(all, x)
		}
		require.NoError(t, s.Restart(t.Context()))
		set := strings.ReplaceAll(r.set.String(), "\n", "")
		if n := len(all); n > 0 { // a transaction that was begun is not read
			set = fmt.Sprintf("%s:1-%d", strings.Split(set, ":")[0], all[n-1].number)
		}
		r = read(t, s, set)
	}
	mark(t, db)
	all = append(all, r.until(has(name+".mark"))...)
	journal := map[int64]bool{}
	for i, x := range all {
		if i > 0 {
			require.Equal(t, all[i-1].number+1, x.number)
		}
		for _, row := range x.rows {
			if row.table == name+".journal" {
				id := row.after[0].(int64)
				require.False(t, journal[id], "journal %d comes twice", id)
				journal[id] = true
			}
		}
	}
	there := texts(t, db, "SELECT id FROM journal")
	require.Len(t, journal, len(there))
	for _, line := range there {
		var id int64
		_, err := fmt.Sscan(line[0], &id)
		require.NoError(t, err)
		require.True(t, journal[id], "journal %d is not in the log", id)
	}
	t.Logf("%d transactions, three kills", len(there))
}

// testDoubt kills the service while a definition is being changed: the statement
// stands in the log if, and only if, it was carried out.
func testDoubt(t *testing.T, s *tenant.Server, name string, db *sql.DB) {
	exec(t, db, "CREATE TABLE d (id int PRIMARY KEY, v int)", "INSERT INTO d VALUES (1, 1)")
	from := executed(t, db)
	ended := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(context.Background(), "ALTER TABLE d MODIFY COLUMN v varchar(20)")
		ended <- err
	}()
	kernel := s.Kernel().DB(t)
	for begun := time.Now(); texts(t, kernel, "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'ALTER TABLE d MODIFY%'")[0][0] == "0"; {
		require.Less(t, time.Since(begun), limit)
	}
	require.NoError(t, s.KillService(t.Context()))
	require.Error(t, <-ended)
	require.NoError(t, s.Restart(t.Context()))
	exec(t, db, "INSERT INTO d VALUES (2, 2)")
	mark(t, db)
	var changed bool
	var second any
	for _, x := range read(t, s, from).until(has(name + ".mark")) {
		changed = changed || strings.HasPrefix(x.statement, "ALTER TABLE d MODIFY")
		if has(name + ".d")(x) {
			second = x.rows[0].after[1]
		}
	}
	column := texts(t, db, "SELECT data_type FROM information_schema.columns WHERE table_schema = '"+name+"' AND table_name = 'd' AND column_name = 'v'")[0][0]
	require.Equal(t, column == "varchar", changed, column)
	if changed {
		require.Equal(t, "2", second)
	} else {
		require.EqualValues(t, 2, second)
	}
	t.Logf("carried out: %v", changed)
}
