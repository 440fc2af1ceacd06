package binlog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
	servers "duplex/test/tenant"
)

// noParked is a site where nothing is parked.
type noParked struct{}

func (noParked) Has(conflict.Key) bool      { return false }
func (noParked) Claims(conflict.Claim) bool { return false }
func (noParked) Of(string) []conflict.Key   { return nil }

// twoWay makes the site's reader remember what is written there. Tables whose
// name begins with u claim the text of their second column.
func (s *site) twoWay(policy conflict.Policy) {
	rule := &conflict.Rule{Policy: policy, Rank: 1, Columns: []int{1}}
	unique := func(table string) bool { return strings.Contains(table, ".`u") }
	s.cfg.Conflicts = &Conflicts{
		Rank: 0, Peer: 1, Rules: func(string) *conflict.Rule { return rule },
		Claims: func(key conflict.Key, row []change.Value) []conflict.Claim {
			if row == nil || !unique(key.Table) || row[1].IsNull() {
				return nil
			}
			return []conflict.Claim{conflict.Claim(key.Table + string(row[1].Bytes))}
		},
		Parked: noParked{}, Unique: unique,
	}
}

// key is that of the row of table whose primary key is the integer id.
func (s *site) key(table string, id int64) conflict.Key {
	return conflict.Key{Table: "`" + s.database + "`.`" + table + "`", ID: change.RowID(make([]change.Column, 1), []int{0}, []change.Value{change.OfInt(id)})}
}

// from is a stamp of the peer's transaction seq, which has seen the site's
// transactions below low.
func from(seq uint64, low uint64) change.Stamp {
	return change.Stamp{Seq: seq, Version: time.Now().Add(-time.Hour).UnixMicro() + int64(seq), Seen: change.Seqs{Low: low}}
}

func notes(n conflict.Notes) []byte { return conflict.AppendNotes(nil, &n) }

// observe reads what is committed, heartbeats too, and runs fn on what is known
// then.
func (s *site) observe(r *Reader, fn func(o *conflict.Observer)) {
	s.t.Helper()
	until(s.t, r, s.beat())
	r.Observe(fn)
}

func signalled(r *Reader) bool {
	select {
	case <-r.Tasks():
		return true
	default:
		return false
	}
}

// TestObservedStamps reads one log with and without a memory of its rows.
func TestObservedStamps(t *testing.T) {
	logKinds(t, func(t *testing.T, s *site) {
		start := s.end()
		writeAnything(s, 4, 80)
		last := s.beat()
		one := s.open(start)
		want := plainOf(t, until(t, one, last))
		s.twoWay(conflict.Newest)
		both := s.open(start)
		both.Observe((*conflict.Observer).CaughtUp)
		require.Equal(t, want, plainOf(t, until(t, both, last)))
		require.Equal(t, one.State().Position, both.State().Position)
		require.Zero(t, one.State().IndexKeys)
		require.Equal(t, one.State().Echo, both.State().Echo)
		again := s.open(want[len(want)/2].Position)
		require.Equal(t, want[len(want)/2+1:], plainOf(t, until(t, again, last)))
	})
}

func TestIndex(t *testing.T) {
	logKinds(t, func(t *testing.T, s *site) {
		s.twoWay(conflict.Newest)
		s.exec("CREATE TABLE t (id int PRIMARY KEY, v text)")
		r := s.open(s.end())
		r.Observe((*conflict.Observer).CaughtUp)
		s.tx("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')", "UPDATE t SET v = 'x' WHERE id = 1", "UPDATE t SET id = 4 WHERE id = 2", "DELETE FROM t WHERE id = 3")
		s.observe(r, func(o *conflict.Observer) {
			require.Equal(t, 4, o.Index().Len())
			one := o.Index().Find(s.key("t", 1))
			require.Equal(t, "x", string(one.After[1].Bytes))
			require.True(t, one.Fresh)
			for _, id := range []int64{2, 3} {
				require.Nil(t, o.Index().Find(s.key("t", id)).After)
			}
			require.Equal(t, "b", string(o.Index().Find(s.key("t", 4)).After[1].Bytes))
			require.Zero(t, o.Settled().Seq)
		})
		state := r.State()
		require.Equal(t, 4, state.IndexKeys)
		require.Positive(t, state.IndexBytes)

		s.tx(mark(testInbound, 0, 1, from(0, 0)), "INSERT INTO t VALUES (9, 'peer')")
		s.observe(r, func(o *conflict.Observer) { require.Equal(t, 4, o.Index().Len()) })
		s.tx(mark(testInbound, 1, 1, from(2, 1))) // there is a gap before it
		s.observe(r, func(o *conflict.Observer) { require.Equal(t, 4, o.Index().Len()) })
		s.tx(mark(testInbound, 0, 1, from(1, 1)))
		var settled conflict.Point
		s.observe(r, func(o *conflict.Observer) {
			require.Zero(t, o.Index().Len())
			settled = o.Settled()
		})
		require.Equal(t, uint64(1), settled.Seq)
		require.False(t, signalled(r))
		require.Equal(t, uint64(1), r.State().Echo)

		s.exec("INSERT INTO t VALUES (7, 'after')")
		rest := plainOf(t, until(t, r, s.beat()))
		all := plainOf(t, until(t, s.open(settled.Position), s.beats))
		require.Equal(t, rest, all[len(all)-len(rest):])
		require.Equal(t, uint64(1), all[0].Stamp.Seq)
	})
}

func TestLateCheck(t *testing.T) {
	logKinds(t, func(t *testing.T, s *site) {
		s.twoWay(conflict.Newest)
		s.exec("CREATE TABLE t (id int PRIMARY KEY, v text)", "INSERT INTO t VALUES (1, 'old'), (2, 'old'), (3, 'old'), (4, 'old')")
		r := s.open(s.end())
		s.exec("UPDATE t SET v = 'mine'")
		s.tx(mark(testInbound, 0, 1, from(0, 0)), "UPDATE t SET v = 'peer' WHERE id = 1",
			"DELETE FROM t WHERE id = 2", "INSERT INTO t VALUES (2, 'peer')", "UPDATE t SET id = 5 WHERE id = 3")
		var tasks []*conflict.Task
		s.observe(r, func(o *conflict.Observer) {
			for x := o.Task(); x != nil; x = o.Task() {
				tasks = append(tasks, x)
				o.Done(x)
			}
		})
		require.True(t, signalled(r))
		require.Zero(t, r.State().Tasks)
		require.Len(t, tasks, 3)
		for i, want := range []struct {
			id    int64
			after string
		}{{1, "peer"}, {2, "peer"}, {3, ""}} {
			x := tasks[i]
			require.Equal(t, s.key("t", want.id), x.Key)
			require.True(t, x.Restore)
			require.False(t, x.In.Fresh)
			require.Equal(t, "mine", string(x.Local.After[1].Bytes))
			if want.after == "" {
				require.Nil(t, x.In.After)
			} else {
				require.Equal(t, want.after, string(x.In.After[1].Bytes))
			}
		}

		// A key that the notes name: no row of it is in the log.
		s.exec("UPDATE t SET v = 'again' WHERE id = 4")
		silent := conflict.Notes{Keys: []conflict.KeyNote{{Hash: s.key("t", 4).Hash(), Silent: true}}}
		s.tx(markNotes(testInbound, 0, 1, notes(silent), from(1, 0)))
		s.observe(r, func(o *conflict.Observer) { require.Equal(t, s.key("t", 4), o.Task().Key) })
		require.True(t, signalled(r))
		require.Equal(t, 1, r.State().Tasks)

		// Its restore is in the log before somebody came to it.
		s.tx(markNotes(testInbound, 0, 1, notes(conflict.Notes{Restored: []conflict.Restored{{Hash: s.key("t", 4).Hash()}}})), "UPDATE t SET v = 'back' WHERE id = 4")
		s.observe(r, func(o *conflict.Observer) { require.Nil(t, o.Task()) })
		require.Zero(t, r.State().Tasks)
	})
}

// TestDoubt has a row of which the index knows nothing.
func TestDoubt(t *testing.T) {
	s := newSite(t, servers.MariaDB)
	s.twoWay(conflict.Newest)
	s.exec("CREATE TABLE t (id int PRIMARY KEY, v text)", "INSERT INTO t VALUES (1, 'old'), (2, 'old')")
	r := s.open(s.end())
	doubt := conflict.Notes{Keys: []conflict.KeyNote{{Hash: s.key("t", 1).Hash(), Doubt: true}}}
	s.tx(markNotes(testInbound, 0, 1, notes(doubt), from(0, 0)), "UPDATE t SET v = 'new'")
	s.observe(r, func(o *conflict.Observer) {
		x := o.Task()
		require.True(t, x.Drift)
		require.Equal(t, s.key("t", 1), x.Key)
		require.Equal(t, "old", string(x.Local.After[1].Bytes))
		require.Equal(t, "new", string(x.In.After[1].Bytes))
		o.Done(x)
		require.Nil(t, o.Task())
	})
}

func (s *site) parked(table string, id int64, values ...change.Value) string {
	key := s.key(table, id)
	row := append([]change.Value{change.OfInt(id)}, values...)
	return fmt.Sprintf("REPLACE INTO duplex.parked VALUES ('%s', '%s', %d, x'%x', x'%x', 1, 1, 0, 'r', 'b', UTC_TIMESTAMP(6))",
		testProject, key.Table, key.Hash(), key.ID, change.AppendImage(nil, row))
}

// TestParked has rows that leave their table and come back: with what stands
// among the parked ones each is one row.
func TestParked(t *testing.T) {
	logKinds(t, func(t *testing.T, s *site) {
		s.twoWay(conflict.Newest)
		s.exec("CREATE TABLE u (id int PRIMARY KEY, v varchar(20) UNIQUE)", "INSERT INTO u VALUES (1, 'a'), (2, 'b'), (3, 'c')")
		r := s.open(s.endOfAll())
		s.exec("UPDATE u SET v = concat(v, v) WHERE id < 3")
		keys := []conflict.KeyNote{{Hash: s.key("u", 1).Hash()}}
		for _, id := range []int64{2, 3, 4} {
			keys = append(keys, conflict.KeyNote{Hash: s.key("u", id).Hash()})
		}
		placed := notes(conflict.Notes{Keys: keys, Placed: true})
		text := func(v string) change.Value { return change.OfText([]byte(v)) }
		s.tx(markNotes(testInbound, 0, 1, placed, from(0, 0)),
			"DELETE FROM u WHERE id = 1", s.parked("u", 1, text("peer")),
			"UPDATE u SET v = 'x' WHERE id = 2", "UPDATE u SET v = 'y' WHERE id = 2",
			"UPDATE u SET v = 'z' WHERE id = 3", s.parked("u", 4, text("w")),
			strings.Replace(s.parked("u", 9, text("q")), testProject, "foreign", 1))
		s.observe(r, func(o *conflict.Observer) {
			first := o.Task()
			require.Equal(t, s.key("u", 1), first.Key)
			require.Equal(t, "aa", string(first.Local.After[1].Bytes))
			require.Equal(t, "peer", string(first.In.After[1].Bytes))
			o.Done(first)
			second := o.Task()
			require.Equal(t, s.key("u", 2), second.Key)
			require.Equal(t, "y", string(second.In.After[1].Bytes))
			o.Done(second)
			require.Nil(t, o.Task())
			for _, id := range []int64{3, 4} { // nothing local is known of them
				order, ok := o.Recent(s.key("u", id))
				require.True(t, ok)
				require.Equal(t, 1, order.Rank)
			}
			_, ok := o.Recent(s.key("u", 9))
			require.False(t, ok)
		})

		// The first row is written here, then comes back from where it was parked.
		s.exec("INSERT INTO u VALUES (1, 'here')")
		s.observe(r, func(o *conflict.Observer) { require.True(t, o.Replaced(s.key("u", 1))) })
		s.tx(markNotes(testInbound, 0, 1, placed, from(1, 2)),
			"DELETE FROM duplex.parked WHERE row_id = x'"+fmt.Sprintf("%x", s.key("u", 1).ID)+"'", "UPDATE u SET v = 'late' WHERE id = 1")
		s.observe(r, func(o *conflict.Observer) {
			require.False(t, o.Replaced(s.key("u", 1)))
			x := o.Task()
			require.Equal(t, s.key("u", 1), x.Key)
			require.Equal(t, "late", string(x.In.After[1].Bytes))
			require.False(t, x.In.Fresh)
		})
		s.tx(s.parked("u", 5, text("local"))) // not in an applied transaction
		s.exec("DELETE FROM duplex.parked")
		require.Empty(t, until(t, r, s.beat()))
	})
}

func TestStopPolicy(t *testing.T) {
	s := newSite(t, servers.MariaDB)
	s.twoWay(conflict.Stop)
	s.exec("CREATE TABLE t (id int PRIMARY KEY, v text)")
	r := s.open(s.end())
	s.exec("INSERT INTO t VALUES (1, 'mine')")
	next(t, r)
	s.tx(mark(testInbound, 0, 1, from(0, 0)), "UPDATE t SET v = 'peer'")
	_, err := r.Next(t.Context())
	require.ErrorIs(t, err, conflict.ErrStop)
	require.ErrorContains(t, err, "`"+s.database+"`.`t`")
	require.Regexp(t, `site a: change log at .+:\d+: applied transaction \d+-\d+-\d+: `, err.Error())
}

func TestUnknownNotes(t *testing.T) {
	logKinds(t, func(t *testing.T, s *site) {
		r := s.open(s.end())
		s.tx(markNotes(testInbound, 0, 1, []byte{77}, from(0, 0)))
		_, err := r.Next(t.Context())
		require.ErrorContains(t, err, "notes of a mark are malformed: unknown format")
		require.Regexp(t, `site a: change log at .+:\d+: duplex.checkpoint: `, err.Error())
	})
}

// TestLargeObserved has transactions beyond the budget, a local one and an
// applied one.
func TestLargeObserved(t *testing.T) {
	s := newSite(t, servers.MariaDB)
	s.twoWay(conflict.Newest)
	s.cfg.Budget = 64 << 10
	s.exec("CREATE TABLE t (id int PRIMARY KEY, v longtext)")
	r := s.open(s.end())
	var rows []string
	for i := range 40 {
		rows = append(rows, fmt.Sprintf("INSERT INTO t VALUES (%d, repeat('%c', 100000))", i, 'a'+i%26))
	}
	s.tx(rows...)
	got := next(t, r)
	require.True(t, got.Rows.Spooled())
	r.Observe(func(o *conflict.Observer) {
		require.Equal(t, 40, o.Index().Len())
		for i := range 40 {
			image := o.Index().Find(s.key("t", int64(i))).After
			require.Equal(t, strings.Repeat(string(rune('a'+i%26)), 100000), string(image[1].Bytes))
		}
	})
	s.tx("UPDATE t SET v = concat('peer', v) WHERE id < 39", mark(testInbound, 0, 1, from(0, 0)), "UPDATE t SET v = 'end' WHERE id = 39")
	s.observe(r, func(o *conflict.Observer) { require.Equal(t, 40, o.Pending()) })
	require.Equal(t, 40, r.State().Tasks)
}

func TestEarlier(t *testing.T) {
	low, high := change.Position("1|file|b.1:4|0|7|9|0|"), change.Position("1|file|b.1:99|0|12|9|0|")
	for _, c := range [][3]change.Position{{low, high, low}, {high, low, low}, {"", high, high}, {low, "", low}, {"", "", ""}} {
		got, err := Earlier(c[0], c[1])
		require.NoError(t, err)
		require.Equal(t, c[2], got)
	}
	_, err := Earlier(low, "x")
	require.ErrorContains(t, err, `position "x"`)
}

func TestConflictsCheck(t *testing.T) {
	rules := func(string) *conflict.Rule { return nil }
	require.NoError(t, (*Conflicts)(nil).check())
	require.NoError(t, (&Conflicts{Rules: rules}).check())
	require.ErrorContains(t, (&Conflicts{}).check(), "Rules is missing")
	require.ErrorContains(t, (&Conflicts{Rules: rules, Parked: noParked{}}).check(), "go together")
}

// TestEmptied: the peer has emptied a table, in a transaction whose mark is said
// anew at its end. What was inserted when its rows had been looked up has lost too;
// what came after the mark stays.
func TestEmptied(t *testing.T) {
	s := newSite(t, servers.MariaDB)
	s.twoWay(conflict.Newest)
	s.exec("CREATE TABLE t (id int PRIMARY KEY, v text)")
	r := s.open(s.end())
	s.exec("INSERT INTO t VALUES (1, 'there')", "INSERT INTO t VALUES (2, 'meanwhile')")
	by := change.Stamp{Version: 1 << 60}
	emptied := notes(conflict.Notes{Emptied: []string{s.key("t", 1).Table}})
	s.tx(mark(testInbound, 0, 1, by), "DELETE FROM t WHERE id = 1", markNotes(testInbound, 0, 2, emptied, by))
	s.exec("INSERT INTO t VALUES (3, 'after')")
	s.observe(r, func(o *conflict.Observer) {
		all := o.Take(9)
		require.Len(t, all, 2)
		for i, x := range all {
			require.Equal(t, s.key("t", int64(i+1)), x.Key)
			require.False(t, x.Restore)
			p := x.Plan(x.Local.After, false)
			require.True(t, p.Write, "as long as it is there")
			require.Nil(t, p.After)
		}
	})
}
