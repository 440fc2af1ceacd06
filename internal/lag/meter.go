package lag

import (
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"duplex/internal/change"
)

// The figures are of the last minute, in periods that are forgotten one by one, and
// right to a hundredth between a microsecond and a day.
const (
	periods   = 6
	period    = 10 * time.Second
	longest   = 24 * time.Hour
	precision = 2 // digits
)

// bounds are those of the totals.
var bounds = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
}

// Totals are all that was measured since the meter was made.
type Totals struct {
	Hops   [hops]Total
	Groups Total // target transactions, from the moment that a lane took what goes together
	From   From
}

// A Total is what was measured of one thing.
type Total struct {
	Count uint64
	Sum   time.Duration
	below [len(bounds)]uint64 // by the lowest bound that is not exceeded
}

// Below gives, for each of some bounds, how many took no longer.
func (t *Total) Below() map[time.Duration]uint64 {
	out, n := map[time.Duration]uint64{}, uint64(0)
	for i, b := range bounds {
		n += t.below[i]
		out[b] = n
	}
	return out
}

func (t *Total) add(took time.Duration) {
	t.Count++
	t.Sum += took
	if i, _ := slices.BinarySearch(bounds[:], took); i < len(bounds) {
		t.below[i]++
	}
}

// A Figure is what was measured of a hop in the last minute.
type Figure struct {
	Count         uint64
	P50, P99, Max time.Duration
}

// Figures are those of all hops.
type Figures struct {
	Hops [hops]Figure
	From From // what Whole counts from; empty: nothing was measured yet
}

// A Meter measures one link, through all its attempts. It may be used by many
// goroutines.
type Meter struct {
	mu     sync.Mutex
	recent [hops]*hdrhistogram.WindowedHistogram
	total  Totals
	turn   change.Moment // when the period ends; 0: none has begun
	offset time.Duration // by how much the source's clock is ahead of ours
	beat   time.Time     // the newest heartbeat that is in the target, by the source's clock
}

// NewMeter makes a Meter.
func NewMeter() *Meter {
	m := &Meter{}
	for h := range m.recent {
		m.recent[h] = hdrhistogram.NewWindowed(periods, 1, longest.Microseconds(), precision)
	}
	return m
}

// Clock says by how much the source's clock is ahead of ours.
func (m *Meter) Clock(offset time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offset = offset
}

// Add counts a transaction that is in the target. One whose arrival nobody has
// noted is not counted.
func (m *Meter) Add(t *Trip) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b := t.Txn.Beat; b != nil {
		if at := b.Time(); at.After(m.beat) {
			m.beat = at
		}
	}
	if t.Txn.Read == 0 {
		return
	}
	m.rotate(t.Done)
	var took [hops]time.Duration
	took, m.total.From = t.took(m.offset)
	for h, d := range took {
		if d < 0 {
			continue
		}
		m.total.Hops[h].add(d)
		_ = m.recent[h].Current.RecordValue(min(d, longest).Microseconds()) // it is in range
	}
}

// Group counts a target transaction.
func (m *Meter) Group(took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total.Groups.add(took)
}

// rotate forgets what is too old. m is locked.
func (m *Meter) rotate(now change.Moment) {
	if m.turn == 0 {
		m.turn = now + change.Moment(period)
	}
	for n := 0; m.turn <= now; n++ {
		if n == periods { // all is forgotten
			m.turn = now + change.Moment(period)
			return
		}
		m.turn += change.Moment(period)
		for _, w := range m.recent {
			w.Rotate()
		}
	}
}

// Figures are those of the last minute before now.
func (m *Meter) Figures(now change.Moment) Figures {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rotate(now)
	f := Figures{From: m.total.From}
	for h, w := range m.recent {
		all := w.Merge()
		n := all.TotalCount()
		if n == 0 {
			continue
		}
		us := func(v int64) time.Duration { return time.Duration(v) * time.Microsecond }
		f.Hops[h] = Figure{Count: uint64(n), P50: us(all.ValueAtQuantile(50)), P99: us(all.ValueAtQuantile(99)), Max: us(all.Max())}
	}
	return f
}

// Totals are what was measured since the meter was made.
func (m *Meter) Totals() Totals {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.total
}

// Age is how old the newest heartbeat of the source is that is in the target: the
// lag is no more. It grows while a link stands. ok is false before the first.
func (m *Meter) Age(now time.Time) (age time.Duration, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(0, now.Sub(m.beat)+m.offset), !m.beat.IsZero()
}
