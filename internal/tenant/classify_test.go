package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"duplex/internal/tenant"
)

func uintText(u uint64) string { return strconv.FormatUint(u, 10) }

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err  error
		want tenant.Class
	}{
		{nil, tenant.None},
		{context.Canceled, tenant.Fatal},
		{errors.Join(errors.New("copy"), context.Canceled), tenant.Fatal},
		{context.DeadlineExceeded, tenant.Reconnect},
		{io.ErrUnexpectedEOF, tenant.Reconnect},
		{mysql.ErrInvalidConn, tenant.Reconnect},
		{errors.New("anything"), tenant.Fatal},
		{errors.Join(errors.New("write"), &mysql.MySQLError{Number: 1213}), tenant.Retry},
	} {
		require.Equal(t, c.want, tenant.Classify(c.err), "%v", c.err)
	}
	require.Equal(t, uint16(1213), tenant.Code(errors.Join(&mysql.MySQLError{Number: 1213})))
}

// codes are the errors that servers answer with, as they come over the wire.
// What OceanBase sends under a number of MySQL's, or several under one, is named.
var codes = []struct {
	code  uint16
	state string
	class tenant.Class
	what  string
}{
	{1213, "40001", tenant.Retry, "deadlock"},
	{1213, "HY000", tenant.Retry, "deadlock (4101)"},
	{1205, "HY000", tenant.Retry, "lock wait (6003), NOWAIT and WAIT n (6006)"},
	{6005, "HY000", tenant.Retry, "row lock conflict"},
	{6001, "25000", tenant.Retry, "transaction set changed"},
	{6002, "40000", tenant.Retry, "rolled back"},
	{6002, "25000", tenant.Retry, "killed (6211), exiting (6223), needs rollback (6224), idle for too long (6278)"},
	{6235, "25000", tenant.Retry, "cannot serialize"},
	{1020, "HY000", tenant.Retry, "record has changed since last read"},

	{6002, "HY000", tenant.Unknown, "the transaction is not known (6213): after a commit that says nothing"},
	{4012, "HY000", tenant.Unknown, "statement time-out, queue (4049), shared lock (6004): the statement may be a commit"},
	{4012, "25000", tenant.Unknown, "transaction time-out (6210, 6212, 6230), and result unknown (6225)"},
	{4746, "HY000", tenant.Unknown, "packet status unknown"},

	{4013, "HY001", tenant.Busy, "no memory"},
	{4030, "HY000", tenant.Busy, "over the tenant's memory limits"},
	{4039, "HY000", tenant.Busy, "killed by throttling"},
	{4184, "53100", tenant.Busy, "out of disk space"},
	{4264, "HY000", tenant.Busy, "out of disk space for the log"},

	{4011, "HY000", tenant.Reconnect, "packet not sent"},
	{4023, "HY000", tenant.Reconnect, "try again"},
	{4038, "HY000", tenant.Reconnect, "not the leader"},
	{4109, "HY000", tenant.Reconnect, "state not as expected"},
	{4124, "HY000", tenant.Reconnect, "connect error"},
	{4225, "HY000", tenant.Reconnect, "no partition entry"},
	{4265, "HY000", tenant.Reconnect, "connect error between servers"},
	{4283, "HY000", tenant.Reconnect, "timestamp service not ready"},
	{4390, "HY000", tenant.Reconnect, "schema of a remote server not refreshed"},
	{4392, "HY000", tenant.Reconnect, "disk hangs"},
	{4638, "HY000", tenant.Reconnect, "root server is not the leader"},
	{4653, "HY000", tenant.Reconnect, "no location"},
	{4654, "HY000", tenant.Reconnect, "no leader"},
	{4688, "HY000", tenant.Reconnect, "the tenant is a standby: until it is primary again"},
	{4721, "HY000", tenant.Reconnect, "no location of a log stream"},
	{5066, "HY000", tenant.Reconnect, "session interrupted"},
	{5081, "25000", tenant.Reconnect, "the server is read only now"},
	{5150, "HY000", tenant.Reconnect, "tenant not in this server"},
	{5296, "42000", tenant.Reconnect, "no readable replica"},
	{5627, "HY000", tenant.Reconnect, "schema: try again"},
	{6231, "HY000", tenant.Reconnect, "replica not readable"},
	{6279, "HY000", tenant.Reconnect, "wrong node for a free-routed transaction"},
	{6325, "HY000", tenant.Reconnect, "disk of the log hangs"},
	{8001, "08004", tenant.Reconnect, "server is initializing"},
	{8002, "08004", tenant.Reconnect, "server is stopping"},
	{1317, "70100", tenant.Reconnect, "query killed (5065): it may have been a commit"},
	{1290, "HY000", tenant.Reconnect, "read_only: until it is off again"},
	{1040, "08004", tenant.Reconnect, "too many connections"},
	{1053, "08S01", tenant.Reconnect, "server shuts down"},
	{2013, "HY000", tenant.Reconnect, "connection lost"},

	{4138, "HY000", tenant.Snapshot, "snapshot too old"},

	{1412, "HY000", tenant.Schema, "table definition changed (5386)"},
	{1146, "42S02", tenant.Schema, "no such table (5019)"},
	{1054, "42S22", tenant.Schema, "no such column (5217)"},
	{1136, "21S01", tenant.Schema, "number of columns"},
	{1051, "42S02", tenant.Schema, "unknown table"},

	{1062, "23000", tenant.Duplicate, "duplicate key (5024)"},
	{1586, "23000", tenant.Duplicate, "duplicate key, with the key's name"},
	{1451, "23000", tenant.Reference, "parent is referred to"},
	{1452, "23000", tenant.Reference, "no parent"},

	{1048, "23000", tenant.Fatal, "NULL in a NOT NULL column"},
	{1264, "22003", tenant.Fatal, "out of range"},
	{1265, "01000", tenant.Fatal, "bad enum"},
	{1292, "22007", tenant.Fatal, "bad time"},
	{1366, "HY000", tenant.Fatal, "bad number or string"},
	{1406, "22001", tenant.Fatal, "too long"},
	{3819, "HY000", tenant.Fatal, "check constraint"},
	{1118, "42000", tenant.Fatal, "row too large for the table to be made"},
	{1153, "08S01", tenant.Fatal, "packet too large"},
	{1792, "25006", tenant.Fatal, "transaction is read only"},
	{1049, "42000", tenant.Fatal, "no such database at login"},
	{1064, "42000", tenant.Fatal, "syntax"},
	{1142, "42000", tenant.Fatal, "no right"},
	{1193, "HY000", tenant.Fatal, "no such variable"},
	{1235, "0A000", tenant.Fatal, "not supported"},
	{3730, "HY000", tenant.Fatal, "parent cannot be dropped"},
	{1236, "HY000", tenant.Fatal, "the log that is asked for is gone"},
}

func TestClassifyCodes(t *testing.T) {
	for _, c := range codes {
		err := &mysql.MySQLError{Number: c.code, Message: "whatever it says"}
		copy(err.SQLState[:], c.state)
		class := tenant.Classify(fmt.Errorf("link a>b: %w", err))
		require.Equal(t, c.class, class, "%d (%s): %s", c.code, c.state, c.what)
		undone := class == tenant.Retry || class == tenant.Busy
		require.Equal(t, undone, class.Undone(), class)
		require.Equal(t, undone || class == tenant.Unknown || class == tenant.Reconnect || class == tenant.Snapshot, class.Passing(), class)
	}
}

// fails runs a statement that must fail with the code and class.
func fails(t *testing.T, e *tenant.Session, query string, code uint16, class tenant.Class) {
	t.Helper()
	_, err := e.Exec(t.Context(), query)
	require.Error(t, err, query)
	require.Equal(t, code, tenant.Code(err), "%s: %v", query, err)
	require.Equal(t, class, tenant.Classify(err), "%s: %v", query, err)
}

func works(t *testing.T, e *tenant.Session, statements ...string) {
	t.Helper()
	for _, q := range statements {
		_, err := e.Exec(t.Context(), q)
		require.NoError(t, err, q)
	}
}

func testClasses(t *testing.T, s *server) {
	s.fill(t, "classes", []string{
		"create table t (id int primary key, u int, n int not null default 0, unique key u (u))", "insert into t values (1, 1, 1), (2, 2, 2)",
	})
	e := s.session(t, tenant.Apply, 1)
	fails(t, e, "INSERT INTO classes.t VALUES (1, 9, 1)", 1062, tenant.Duplicate)
	fails(t, e, "INSERT INTO classes.t VALUES (9, 1, 1)", 1062, tenant.Duplicate)
	fails(t, e, "UPDATE classes.t SET u = 1 WHERE id = 2", 1062, tenant.Duplicate)
	fails(t, e, "INSERT INTO classes.absent VALUES (1)", 1146, tenant.Schema)
	fails(t, e, "UPDATE absent.t SET u = 1", 1146, tenant.Schema)
	fails(t, e, "UPDATE classes.t SET absent = 1", 1054, tenant.Schema)
	fails(t, e, "INSERT INTO classes.t VALUES (1)", 1136, tenant.Schema)
	fails(t, e, "UPDATE classes.t SET", 1064, tenant.Fatal)
	fails(t, e, "INSERT INTO classes.t VALUES (5, 5, NULL)", 1048, tenant.Fatal)
	n, err := e.Exec(t.Context(), "UPDATE classes.t SET u = 1 WHERE id = 1")
	require.NoError(t, err)
	require.Equal(t, int64(1), n, "rows that matched, not rows that changed")
}

// testLocks: a lock wait that takes too long is 1205 on every kind. MariaDB
// and MySQL undo the statement and leave the transaction open; so does
// OceanBase. The limit is innodb_lock_wait_timeout there and
// ob_trx_lock_timeout here.
func testLocks(t *testing.T, s *server) {
	s.fill(t, "locks", []string{"create table t (id int primary key, n int)", "insert into t values (1, 0), (2, 0)"})
	a, b := s.session(t, tenant.Apply, 1), s.session(t, tenant.Apply, 1)
	limit := "SET innodb_lock_wait_timeout = 1"
	if s.tenant.Kind == tenant.OceanBase {
		limit = "SET ob_trx_lock_timeout = 1000000"
	}
	works(t, b, limit)
	works(t, a, "BEGIN", "UPDATE locks.t SET n = 1 WHERE id = 1")
	works(t, b, "BEGIN", "UPDATE locks.t SET n = 2 WHERE id = 2")
	start := time.Now()
	fails(t, b, "UPDATE locks.t SET n = 2 WHERE id = 1", 1205, tenant.Retry)
	require.Greater(t, time.Since(start), 800*time.Millisecond)
	require.Less(t, time.Since(start), 8*time.Second)
	works(t, b, "UPDATE locks.t SET n = 3 WHERE id = 2") // the transaction is still open
	works(t, b, "ROLLBACK")
	works(t, a, "COMMIT")
	works(t, b, "BEGIN", "UPDATE locks.t SET n = 2 WHERE id = 1", "COMMIT")
}

func testDeadlock(t *testing.T, s *server) {
	s.fill(t, "dead", []string{"create table t (id int primary key, n int)", "insert into t values (1, 0), (2, 0)"})
	sessions := []*tenant.Session{s.session(t, tenant.Apply, 1), s.session(t, tenant.Apply, 1)}
	for i, e := range sessions {
		works(t, e, "BEGIN", "UPDATE dead.t SET n = n + 1 WHERE id = "+strconv.Itoa(i+1))
	}
	errs := make([]chan error, 2)
	for i, e := range sessions {
		errs[i] = make(chan error, 1)
		go func() {
			_, err := e.Exec(t.Context(), "UPDATE dead.t SET n = n + 1 WHERE id = "+strconv.Itoa(2-i))
			if err != nil { // give way, so that the other can go on
				_, back := e.Exec(t.Context(), "ROLLBACK")
				err = errors.Join(err, back)
			}
			errs[i] <- err
		}()
	}
	victims := 0
	for i := range sessions {
		if err := <-errs[i]; err != nil {
			victims++
			require.Equal(t, uint16(1213), tenant.Code(err), "%v", err)
			require.Equal(t, tenant.Retry, tenant.Classify(err))
			works(t, sessions[i], "BEGIN", "SELECT 1", "COMMIT")
		}
	}
	require.Equal(t, 1, victims)
}

// running waits until a session executes a statement.
func (s *server) running(t *testing.T, x *tenant.Session) {
	require.Eventually(t, func() bool {
		var n int
		err := s.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ? AND command = 'Query'", x.ID).Scan(&n)
		return err == nil && n == 1
	}, time.Minute, 10*time.Millisecond, "the statement runs")
}

func testKill(t *testing.T, s *server) {
	idle, busy := s.session(t, tenant.Apply, 1), s.session(t, tenant.Apply, 1)
	require.NoError(t, s.tenant.Kill(t.Context(), idle.ID))
	require.Eventually(t, func() bool {
		_, err := idle.Exec(t.Context(), "DO 1")
		return tenant.Classify(err) == tenant.Reconnect
	}, 5*time.Second, 20*time.Millisecond)

	ended := make(chan error, 1)
	go func() {
		_, err := busy.Exec(t.Context(), "DO SLEEP(30)")
		ended <- err
	}()
	s.running(t, busy)
	require.NoError(t, s.tenant.Kill(t.Context(), busy.ID))
	require.Equal(t, tenant.Reconnect, tenant.Classify(<-ended))
	require.NoError(t, s.tenant.Kill(t.Context(), busy.ID), "a connection that is gone is no error")
	require.NoError(t, s.tenant.End(t.Context(), busy), "a session that is gone is no error")
}

// testEnd: a number that a restarted server has given to somebody else is not
// ours any more.
func testEnd(t *testing.T, s *server) {
	s.fill(t, "ends", []string{"create table t (id int primary key)"})
	ours := s.session(t, tenant.Apply, 1)
	works(t, ours, "BEGIN", "INSERT INTO ends.t VALUES (1)")
	if s.tenant.Kind != tenant.OceanBase {
		other := s.session(t, tenant.Read, 0)
		stranger := *ours
		stranger.ID = other.ID
		require.NoError(t, s.tenant.End(t.Context(), &stranger))
		works(t, other, "DO 1")
		ours = s.session(t, tenant.Apply, 1)
		works(t, ours, "BEGIN", "INSERT INTO ends.t VALUES (1)")
	}
	waits := s.session(t, tenant.Apply, 1)
	ended := make(chan error, 1)
	go func() {
		_, err := waits.Exec(t.Context(), "INSERT INTO ends.t VALUES (1)")
		ended <- err
	}()
	s.running(t, waits)
	require.NoError(t, s.tenant.End(t.Context(), ours))
	require.NoError(t, <-ended, "its locks are free")
}

func testGone(t *testing.T, s *server) {
	s.fill(t, "gone", []string{"create table t (id int primary key)"})
	e := s.session(t, tenant.Apply, 1)
	works(t, e, "BEGIN", "INSERT INTO gone.t VALUES (1)")
	require.NoError(t, s.Kill(t.Context()))
	_, err := e.Exec(t.Context(), "COMMIT")
	require.Equal(t, tenant.Reconnect, tenant.Classify(err), "%v", err)
	_, err = s.tenant.Session(t.Context(), tenant.Read, 0)
	require.Equal(t, tenant.Reconnect, tenant.Classify(err), "%v", err)
	require.NoError(t, s.Restart(t.Context()))
	again := s.session(t, tenant.Read, 0)
	works(t, again, "INSERT INTO gone.t VALUES (1)")
}
