package pair_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/lag"
	servers "duplex/test/tenant"
)

// TestStalledLane keeps a row locked at the target while the source writes it again
// and again, more than the window has room for: the first transaction is in a lane,
// the second waits for it, the last one is still with the link.
func TestStalledLane(t *testing.T) {
	s := newStage(t, servers.MariaDB, "limits: {memory: 64MiB}\n",
		"CREATE TABLE shop.large (id int PRIMARY KEY, v mediumblob NOT NULL) ENGINE=InnoDB",
		"INSERT INTO shop.large VALUES (0, 'a'), (1, 'b')")
	s.barrier(t)
	for from := range s.sides {
		t.Run(string("ab"[from]), func(t *testing.T) { s.stall(t, from) })
	}
}

// writes are of 2.5 MB each: three are in the window, one waits for room there, one is
// with the link. What is not read yet is not measured.
const writes = 5

func (s *stage) stall(t *testing.T, from int) {
	to := 1 - from
	write := func() {
		s.exec(t, from, fmt.Sprintf("UPDATE shop.large SET v = REPEAT(MD5(RAND()), 40000) WHERE id = %d", from))
	}
	tx, err := s.sides[to].Begin()
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }() // if it is not committed
	var id int
	require.NoError(t, tx.QueryRow("SELECT id FROM shop.large WHERE id = ? FOR UPDATE", from).Scan(&id))
	before, earlier := s.totals(from)[lag.Whole], s.pair.Status().Links[from].Lag.Figures(change.Now()).Hops[lag.Whole].Max

	began := time.Now()
	write()
	require.Eventually(t, func() bool {
		return strings.TrimSpace(dump(t, s.sides[to], "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")) != "0"
	}, time.Minute, 200*time.Millisecond) // the server looks anew when it was not asked for 100 ms
	inLane := time.Now()
	for range writes - 1 {
		write()
	}
	committed := time.Now()
	held := time.Duration(0)
	require.Eventually(t, func() bool {
		held = time.Since(committed)
		return held > time.Second/2 && s.pair.Status().Links[from].Queue.Queued > 0
	}, time.Minute, 10*time.Millisecond)
	stuck := time.Since(inLane)
	require.NoError(t, tx.Commit())
	s.barrier(t)
	outside := time.Since(began)

	f := s.pair.Status().Links[from].Lag.Figures(change.Now())
	t.Logf("%+v, held for %v, %+v", f, held, s.pair.Status().Links[from].Apply)
	require.GreaterOrEqual(t, f.Hops[lag.Apply].Max, stuck)
	require.GreaterOrEqual(t, f.Hops[lag.Wait].Max, held)
	require.GreaterOrEqual(t, f.Hops[lag.Queue].Max, held)
	require.Less(t, f.Hops[lag.Decode].P50, held)
	require.GreaterOrEqual(t, f.Hops[lag.Whole].Max, stuck)
	longest := max(earlier, outside)
	require.LessOrEqual(t, f.Hops[lag.Whole].Max, longest+longest/100, "by a clock outside")
	require.Equal(t, lag.Arrival, f.From)

	totals := s.totals(from)
	whole, sum := totals[lag.Whole], time.Duration(0)
	require.GreaterOrEqual(t, whole.Count-before.Count, uint64(writes))
	require.GreaterOrEqual(t, whole.Sum-before.Sum, writes*held)
	for _, h := range []lag.Hop{lag.Decode, lag.Queue, lag.Wait, lag.Apply} {
		sum += totals[h].Sum
		require.Equal(t, whole.Count, totals[h].Count, h)
	}
	require.Equal(t, whole.Sum, sum)
	require.NotZero(t, totals[lag.Log].Count, "the heartbeats")
	require.Less(t, totals[lag.Log].Count, whole.Count)
}

func (s *stage) totals(from int) map[lag.Hop]lag.Total {
	out := map[lag.Hop]lag.Total{}
	for h, total := range s.pair.Status().Links[from].Lag.Totals().Hops {
		out[lag.Hop(h)] = total
	}
	return out
}

// measured requires that both links have measured, from where their logs can tell,
// and that the figures are in the tenants.
func (s *stage) measured(t *testing.T, kind servers.Kind) {
	t.Helper()
	want := lag.Arrival
	if kind == servers.OceanBase {
		want = lag.Commit
	}
	for from := range s.sides {
		require.Eventually(t, func() bool {
			return dump(t, s.sides[1-from], "SELECT COUNT(*) FROM duplex.lag WHERE transactions > 0 AND counts_from = '"+string(want)+"'") == "6\n"
		}, time.Minute, 10*time.Millisecond)
		require.Equal(t, want, s.pair.Status().Links[from].Lag.Totals().From)
	}
}
