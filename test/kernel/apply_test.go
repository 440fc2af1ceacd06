package kernel_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/apply"
	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/tenant"
)

// origin is the origin id of the link that the tests write with.
const origin = 2147473649

// A flow is one applier at work on a script.
type flow struct {
	*apply.Applier
	script *script
	stop   context.CancelFunc
	done   chan error
}

func newApplier(t *testing.T, to *tenant.Tenant, link string) *apply.Applier {
	t.Helper()
	a, err := apply.New(t.Context(), apply.Config{
		Target: to, Project: "p", Link: link, Origin: origin, Log: logger(t),
		Place: func(d, n string) (string, string) { return d, n },
	}, "at 0")
	require.NoError(t, err)
	return a
}

func startFlow(t *testing.T, to *tenant.Tenant, link string, from uint64) *flow {
	t.Helper()
	f := &flow{Applier: newApplier(t, to, link), script: newScript(from), done: make(chan error, 1)}
	var ctx context.Context
	ctx, f.stop = context.WithCancel(t.Context())
	go func() { f.done <- f.Run(ctx, f.script) }()
	return f
}

// ended waits for the error that ends the flow.
func (f *flow) ended(t *testing.T) error {
	t.Helper()
	select {
	case err := <-f.done:
		return err
	case <-time.After(time.Minute):
		require.NoError(t, f.end())
		return nil
	}
}

// end stops the flow and gives what it ended with.
func (f *flow) end() error {
	f.stop()
	return <-f.done
}

func (f *flow) wait(t *testing.T, seq uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, f.WaitLow(ctx, seq+1))
}

// stock is the table that the tests write to, as a source's log knows it.
var stock = &change.Table{Database: "shop", Name: "stock", Key: []int{0}, Columns: []change.Column{
	{Name: "id", Kind: change.Int}, {Name: "code", Kind: change.Int}, {Name: "name", Kind: change.Text, Charset: "utf8mb4"}, {Name: "n", Kind: change.Int},
}}

func makeStock(t *testing.T, s *site) {
	s.fresh(t, "shop")
	s.exec(t, "CREATE TABLE shop.stock (id int PRIMARY KEY, code int NULL UNIQUE, name varchar(100), n int)")
}

func item(id, code int, name string, n int) []change.Value {
	return []change.Value{change.OfInt(int64(id)), change.OfInt(int64(code)), change.OfText([]byte(name)), change.OfInt(int64(n))}
}

func inserted(after []change.Value) change.Row {
	return change.Row{Table: stock, Op: change.Insert, After: after}
}

func updated(before, after []change.Value) change.Row {
	return change.Row{Table: stock, Op: change.Update, Before: before, After: after}
}

func deleted(before []change.Value) change.Row {
	return change.Row{Table: stock, Op: change.Delete, Before: before}
}

const allStock = "SELECT id, code, name, n FROM shop.stock ORDER BY id"

// testApply writes every kind of change, among them those that would hold a
// unique value twice if they were written one by one.
func testApply(t *testing.T, s *site) {
	makeStock(t, s)
	f := startFlow(t, s.tenant, "apply>k", 0)
	f.script.add(t, inserted(item(1, 10, "it's \\ \x00 odd", 0)), inserted(item(2, 20, "😀", 0)), inserted(item(3, 30, "", 0)))
	f.script.add(t, updated(item(1, 10, "it's \\ \x00 odd", 0), item(1, 20, "a", 0)), updated(item(2, 20, "😀", 0), item(2, 10, "b", 0))) // swaps a unique value
	f.script.add(t, updated(item(3, 30, "", 0), item(4, 30, "", 0)))                                                                     // changes its key
	f.script.add(t, deleted(item(1, 20, "a", 0)), inserted(item(5, 20, "after", 0)))
	f.wait(t, f.script.add(t, inserted(item(1, 50, "again", 1))))
	require.Equal(t, []string{"1|50|again|1", "2|10|b|0", "4|30||0", "5|20|after|0"}, s.rows(t, allStock))

	rows := make([]change.Row, 3000)
	for i := range rows {
		rows[i] = inserted(item(1000+i, 1000+i, "one of many", i))
	}
	f.script.add(t, rows...)
	for i := range 300 {
		f.script.add(t, updated(item(1000+i, 1000+i, "one of many", i), item(1000+i, 1000+i, "one of many", i+1)))
	}
	f.wait(t, f.script.add(t, updated(item(1000, 1000, "one of many", 1), item(1000, 1000, "one of many", 2))))
	require.Equal(t, []string{"3000|4498801"}, s.rows(t, "SELECT COUNT(*), SUM(n) FROM shop.stock WHERE id >= 1000"))
	require.ErrorIs(t, f.end(), context.Canceled)

	f = startFlow(t, s.tenant, "apply>k", f.script.seq) // nobody else writes the target: the source's row is taken, and logged
	f.script.add(t, updated(item(2, 10, "not b", 0), item(2, 10, "c", 0)), deleted(item(77, 77, "x", 0)))
	f.wait(t, f.script.add(t, inserted(item(4, 31, "x", 0))))
	require.ErrorIs(t, f.end(), context.Canceled)
	require.Equal(t, []string{"1|50|again|1", "2|10|c|0", "4|31|x|0", "5|20|after|0"}, s.rows(t, allStock+" LIMIT 4"))
	require.Equal(t, []string{"id=2|drift|incoming", "id=77|drift|incoming", "id=4|drift|incoming"},
		s.rows(t, "SELECT row_key, kind, winner FROM duplex.conflict WHERE link = 'apply>k' ORDER BY id"))

	f = startFlow(t, s.tenant, "apply>k", f.script.seq)
	f.script.add(t, inserted(item(78, 10, "x", 0)))
	err := f.ended(t)
	require.ErrorIs(t, err, apply.ErrMismatch)
	require.ErrorContains(t, err, "Duplicate entry")
}

// begin opens a user's transaction. A statement of it gives false where it was
// the victim of a deadlock.
func begin(t *testing.T, s *site) func(t *testing.T, query string) bool {
	conn, err := s.db.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = conn.ExecContext(t.Context(), "BEGIN")
	require.NoError(t, err)
	return func(t *testing.T, query string) bool {
		_, err := conn.ExecContext(t.Context(), query)
		if tenant.Code(err) == 1213 {
			return false
		}
		require.NoError(t, err, query)
		return true
	}
}

// testCheckpoint: what is durable is known to the next run, and a run that was
// overtaken may not write.
func testCheckpoint(t *testing.T, s *site) {
	makeStock(t, s)
	store := checkpoint.New(s.tenant, "p", "point>k")
	_, ok, err := store.Load(t.Context())
	require.NoError(t, err)
	require.False(t, ok)

	first := startFlow(t, s.tenant, "point>k", 0)
	for i := range 50 {
		first.script.add(t, inserted(item(i, i, "x", 0)))
	}
	first.wait(t, 49)
	require.ErrorIs(t, first.end(), context.Canceled)
	st, ok, err := store.Load(t.Context())
	require.NoError(t, err)
	require.True(t, ok)
	require.EqualValues(t, 1, st.Epoch)
	require.EqualValues(t, 50, st.Done.Low)

	// The next run meets again what the reader gives it from the position on.
	second := startFlow(t, s.tenant, "point>k", st.From)
	require.Equal(t, st.Position, second.Start())
	for i := int(st.From); i < 60; i++ {
		second.script.add(t, inserted(item(i, i, "x", 0)))
	}
	second.wait(t, 59)
	require.Equal(t, []string{"60"}, s.rows(t, "SELECT COUNT(*) FROM shop.stock"))

	third := newApplier(t, s.tenant, "point>k") // takes the link over
	second.script.add(t, inserted(item(60, 60, "late", 0)))
	require.ErrorIs(t, second.ended(t), checkpoint.ErrFenced)
	require.Equal(t, []string{"60"}, s.rows(t, "SELECT COUNT(*) FROM shop.stock"))
	ctx, cancel := context.WithCancel(t.Context())
	again := newScript(60)
	done := make(chan error, 1)
	go func() { done <- third.Run(ctx, again) }()
	seq := again.add(t, inserted(item(60, 60, "in time", 0)))
	require.NoError(t, third.WaitLow(t.Context(), seq+1))
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Equal(t, []string{"60|60|in time|0"}, s.rows(t, allStock+" LIMIT 60, 1"))

	st, _, err = store.Load(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, st.Epoch)
	require.EqualValues(t, 61, st.Done.Low)

	count, err := checkpoint.Beat(t.Context(), s.tenant)
	require.NoError(t, err)
	pulse, ok, err := checkpoint.ReadPulse(t.Context(), s.tenant, s.tenant.Site)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, count, pulse.Count)
	require.WithinDuration(t, time.Now(), pulse.At, time.Minute)
}

// testMark: a session that applies carries the link's origin id before its
// first transaction begins, in each of them, and no other session does.
func testMark(t *testing.T, s *site) {
	for _, c := range []struct {
		purpose tenant.Purpose
		want    string
	}{{tenant.Apply, "2147473649"}, {tenant.Read, "0"}} {
		session, err := s.tenant.Session(t.Context(), c.purpose, origin)
		require.NoError(t, err)
		for range 2 {
			var seen []string
			note := func(_ int, row []driver.Value) error {
				seen = append(seen, fmt.Sprint(row[0]))
				return nil
			}
			require.NoError(t, session.Each(t.Context(), "SELECT @@ob_org_cluster_id", note))
			require.NoError(t, session.Each(t.Context(), "BEGIN; SELECT @@ob_org_cluster_id", note))
			_, err = session.Exec(t.Context(), "COMMIT")
			require.NoError(t, err)
			require.Equal(t, []string{c.want, c.want}, seen)
		}
		require.NoError(t, session.Close())
	}
}
