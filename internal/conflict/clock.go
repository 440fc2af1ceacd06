package conflict

import "duplex/internal/change"

// A Clock gives the versions of one log, in log order. Versions are in
// microseconds and strictly increasing, whatever the commit times do: a later
// write of a site never loses to an earlier one, nor to one that it has seen.
type Clock struct{ last int64 }

// NewClock goes on after version last.
func NewClock(last int64) *Clock { return &Clock{last} }

// Last is the highest version given or raised to.
func (c *Clock) Last() int64 { return c.last }

// Next is the version of a local transaction that committed at committed, in
// microseconds since 1970.
func (c *Clock) Next(committed int64) int64 {
	c.last = max(committed, c.last+1)
	return c.last
}

// Raise takes in the version of a mark.
func (c *Clock) Raise(version int64) { c.last = max(c.last, version) }

// Seen is the set of the peer's seqs whose marks stand in a log so far.
type Seen struct {
	set    change.Seqs
	ranges []change.Range // of Add
}

// NewSeen goes on with set.
func NewSeen(set change.Seqs) *Seen { return &Seen{set: set} }

// Add takes in the seqs of a mark.
func (s *Seen) Add(carried []change.Stamp) {
	s.ranges = s.ranges[:0]
	for _, c := range carried {
		n := len(s.ranges)
		switch {
		case c.Seq == change.NoSeq:
		case n > 0 && s.ranges[n-1].To == c.Seq:
			s.ranges[n-1].To++
		default:
			s.ranges = append(s.ranges, change.Range{From: c.Seq, To: c.Seq + 1})
		}
	}
	s.set = s.set.WithRanges(s.ranges...)
}

// Set is the set as it is now; later Adds do not change it.
func (s *Seen) Set() change.Seqs { return s.set }
