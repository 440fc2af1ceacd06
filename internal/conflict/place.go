package conflict

import (
	"bytes"
	"slices"
	"strings"

	"duplex/internal/change"
)

// A Claim is one value of one unique key, in a form that is equal exactly where
// the server's index holds two values for equal. NULL claims nothing.
type Claim string

// An Order is the stamp by which rows are placed: that of a row's last write.
type Order struct {
	Version int64
	Rank    int
	Sub     int // above 0: just above a stamp, of a settled row whose own nobody remembers
}

// The orders of rows that have no stamp of their own.
var (
	copiedOrder = Order{chunkVersion, 0, -1}
	oldest      = Order{chunkVersion, 0, 0}
)

// Beats reports whether a is the newer one.
func (a Order) Beats(b Order) bool {
	if a.Version != b.Version {
		return a.Version > b.Version
	}
	if a.Rank != b.Rank {
		return a.Rank > b.Rank
	}
	return a.Sub > b.Sub
}

// Order is the write's place among the writes of all rows.
func (w *Write) Order() Order {
	if w.copied() {
		return copiedOrder
	}
	return Order{w.Version, w.Rank, 0}
}

// A Parked is a row that waits aside for a unique value.
type Parked struct {
	Row   []change.Value
	Order Order
}

// A Claimant is a row as it is before a placement, under its lock.
type Claimant struct {
	Key    Key
	Table  []change.Value // in the table; nil: it is not there
	Parked *Parked        // its parked row; nil: none
	// Stale says that the parked row was replaced by a later local write.
	Stale bool
	Order Order // of its last write, if Known
	Known bool
}

// Union is the row that the site holds: in the table, else parked.
func (c *Claimant) Union() []change.Value {
	if c.Table != nil || c.Parked == nil || c.Stale {
		return c.Table
	}
	return c.Parked.Row
}

// A Placement finds out which rows belong into the table: those that are, for
// each unique value they claim, the newest row that claims it.
//
// Feed it what is written (Write) and values given up (Release); while Next
// gives values, Add every row that claims one of them; then Moves tells what is
// to be done.
type Placement struct {
	claims func(key Key, row []change.Value) []Claim
	rows   map[Key]*placing
	asked  map[Claim]bool
	mask   map[Claim]bool // values whose claimants are placed anew

	needs, gives func(key Key, row []change.Value) []Claim // nil: there are no foreign keys
	moved        map[Claim]bool                            // values whose needers have to be known
	wanted       []Claim                                   // those of moved that Needers has not given yet
}

type placing struct {
	Claimant
	final  []change.Value
	claims []Claim // of final
	fresh  bool
	stays  bool // it is the newest claimant of its values
	in     bool // and it is to be in the table

	related bool // it is placed anew for somebody it depends on, or who depends on it
}

// NewPlacement makes an empty placement; claims gives what a row claims.
func NewPlacement(claims func(key Key, row []change.Value) []Claim) *Placement {
	return &Placement{claims: claims, rows: map[Key]*placing{}, asked: map[Claim]bool{}, mask: map[Claim]bool{}, moved: map[Claim]bool{}}
}

// Write says that the row c is to hold after, by a write of the given order.
func (p *Placement) Write(c Claimant, after []change.Value, order Order) {
	before := c.Union()
	c.Order, c.Known = order, true
	p.rows[c.Key] = &placing{Claimant: c, final: after, claims: p.claims(c.Key, after), fresh: true}
	p.put(p.claims(c.Key, before))
	p.put(p.claims(c.Key, after))
}

// Release says that values were given up.
func (p *Placement) Release(values []Claim) { p.put(values) }

func (p *Placement) put(values []Claim) (grown bool) {
	for _, v := range values {
		grown = grown || !p.mask[v]
		p.mask[v] = true
	}
	return grown
}

// Add takes in a row that claims a value asked for. One that is known already
// is passed over.
func (p *Placement) Add(c Claimant) {
	if p.rows[c.Key] == nil {
		u := c.Union()
		p.rows[c.Key] = &placing{Claimant: c, final: u, claims: p.claims(c.Key, u)}
	}
}

// Next gives values whose claimants, in the table and parked, have to be looked
// up; none when the placement is known.
func (p *Placement) Next() []Claim {
	for {
		var want []Claim
		ask := func(values []Claim) {
			for _, v := range values {
				if !p.asked[v] {
					p.asked[v] = true
					want = append(want, v)
				}
			}
		}
		for v := range p.mask {
			ask([]Claim{v})
		}
		for _, r := range p.rows {
			if p.looked(r) {
				ask(r.claims)
				if p.needs != nil {
					ask(p.needs(r.Key, r.final))
				}
			}
		}
		if len(want)+len(p.wanted) > 0 {
			return want
		}
		if !p.grow() {
			return nil
		}
	}
}

// looked reports whether r is placed anew.
func (p *Placement) looked(r *placing) bool {
	return r.fresh || r.related || slices.ContainsFunc(r.claims, func(v Claim) bool { return p.mask[v] })
}

// grow finds further values whose claimants have to be placed.
func (p *Placement) grow() bool {
	grown := false
	for _, r := range p.rows {
		if r.Parked != nil && r.Stale {
			grown = p.put(p.claims(r.Key, r.Parked.Row)) || grown
		}
		if !p.looked(r) {
			continue
		}
		if r.Parked != nil { // whoever a parked row kept out is looked at with it
			grown = p.put(p.claims(r.Key, r.Parked.Row)) || grown
		}
		r.stays = p.belongs(r)
		if r.stays && r.Table == nil { // who comes in meets the holders of all its values
			grown = p.put(r.claims) || grown
		}
	}
	return p.relate() || grown
}

// belongs reports whether r is the newest claimant of each of its values.
func (p *Placement) belongs(r *placing) bool {
	for _, o := range p.rows {
		if o != r && share(o.claims, r.claims) && o.beats(r) {
			return false
		}
	}
	return r.final != nil
}

func share(a, b []Claim) bool {
	return slices.ContainsFunc(a, func(v Claim) bool { return slices.Contains(b, v) })
}

// beats compares two claimants of a value. A settled row of the table, whose
// stamp nobody remembers, is older than what is written now and newer than
// every parked row; a copied row is older than both.
func (r *placing) beats(o *placing) bool {
	newer := func(x *placing) bool { return x.fresh && x.Order != copiedOrder }
	switch {
	case r.Known && o.Known:
		// Equal only while a restore is due.
		return r.Order.Beats(o.Order) || r.Order == o.Order && compareKeys(r.Key, o.Key) > 0
	case r.Known:
		return newer(r)
	}
	return !newer(o)
}

func compareKeys(a, b Key) int {
	if a.Table != b.Table {
		return strings.Compare(a.Table, b.Table)
	}
	return strings.Compare(a.ID, b.ID)
}

// A Move is what a placement does to one row. Statements come in this order:
// every Delete, from the last to the first; every Put, from the first to the last;
// every change of the parked rows. So a parent is there before its child and
// gone after it, where they are not a cycle; but a parent that gives a unique value up
// is away for a moment.
type Move struct {
	Key    Key
	Delete bool           // it leaves the table, or gives a unique value up before Put
	Put    []change.Value // what the table is to hold
	Park   *Parked        // what the parked table is to hold
	Unpark bool           // it has no parked row any more
}

// Moves gives what is to be done, in order of keys, but parents before their
// children. Next and Needers have given nothing.
func (p *Placement) Moves() []Move {
	var out []Move
	for _, r := range p.rows {
		m := Move{Key: r.Key}
		switch {
		case !p.looked(r):
			m.Unpark = r.Parked != nil && r.Stale
		case r.in || r.final == nil:
			p.place(r, &m)
		default:
			p.park(r, &m)
		}
		if m.Delete || m.Put != nil || m.Park != nil || m.Unpark {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b Move) int { return compareKeys(a.Key, b.Key) })
	return p.ranked(out)
}

func (p *Placement) place(r *placing, m *Move) {
	m.Unpark = r.Parked != nil
	if r.final == nil {
		m.Delete = r.Table != nil
		return
	}
	if sameImage(r.Table, r.final) {
		return
	}
	m.Put = r.final
	for _, v := range p.claims(r.Key, r.Table) {
		m.Delete = m.Delete || !slices.Contains(r.claims, v)
	}
}

func (p *Placement) park(r *placing, m *Move) {
	m.Delete = r.Table != nil
	q := &Parked{Row: r.final, Order: r.Order}
	if !r.Known {
		q.Order = p.above(r)
	}
	if r.Parked == nil || r.Stale || r.Parked.Order != q.Order || !sameImage(r.Parked.Row, q.Row) {
		m.Park = q
	}
}

// above is a stamp for a settled row of the table whose own nobody remembers:
// newer than every parked row that it kept out, older than all to come.
func (p *Placement) above(r *placing) Order {
	best := oldest
	for _, o := range p.rows {
		if o == r || o.Parked == nil || o.Stale || !share(p.claims(o.Key, o.Parked.Row), r.claims) {
			continue
		}
		up := o.Parked.Order
		up.Sub++
		if up.Beats(best) {
			best = up
		}
	}
	return best
}

func sameImage(a, b []change.Value) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return slices.EqualFunc(a, b, func(x, y change.Value) bool {
		return x.Kind == y.Kind && x.Bits == y.Bits && bytes.Equal(x.Bytes, y.Bytes)
	})
}
