package kernel_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/config"
	"duplex/internal/project"
	"duplex/internal/tenant"
)

const file = `name: move-%[1]s
scenario: migration
sites:
  %[1]s: {address: "%[2]s", user: %[3]s, password: %[4]s}
  %[5]s: {address: "%[6]s", user: %[7]s, password: %[8]s}
source: %[1]s
tables:
  include: ["%[9]s.*"]
`

// testMigration moves a database that is written all the time into the kernel,
// while our own run is stopped once. With kill the kernel's process is killed once
// as well.
func testMigration(t *testing.T, from, to *site, kill bool) {
	db := "move_" + from.tenant.Site
	from.fresh(t, db)
	to.exec(t, "DROP DATABASE IF EXISTS "+db)
	from.exec(t,
		"CREATE TABLE "+db+".orders (id int PRIMARY KEY, code int NULL UNIQUE, v varchar(60), n int NOT NULL, changed datetime(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6))",
		"CREATE TABLE "+db+".sub_lines (order_id int, no smallint unsigned, what varchar(40) COLLATE utf8mb4_bin, price decimal(10,2), PRIMARY KEY (order_id, no, what), KEY by_price (price))",
		"CREATE TABLE "+db+".counters (k varbinary(10) PRIMARY KEY, n bigint NOT NULL)",
		"CREATE TABLE "+db+".tags (a int NOT NULL, b varchar(10) NOT NULL, v mediumblob, UNIQUE KEY (a, b))",
		"INSERT INTO "+db+".counters VALUES ('w0', 0), ('w1', 0), ('w2', 0)")
	for i := range 400 {
		from.exec(t, fmt.Sprintf("INSERT INTO %s.orders (id, code, v, n) VALUES (%d, %d, 'before %d', 0)", db, i, i, i))
	}
	from.exec(t, "INSERT INTO "+db+".tags SELECT id, 'é', REPEAT(x'00ff27', id * 50) FROM "+db+".orders")

	text := fmt.Sprintf(file, from.tenant.Site, from.Addr(), from.User(), from.Password(), to.tenant.Site, to.Addr(), to.User(), to.Password(), db)
	cfg, err := config.Parse("move.yaml", []byte(text), nil, nil)
	require.NoError(t, err)

	writing, stopWriting := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() { scribble(writing, t, from, db, w) })
	}
	run := func(until func(*project.Run)) {
		ctx, cancel := context.WithCancel(t.Context())
		r := project.New(cfg, project.Options{Spool: t.TempDir(), Log: logger(t)})
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		until(r)
		cancel()
		require.NoError(t, <-done)
	}
	barrier := func(r *project.Run) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		require.NoError(t, r.Barrier(ctx), "%v", r.Progress().Pair.Error)
	}
	run(func(r *project.Run) {
		require.Eventually(t, func() bool { return r.Progress().Pair.Copy.Rows > 0 }, time.Minute, 5*time.Millisecond)
	})
	run(func(r *project.Run) {
		barrier(r)
		if kill {
			require.NoError(t, to.Kill(t.Context()))
			require.NoError(t, to.Restart(t.Context()))
			barrier(r)
		}
		stopWriting()
		writers.Wait()
		barrier(r)
		if kill {
			require.Positive(t, r.Progress().Pair.Retries, "the connection was lost")
		}
		report, err := r.Verify(t.Context())
		require.NoError(t, err)
		require.True(t, report.Equal, "%+v", report)
		require.Len(t, report.Tables, 4)
	})
	for _, q := range []string{
		"SELECT id, code, HEX(v), n, changed FROM %s.orders ORDER BY id",
		"SELECT order_id, no, HEX(what), price FROM %s.sub_lines ORDER BY 1, 2, 3",
		"SELECT HEX(k), n FROM %s.counters ORDER BY 1",
		"SELECT a, HEX(b), MD5(v) FROM %s.tags ORDER BY 1, 2",
	} {
		q = fmt.Sprintf(q, db)
		require.Equal(t, from.rows(t, q), to.rows(t, q))
	}
	require.NotEqual(t, []string{"0"}, from.rows(t, "SELECT SUM(n) FROM "+db+".counters"))
}

// scribble writes transactions of every kind, with rows that are its own.
func scribble(ctx context.Context, t *testing.T, s *site, db string, w int) {
	r := rand.New(rand.NewPCG(7, uint64(w)))
	id := func() int { return r.IntN(200)*3 + w }
	pace := time.NewTicker(8 * time.Millisecond) // less than the kernel writes on a busy machine
	defer pace.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		<-pace.C
		queries := []string{fmt.Sprintf("UPDATE %s.counters SET n = n + 1 WHERE k = 'w%d'", db, w)}
		a, b := id(), id()
		switch r.IntN(7) {
		case 0:
			queries = append(queries, fmt.Sprintf("DELETE FROM %s.orders WHERE id = %d", db, a), fmt.Sprintf("DELETE FROM %s.sub_lines WHERE order_id = %d", db, a))
		case 1:
			queries = append(queries, fmt.Sprintf("UPDATE IGNORE %s.orders SET id = %d WHERE id = %d", db, b, a))
		case 2: // two rows swap their unique values
			queries = append(queries, fmt.Sprintf("SET @a = (SELECT code FROM %[1]s.orders WHERE id = %[2]d), @b = (SELECT code FROM %[1]s.orders WHERE id = %[3]d)", db, a, b),
				fmt.Sprintf("UPDATE %s.orders SET code = NULL WHERE id = %d", db, a),
				fmt.Sprintf("UPDATE IGNORE %s.orders SET code = @a WHERE id = %d", db, b), fmt.Sprintf("UPDATE IGNORE %s.orders SET code = @b WHERE id = %d", db, a))
		case 3:
			queries = append(queries, fmt.Sprintf("REPLACE INTO %s.sub_lines VALUES (%d, %d, 'Ä%d', %d.25)", db, a, n%5, n%3, n))
		case 4:
			queries = append(queries, fmt.Sprintf("REPLACE INTO %s.tags VALUES (%d, 'é', REPEAT('%d', %d))", db, a, n, n%500))
		default:
			queries = append(queries, fmt.Sprintf("INSERT INTO %s.orders (id, code, v, n) VALUES (%d, %d, '%d ''x'' \\\\ 中', %d) ON DUPLICATE KEY UPDATE v = VALUES(v), n = n + 1", db, a, a, n, n))
		}
		err := s.transaction(queries)
		if code := tenant.Code(err); err != nil && code != 1213 && code != 1205 && code != 1062 {
			t.Errorf("%v: %v", queries, err)
			return
		}
	}
}

// transaction runs queries in one transaction.
func (s *site) transaction(queries []string) error {
	tx, err := s.db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	for _, q := range queries {
		if _, err := tx.ExecContext(context.Background(), q); err != nil {
			_ = tx.Rollback()
			return err
		}
	}
	return tx.Commit()
}
