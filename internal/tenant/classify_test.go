package tenant_test

import (
	"context"
	"errors"
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
		{&mysql.MySQLError{Number: 1213}, tenant.Retry},
		{&mysql.MySQLError{Number: 6002}, tenant.Retry},
		{&mysql.MySQLError{Number: 4012}, tenant.Reconnect},
		{&mysql.MySQLError{Number: 1290}, tenant.Reconnect},
		{&mysql.MySQLError{Number: 1062}, tenant.Duplicate},
		{&mysql.MySQLError{Number: 1146}, tenant.Schema},
		{&mysql.MySQLError{Number: 1064}, tenant.Fatal},
	} {
		require.Equal(t, c.want, tenant.Classify(c.err), "%v", c.err)
	}
	require.Equal(t, uint16(1213), tenant.Code(errors.Join(&mysql.MySQLError{Number: 1213})))
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
	if s.tenant.Kind == tenant.OceanBase { // finds one in 0.4 s instead of some seconds
		s.exec(t, "ALTER SYSTEM SET _lcl_op_interval = '30ms'")
	}
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
	require.Eventually(t, func() bool {
		var n int
		err := s.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ? AND command = 'Query'", busy.ID).Scan(&n)
		return err == nil && n == 1
	}, 10*time.Second, 10*time.Millisecond, "the statement runs")
	require.NoError(t, s.tenant.Kill(t.Context(), busy.ID))
	require.Equal(t, tenant.Reconnect, tenant.Classify(<-ended))
	require.NoError(t, s.tenant.Kill(t.Context(), busy.ID), "a connection that is gone is no error")
	require.NoError(t, s.tenant.End(t.Context(), busy), "a session that is gone is no error")
}

// testEnd: a number that a restarted server has given to somebody else is not
// ours any more.
func testEnd(t *testing.T, s *server) {
	ours := s.session(t, tenant.Apply, 1)
	works(t, ours, "DO 1")
	if s.tenant.Kind != tenant.OceanBase {
		other := s.session(t, tenant.Read, 0)
		number := ours.ID
		ours.ID = other.ID
		require.NoError(t, s.tenant.End(t.Context(), ours))
		ours.ID = number
		works(t, other, "DO 1")
	}
	require.NoError(t, s.tenant.End(t.Context(), ours))
	require.Eventually(t, func() bool {
		_, err := ours.Exec(t.Context(), "DO 1")
		return tenant.Classify(err) == tenant.Reconnect
	}, 5*time.Second, 20*time.Millisecond)
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
