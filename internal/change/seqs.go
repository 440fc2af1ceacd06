package change

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Range is the seqs From ≤ s < To.
type Range struct{ From, To uint64 }

// Seqs is a set of seqs: all below Low, and those of Above. It is a value: no
// method changes it or its slices, so it may be shared.
type Seqs struct {
	Low   uint64
	Above []Range // ascending, apart from each other and from Low, none empty
}

// Has reports whether q is in the set.
func (s Seqs) Has(q uint64) bool {
	if q < s.Low {
		return true
	}
	i, _ := slices.BinarySearchFunc(s.Above, q, func(r Range, q uint64) int {
		if r.To <= q {
			return -1
		}
		return 1
	})
	return i < len(s.Above) && s.Above[i].From <= q
}

// Beyond reports whether the set has q or a higher number.
func (s Seqs) Beyond(q uint64) bool {
	return s.Low > q || len(s.Above) > 0 && s.Above[len(s.Above)-1].To > q
}

// With returns the set with q added.
func (s Seqs) With(q uint64) Seqs {
	if s.Has(q) {
		return s
	}
	if q == s.Low && len(s.Above) == 0 { // the common case: in order
		return Seqs{Low: q + 1}
	}
	return s.WithRanges(Range{q, q + 1})
}

// Union returns the set with all of o added.
func (s Seqs) Union(o Seqs) Seqs {
	if o.Low > s.Low {
		s = s.WithRanges(Range{0, o.Low})
	}
	return s.WithRanges(o.Above...)
}

// WithRanges returns the set with all of rs added, which may come in any order.
func (s Seqs) WithRanges(rs ...Range) Seqs {
	if len(rs) == 0 {
		return s
	}
	if len(rs) == 1 && rs[0].From <= s.Low && len(s.Above) == 0 { // in order, as With
		return Seqs{Low: max(s.Low, rs[0].To)}
	}
	all := make([]Range, 0, len(s.Above)+len(rs)+1)
	all = append(append(append(all, Range{0, s.Low}), rs...), s.Above...)
	slices.SortFunc(all, func(a, b Range) int {
		if a.From != b.From {
			return cmp(a.From, b.From)
		}
		return cmp(a.To, b.To)
	})
	out := all[:1]
	for _, r := range all[1:] {
		if last := &out[len(out)-1]; r.From <= last.To {
			last.To = max(last.To, r.To)
		} else if r.From < r.To {
			out = append(out, r)
		}
	}
	s = Seqs{Low: out[0].To}
	if len(out) > 1 { // nil when there are none, as in every other way to get there
		s.Above = out[1:]
	}
	return s
}

func cmp(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// FormatRanges writes ranges as "7,9-12", both ends included, for tables that
// people read.
func FormatRanges(rs []Range) string {
	var b strings.Builder
	for i, r := range rs {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(r.From, 10))
		if r.To-r.From > 1 {
			b.WriteByte('-')
			b.WriteString(strconv.FormatUint(r.To-1, 10))
		}
	}
	return b.String()
}

// ParseRanges reads the text of FormatRanges.
func ParseRanges(s string) ([]Range, error) {
	if s == "" {
		return nil, nil
	}
	var out []Range
	for part := range strings.SplitSeq(s, ",") {
		a, b, two := strings.Cut(part, "-")
		from, err := strconv.ParseUint(a, 10, 64)
		to := from
		if err == nil && two {
			to, err = strconv.ParseUint(b, 10, 64)
		}
		if err != nil || to < from || to == 1<<64-1 || len(out) > 0 && from < out[len(out)-1].To {
			return nil, fmt.Errorf("ranges %q are malformed at %q", s, part)
		}
		out = append(out, Range{from, to + 1})
	}
	return out, nil
}
