package sim

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// TestAnnounced: before sums begin, what comes in is decided at the end of the log.
// Else a write of theirs is overwritten by what the last attempt without them did
// not judge by it, and others are added to that before it is put back. In random
// schedules that is too rare to be met.
func TestAnnounced(t *testing.T) {
	require.Empty(t, announce(0))
	require.Contains(t, announce(Announced), "the sites differ at a1")
}

func announce(without uint) (wrong string) {
	o := Options{
		Tables: []Table{{Name: "a", Policy: conflict.Newest}}, Keys: 1, Values: 4, Window: 6, Group: 1, Lazy: true,
		Policies: []conflict.Policy{conflict.Delta}, Without: without,
	}
	w := newWorld(o, &strings.Builder{}, &Stats{})
	a, b := w.sites[0], w.sites[1]
	dice := rand.New(rand.NewPCG(0, 0))
	key := w.keys[0]
	row := func(p, n int64) []change.Value { return []change.Value{change.OfInt(p), change.OfInt(n)} }
	w.whole = true
	for _, s := range w.sites {
		s.rows[key], s.dice = row(0, 0), dice
		s.open(conflict.Point{Position: "0"})
	}
	w.begun[key] = row(0, 0)
	write := func(s *site, clock int64, after []change.Value) {
		r := &record{local: true, committed: clock, id: s.locals}
		s.statement(r, key, after)
		s.locals++
		s.log = append(s.log, r)
	}
	apply := func(s *site, dice *rand.Rand) {
		s.begin(dice)
		s.advance(s.works[0], dice)
		s.advance(s.works[0], dice)
	}

	write(b, 10, row(1, 5))
	b.readAll()
	w.changeRules(dice) // sums are going to follow
	a.readAll()
	b.readAll()
	write(a, 30, row(2, 3))
	apply(a, rand.New(lowest{})) // does not wait for the reader, if that is left to it
	from := int64(0)
	for _, s := range w.sites {
		from = max(from, s.observer.Watermark().Version+1)
	}
	w.changeRule("a", w.coming["a"], from)
	w.coming = nil
	w.restart()
	write(b, 20, row(1, 6))
	a.readAll()
	b.readAll()
	apply(a, dice)
	for i := uint64(0); !w.quiet(); i++ {
		w.drain(i)
	}
	w.check()
	return w.failed
}

// lowest is dice that always show the lowest side: a wait is cut short at once.
type lowest struct{}

func (lowest) Uint64() uint64 { return 1 }
