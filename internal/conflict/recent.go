package conflict

import (
	"slices"

	"duplex/internal/change"
)

// A ParkedView tells what is parked at the site, as it is now. Claims reports
// whether a parked row claims a value, or needs it by a foreign key.
type ParkedView interface {
	Has(key Key) bool
	Claims(v Claim) bool
	Of(table string) []Key // the parked rows of a table
}

// recent is the observer's memory for the placement of rows with unique keys:
// what was written since the first local write that is not settled. The local
// writes themselves are in the index; here are those by us that came after.
type recent struct {
	index  *Index
	claims func(key Key, row []change.Value) []Claim
	gives  func(key Key, row []change.Value) []Claim // nil: there are no foreign keys
	parked ParkedView
	unique func(table string) bool // nil: any may have unique keys
	looks  map[uint64]*Task        // that are a Revisit, by hash of their key: the newest of each
	next   uint64                  // seq of the next local transaction
	dated  hashes[dated]
	look   int // settle goes over dated when they are as many
}

// A dated is what we wrote after the application's last write of a key.
type dated struct {
	version int64
	packed  uint64 // before which local seq, then rank, sub, what it is: 46, 8, 8, 2 bits
}

const (
	datedOrder  = 1 << iota // version, rank and sub are the order of the last write
	datedParked             // the parked row was written or taken out
)

func (d dated) before() uint64 { return d.packed >> 18 }

func (d dated) order() Order {
	return Order{d.version, int(int8(d.packed >> 10)), int(int8(d.packed >> 2))}
}

// Unique makes the observer serve tables with unique keys: claims gives what a
// row claims, and parked is what waits for it.
func (o *Observer) Unique(claims func(key Key, row []change.Value) []Claim, parked ParkedView) {
	o.recent = &recent{index: o.index, claims: claims, parked: parked, next: o.next, looks: map[uint64]*Task{}}
}

// UniqueTables says, after Unique, which tables have unique keys, so that what
// comes in for the others is not remembered.
func (o *Observer) UniqueTables(unique func(table string) bool) { o.recent.unique = unique }

// Recent is the order of the last write of a key, where that is not settled.
func (o *Observer) Recent(key Key) (Order, bool) {
	if o.recent == nil {
		return Order{}, false
	}
	if d, ok := o.recent.last(key); ok && d.packed&datedOrder != 0 {
		return d.order(), true
	}
	if l := o.index.Find(key); l != nil {
		return l.Order(), true
	}
	return Order{}, false
}

// Replaced reports whether the application has written the key after its
// parked row: that row is no more.
func (o *Observer) Replaced(key Key) bool {
	if o.recent == nil {
		return false
	}
	d, ok := o.recent.last(key)
	return (!ok || d.packed&datedParked == 0) && o.index.Find(key) != nil
}

// last is what we wrote after the application's last write of a key; false: nothing.
func (r *recent) last(key Key) (dated, bool) {
	d, ok := r.dated.get(key.Hash())
	if w, emptied := r.index.emptied[key.Table]; emptied && d.before() <= w.Seq {
		return dated{}, false
	}
	return d, ok
}

// begin takes in that another local transaction is read.
func (r *recent) begin() {
	if r != nil {
		r.next++
	}
}

// local takes in a row of the application, and gives a task if a parked row is
// concerned.
func (r *recent) local(key Key, before, after []change.Value) *Task {
	if r == nil {
		return nil
	}
	r.dated.delete(key.Hash())
	look := r.parked.Has(key)
	t := &Task{Revisit: true}
	taken := r.claims(key, after)
	for _, v := range r.claims(key, before) {
		if !contains(taken, v) {
			t.Released = append(t.Released, v)
			look = look || r.parked.Claims(v)
		}
	}
	if r.gives != nil {
		had := r.gives(key, before)
		for _, v := range r.gives(key, after) {
			if !contains(had, v) && r.parked.Claims(v) {
				t.Given, look = append(t.Given, v), true
			}
		}
	}
	if !look {
		return nil
	}
	t.Key = key
	return t
}

func contains(all []Claim, v Claim) bool {
	for _, x := range all {
		if x == v {
			return true
		}
	}
	return false
}

// applied takes in a write by us. A rank is a small number.
func (r *recent) applied(hash uint64, order Order) {
	if r == nil {
		return
	}
	d, _ := r.dated.get(hash)
	what := d.packed&datedParked | datedOrder
	r.dated.put(hash, dated{order.Version, r.next<<18 | uint64(uint8(order.Rank))<<10 | uint64(uint8(order.Sub))<<2 | what})
}

// incoming takes in a write of the peer; row is nil if the log does not show it.
func (r *recent) incoming(hash uint64, row *Row, order Order) {
	if r != nil && (row == nil || r.unique == nil || r.unique(row.Key.Table)) {
		r.applied(hash, order)
	}
}

// parking takes in that the key's parked row was written or taken out.
func (r *recent) parking(hash uint64) {
	if r == nil {
		return
	}
	d, _ := r.dated.get(hash)
	d.packed = r.next<<18 | d.packed&(1<<18-1) | datedParked
	r.dated.put(hash, d)
}

// written reports whether the application has written the key after a local write
// that was put back, and before that: what leaves no row in the table is not
// locked.
func (o *Observer) written(j Restored) (yes bool) {
	for e := range o.index.each(j.Hash) {
		yes = yes || e.write.Seq > j.Seq
	}
	return yes
}

// outrun is written of a row that was put back among the parked ones.
func (o *Observer) outrun(a *Applied, key Key) bool {
	i := slices.IndexFunc(a.Notes.Restored, func(j Restored) bool { return j.Hash == key.Hash() })
	if i < 0 {
		return false
	}
	l := o.index.Find(key)
	return l != nil && l.Seq > a.Notes.Restored[i].Seq
}

// settle forgets what lies before the first unsettled local transaction. What is
// kept longer is as true as it was, so it need not be done each time.
func (r *recent) settle(bound uint64) {
	switch {
	case r == nil:
	case bound >= r.next:
		r.dated, r.look = hashes[dated]{}, 0
	case r.dated.n >= r.look:
		r.dated.keep(func(d dated) bool { return d.before() > bound })
		r.look = 2*r.dated.n + 1024
	}
}
