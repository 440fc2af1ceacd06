package conflict

import (
	"math"
	"math/big"
	"strings"

	"duplex/internal/change"
)

// The rule of Delta. All decisions are made at the end of the log, under the
// row's lock; the late check has nothing to mend.
//
// The newest write of a row decides what is there and what the columns hold that
// are not added up: an insert, an update or a delete, as under Newest. A column
// that is added up holds what the newest write wrote, plus the difference of every
// update of the other site that the newest write had not seen, in that site's order.
// So, where a row is only updated, every increment of both sites counts, exactly.
// An insert or a delete that loses adds nothing; an update that loses to a delete
// is lost with the row, and is in the conflict log.
//
// Who holds the newest write adds the other site's updates as they come. Who gets
// it takes its image and adds the own updates that it has not seen: for that the
// index keeps them until they are settled.
//
// Where the rule changes, only what was written under the same one adds up: of two
// writes under different rules the later one stays as it is, and the other is in
// the conflict log.

// An addend is an update of a row by one local transaction, its net.
type addend struct {
	seq           uint64
	version       int64
	before, after []change.Value // of the columns that are added up; nil: there was no row, so nothing is added
}

// sums holds the local updates that are not settled, in order of seq.
type sums struct {
	keys  map[Key][]addend
	queue []Key // one for each addend
}

// put takes in a row of a local transaction, with all its columns.
func (s *sums) put(r *Rule, key Key, a addend) {
	if s.keys == nil {
		s.keys = map[Key][]addend{}
	}
	all := s.keys[key]
	a.after = change.CloneImage(r.numbers(a.after))
	if n := len(all); n > 0 && all[n-1].seq == a.seq {
		all[n-1].after = a.after
		return
	}
	a.before = change.CloneImage(r.numbers(a.before))
	s.keys[key] = append(all, a)
	s.queue = append(s.queue, key)
}

// numbers is the columns of a row that are added up.
func (r *Rule) numbers(row []change.Value) []change.Value {
	if row == nil {
		return nil
	}
	out := make([]change.Value, len(r.Columns))
	for n, i := range r.Columns {
		out[n] = row[i]
	}
	return out
}

// difference is an update as something to be added.
func (r *Rule) difference(before, after []change.Value) []addend {
	return []addend{{before: r.numbers(before), after: r.numbers(after)}}
}

// settle forgets what lies below bound.
func (s *sums) settle(bound uint64) {
	for len(s.queue) > 0 {
		key := s.queue[0]
		all := s.keys[key]
		if all[0].seq >= bound {
			return
		}
		s.queue = s.queue[1:]
		if s.keys[key] = all[1:]; len(all) == 1 {
			delete(s.keys, key)
		}
	}
}

// unseen is those that a transaction which has seen seen does not know.
func unseen(all []addend, seen change.Seqs) []addend {
	i := len(all)
	for i > 0 && !seen.Has(all[i-1].seq) { // a transaction has seen all before one that it has seen
		i--
	}
	return all[i:]
}

// alike is those that were written under the same rule as version, which is not
// below theirs.
func (r *Rule) alike(all []addend, version int64) []addend {
	for len(all) > 0 && r.At(all[0].version) != r.At(version) {
		all = all[1:]
	}
	return all
}

// add judges, where rival and in are concurrent, what a row comes to.
func (v Verdict) add(r *Rule, in *Write, before []change.Value, rival *Write, current []change.Value) Verdict {
	switch {
	case v.Winner == Incoming && in.After != nil && len(rival.added) > 0:
		return v.merge(r, in.After, in.After, rival.added)
	case v.Winner == LocalWon && before != nil && in.After != nil && current != nil:
		return v.merge(r, current, current, r.difference(before, in.After))
	}
	return v
}

// merge writes image, with the columns that are added up as in start and what
// is added.
func (v Verdict) merge(r *Rule, image, start []change.Value, added []addend) Verdict {
	out := append([]change.Value(nil), image...)
	for n, i := range r.Columns {
		out[i] = start[i]
		for _, a := range added {
			if a.before == nil || a.after == nil {
				continue
			}
			sum, ok := addDifference(out[i], a.before[n], a.after[n])
			if !ok {
				return Verdict{Action: Refuse, Kind: v.Kind, Log: true}
			}
			out[i] = sum
		}
	}
	v.Action, v.Image = Merge, out
	return v
}

// addDifference is v + (after − before), of a column of one definition. ok is
// false if that is no number, or none that the column's kind can hold. NULL
// counts as nothing before, and stays where the change is from or to it.
func addDifference(v, before, after change.Value) (sum change.Value, ok bool) {
	if v.IsNull() || before.IsNull() || after.IsNull() {
		return after, true
	}
	if v.Kind != before.Kind || v.Kind != after.Kind {
		return v, false
	}
	switch v.Kind {
	case change.Int:
		d, over1 := subtract(int64(after.Bits), int64(before.Bits))
		s := int64(v.Bits) + d
		over2 := d > 0 && s < int64(v.Bits) || d < 0 && s > int64(v.Bits)
		return change.OfInt(s), !over1 && !over2
	case change.Uint:
		s := v.Bits + after.Bits - before.Bits
		down := after.Bits < before.Bits
		return change.OfUint(s), down == (s < v.Bits) || after.Bits == before.Bits
	case change.Float32:
		return change.OfFloat32(float(v) + float(after) - float(before)), true
	case change.Float64:
		f := func(x change.Value) float64 { return math.Float64frombits(x.Bits) }
		return change.OfFloat64(f(v) + f(after) - f(before)), true
	case change.Decimal:
		return addDecimal(v, before, after)
	}
	return v, false
}

func float(v change.Value) float32 { return math.Float32frombits(uint32(v.Bits)) }

func subtract(a, b int64) (d int64, overflow bool) {
	d = a - b
	return d, b > 0 && d > a || b < 0 && d < a
}

// addDecimal works on the canonical text of a DECIMAL: all three have the same
// number of fractional digits.
func addDecimal(v, before, after change.Value) (change.Value, bool) {
	scale := 0
	number := func(x change.Value) *big.Int {
		whole, frac, _ := strings.Cut(string(x.Bytes), ".")
		scale = len(frac)
		n, _ := new(big.Int).SetString(whole+frac, 10)
		return n
	}
	a, b, c := number(v), number(before), number(after)
	if a == nil || b == nil || c == nil {
		return v, false
	}
	sum := a.Add(a, c.Sub(c, b))
	digits := new(big.Int).Abs(sum).String()
	if n := scale + 1 - len(digits); n > 0 {
		digits = strings.Repeat("0", n) + digits
	}
	text := digits
	if scale > 0 {
		text = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if sum.Sign() < 0 {
		text = "-" + text
	}
	return change.Value{Kind: change.Decimal, Bytes: []byte(text)}, true
}
