package tenant_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duplex/test/tenant"
)

// holderEnv makes the test program start a server, print its process id and
// wait to be killed.
const holderEnv = "DUPLEX_TEST_HOLDER"

func TestMain(m *testing.M) {
	if os.Getenv(holderEnv) != "" {
		hold()
	}
	goleak.VerifyTestMain(m)
}

func hold() {
	s, err := tenant.Start(context.Background(), tenant.Options{Kind: tenant.MariaDB})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.PID())
	time.Sleep(time.Minute)
	os.Exit(1)
}

func TestServer(t *testing.T) {
	for _, kind := range append(tenant.Kinds(), tenant.OceanBase) {
		t.Run(string(kind), func(t *testing.T) {
			begin := time.Now()
			s := tenant.For(t, kind)
			t.Logf("up in %v", time.Since(begin).Round(time.Millisecond))

			t.Run("rights", func(t *testing.T) { testRights(t, s) })
			t.Run("kill", func(t *testing.T) { testRestart(t, s, s.Kill) })
			t.Run("stop", func(t *testing.T) { testRestart(t, s, s.Stop) })
		})
	}
}

// testRights makes a user and gives it rights, which takes GRANT OPTION.
func testRights(t *testing.T, s *tenant.Server) {
	db := s.DB(t)
	for _, statement := range []string{
		"CREATE USER app IDENTIFIED BY 'secret'",
		"GRANT SELECT, INSERT ON *.* TO app",
		"DROP USER app",
	} {
		_, err := db.Exec(statement)
		require.NoError(t, err, statement)
	}
	var zone string
	require.NoError(t, db.QueryRow("SELECT @@global.time_zone").Scan(&zone))
	require.Equal(t, "+00:00", zone)
}

// testRestart ends the server while it holds a committed and an uncommitted
// row, and expects the first of them only, at the same address.
func testRestart(t *testing.T, s *tenant.Server, end func(context.Context) error) {
	ctx := context.Background()
	_, db := s.Database(t)
	_, err := db.Exec("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)")
	require.NoError(t, err)
	tx, err := db.Begin()
	require.NoError(t, err)
	_, err = tx.Exec("INSERT INTO t VALUES (2)")
	require.NoError(t, err)
	require.ErrorIs(t, s.Restart(ctx), tenant.ErrRunning)

	addr, pid := s.Addr(), s.PID()
	require.NoError(t, end(ctx))
	require.Zero(t, s.PID())
	require.False(t, alive(pid))
	_ = tx.Rollback()

	begin := time.Now()
	require.NoError(t, s.Restart(ctx))
	t.Logf("back in %v", time.Since(begin).Round(time.Millisecond))
	require.Equal(t, addr, s.Addr())
	require.NotEqual(t, pid, s.PID())
	var rows, id int
	require.NoError(t, db.QueryRow("SELECT COUNT(*), MIN(id) FROM t").Scan(&rows, &id))
	require.Equal(t, []int{1, 1}, []int{rows, id})
}

func TestBinaryLog(t *testing.T) {
	for _, kind := range tenant.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			a, b := tenant.For(t, kind), tenant.For(t, kind, tenant.WithServerID(7))
			require.NotEqual(t, a.Port(), b.Port())
			require.Equal(t, 7, b.ServerID())
			for _, s := range []*tenant.Server{a, b} {
				db := s.DB(t)
				var on, format, image string
				err := db.QueryRow("SELECT @@log_bin, @@binlog_format, @@binlog_row_image").Scan(&on, &format, &image)
				require.NoError(t, err)
				require.Equal(t, []string{"1", "ROW", "FULL"}, []string{on, format, image})
				if kind != tenant.OceanBase { // which has one number for all tenants, and the stand-in its own in the log
					var id int
					require.NoError(t, db.QueryRow("SELECT @@server_id").Scan(&id))
					require.Equal(t, s.ServerID(), id)
				}
				requireEmptyLog(t, s)
			}
		})
	}
}

// requireEmptyLog checks that nothing but the head of the log's file is there.
func requireEmptyLog(t *testing.T, s *tenant.Server) {
	t.Helper()
	rows, err := s.DB(t).Query("SHOW BINLOG EVENTS")
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	head := map[string]bool{"Format_desc": true, "Previous_gtids": true, "Gtid_list": true, "Binlog_checkpoint": true}
	for rows.Next() {
		var file, event, info string
		var pos, id, end int
		require.NoError(t, rows.Scan(&file, &pos, &event, &id, &end, &info))
		require.True(t, head[event], "%s at %d: %s", event, pos, info)
	}
	require.NoError(t, rows.Err())
}

func TestMySQLUUIDsDiffer(t *testing.T) {
	var uuids [2]string
	for i := range uuids {
		db := tenant.For(t, tenant.MySQL56).DB(t)
		require.NoError(t, db.QueryRow("SELECT @@server_uuid").Scan(&uuids[i]))
	}
	require.NotEqual(t, uuids[0], uuids[1])
}

func TestFlagsAndMetadata(t *testing.T) {
	s := tenant.For(t, tenant.MariaDB, tenant.WithRowMetadata("NO_LOG"), tenant.WithPool(64, 32),
		tenant.WithFlags("--max-connections=77"))
	var metadata string
	var connections, pool int
	err := s.DB(t).QueryRow("SELECT @@binlog_row_metadata, @@max_connections, @@innodb_buffer_pool_size >> 20").
		Scan(&metadata, &connections, &pool)
	require.NoError(t, err)
	require.Equal(t, []any{"NO_LOG", 77, 64}, []any{metadata, connections, pool})
}

// TestFolder keeps data over Close in a folder of the caller's.
func TestFolder(t *testing.T) {
	if _, err := tenant.Find(tenant.MariaDB); err != nil {
		tenant.For(t, tenant.MariaDB) // skips or fails
	}
	ctx, o := context.Background(), tenant.Options{Kind: tenant.MariaDB, Dir: t.TempDir()}
	first, err := tenant.Start(ctx, o)
	require.NoError(t, err)
	_, err = tenant.Start(ctx, o)
	require.ErrorIs(t, err, tenant.ErrBusy)
	_, err = first.DB(t).Exec("CREATE DATABASE kept")
	require.NoError(t, err)
	require.NoError(t, first.Close())
	require.DirExists(t, first.Dir())

	o.Port = first.Port()
	second, err := tenant.Start(ctx, o)
	require.NoError(t, err)
	require.Equal(t, first.Addr(), second.Addr())
	_, err = second.DB(t).Exec("USE kept")
	require.NoError(t, err)
	require.NoError(t, second.Close())
}

func TestStartErrors(t *testing.T) {
	ctx := context.Background()
	_, err := tenant.Start(ctx, tenant.Options{Kind: "oracle"})
	require.ErrorContains(t, err, `kind of tenant "oracle"`)

	if _, err := tenant.Find(tenant.MariaDB); err != nil {
		t.Skip(err)
	}
	_, err = tenant.Start(ctx, tenant.Options{Kind: tenant.MariaDB, Flags: []string{"--no-such-flag"}})
	require.ErrorContains(t, err, "no-such-flag")

	t.Setenv("DUPLEX_CACHE", t.TempDir())
	_, err = tenant.Start(ctx, tenant.Options{Kind: tenant.MySQL56})
	require.ErrorIs(t, err, tenant.ErrMissing)
}

// TestDiesWithParent kills a process that holds a server, and expects the
// server to go as well.
func TestDiesWithParent(t *testing.T) {
	if _, err := tenant.Find(tenant.MariaDB); err != nil {
		tenant.For(t, tenant.MariaDB) // skips or fails
	}
	self, err := os.Executable()
	require.NoError(t, err)
	holder := exec.Command(self)
	holder.Env = append(os.Environ(), holderEnv+"=1")
	out, err := holder.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, holder.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	var pid int
	_, err = fmt.Sscan(strings.TrimSpace(line), &pid)
	require.NoError(t, err, line)
	require.True(t, alive(pid))

	require.NoError(t, holder.Process.Kill())
	_ = holder.Wait()
	require.Eventually(t, func() bool { return !alive(pid) }, 10*time.Second, 10*time.Millisecond)
}

// alive reports whether the process runs; one that has ended and was not yet
// waited for by its new parent does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}
