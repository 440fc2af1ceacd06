package obbinlog_test

import (
	"context"
	"database/sql"
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
