package conflict

import "duplex/internal/change"

// A ParkedView tells what is parked at the site, as it is now.
type ParkedView interface {
	Has(key Key) bool
	Claims(v Claim) bool
}

// recent is the observer's memory for the placement of rows with unique keys:
// what was written since the first local write that is not settled.
type recent struct {
	claims func(key Key, row []change.Value) []Claim
	parked ParkedView
	at     uint64   // number of the transaction being read
	first  uint64   // seq of which begun[0] tells
	begun  []uint64 // at which number each unsettled local transaction stands
	orders map[uint64]dated
	// replaced holds the keys that the application wrote after their last parked
	// row, if any, was written.
	replaced map[uint64]uint64
}

type dated struct {
	order Order
	at    uint64
}

// Unique makes the observer serve tables with unique keys: claims gives what a
// row claims, and parked is what waits for it.
func (o *Observer) Unique(claims func(key Key, row []change.Value) []Claim, parked ParkedView) {
	o.recent = &recent{claims: claims, parked: parked, first: o.next, orders: map[uint64]dated{}, replaced: map[uint64]uint64{}}
}

// Recent is the order of the last write of a key, where that is not settled.
func (o *Observer) Recent(key Key) (Order, bool) {
	if o.recent == nil {
		return Order{}, false
	}
	d, ok := o.recent.orders[key.Hash()]
	return d.order, ok
}

// Replaced reports whether the application has written the key after its
// parked row: that row is no more.
func (o *Observer) Replaced(key Key) bool {
	if o.recent == nil {
		return false
	}
	_, ok := o.recent.replaced[key.Hash()]
	return ok
}

// begin takes in that another transaction is read.
func (r *recent) begin(local bool) {
	if r == nil {
		return
	}
	r.at++
	if local {
		r.begun = append(r.begun, r.at)
	}
}

// local takes in a row of the application, and gives a task if a parked row is
// concerned.
func (r *recent) local(key Key, order Order, before, after []change.Value) *Task {
	if r == nil {
		return nil
	}
	hash := key.Hash()
	r.orders[hash] = dated{order, r.at}
	r.replaced[hash] = r.at
	look := r.parked.Has(key)
	t := &Task{Revisit: true}
	taken := r.claims(key, after)
	for _, v := range r.claims(key, before) {
		if !contains(taken, v) {
			t.Released = append(t.Released, v)
			look = look || r.parked.Claims(v)
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

// applied takes in a write by us.
func (r *recent) applied(hash uint64, order Order) {
	if r != nil {
		r.orders[hash] = dated{order, r.at}
	}
}

// incoming takes in a write of the peer, row is nil if the log does not show it.
func (r *recent) incoming(hash uint64, _ *AppliedRow, order Order) { r.applied(hash, order) }

// parking takes in that the key's parked row was written or taken out.
func (r *recent) parking(hash uint64) {
	if r != nil {
		delete(r.replaced, hash)
	}
}

// settle forgets what lies before the first unsettled local transaction.
func (r *recent) settle(bound uint64) {
	if r == nil {
		return
	}
	if n := min(bound-min(r.first, bound), uint64(len(r.begun))); n > 0 {
		r.begun, r.first = r.begun[n:], r.first+n
	}
	from := r.at + 1
	if len(r.begun) > 0 {
		from = r.begun[0]
	}
	for k, d := range r.orders {
		if d.at < from {
			delete(r.orders, k)
		}
	}
	for k, at := range r.replaced {
		if at < from {
			delete(r.replaced, k)
		}
	}
}

// Absent reports whether nothing is known of the key that a copied row has to
// yield to: no local write in the index, and no restore that is due.
func (o *Observer) Absent(key Key) bool {
	return o.index.Find(key) == nil && o.due[key.Hash()] == nil
}
