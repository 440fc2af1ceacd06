package kernel_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"duplex/internal/tenant"
)

// A failure is a statement, and what the kernel answers.
type failure struct {
	query string
	code  uint16
	state string
	class tenant.Class
}

// fails runs a statement that must fail as it says.
func (f failure) fails(t *testing.T, s *tenant.Session) {
	t.Helper()
	_, err := s.Exec(t.Context(), f.query)
	f.is(t, err)
}

func (f failure) is(t *testing.T, err error) {
	t.Helper()
	var m *mysql.MySQLError
	require.ErrorAs(t, err, &m, f.query)
	require.Equal(t, f.code, m.Number, "%s: %v", f.query, err)
	require.Equal(t, f.state, string(m.SQLState[:]), "%s: %v", f.query, err)
	require.Equal(t, f.class, tenant.Classify(err), "%s: %v", f.query, err)
}

func works(t *testing.T, s *tenant.Session, queries ...string) {
	t.Helper()
	for _, q := range queries {
		_, err := s.Exec(t.Context(), q)
		require.NoError(t, err, q)
	}
}

// session opens one that writes as an application would: foreign keys count.
func session(t *testing.T, to *tenant.Tenant) *tenant.Session {
	t.Helper()
	s, err := to.Session(t.Context(), tenant.Apply, origin)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	works(t, s, tenant.Strict, "SET foreign_key_checks = 1")
	return s
}

// testErrors provokes every error that the kernel is known to answer with, and
// shows how it is classified.
func testErrors(t *testing.T, s *site) {
	s.fresh(t, "wrong")
	s.exec(t,
		"CREATE TABLE wrong.parent (id int PRIMARY KEY)",
		"CREATE TABLE wrong.t (id int PRIMARY KEY, u int UNIQUE, name varchar(3), tiny tinyint, e enum('a'), at datetime, must int NOT NULL DEFAULT 0, ref int, "+
			"CONSTRAINT positive CHECK (tiny > 0), FOREIGN KEY (ref) REFERENCES wrong.parent (id))",
		"INSERT INTO wrong.parent VALUES (1)", "INSERT INTO wrong.t (id, u, tiny, ref) VALUES (1, 1, 1, 1), (2, 2, 1, NULL)")
	t.Run("data", func(t *testing.T) { testDataErrors(t, s) })
	t.Run("lock wait", func(t *testing.T) { testLockWait(t, s) })
	t.Run("time-out", func(t *testing.T) { testTimeOut(t, s) })
	t.Run("deadlock", func(t *testing.T) { testDeadlock(t, s) })
	t.Run("kill", func(t *testing.T) { testKilled(t, s) })
	t.Run("read only", func(t *testing.T) { testReadOnly(t, s) })
}

func testDataErrors(t *testing.T, s *site) {
	e := session(t, s.tenant)
	for _, f := range []failure{
		{"INSERT INTO wrong.t (id) VALUES (1)", 1062, "23000", tenant.Duplicate},
		{"INSERT INTO wrong.t (id, u) VALUES (9, 1)", 1062, "23000", tenant.Duplicate},
		{"UPDATE wrong.t SET u = 1 WHERE id = 2", 1062, "23000", tenant.Duplicate},
		{"INSERT INTO wrong.t (id, ref) VALUES (9, 7)", 1452, "23000", tenant.Reference},
		{"DELETE FROM wrong.parent", 1451, "23000", tenant.Reference},
		{"DROP TABLE wrong.parent", 3730, "HY000", tenant.Fatal},
		{"INSERT INTO wrong.t (id, name) VALUES (9, 'four')", 1406, "22001", tenant.Fatal},
		{"INSERT INTO wrong.t (id, tiny) VALUES (9, 300)", 1264, "22003", tenant.Fatal},
		{"INSERT INTO wrong.t (id, tiny) VALUES (9, -1)", 3819, "HY000", tenant.Fatal},
		{"INSERT INTO wrong.t (id, e) VALUES (9, 'b')", 1265, "01000", tenant.Fatal},
		{"INSERT INTO wrong.t (id, at) VALUES (9, 'soon')", 1292, "22007", tenant.Fatal},
		{"INSERT INTO wrong.t (id, tiny) VALUES (9, 'two')", 1366, "HY000", tenant.Fatal},
		{"INSERT INTO wrong.t (id, must) VALUES (9, NULL)", 1048, "23000", tenant.Fatal},
		{"INSERT INTO wrong.t (id, absent) VALUES (9, 1)", 1054, "42S22", tenant.Schema},
		{"INSERT INTO wrong.t VALUES (9)", 1136, "21S01", tenant.Schema},
		{"INSERT INTO wrong.absent VALUES (1)", 1146, "42S02", tenant.Schema},
		{"INSERT INTO wrong.t (id) VALUES", 1064, "42000", tenant.Fatal},
		{"SET sql_log_bin = 0", 1193, "HY000", tenant.Fatal},
		{"SELECT * FROM wrong.t AS OF SNAPSHOT 1", 1412, "HY000", tenant.Schema},
		{"USE absent", 1049, "42000", tenant.Fatal},
	} {
		f.fails(t, e)
	}
	works(t, e, "DO 1")
}

// testLockWait: a statement that waits for too long is undone alone; the
// transaction goes on.
func testLockWait(t *testing.T, s *site) {
	user := begin(t, s)
	user(t, "UPDATE wrong.t SET name = 'x' WHERE id = 1")
	e := session(t, s.tenant)
	works(t, e, "SET ob_trx_lock_timeout = 300000", "BEGIN", "UPDATE wrong.t SET name = 'y' WHERE id = 2")
	for _, q := range []string{
		"UPDATE wrong.t SET name = 'y' WHERE id = 1", "SELECT * FROM wrong.t WHERE id = 1 FOR UPDATE NOWAIT", "SELECT * FROM wrong.t WHERE id = 1 FOR UPDATE WAIT 1",
	} {
		failure{q, 1205, "HY000", tenant.Retry}.fails(t, e)
	}
	works(t, e, "COMMIT")
	require.Equal(t, []string{"y"}, s.rows(t, "SELECT name FROM wrong.t WHERE id = 2"))
	user(t, "ROLLBACK")
}

// testTimeOut: after a statement's time the session and its transaction live on;
// after a transaction's nothing of it is left. Neither number nor state tell the
// former at a COMMIT from a result that nobody knows.
func testTimeOut(t *testing.T, s *site) {
	e := session(t, s.tenant)
	works(t, e, "SET ob_query_timeout = 1000000", "BEGIN", "UPDATE wrong.t SET name = 'sto' WHERE id = 2")
	failure{"SELECT SLEEP(30)", 4012, "HY000", tenant.Unknown}.fails(t, e)
	works(t, e, "COMMIT")
	require.Equal(t, []string{"sto"}, s.rows(t, "SELECT name FROM wrong.t WHERE id = 2"))

	late := func(t *testing.T) *tenant.Session {
		e := session(t, s.tenant)
		works(t, e, "SET ob_trx_timeout = 500000", "BEGIN", "UPDATE wrong.t SET name = 'trx' WHERE id = 2", "DO SLEEP(1)")
		return e
	}
	e = late(t)
	failure{"UPDATE wrong.t SET name = 'not' WHERE id = 2", 4012, "25000", tenant.Unknown}.fails(t, e)
	works(t, e, "ROLLBACK", "UPDATE wrong.t SET u = 2 WHERE id = 2")
	failure{"COMMIT", 6002, "40000", tenant.Retry}.fails(t, late(t))
	require.Equal(t, []string{"sto"}, s.rows(t, "SELECT name FROM wrong.t WHERE id = 2"))
}

// testDeadlock: who is chosen can do nothing but roll back.
func testDeadlock(t *testing.T, s *site) {
	sessions := []*tenant.Session{session(t, s.tenant), session(t, s.tenant)}
	for i, e := range sessions {
		works(t, e, "BEGIN", "UPDATE wrong.t SET name = 'd' WHERE id = "+strconv.Itoa(i+1))
	}
	ended := make([]chan error, 2)
	for i, e := range sessions {
		ended[i] = make(chan error, 1)
		go func() {
			_, err := e.Exec(t.Context(), "UPDATE wrong.t SET name = 'e' WHERE id = "+strconv.Itoa(2-i))
			ended[i] <- err
		}()
	}
	victim := -1
	for i := range ended { // the other goes on: what the victim had locked is free at once
		select {
		case err := <-ended[i]:
			if err != nil {
				require.Equal(t, -1, victim, "%v", err)
				victim = i
				failure{"", 1213, "HY000", tenant.Retry}.is(t, err)
			}
		case <-time.After(time.Minute):
			require.Fail(t, "the deadlock stays")
		}
	}
	require.NotEqual(t, -1, victim)
	v, other := sessions[victim], sessions[1-victim]
	failure{"UPDATE wrong.t SET name = 'f' WHERE id = 1", 1213, "HY000", tenant.Retry}.fails(t, v)
	failure{"COMMIT", 6002, "40000", tenant.Retry}.fails(t, v)
	works(t, v, "ROLLBACK", "BEGIN", "SELECT 1", "COMMIT")
	works(t, other, "COMMIT")
}

// testKilled: a killed query ends alone, a killed session for good.
func testKilled(t *testing.T, s *site) {
	e := session(t, s.tenant)
	for _, c := range []struct{ kill, query string }{{"KILL QUERY ", "DO SLEEP(60)"}, {"KILL ", "DO SLEEP(60)"}} {
		ended := make(chan error, 1)
		go func() {
			_, err := e.Exec(t.Context(), c.query)
			ended <- err
		}()
		until(t, "query runs", func() bool {
			var n int
			err := s.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ? AND command = 'Query'", e.ID).Scan(&n)
			return err == nil && n == 1 || len(ended) > 0
		})
		s.exec(t, c.kill+strconv.FormatUint(e.ID, 10))
		err := <-ended
		require.Equal(t, tenant.Reconnect, tenant.Classify(err), "%s: %v", c.kill, err)
		if c.kill == "KILL QUERY " {
			failure{c.query, 1317, "70100", tenant.Reconnect}.is(t, err)
			works(t, e, "DO 1")
		}
	}
	_, err := e.Exec(t.Context(), "DO 1")
	require.Equal(t, tenant.Reconnect, tenant.Classify(err), "%v", err)
}

// testReadOnly: a transaction may be, and a tenant, for all but an administrator.
func testReadOnly(t *testing.T, s *site) {
	e := session(t, s.tenant)
	works(t, e, "START TRANSACTION READ ONLY")
	failure{"UPDATE wrong.t SET name = 'r' WHERE id = 1", 1792, "25006", tenant.Fatal}.fails(t, e)
	works(t, e, "ROLLBACK")

	clerk := session(t, s.clerk(t, "wrong"))
	s.exec(t, "SET GLOBAL read_only = 1")
	defer func() {
		_, err := s.db.ExecContext(context.Background(), "SET GLOBAL read_only = 0")
		require.NoError(t, err)
	}()
	until(t, "read only", func() bool {
		_, err := clerk.Exec(t.Context(), "UPDATE wrong.t SET name = 'r' WHERE id = 1")
		return tenant.Code(err) == 1290
	})
	failure{"UPDATE wrong.t SET name = 'r' WHERE id = 1", 1290, "HY000", tenant.Reconnect}.fails(t, clerk)
}

// clerk opens the server as a user who may write a database, and ours.
func (s *site) clerk(t *testing.T, database string) *tenant.Tenant {
	t.Helper()
	s.exec(t, "CREATE USER IF NOT EXISTS clerk IDENTIFIED BY 'secret'", "GRANT ALL ON "+database+".* TO clerk", "GRANT ALL ON duplex.* TO clerk")
	c, err := tenant.Open(t.Context(), tenant.Config{Site: "k", Address: s.Addr(), User: "clerk", Password: "secret", Log: logger(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}
