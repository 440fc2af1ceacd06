package project_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/project"
	servers "duplex/test/tenant"
)

// nearly are rows of which servers take some for equal that are not.
var nearly = []string{
	"('a', 'b', 0.1, 1e0/3, 1.50, 'x', 'x', '2026-01-02 03:04:05.678', '2026-01-02', '-10:00:00.5', 2026, 'p', 'q,r', 5, 'text')",
	"('A', 'b', 0.1, 1e0/3, 1.50, 'x', 'x', '2026-01-02 03:04:05.678', '2026-01-02', '-10:00:00.5', 2026, 'p', 'q,r', 5, 'text')",
	"('a ', 'b', 0.1, 1e0/3, 1.50, 'x', 'x', '2026-01-02 03:04:05.678', '2026-01-02', '-10:00:00.5', 2026, 'p', 'q,r', 5, 'text')",
	"('á', 'b', 0.10000001, 1e0/3, 1.50, 'x', 'x', '2026-01-02 03:04:05.678', '2026-01-02', '-10:00:00.5', 2026, 'p', 'q,r', 5, 'text')",
	"('a', 'é', 0.1, 0.3333333333333333, 1.5, x'7800', x'7800', '2026-01-02 03:04:05.678', '2026-01-02', '-10:00:00.5', 2026, 'p', 'q,r', 5, 'text')",
	"('a', 'b', 0.1, 1e300, -1.51, x'00', '', 0, 0, '838:59:59', 0, 0, '', b'111111111111', 'TEXT')",
	"(NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-01-02 03:04:05', NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
	"('', '', -0e0, 0, 0, '', '', '2026-01-02 03:04:05', NULL, '0', 1999, 'p', '', 0, '\\\\''')",
}

const nearlyColumns = "v varchar(20) COLLATE utf8mb4_general_ci, l varchar(20) CHARACTER SET latin1, f float, d double, n decimal(10,2), x binary(4), b varbinary(4), " +
	"ts timestamp(3), day date, tm time(1), y year, e enum('p','q'), s set('q','r'), k bit(12), t text"

// TestTablesWithoutKey copies tables in which nothing tells equal rows apart
// while they are written, is killed in the copy and behind it, and wants
// every row the right number of times.
func TestTablesWithoutKey(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	for _, kind := range servers.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			if kind == servers.OceanBase {
				t.Skip("nothing locks a table there, and the writers of this test never pause: docs/decisions/0015")
			}
			withoutKey(t, servers.For(t, kind), servers.For(t, kind))
		})
	}
}

func withoutKey(t *testing.T, a, b *servers.Server) {
	source, target := a.DB(t), b.DB(t)
	do := func(db *sql.DB, queries ...string) {
		t.Helper()
		for _, q := range queries {
			_, err := db.ExecContext(context.Background(), q)
			require.NoError(t, err, q)
		}
	}
	do(source, "CREATE DATABASE shop DEFAULT CHARSET utf8mb4",
		"CREATE TABLE shop.keyed (id int PRIMARY KEY, n int)", "CREATE TABLE shop.log (line varchar(20), n int NULL, KEY (line))",
		"CREATE TABLE shop.still (v int NULL UNIQUE, line varchar(20))", "CREATE TABLE shop.nearly ("+nearlyColumns+")",
		"INSERT INTO shop.keyed VALUES (1, 0)", "INSERT INTO shop.still VALUES (NULL, 'x'), (NULL, 'x'), (1, 'x'), (2, 'y')",
		"INSERT INTO shop.log VALUES ('first', 0), ('first', 0), ('first', NULL)")
	for range 13 {
		do(source, "INSERT INTO shop.log SELECT * FROM shop.log")
	}
	lenient, err := source.Conn(t.Context())
	require.NoError(t, err)
	defer func() { _ = lenient.Close() }()
	for _, q := range []string{"SET sql_mode = '', time_zone = '+00:00'", "INSERT INTO shop.nearly VALUES " + strings.Join(nearly, ", "), "INSERT INTO shop.nearly SELECT * FROM shop.nearly"} {
		_, err := lenient.ExecContext(t.Context(), q)
		require.NoError(t, err, q)
	}
	text := migration(a, b, "keyless", "limits: {rows_per_second: 15000}\n")
	limit, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	killable := func() (kill func()) {
		file := filepath.Join(t.TempDir(), "project.yaml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		cmd := exec.CommandContext(limit, os.Args[0])
		cmd.Env = append(os.Environ(), runs+"="+file)
		cmd.Stderr = t.Output()
		require.NoError(t, cmd.Start())
		return func() {
			require.NoError(t, cmd.Process.Kill())
			require.ErrorContains(t, cmd.Wait(), "signal: killed")
		}
	}
	count := func(q string) (n int) {
		if err := target.QueryRowContext(limit, q).Scan(&n); err != nil {
			return 0
		}
		return n
	}

	writing, enough := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			for n := 0; writing.Err() == nil; n++ {
				write(t, source, n, w)
			}
		})
	}
	chunks := func(of string) int { return count("SELECT COUNT(*) FROM duplex.copy_chunk WHERE " + of) }
	kill := killable()
	require.Eventually(t, func() bool { return chunks("table_name = 'shop.log' AND state = 'done'") > 0 }, 2*time.Minute, time.Millisecond)
	kill()
	if chunks("table_name = 'shop.log' AND chunk = 0 AND state <> 'begun'") > 0 {
		t.Log("the copy was complete before it could be interrupted")
	}
	kill = killable()
	require.Eventually(t, func() bool { return chunks("chunk = 0 AND table_name <> '' AND state <> 'begun'") == 4 }, 2*time.Minute, time.Millisecond)
	const changed = "SELECT COUNT(*) FROM shop.log WHERE BINARY line = 'FIRST'"
	before := count(changed)
	require.Eventually(t, func() bool { return count(changed) > before }, 2*time.Minute, time.Millisecond)
	kill()
	run := project.New(parse(t, text), project.Options{Log: quiet(t)})
	ctx, stop := context.WithCancel(limit)
	done := make(chan error, 1)
	go func() { done <- run.Run(ctx) }()
	require.NoError(t, run.Barrier(limit))
	enough()
	writers.Wait()
	for _, q := range []string{"DELETE FROM shop.nearly WHERE BINARY v = 'A' LIMIT 1", "UPDATE shop.nearly SET k = 7 WHERE BINARY v = 'a ' LIMIT 1",
		"UPDATE shop.nearly SET f = 1 LIMIT 9", "DELETE FROM shop.nearly WHERE v IS NULL LIMIT 1", "UPDATE shop.nearly SET t = REPEAT('x', 60000) ORDER BY d DESC LIMIT 7"} {
		_, err := lenient.ExecContext(limit, q)
		require.NoError(t, err, q)
	}
	do(source, "UPDATE shop.still SET v = v + 1 ORDER BY v DESC", "DELETE FROM shop.still WHERE v IS NULL LIMIT 1", "INSERT INTO shop.still VALUES (1, 'z')")
	require.NoError(t, run.Barrier(limit))
	report, err := run.Verify(limit)
	require.NoError(t, err)
	require.True(t, report.Equal, "%+v", report)
	for _, table := range []string{"keyed", "log", "still", "nearly"} {
		require.Equal(t, checksumOf(t, source, "shop."+table), checksumOf(t, target, "shop."+table), table)
	}
	require.Zero(t, count("SELECT COUNT(*) FROM duplex.conflict"), "every row was there as often as the log says")

	do(target, "INSERT INTO shop.still VALUES (NULL, 'x')", "DELETE FROM shop.log WHERE line = 'first' AND BINARY line = 'first' LIMIT 1")
	report, err = run.Verify(limit)
	require.NoError(t, err)
	require.Len(t, report.Differences, 2)
	only := map[string]string{}
	for _, d := range report.Differences {
		only[d.Table] = d.Kind
	}
	require.Equal(t, map[string]string{"shop.still": "only:new", "shop.log": "only:old"}, only)
	stop()
	require.NoError(t, <-done)
}

// write changes a row of many equal ones, or some.
func write(t *testing.T, db *sql.DB, n, w int) {
	var q string
	switch n % 6 {
	case 0:
		q = "INSERT INTO shop.log VALUES ('again', 1), ('again', 1), (NULL, NULL)"
	case 1:
		q = "UPDATE shop.log SET n = COALESCE(n, 0) + 1 WHERE line = 'again' LIMIT 2"
	case 2:
		q = "DELETE FROM shop.log WHERE line = 'again' LIMIT 2"
	case 3:
		q = "UPDATE shop.keyed SET n = n + 1"
	case 4:
		q = "UPDATE shop.log SET line = 'FIRST' WHERE line = 'first' AND BINARY line = 'first' LIMIT 1"
	default:
		q = fmt.Sprintf("DELETE FROM shop.log WHERE line IS NULL LIMIT %d", 1+w)
	}
	if _, err := db.ExecContext(context.Background(), q); err != nil && !strings.Contains(err.Error(), "1213") {
		t.Error(q, err)
	}
}

func checksumOf(t *testing.T, db *sql.DB, table string) string {
	var name, sum string
	require.NoError(t, db.QueryRowContext(t.Context(), "CHECKSUM TABLE "+table).Scan(&name, &sum))
	return sum
}
