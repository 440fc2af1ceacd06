package apply

import (
	"context"
	"maps"
	"slices"
	"sync"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/conflict"
)

// A Parked knows which rows of a tenant wait aside for a unique value: those of
// table parked, and those that a transaction which may still fail puts there.
// So it may name a row too many, never one too few; what counts is read from
// the table, under a lock.
type Parked struct {
	claimsOf func(key conflict.Key, row []change.Value) []conflict.Claim

	mu     sync.Mutex
	number uint64
	rows   map[conflict.Key][]waiting
	claims map[conflict.Claim]map[conflict.Key]int
}

// waiting is one version of a parked row.
type waiting struct {
	number uint64
	claims []conflict.Claim
}

// newParked reads what is parked. Nobody but the link that was claimed before
// writes parked rows.
func newParked(ctx context.Context, store *checkpoint.Store, claims func(key conflict.Key, row []change.Value) []conflict.Claim) (*Parked, error) {
	p := &Parked{claimsOf: claims, rows: map[conflict.Key][]waiting{}, claims: map[conflict.Claim]map[conflict.Key]int{}}
	rows, err := store.Parked(ctx)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		p.add(rows[i].Key, rows[i].Row)
	}
	return p, nil
}

// Has reports whether the row may be parked.
func (p *Parked) Has(key conflict.Key) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.rows[key]) > 0
}

// Claims reports whether a parked row may wait for the value: a unique one, or
// one that a parent gives.
func (p *Parked) Claims(v conflict.Claim) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.claims[v]) > 0
}

// Of gives the rows of a table that may be parked.
func (p *Parked) Of(table string) []conflict.Key {
	return slices.DeleteFunc(p.keys(), func(k conflict.Key) bool { return k.Table != table })
}

// any reports whether a parked row may wait for one of the values.
func (p *Parked) any(values []conflict.Claim) bool { return slices.ContainsFunc(values, p.Claims) }

// Len is the number of rows.
func (p *Parked) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.rows)
}

// keys gives the rows that may be parked.
func (p *Parked) keys() []conflict.Key {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.rows))
}

// claimants gives the rows that may wait for the value.
func (p *Parked) claimants(v conflict.Claim) []conflict.Key {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []conflict.Key
	for k := range p.claims[v] {
		out = append(out, k)
	}
	return out
}

// now gives the number behind which versions are of later transactions.
func (p *Parked) now() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.number
}

// parkedVersion names what add took in.
type parkedVersion struct {
	key    conflict.Key
	number uint64
}

// add takes in a version of a parked row, before it is committed.
func (p *Parked) add(key conflict.Key, row []change.Value) uint64 {
	w := waiting{claims: p.claimsOf(key, row)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.number++
	w.number = p.number
	p.rows[key] = append(p.rows[key], w)
	for _, c := range w.claims {
		m := p.claims[c]
		if m == nil {
			m = map[conflict.Key]int{}
			p.claims[c] = m
		}
		m[key]++
	}
	return w.number
}

// forget takes out the versions of a row up to number: whoever calls held the
// row's lock when that was the newest number.
func (p *Parked) forget(key conflict.Key, number uint64) {
	p.remove(key, func(w *waiting) bool { return w.number <= number })
}

// drop takes out a version whose transaction was rolled back.
func (p *Parked) drop(v parkedVersion) {
	p.remove(v.key, func(w *waiting) bool { return w.number == v.number })
}

func (p *Parked) remove(key conflict.Key, gone func(*waiting) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var kept []waiting
	for i := range p.rows[key] {
		w := &p.rows[key][i]
		if !gone(w) {
			kept = append(kept, *w)
			continue
		}
		for _, c := range w.claims {
			m := p.claims[c]
			if m[key]--; m[key] <= 0 {
				delete(m, key)
			}
			if len(m) == 0 {
				delete(p.claims, c)
			}
		}
	}
	if p.rows[key] = kept; len(kept) == 0 {
		delete(p.rows, key)
	}
}
