package sim

import (
	"maps"
	"slices"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// A head is the last write of a key at a site.
type head struct {
	seq     int
	version int64
	after   []change.Value
	seen    change.Seqs
	empty   bool // it has emptied the table: it may have found no row
}

// account looks for acknowledged writes that have vanished: each must be
// visible, overwritten by a later write that had seen it, or in the conflict log
// as the loser, once at each site that decided about it; of the last writes of
// both sites, where neither has seen the other, at both.
func (w *world) account() {
	var heads [2]map[conflict.Key]head
	agreed := [2]map[conflict.Key][]head{{}, {}}
	for i, s := range w.sites {
		heads[i] = map[conflict.Key]head{}
		for _, t := range s.out {
			for _, k := range w.of(t.empties) {
				h := head{seq: int(t.stamp.Seq), seen: t.stamp.Seen, empty: true}
				heads[i][k] = h
				agreed[i][k] = append(agreed[i][k], h)
			}
			for _, c := range t.rows {
				h := head{seq: int(t.stamp.Seq), version: t.stamp.Version, after: c.after, seen: t.stamp.Seen}
				heads[i][c.key] = h
				agreed[i][c.key] = append(agreed[i][c.key], h)
			}
		}
	}
	for i, s := range w.sites {
		count := map[verdict]int{}
		for _, v := range s.conflicts {
			v.kind = conflict.None
			count[v]++
		}
		for v, n := range count {
			if n > 1 {
				w.fail("site %d has %s of site %d's seq %d as loser %d times", i, name(v.key), v.loser.site, v.loser.seq, n)
				return
			}
		}
		for key := range maps.Keys(heads[0]) {
			w.accountKey(i, key, heads[0][key], heads[1], count, agreed)
		}
	}
	w.accountAll(agreed)
}

// accountAll looks for acknowledged writes, deletions too, that have vanished.
// Not only the last of each site: what has overwritten an earlier one may have
// been overwritten before anybody found the conflict.
func (w *world) accountAll(all [2]map[conflict.Key][]head) {
	for id := range w.sites {
		for key, writes := range all[id] {
			if !w.tables[key.Table].Policy.Converges() { // it promises nothing
				continue
			}
			for _, h := range writes {
				if h.empty || slices.ContainsFunc(all[1-id][key], func(o head) bool { return apart(h, o) && w.addsUp(key, h, o) }) {
					continue
				}
				if wrong := w.accountWrite(id, key, h, all[1-id][key]); wrong != "" {
					w.fail("%s as site %d's seq %d wrote it, %s, %s", name(key), id, h.seq, image(h.after), wrong)
					return
				}
			}
		}
	}
}

// accountWrite says what is wrong with what became of a write; others are those
// of the other site.
func (w *world) accountWrite(id int, key conflict.Key, h head, others []head) (wrong string) {
	x := rowWrite{key, writeID{id, h.seq}}
	held, over, lost := w.fate(x)
	switch {
	case held && (over || lost) && !concurrentSame(h, others): // of two that are the same either may stand for both
		return "has been overwritten or has lost, and is there"
	case held || over || lost:
		return ""
	}
	if concurrentSame(h, others) { // whoever won wrote the same: nothing is lost, and nothing logged
		return ""
	}
	return "has vanished"
}

// fate says what became of a write at either site: the row is it, in the table
// or parked; the application wrote over it where it was; or it is in the conflict
// log as the loser. A parked row that the application has replaced was written
// over: the conflict log has it since it was parked.
func (w *world) fate(x rowWrite) (held, over, lost bool) {
	for _, s := range w.sites {
		held = held || s.held[x.key] == x.by
		over = over || s.over[x]
		lost = lost || slices.ContainsFunc(s.conflicts, func(v verdict) bool { return v.key == x.key && v.loser == x.by })
	}
	return held, over, lost
}

// apart reports whether neither of two writes of different sites has seen the
// other.
func apart(a, b head) bool { return !a.seen.Has(uint64(b.seq)) && !b.seen.Has(uint64(a.seq)) }

// addsUp reports whether of two concurrent writes the loser is added to the winner.
func (w *world) addsUp(key conflict.Key, a, b head) bool {
	r := w.at(key.Table, a.version)
	return r.Policy == conflict.Delta && r == w.at(key.Table, b.version)
}

func (w *world) accountKey(at int, key conflict.Key, a head, other map[conflict.Key]head, count map[verdict]int, all [2]map[conflict.Key][]head) {
	b, both := other[key]
	if !both || a.empty || b.empty || !apart(a, b) || same(a.after, b.after) {
		return
	}
	if !w.tables[key.Table].Policy.Converges() || w.addsUp(key, a, b) {
		return
	}
	lost := 0
	for site, h := range []head{a, b} {
		lost += count[verdict{key: key, loser: writeID{site, h.seq}}]
	}
	if lost == 0 && (concurrentSame(a, all[1][key]) || concurrentSame(b, all[0][key])) {
		return // both wrote the same, for a moment
	}
	if lost == 0 && (w.addsUp(key, a, a) || w.addsUp(key, b, b)) {
		return // added up, the row was already what the winner wrote; the other site's log has it
	}
	if lost != 1 {
		w.fail("site %d: %s was written at both sites (seq %d, seq %d) and %d of the two are in the conflict log", at, name(key), a.seq, b.seq, lost)
	}
}

// concurrentSame reports whether the other site wrote the same content, neither
// having seen the other.
func concurrentSame(h head, others []head) bool {
	for _, o := range others {
		if same(h.after, o.after) && apart(h, o) {
			return true
		}
	}
	return false
}
