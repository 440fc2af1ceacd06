package sim

import (
	"maps"
	"slices"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// check looks at a world at rest.
func (w *world) check() {
	a, b := w.sites[0], w.sites[1]
	for _, k := range w.keys {
		w.say("%s: site 0 %s, site 1 %s", name(k), image(a.rows[k]), image(b.rows[k]))
	}
	if w.Without == 0 && !maps.Equal(a.names, b.names) {
		w.fail("the sites differ in what tables are called: %v and %v", a.names, b.names)
	}
	for _, k := range w.keys {
		if !w.rules[k.Table].Policy.Converges() {
			continue
		}
		if !same(a.rows[k], b.rows[k]) {
			w.fail("the sites differ at %s: %s and %s", name(k), image(a.rows[k]), image(b.rows[k]))
			return
		}
		if p, q := a.parked[k], b.parked[k]; (p == nil) != (q == nil) || p != nil && !same(p.Row, q.Row) {
			w.fail("the sites differ in the parked row of %s", name(k))
			return
		}
	}
	if w.Without == 0 {
		w.account()
		w.sums()
		w.truth()
	}
}

// intact looks at a world that a policy has stopped, or might have: under that
// policy no write has gone over one that it had not seen, except where that one
// had left the row as it was.
func (w *world) intact() {
	for _, s := range w.sites {
		for _, r := range s.log {
			for _, c := range r.rows {
				if r.local || len(w.Policies) > 0 || w.rules[c.key.Table].Policy != conflict.Stop || len(r.carried) == 0 || r.carried[0].Seq == change.NoSeq {
					continue
				}
				if !w.Copy && !s.expected(r, c) {
					w.fail("site %d: %s was %s, and written over without having been seen", s.id, name(c.key), image(c.before))
				}
			}
		}
	}
}

// expected reports whether a mark's transactions found a row as they knew it,
// or as one of them wrote it too.
func (s *site) expected(r *record, found rowChange) bool {
	for _, stamp := range r.carried {
		for _, c := range s.peer.out[stamp.Seq].rows {
			if c.key == found.key && (same(c.before, found.before) || same(c.after, found.before)) {
				return true
			}
		}
	}
	return false
}

// sums checks that every increment of both sites counts that was written under
// the latest rule: with what one of the sites had before the first of its own.
func (w *world) sums() {
	total := map[conflict.Key]int64{}
	first := map[conflict.Key][]int64{}
	for _, s := range w.sites {
		mine := map[conflict.Key]bool{}
		for _, t := range s.out {
			for _, c := range t.rows {
				r := w.latest(c.key.Table)
				if r.Policy != conflict.Delta || !w.tables[c.key.Table].Steady || w.at(c.key.Table, t.stamp.Version) != r {
					continue
				}
				total[c.key] += int64(c.after[colNumber].Bits) - int64(c.before[colNumber].Bits)
				if !mine[c.key] {
					mine[c.key], first[c.key] = true, append(first[c.key], int64(c.before[colNumber].Bits))
				}
			}
		}
	}
	for k, sum := range total {
		if w.latest(k.Table) == w.rules[k.Table] {
			first[k] = []int64{0}
		}
		if have := int64(w.sites[0].rows[k][colNumber].Bits); !slices.Contains(first[k], have-sum) {
			w.fail("%s: the increments come to %d over one of %d, the row says %d", name(k), sum, first[k], have)
		}
	}
}

// added is what a row comes to that was last written at a site: under Delta with
// what the other one added and this write had not seen.
func (w *world) added(key conflict.Key, site int, by change.Stamp, after []change.Value) []change.Value {
	r := w.at(key.Table, by.Version)
	if r.Policy != conflict.Delta || after == nil {
		return after
	}
	after = slices.Clone(after)
	for _, t := range w.sites[1-site].out {
		for _, c := range t.rows {
			if c.key == key && c.before != nil && c.after != nil && !by.Seen.Has(t.stamp.Seq) && w.at(key.Table, t.stamp.Version) == r {
				after[colNumber] = plus(after[colNumber], c.before[colNumber], c.after[colNumber])
			}
		}
	}
	return after
}

// plus adds a difference; from and to NULL the value is set.
func plus(v, before, after change.Value) change.Value {
	if v.IsNull() || before.IsNull() || after.IsNull() {
		return after
	}
	return change.OfInt(int64(v.Bits + after.Bits - before.Bits))
}

// truth checks tables with unique keys against what the writes come to: of each
// key the newest write of all is held, and it is in the table if and only if it
// is the newest claimant of each of its values.
func (w *world) truth() {
	if slices.ContainsFunc(w.Policies, func(p conflict.Policy) bool { return p != conflict.Newest && p != conflict.Delta }) {
		return // what it comes to depends on when the rules changed
	}
	for _, t := range w.Tables { // of rows that are chosen otherwise, who has a parent is not known here
		if p := t.Policy; len(t.Refers) > 0 && p != conflict.Newest && p != conflict.Delta {
			return
		}
	}
	rows := map[conflict.Key]placed{}
	for k, row := range w.begun {
		rows[k] = placed{key: k, after: row, order: conflict.Order{Version: -1 << 40, Sub: -1}}
	}
	for i, s := range w.sites {
		for _, t := range s.out {
			o := conflict.Order{Version: t.stamp.Version, Rank: i}
			for _, k := range w.of(t.empties) {
				if r, ok := rows[k]; !ok || !r.order.Beats(o) {
					rows[k] = placed{key: k, order: o}
				}
			}
			for _, c := range t.rows {
				if r, ok := rows[c.key]; !ok || !r.order.Beats(o) {
					rows[c.key] = placed{key: c.key, after: w.added(c.key, i, t.stamp, c.after), order: o}
				}
			}
		}
	}
	in := maps.Clone(rows)
	for k, r := range rows {
		for _, o := range rows {
			if r.after == nil || o.key != k && meets(w.claims(o.key, o.after), w.claims(k, r.after)) && o.order.Beats(r.order) {
				delete(in, k)
			}
		}
	}
	w.rooted(in)
	for k, r := range rows {
		t := w.tables[k.Table]
		if p := t.Policy; p != conflict.Newest && p != conflict.Delta || w.Copy && (!t.parks() || w.may(t, conflict.Delta)) {
			continue
		}
		if have := w.sites[0].union(k); !same(have, r.after) {
			w.fail("%s is %s, the newest write of all is %s", name(k), image(have), image(r.after))
		}
		_, belongs := in[k]
		if belongs != (w.sites[0].rows[k] != nil) {
			w.fail("%s %s: in the table %v, by the rule %v", name(k), image(r.after), !belongs, belongs)
		}
	}
}
