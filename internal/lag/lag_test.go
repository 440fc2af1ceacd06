package lag_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duplex/internal/change"
	"duplex/internal/lag"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ms = time.Millisecond

// trip gives a transaction that spends 10, 20, 30, 40 and 50 ms at the hops, by a
// source whose clock is ahead by so much, and is in the target at a moment.
func trip(done change.Moment, ahead time.Duration, coarse bool) *lag.Trip {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	before := func(d time.Duration) change.Moment { return done - change.Moment(d) }
	return &lag.Trip{
		Txn: &change.Txn{Committed: at.Add(ahead - 150*ms), Coarse: coarse, Read: before(140 * ms), Queued: before(120 * ms)},
		At:  at, Done: done, Fetched: before(90 * ms), Taken: before(50 * ms),
	}
}

func TestHops(t *testing.T) {
	const start = change.Moment(time.Hour)
	m := lag.NewMeter()
	m.Clock(7 * time.Second)
	require.Equal(t, lag.Figures{}, m.Figures(start))
	m.Add(trip(start, 7*time.Second, false))
	f := m.Figures(start)
	require.Equal(t, lag.Commit, f.From)
	for i, h := range lag.Hops() {
		want := time.Duration(i+1) * 10 * ms
		if h == lag.Whole {
			want = 150 * ms
		}
		require.EqualValues(t, 1, f.Hops[h].Count, h)
		require.InEpsilon(t, want, f.Hops[h].Max, 0.01, h)
		require.InEpsilon(t, want, f.Hops[h].P50, 0.01, h)
		require.Equal(t, want, m.Totals().Hops[h].Sum, h)
	}
}

// TestWholeSeconds has a log that does not tell when a transaction was committed:
// its heartbeats do.
func TestWholeSeconds(t *testing.T) {
	const start = change.Moment(time.Hour)
	m := lag.NewMeter()
	m.Add(trip(start, 0, true))
	f := m.Figures(start)
	require.Equal(t, lag.Arrival, f.From)
	require.Zero(t, f.Hops[lag.Log])
	require.InEpsilon(t, 140*ms, f.Hops[lag.Whole].P99, 0.01)
	_, ok := m.Age(time.Now())
	require.False(t, ok)

	beat := trip(start, 0, true)
	at := beat.At.Add(-300 * ms)
	beat.Txn.Beat = &change.Beat{At: change.PackDatetime(at.Year(), int(at.Month()), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond()/1000)}
	m.Add(beat)
	f = m.Figures(start)
	require.EqualValues(t, 1, f.Hops[lag.Log].Count)
	require.InEpsilon(t, 160*ms, f.Hops[lag.Log].Max, 0.01)
	require.InEpsilon(t, 140*ms, f.Hops[lag.Whole].Max, 0.01, "no more than that of the others")
	age, ok := m.Age(at.Add(time.Second))
	require.True(t, ok)
	require.Equal(t, time.Second, age)
}

// TestClocks has a source whose clock is not as far ahead as was measured, and
// stamps that nobody has made.
func TestClocks(t *testing.T) {
	const start = change.Moment(time.Hour)
	m := lag.NewMeter()
	m.Add(trip(start, time.Minute, false))
	require.Zero(t, m.Totals().Hops[lag.Log].Sum)
	require.Equal(t, 140*ms, m.Totals().Hops[lag.Whole].Sum)

	m = lag.NewMeter()
	straight := trip(start, 0, false)
	straight.Txn.Queued, straight.Fetched = 0, 0
	m.Add(straight)
	require.Zero(t, m.Totals().Hops[lag.Queue].Sum)
	require.Equal(t, 150*ms, m.Totals().Hops[lag.Whole].Sum)

	m = lag.NewMeter()
	unseen := trip(start, 0, false)
	unseen.Txn.Read = 0
	m.Add(unseen)
	require.Zero(t, m.Totals().Hops[lag.Whole])
}

// TestForgets has one slow transaction among fast ones, a minute later only fast
// ones, and after a longer pause none.
func TestForgets(t *testing.T) {
	now := change.Moment(time.Hour)
	m := lag.NewMeter()
	slow := trip(now, 0, false)
	slow.Txn.Committed = slow.Txn.Committed.Add(-48 * time.Hour)
	m.Add(slow)
	for range 999 {
		now += change.Moment(ms)
		m.Add(trip(now, 0, false))
	}
	f := m.Figures(now).Hops[lag.Whole]
	require.EqualValues(t, 1000, f.Count)
	require.InEpsilon(t, 24*time.Hour, f.Max, 0.01, "no more than that is told apart")
	require.InEpsilon(t, 150*ms, f.P99, 0.01)
	total := m.Totals().Hops[lag.Whole]
	require.Equal(t, 999*150*ms+150*ms+48*time.Hour, total.Sum)
	below := total.Below()
	require.EqualValues(t, 0, below[100*ms])
	require.EqualValues(t, 999, below[250*ms])
	require.EqualValues(t, 999, below[2*time.Hour])

	now += change.Moment(55 * time.Second)
	m.Add(trip(now, 0, false))
	require.EqualValues(t, 1001, m.Figures(now).Hops[lag.Whole].Count)
	now += change.Moment(6 * time.Second)
	f = m.Figures(now).Hops[lag.Whole]
	require.EqualValues(t, 1, f.Count)
	require.InEpsilon(t, 150*ms, f.Max, 0.01)
	now += change.Moment(time.Hour)
	require.Zero(t, m.Figures(now).Hops)
	require.EqualValues(t, 1001, m.Totals().Hops[lag.Whole].Count)
}

func TestNothingIsAllocated(t *testing.T) {
	m, now := lag.NewMeter(), change.Moment(time.Hour)
	one := trip(now, 0, false)
	require.Zero(t, testing.AllocsPerRun(100, func() { m.Add(one) }))
}

func BenchmarkAdd(b *testing.B) {
	m, one := lag.NewMeter(), trip(change.Moment(time.Hour), 0, false)
	b.ReportAllocs()
	for b.Loop() {
		m.Add(one)
	}
}

func BenchmarkFigures(b *testing.B) {
	m, one := lag.NewMeter(), trip(change.Moment(time.Hour), 0, false)
	m.Add(one)
	for b.Loop() {
		m.Figures(one.Done)
	}
}
