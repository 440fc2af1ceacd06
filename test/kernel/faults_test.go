package kernel_test

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/apply"
	"duplex/internal/change"
	"duplex/internal/tenant"
	"duplex/test/fault"
)

// testFaults does to an applier on the kernel what a kernel does to a session:
// each transaction of the source is in the target once afterwards.
func testFaults(t *testing.T, s *site) {
	makeStock(t, s)
	s.exec(t,
		"CREATE TABLE shop.written (no bigint PRIMARY KEY AUTO_INCREMENT, id int, n int)", "CREATE TABLE shop.armed (n int)",
		"USE shop; CREATE TRIGGER shop.inserted AFTER INSERT ON shop.stock FOR EACH ROW INSERT INTO shop.written (id, n) VALUES (NEW.id, NEW.n)",
		"USE shop; CREATE TRIGGER shop.updated AFTER UPDATE ON shop.stock FOR EACH ROW INSERT INTO shop.written (id, n) VALUES (NEW.id, NEW.n)")
	for _, c := range []struct {
		name string
		test func(t *testing.T, s *site)
	}{
		{"lock wait", faultLockWait},
		{"deadlock", faultDeadlock},
		{"statement time-out", faultStatementTime},
		{"transaction time-out", faultTransactionTime},
		{"kill", faultKill},
		{"answer lost", faultAnswerLost},
		{"commit lost", faultCommitLost},
		{"read only", faultReadOnly},
		{"no memory", faultMemory},
		{"any code", faultAnyCode},
		{"too large", faultTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.exec(t, "DELETE FROM shop.stock", "DELETE FROM shop.written", "DELETE FROM duplex.conflict")
			c.test(t, s)
			// A transaction that came a second time would find its row different, and say so.
			require.Empty(t, s.rows(t, "SELECT id, n, COUNT(*) FROM shop.written GROUP BY id, n HAVING COUNT(*) > 1"), "written twice")
			require.Empty(t, s.rows(t, "SELECT * FROM duplex.conflict"))
		})
	}
}

// opened is how a worker opens the site: as root, straight, or as c says.
func (s *site) opened(t *testing.T, c tenant.Config) func(ctx context.Context) (*tenant.Tenant, error) {
	if c.Address == "" {
		c.Address = s.Addr()
	}
	if c.User == "" {
		c.User, c.Password = s.User(), s.Password()
	}
	c.Site, c.Log = "k", logger(t)
	return func(ctx context.Context) (*tenant.Tenant, error) { return tenant.Open(ctx, c) }
}

// steps adds n updates of row 1 from its state at, one a transaction.
func (w *worker) steps(at, n int) (last uint64) {
	for i := range n {
		last = w.add(updated(item(1, 1, "a", at+i), item(1, 1, "a", at+i+1)))
	}
	return last
}

// counted proves that row 1 holds n, and was written n times since it was made.
func counted(t *testing.T, s *site, n int) {
	t.Helper()
	require.Equal(t, []string{"1|1|a|" + strconv.Itoa(n)}, s.rows(t, allStock+" LIMIT 1"))
	require.Equal(t, []string{strconv.Itoa(n)}, s.rows(t, "SELECT MAX(n) FROM shop.written WHERE id = 1"))
}

// seenAtLeast is how often in turn a statement is seen that waits for something.
const seenAtLeast = 20

// waiting waits until n statements wait for something, and gives the number of
// the connection of one. The kernel does not always tell the text.
func waiting(t *testing.T, s *site, n int) (id uint64) {
	t.Helper()
	seen := map[uint64]int{}
	until(t, "statements that wait", func() bool {
		rows, err := s.db.QueryContext(t.Context(), "SELECT id FROM information_schema.processlist WHERE command = 'Query' AND id <> connection_id()")
		if err != nil {
			return false
		}
		defer func() { _ = rows.Close() }()
		now := map[uint64]int{}
		for rows.Next() {
			var one uint64
			if rows.Scan(&one) == nil {
				now[one] = seen[one] + 1
			}
		}
		if rows.Err() != nil {
			return false
		}
		seen = now
		waits := 0
		for one, times := range seen {
			if times >= seenAtLeast {
				waits++
				id = one
			}
		}
		return waits >= n
	})
	return id
}

func faultLockWait(t *testing.T, s *site) {
	w := work(t, "wait>k", s.opened(t, tenant.Config{}))
	w.wait(t, w.add(inserted(item(1, 1, "a", 0))))
	user := begin(t, s)
	user(t, "UPDATE shop.stock SET code = code WHERE id = 1")
	last := w.steps(0, 3)
	until(t, "tried again", func() bool { return w.status().Retries > 0 })
	user(t, "ROLLBACK")
	w.wait(t, last)
	s.exec(t, "DELETE FROM shop.written WHERE n = 0")
	counted(t, s, 3)
	require.Empty(t, w.ends, "one run did it")
}

// faultDeadlock makes the applier the victim: the kernel chooses who closes the
// circle. A statement that waits for a row holds none of its own: it is undone
// and begins anew. So the applier closes it with its inserts, row 1 in hand.
func faultDeadlock(t *testing.T, s *site) {
	w := work(t, "dead>k", s.opened(t, tenant.Config{}))
	w.wait(t, w.add(inserted(item(1, 1, "a", 0))))
	n := 0
	for w.status().Retries == 0 {
		require.Less(t, n, 20, "the applier is never chosen")
		low, high := 100+10*n, 101+10*n
		first, user := begin(t, s), begin(t, s)
		first(t, fmt.Sprintf("INSERT INTO shop.stock VALUES (98, %d, 'first', 0)", low))
		user(t, fmt.Sprintf("INSERT INTO shop.stock VALUES (99, %d, 'user', 0)", high))
		last := w.add(updated(item(1, 1, "a", n), item(1, 1, "a", n+1)), inserted(item(low, low, "b", 0)), inserted(item(high, high, "c", 0)))
		waiting(t, s, 1)
		done := make(chan bool)
		go func() { done <- user(t, "SELECT id FROM shop.stock WHERE id = 1 FOR UPDATE") }()
		waiting(t, s, 2)
		first(t, "ROLLBACK") // the applier goes on to the second insert
		<-done
		user(t, "ROLLBACK")
		w.wait(t, last)
		n++
	}
	t.Logf("the applier was the victim of deadlock %d", n)
	counted(t, s, n)
	require.Empty(t, w.ends, "one run did it")
}

func faultStatementTime(t *testing.T, s *site) {
	s.arm(t, "SET @slept = SLEEP(30)")
	w := work(t, "statement>k", s.opened(t, tenant.Config{QueryTime: time.Second}))
	w.wait(t, w.add(inserted(item(1, 1, "a", 0))))
	s.exec(t, "INSERT INTO shop.armed VALUES (1)")
	last := w.steps(0, 3)
	until(t, "time is up", func() bool { return w.ended(tenant.Unknown) })
	s.exec(t, "DELETE FROM shop.armed")
	w.wait(t, last)
	counted(t, s, 3)
	require.Equal(t, uint16(4012), tenant.Code(w.ends[0]))
}

// arm makes every update of the table do something, as long as shop.armed has a
// row.
func (s *site) arm(t *testing.T, statement string) {
	t.Helper()
	s.exec(t, "DROP TRIGGER IF EXISTS shop.refuse",
		"USE shop; CREATE TRIGGER shop.refuse BEFORE UPDATE ON shop.stock FOR EACH ROW BEGIN IF EXISTS (SELECT 1 FROM shop.armed) THEN "+statement+"; END IF; END")
}

func faultTransactionTime(t *testing.T, s *site) {
	w := work(t, "transaction>k", s.opened(t, tenant.Config{TrxTime: 2 * time.Second}))
	w.wait(t, w.add(inserted(item(1, 1, "a", 0))))
	user := begin(t, s)
	user(t, "UPDATE shop.stock SET code = code WHERE id = 1")
	last := w.steps(0, 3)
	until(t, "time is up", func() bool { return w.ended(tenant.Unknown) || w.status().Retries > 0 })
	user(t, "ROLLBACK")
	w.wait(t, last)
	counted(t, s, 3)
}

func faultKill(t *testing.T, s *site) {
	w := work(t, "kill>k", s.opened(t, tenant.Config{}))
	w.wait(t, w.add(inserted(item(1, 1, "a", 0))))
	n := 0
	for _, how := range []string{"KILL QUERY ", "KILL "} {
		user := begin(t, s)
		user(t, "UPDATE shop.stock SET code = code WHERE id = 1")
		last := w.steps(n, 3)
		n += 3
		ends := w.count()
		s.exec(t, how+strconv.FormatUint(waiting(t, s, 1), 10))
		until(t, "a run ended", func() bool { return w.count() > ends })
		user(t, "ROLLBACK")
		w.wait(t, last)
		require.True(t, w.ended(tenant.Reconnect))
	}
	counted(t, s, n)
}

func (w *worker) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ends)
}

// commit holds the applier's last packet, with its COMMIT at the end, at the
// server: a user has the value that a row of it needs.
func commit(t *testing.T, s *site, w *worker) (seq uint64, release func()) {
	t.Helper()
	w.wait(t, w.add(inserted(item(1, 1, "a", 0))))
	w.wait(t, w.steps(0, 5))
	user := begin(t, s)
	user(t, "INSERT INTO shop.stock VALUES (99, 50, 'user', 0)")
	seq = w.add(updated(item(1, 1, "a", 5), item(1, 1, "a", 6)), inserted(item(5, 50, "b", 0)))
	waiting(t, s, 1)
	return seq, func() { user(t, "ROLLBACK") }
}

// faultAnswerLost cuts the connection after the server has committed and before
// the applier knows.
func faultAnswerLost(t *testing.T, s *site) {
	wire := fault.NewWire(t, s.Server)
	w := work(t, "answer>k", s.opened(t, tenant.Config{Address: wire.Listen}))
	seq, release := commit(t, s, w)
	_, err := wire.Toxics.AddToxicJson(strings.NewReader(`{"name": "silence", "type": "timeout", "stream": "downstream", "attributes": {"timeout": 0}}`))
	require.NoError(t, err)
	release()
	until(t, "committed", func() bool { return len(s.rows(t, "SELECT id FROM shop.stock WHERE id = 5")) == 1 })
	require.LessOrEqual(t, w.status().Low, seq, "the applier does not know")
	wire.Cut()
	until(t, "cut", func() bool { return w.ended(tenant.Reconnect) })
	require.NoError(t, wire.Toxics.RemoveToxic(t.Context(), "silence"))
	wire.Mend(t)
	w.wait(t, w.add(updated(item(1, 1, "a", 6), item(1, 1, "a", 7))))
	counted(t, s, 7)
	require.Equal(t, []string{"5|50|b|0"}, s.rows(t, "SELECT * FROM shop.stock WHERE id = 5"))
	require.EqualValues(t, 1, w.status().Passed+w.status().Transactions, "only what followed was left to do")
}

// faultCommitLost cuts the connection while the server has the packet with the
// COMMIT and works at it. What becomes of it is the server's to say: the next run
// waits for that.
func faultCommitLost(t *testing.T, s *site) {
	wire := fault.NewWire(t, s.Server)
	w := work(t, "commit>k", s.opened(t, tenant.Config{Address: wire.Listen}))
	_, release := commit(t, s, w)
	wire.Cut()
	until(t, "cut", func() bool { return w.ended(tenant.Reconnect) })
	wire.Mend(t)
	release()
	w.wait(t, w.add(updated(item(1, 1, "a", 6), item(1, 1, "a", 7))))
	counted(t, s, 7)
	require.Equal(t, []string{"5|50|b|0"}, s.rows(t, "SELECT * FROM shop.stock WHERE id = 5"))
}

// faultReadOnly: a tenant that takes no writes is waited for.
func faultReadOnly(t *testing.T, s *site) {
	s.clerk(t, "shop")
	w := work(t, "read>k", s.opened(t, tenant.Config{User: "clerk", Password: "secret"}))
	w.wait(t, w.add(inserted(item(1, 1, "a", 0))))
	s.exec(t, "SET GLOBAL read_only = 1")
	defer s.exec(t, "SET GLOBAL read_only = 0")
	last := w.steps(0, 3)
	until(t, "refused", func() bool { return w.ended(tenant.Reconnect) || w.status().Low > last })
	s.exec(t, "SET GLOBAL read_only = 0")
	w.wait(t, last)
	counted(t, s, 3)
}

// faultMemory takes the tenant's memory away: the kernel refuses writes, the
// applier slows down and says so, and goes on when there is memory again.
func faultMemory(t *testing.T, s *site) {
	w := work(t, "memory>k", s.opened(t, tenant.Config{}))
	w.wait(t, w.add(inserted(item(1, 1, "a", 0))))
	require.Zero(t, w.status().Pause)
	s.exec(t, "ALTER SYSTEM SET memstore_limit_percentage = 1")
	defer s.exec(t, "ALTER SYSTEM SET memstore_limit_percentage = 0")
	until(t, "seen", func() bool { return w.status().Memory == 1 && w.status().Pause > 0 })
	rows := make([]change.Row, 200)
	for i := range rows {
		rows[i] = inserted(item(100+i, 100+i, strings.Repeat("x", 100), 0))
	}
	w.add(rows...)
	last := w.steps(0, 3)
	until(t, "refused", func() bool { return w.status().Retries > 0 })
	s.exec(t, "ALTER SYSTEM SET memstore_limit_percentage = 0")
	w.wait(t, last)
	until(t, "at full speed again", func() bool { return w.status().Pause == 0 })
	counted(t, s, 3)
	require.Empty(t, w.ends, "one run did it")
}

// faultAnyCode makes the kernel answer with errors that cannot be had for the
// asking, and does what each asks for.
func faultAnyCode(t *testing.T, s *site) {
	w := work(t, "code>k", s.opened(t, tenant.Config{}))
	w.wait(t, w.add(inserted(item(1, 1, "a", 0))))
	n := 0
	for _, c := range []struct {
		code  int
		state string
		class tenant.Class
	}{
		{4012, "25000", tenant.Unknown}, {6002, "HY000", tenant.Unknown}, {6002, "25000", tenant.Retry}, {4013, "HY001", tenant.Busy},
		{4138, "HY000", tenant.Snapshot}, {4038, "HY000", tenant.Reconnect},
	} {
		s.arm(t, fmt.Sprintf("SIGNAL SQLSTATE '%s' SET MYSQL_ERRNO = %d, MESSAGE_TEXT = 'no'", c.state, c.code))
		s.exec(t, "INSERT INTO shop.armed VALUES (1)")
		retries, ends := w.status().Retries, w.count()
		last := w.steps(n, 2)
		n += 2
		until(t, "refused", func() bool {
			return map[bool]bool{true: w.status().Retries > retries, false: w.count() > ends && w.ended(c.class)}[c.class.Undone()]
		})
		s.exec(t, "DELETE FROM shop.armed")
		w.wait(t, last)
	}
	counted(t, s, n)
}

// faultTooLarge: rows that do not go into one packet go into several; one that
// goes into none is named before it is sent.
func faultTooLarge(t *testing.T, s *site) {
	s.exec(t, "DROP TABLE shop.stock", "CREATE TABLE shop.stock (id int PRIMARY KEY, code int NULL UNIQUE, name longtext, n int)")
	w := work(t, "large>k", s.opened(t, tenant.Config{}))
	at, err := s.opened(t, tenant.Config{})(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, at.Close()) }()
	large := func(id int, share float64) change.Row {
		return inserted(item(id, id, string(bytes.Repeat([]byte("x"), int(share*float64(at.Packet)))), id))
	}
	w.wait(t, w.add(inserted(item(1, 1, "small", 1)), large(2, 0.6), large(3, 0.6), inserted(item(4, 4, "small", 4)), large(5, 0.98)))
	require.Equal(t, []string{"5"}, s.rows(t, "SELECT COUNT(*) FROM shop.stock"))
	w.add(inserted(item(6, 6, "small", 6)), large(7, 1))
	err = w.failed(t)
	require.ErrorIs(t, err, apply.ErrTooLarge)
	require.ErrorContains(t, err, "shop.stock (id=7) of transaction txn-1 takes")
	require.Equal(t, tenant.Fatal, tenant.Classify(err))
	require.Equal(t, []string{"5"}, s.rows(t, "SELECT COUNT(*) FROM shop.stock"), "nothing of its transaction is there")
}
