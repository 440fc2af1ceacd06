package conflict

import (
	"bytes"
	"cmp"
	"math"
	"math/big"

	"duplex/internal/change"
)

// A Policy says which of two concurrent writes of a row stays. The words are
// those of the project file.
type Policy string

// The policies. The last two do not promise that the sites end equal.
const (
	Newest         Policy = "newest"
	NewestByColumn Policy = "newest-by-column"
	Site           Policy = "site"
	Delta          Policy = "delta"
	Stop           Policy = "stop"
	Overwrite      Policy = "overwrite"
	Ignore         Policy = "ignore"
)

// Converges reports whether both sites end with the same rows under p.
func (p Policy) Converges() bool { return p != Overwrite && p != Ignore }

// A Rule is the policy of one table, and those that take its place. It is never
// changed after its first use.
type Rule struct {
	Policy  Policy
	Rank    int   // Site: the rank of the site that wins
	Columns []int // NewestByColumn: compared in this order; Delta: numbers that are added up
	Compare []int // columns that are replicated, by which images are equal; nil: all
	// Uncertain is how far the clocks may be apart, in microseconds: a decision by
	// versions that are nearer than that is called ambiguous.
	Uncertain int64
	// Next takes this rule's place from version From on; nil: none does. It makes
	// one order of all writes: those at or above From are newer than those below, and
	// among themselves each have their own rule. Delta adds up what was written under
	// one rule. Stop is the last: it has decided nothing, so whoever follows it takes
	// its place from its beginning; but Delta does not, since what comes in while it
	// holds, or is to follow, is decided at the end of the log. See Unheard.
	Next *Rule
	From int64
}

// Unheard is the From of a Next that is to follow, at a version that is above all
// that are known.
const Unheard = math.MaxInt64

// At is the rule among writes of a version.
func (r *Rule) At(version int64) *Rule {
	for r.Next != nil && version >= r.From {
		r = r.Next
	}
	return r
}

// Exact reports whether what comes in with a version is decided at the end of the
// log only. Sums cannot be mended later; and where they are to begin, nothing is
// to be left to be mended under them.
func (r *Rule) Exact(version int64) bool {
	return r.At(version).ever(Delta)
}

// ever reports whether r or one after it has a policy.
func (r *Rule) ever(p Policy) bool {
	for ; r != nil; r = r.Next {
		if r.Policy == p {
			return true
		}
	}
	return false
}

// Apart reports whether a write of a version does not go into one target
// transaction with an earlier one of its row. The log shows the last one only,
// and the earlier one may be what outranks a local write that nobody has read.
func (r *Rule) Apart(version int64) bool { return r.At(version).Policy == NewestByColumn }

// Empties reports whether a statement of a version that takes all rows out of a
// table can be one write of all its keys: sums are kept of each key, and by columns
// it would lose to every row that is there.
func (r *Rule) Empties(version int64) bool {
	for r.Policy != Delta && r.Policy != NewestByColumn {
		if r.Next == nil || version < r.From {
			return true
		}
		r = r.Next
	}
	return false
}

// between is the rule of two concurrent writes. Of two that were written under
// different rules the newer one stays.
func (r *Rule) between(a, b *Write) *Rule {
	switch {
	case r.Next == nil:
		return r
	case a.copied():
		return r.At(b.Version)
	case b.copied():
		return r.At(a.Version)
	}
	x := r.At(a.Version)
	if x == r.At(b.Version) {
		return x
	}
	return &Rule{Policy: Newest, Compare: r.Compare, Uncertain: r.Uncertain}
}

// last is the newest rule.
func (r *Rule) last() *Rule {
	for r.Next != nil {
		r = r.Next
	}
	return r
}

// Comparing is r, with those after it, for images that are equal by columns.
func (r *Rule) Comparing(columns []int) *Rule {
	out := *r
	out.Compare = columns
	if r.Next != nil {
		out.Next = r.Next.Comparing(columns)
	}
	return &out
}

// equal compares two images on the replicated columns; nil is no row.
func (r *Rule) equal(a, b []change.Value) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if r.Compare == nil {
		for i := range a {
			if !a[i].Equal(b[i]) {
				return false
			}
		}
		return true
	}
	for _, i := range r.Compare {
		if !a[i].Equal(b[i]) {
			return false
		}
	}
	return true
}

// sameContent reports whether nothing of a loser is lost: for Delta, that is of
// two updates, the columns that are added up are not looked at.
func (r *Rule) sameContent(a, b *Write) bool {
	if r.Policy != Delta || a.Fresh || b.Fresh || a.deleted() || b.deleted() {
		return r.equal(a.After, b.After)
	}
	image := append([]change.Value(nil), b.After...)
	for _, i := range r.Columns {
		image[i] = a.After[i]
	}
	return r.equal(a.After, image)
}

// beats reports whether a stays where a and b are concurrent. It is a total
// order, the same at both sites. A copied row is the weakest of all.
func (r *Rule) beats(a, b *Write) bool {
	if a.copied() || b.copied() {
		return b.copied()
	}
	r = r.between(a, b)
	switch r.Policy {
	case Site:
		if a.Rank != b.Rank {
			return a.Rank == r.Rank
		}
	case NewestByColumn:
		if c := r.order(a, b); c != 0 {
			return c > 0
		}
	}
	return a.newer(b)
}

// order compares the columns that NewestByColumn goes by. A deleted row has
// none, and NULL is less than any value.
func (r *Rule) order(a, b *Write) int {
	if a.deleted() || b.deleted() {
		switch {
		case !a.deleted():
			return 1
		case !b.deleted():
			return -1
		}
		return 0
	}
	for _, i := range r.Columns {
		if c := compare(a.After[i], b.After[i]); c != 0 {
			return c
		}
	}
	return 0
}

// compare orders two values of one column.
func compare(a, b change.Value) int {
	if a.Kind != b.Kind {
		return cmp.Compare(a.Kind, b.Kind) // Null is the least kind
	}
	switch a.Kind {
	case change.Int, change.Time:
		return cmp.Compare(int64(a.Bits), int64(b.Bits))
	case change.Float32:
		return cmp.Compare(math.Float32frombits(uint32(a.Bits)), math.Float32frombits(uint32(b.Bits)))
	case change.Float64:
		return cmp.Compare(math.Float64frombits(a.Bits), math.Float64frombits(b.Bits))
	case change.Decimal:
		x, okx := new(big.Rat).SetString(string(a.Bytes))
		y, oky := new(big.Rat).SetString(string(b.Bytes))
		if okx && oky {
			return x.Cmp(y)
		}
		return bytes.Compare(a.Bytes, b.Bytes)
	case change.Text, change.Binary, change.Fixed, change.JSON, change.Geometry:
		return bytes.Compare(a.Bytes, b.Bytes)
	}
	return cmp.Compare(a.Bits, b.Bits)
}
