package conflict_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// nothing is parked.
type nothing struct{}

func (nothing) Has(conflict.Key) bool      { return false }
func (nothing) Claims(conflict.Claim) bool { return false }
func (nothing) Of(string) []conflict.Key   { return nil }

// A log feeds an observer.
type log struct {
	t    *testing.T
	o    *conflict.Observer
	peer uint64 // seq of the next transaction of the peer
}

func newLog(t *testing.T) *log {
	o := conflict.NewObserver(conflict.ObserverConfig{Rank: 0, Peer: 1, Rules: newestRule}, conflict.Point{})
	o.Unique(func(conflict.Key, []change.Value) []conflict.Claim { return nil }, nothing{})
	o.CaughtUp()
	return &log{t: t, o: o}
}

func (l *log) wrote(key conflict.Key, at int64) {
	s := l.o.Stamp(at)
	l.o.Wrote(&s, at, key, row(1, 1), row(2, at))
	l.o.Behind(&s, "")
}

// applied is a transaction of the peer that has seen all local ones below seen.
func (l *log) applied(key conflict.Key, at int64, seen uint64, parked ...conflict.Key) {
	l.t.Helper()
	s := change.Stamp{Seq: l.peer, Version: at, Seen: change.Seqs{Low: seen}}
	l.peer++
	require.NoError(l.t, l.o.Applied(&conflict.Applied{
		Version: at, Carried: []change.Stamp{s}, Parked: parked,
		Rows: []conflict.Row{{Key: key, Before: row(1, 1), After: row(3, at)}},
	}))
}

// TestRecent: the last write of a key is known, whoever wrote it, until what
// came before it is settled.
func TestRecent(t *testing.T) {
	l := newLog(t)
	a, b := conflict.Key{Table: "u", ID: "a"}, conflict.Key{Table: "plain", ID: "b"}
	l.o.UniqueTables(func(table string) bool { return table == "u" })
	recent := func(key conflict.Key, want ...conflict.Order) {
		t.Helper()
		order, known := l.o.Recent(key)
		require.Equal(t, len(want) > 0, known)
		if known {
			require.Equal(t, want[0], order)
		}
	}
	recent(a)
	require.False(t, l.o.Replaced(a))
	l.wrote(a, 10)
	recent(a, conflict.Order{Version: 10, Rank: 0})
	require.True(t, l.o.Replaced(a))
	l.applied(a, 20, 1, a) // it has seen the local write, which is settled
	recent(a)
	require.False(t, l.o.Replaced(a))

	l.wrote(b, 30)
	l.applied(a, 40, 1, a)
	recent(a, conflict.Order{Version: 40, Rank: 1})
	require.False(t, l.o.Replaced(a), "its row was parked later")
	l.wrote(a, 50)
	recent(a, conflict.Order{Version: 50, Rank: 0})
	require.True(t, l.o.Replaced(a))
	l.applied(a, 60, 1)
	recent(a, conflict.Order{Version: 60, Rank: 1})
	require.True(t, l.o.Replaced(a), "nothing was parked since")
	l.applied(b, 70, 1)
	recent(b, conflict.Order{Version: 30, Rank: 0}) // a table without unique keys: what comes in is not kept
	for l.o.Task() != nil {
		l.o.Done(l.o.Task())
	}
	l.applied(b, 80, 3)
	recent(a)
	recent(b)
	require.Zero(t, l.o.Index().Len())
}

// TestRecentStaysSmall: what is settled is forgotten, though not each time.
func TestRecentStaysSmall(t *testing.T) {
	l := newLog(t)
	before := heap()
	for i := range int64(100_000) {
		key := conflict.Key{Table: "u", ID: fmt.Sprint(i)}
		l.wrote(conflict.Key{Table: "u", ID: "local"}, i)
		l.applied(key, i, uint64(max(0, i-100)))
		order, known := l.o.Recent(key)
		require.True(t, known)
		require.Equal(t, conflict.Order{Version: i, Rank: 1}, order)
	}
	require.Less(t, heap(), before+2<<20)
}
