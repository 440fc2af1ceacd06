package conflict

import (
	"cmp"
	"slices"

	"duplex/internal/change"
)

// A statement that takes all rows out of a table without row events (TRUNCATE) is
// a write of every key of the table, one that leaves no row: the keys that have no
// row and those of parked rows too. At its own site the index holds it once for
// the table, under the entries of what was written since. The peer deletes the
// rows that it has, decides each like any deletion, and says in the mark that the
// table was emptied, for the keys that it did not find.

// Emptied takes in that the local transaction has emptied a table.
func (o *Observer) Emptied(s *change.Stamp, committed int64, table string) {
	w := Write{Seq: s.Seq, Version: s.Version, Rank: o.cfg.Rank, Committed: committed}
	for _, t := range o.tasks {
		if t.Key.Table == table && o.due[t.hash] == t {
			o.overtaken(t.hash)
		}
	}
	if t := o.copies[table]; t != nil {
		t.addLarge(s.Seq)
	}
	if o.cfg.Without&WithoutEmptied != 0 {
		return
	}
	o.index.empty(table, w)
	if o.recent == nil {
		return
	}
	for _, key := range o.recent.parked.Of(table) { // the statement has not reached these
		t := &Task{Key: key, hash: key.Hash(), Rule: o.cfg.Rules(table), Restore: true, Local: w, silent: true}
		o.due[t.hash] = t
		o.tasks = append(o.tasks, t)
	}
}

// Void lets go of all that is remembered of a table that is no more, or was
// emptied by a statement that is not carried.
func (o *Observer) Void(table string) {
	for _, t := range o.tasks {
		if t.Key.Table == table && !t.over {
			t.over = true
			if o.due[t.hash] == t {
				delete(o.due, t.hash)
			}
		}
	}
	delete(o.index.emptied, table)
	for _, key := range o.index.keysOf(table) {
		if n := o.index.hot.find(key.Hash(), key); n != 0 {
			o.index.hot.remove(n)
		}
	}
}

// emptied judges the local writes of tables that the peer has emptied of which
// the mark says nothing by itself: a row of theirs may have come when the rows had
// been looked up. One that stays was left as it is.
func (o *Observer) emptied(a *Applied) error {
	if len(a.Notes.Emptied) == 0 || o.cfg.Without&WithoutEmptiedLate != 0 {
		return nil
	}
	handled := map[uint64]bool{}
	for i := range a.Rows {
		handled[a.Rows[i].Key.Hash()] = true
	}
	for _, k := range a.Notes.Keys {
		handled[k.Hash] = handled[k.Hash] || k.Silent
	}
	in := Write{Seq: a.Carried[0].Seq, Version: a.Carried[0].Version, Rank: o.cfg.Peer}
	for _, table := range a.Notes.Emptied {
		for _, t := range o.tasks { // what was to be put back is gone, if who emptied the table had seen it
			if t.Key.Table == table && o.due[t.hash] == t && a.Carried[0].Seen.Has(t.Local.Seq) {
				o.touched(t.hash)
			}
		}
		for _, key := range o.index.keysOf(table) {
			hash := key.Hash()
			l := o.index.FindHashed(hash, key)
			if handled[hash] || l == nil {
				continue
			}
			rival := l.Rival(a.Carried[0].Seen)
			if rival == nil || o.cfg.Rules(table).keeps(rival, &in) {
				continue
			}
			if err := o.late(a, KeyNote{Hash: hash, Silent: true, Gone: true}, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// keeps reports whether a row stays that rival wrote and in was to write.
func (r *Rule) keeps(rival, in *Write) bool {
	switch b := r.between(rival, in); b.Policy {
	case Stop, Overwrite:
		return false
	case Ignore:
		return true
	default:
		return b.beats(rival, in)
	}
}

// expose makes an entry of what has emptied the key's table, where a transaction
// of the peer had not seen that: from now on it is judged by itself.
func (o *Observer) expose(a *Applied, k KeyNote, key Key) {
	w := o.index.emptied[key.Table]
	if w == nil || a.Carried[k.Txn].Seen.Has(w.Seq) {
		return
	}
	if l := o.index.stored(k.Hash, key); l != nil && l.Seq >= w.Seq {
		return
	}
	o.index.put(k.Hash, key, w.Write)
	if w.told[k.Hash] {
		for e := range o.index.each(k.Hash) {
			if e.key == key {
				e.lost, e.told = true, true
			}
		}
	}
}

// An emptying is what has emptied a table.
type emptying struct {
	Write
	told map[uint64]bool // hashes of keys: that the write has lost there is logged, or will be
}

// empty notes the latest write of all keys of a table that have no later one.
func (x *Index) empty(table string, w Write) {
	if x.emptied == nil {
		x.emptied = map[string]*emptying{}
	}
	x.emptied[table] = &emptying{Write: w, told: map[uint64]bool{}}
}

// over gives l, unless the key's table was emptied since.
func (x *Index) over(l *Local, hash uint64, table string) *Local {
	if w := x.emptied[table]; w != nil && (l == nil || l.Seq < w.Seq) {
		return &Local{Write: w.Write, Lost: w.told[hash], Told: w.told[hash], rule: x.rules(table)}
	}
	return l
}

// covered reports whether the entry's table was emptied since.
func (x *Index) covered(e *entry) bool {
	w := x.emptied[e.key.Table]
	return w != nil && e.write.Seq < w.Seq
}

// keysOf gives the keys of a table that have entries.
func (x *Index) keysOf(table string) []Key {
	seen := map[Key]bool{}
	for n := x.hot.oldest; n != 0; n = x.hot.slot(n).newer {
		if s := x.hot.slot(n); x.hot.tables[s.table] == table {
			seen[x.hot.entry(n).key] = true
		}
	}
	if x.cold != nil {
		x.fail(x.cold.keysOf(table, seen))
	}
	out := make([]Key, 0, len(seen))
	for key := range seen {
		out = append(out, key)
	}
	slices.SortFunc(out, func(a, b Key) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// keysOf notes the keys of a table that have records, perhaps settled ones.
func (c *cold) keysOf(table string, seen map[Key]bool) error {
	for _, s := range c.segments {
		if s == nil {
			continue
		}
		if err := s.flush(); err != nil {
			return err
		}
		err := s.each(func(_ int64, record []byte) (bool, error) {
			e, _, err := parseRecord(record)
			if err == nil && e.key.Table == table && e.write.Seq >= c.bound {
				seen[e.key] = true
			}
			return true, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
