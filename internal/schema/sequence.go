package schema

import "math/big"

// A Sequence is OceanBase's giver of numbers. The numbers are decimal text:
// they may have 28 digits.
type Sequence struct {
	Database  string
	Name      string
	Start     string // the number it was made to begin with; empty: not told
	Next      string // the first number that no server has been handed yet
	Increment string
	Min, Max  string
	Cache     string // how many numbers a server is handed at once; 1: none ahead
	Cycle     bool
	Order     bool // the numbers come in the order in which they are asked for
}

// String is database.sequence.
func (s *Sequence) String() string { return s.Database + "." + s.Name }

// CreateSQL writes a CREATE SEQUENCE that goes on where the sequence is now: its
// numbers are in no change stream. One that is used up begins anew if it goes
// round, else with the last number that it gave.
func (s *Sequence) CreateSQL() string {
	return "CREATE SEQUENCE " + qualified(s.Database, s.Name) + " START WITH " + s.next() + s.definition()
}

// next is the number with which another sequence goes on for s.
func (s *Sequence) next() string {
	first, last := s.Min, s.Max
	if s.down() {
		first, last = last, first
	}
	switch {
	case !s.used():
		return s.Next
	case s.Cycle:
		return first
	}
	return last
}

// Behind reports whether s gives numbers that o has given already.
func (s *Sequence) Behind(o *Sequence) bool {
	next := number(s.Next)
	return next.Cmp(number(o.Next))*number(o.Increment).Sign() < 0
}

// RestartSQL writes the ALTER SEQUENCE by which s goes on where o is now.
func (s *Sequence) RestartSQL(o *Sequence) string {
	return "ALTER SEQUENCE " + qualified(s.Database, s.Name) + " RESTART START WITH " + o.next()
}

func (s *Sequence) down() bool { return number(s.Increment).Sign() < 0 }

// used reports whether the next number is beyond the bounds.
func (s *Sequence) used() bool {
	next := number(s.Next)
	return next.Cmp(number(s.Max)) > 0 || next.Cmp(number(s.Min)) < 0
}

// number reads decimal digits, 0 where there are none.
func number(text string) *big.Int {
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return new(big.Int)
	}
	return n
}

// definition is what two sequences of the same use share.
func (s *Sequence) definition() string {
	out := " INCREMENT BY " + s.Increment + " MINVALUE " + s.Min + " MAXVALUE " + s.Max
	if s.Cache == "1" || s.Cache == "0" {
		out += " NOCACHE"
	} else {
		out += " CACHE " + s.Cache
	}
	if s.Cycle {
		out += " CYCLE"
	} else {
		out += " NOCYCLE"
	}
	if s.Order {
		return out + " ORDER"
	}
	return out + " NOORDER"
}

// DiffSequences compares two definitions. Where they are does not count.
func DiffSequences(a, b *Sequence) []Difference {
	c := comparison{}
	object := "sequence " + a.Name
	c.differ(object, "increment", a.Increment, b.Increment, false)
	c.differ(object, "least", a.Min, b.Min, false)
	c.differ(object, "greatest", a.Max, b.Max, false)
	c.differ(object, "cache", a.Cache, b.Cache, false)
	c.differ(object, "cycle", yes(a.Cycle), yes(b.Cycle), false)
	c.differ(object, "order", yes(a.Order), yes(b.Order), false)
	return c.out
}

// Apart reports whether two sequences can never give the same number: equal
// steps of more than one, and places between them that differ.
func Apart(a, b *Sequence) bool {
	step := number(a.Increment)
	if step.Cmp(number(b.Increment)) != 0 || step.CmpAbs(big.NewInt(1)) <= 0 {
		return false
	}
	apart := func(x, y *big.Int) bool { return new(big.Int).Rem(new(big.Int).Sub(x, y), step).Sign() != 0 }
	if !apart(number(a.Next), number(b.Next)) {
		return false
	}
	if !a.Cycle && !b.Cycle {
		return true
	}
	x, y := a.first(), b.first() // where they begin anew
	return apart(x, y) && apart(x, number(b.Next)) && apart(y, number(a.Next))
}

// first is the number with which a sequence begins that has gone round.
func (s *Sequence) first() *big.Int {
	if s.down() {
		return number(s.Max)
	}
	return number(s.Min)
}

// Split gives the statements after which a and b, the same sequence on two
// sites, never give the same number, and none that one of them gave before: each
// goes on with every other number of a's. b is nil where that site has none. It
// fails, with no statements, where the bounds leave too little room.
func Split(a, b *Sequence) (forA, forB string, ok bool) {
	step := number(a.Increment)
	wide := new(big.Int).Lsh(step, 1)
	from := number(a.Next)
	if b != nil {
		if other := number(b.Next); other.Cmp(from)*step.Sign() > 0 {
			from = other
		}
	}
	// On from's near side, a number that a gives when it has gone round.
	behind := new(big.Int).Sub(from, a.first())
	turns, rest := new(big.Int).QuoRem(behind, wide, new(big.Int))
	if rest.Sign() != 0 {
		turns.Add(turns, big.NewInt(1))
	}
	x := new(big.Int).Add(a.first(), turns.Mul(turns, wide))
	y := new(big.Int).Add(x, step)
	for _, n := range []*big.Int{x, y} {
		if n.Cmp(number(a.Min)) < 0 || n.Cmp(number(a.Max)) > 0 {
			return "", "", false
		}
	}
	first := new(big.Int).Add(a.first(), step)
	bound := " MINVALUE " + first.String()
	if a.down() {
		bound = " MAXVALUE " + first.String()
	}
	forA = "ALTER SEQUENCE " + qualified(a.Database, a.Name) + " INCREMENT BY " + wide.String() + " RESTART START WITH " + x.String()
	if b == nil {
		made := *a
		made.Increment, made.Next = wide.String(), y.String()
		if a.down() {
			made.Max = first.String()
		} else {
			made.Min = first.String()
		}
		return forA, made.CreateSQL(), true
	}
	forB = "ALTER SEQUENCE " + qualified(b.Database, b.Name) + bound + " INCREMENT BY " + wide.String() + " RESTART START WITH " + y.String()
	return forA, forB, true
}
