package sim

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// of gives the keys of a table.
func (w *world) of(table string) []conflict.Key {
	var out []conflict.Key
	for _, k := range w.keys {
		if k.Table == table {
			out = append(out, k)
		}
	}
	return out
}

// empties reports whether a table may be emptied by a statement: none that others
// refer to, nor one whose deletions are not decided as other writes are.
func (w *world) empties(table string) bool {
	if !w.rules[table].Empties(math.MaxInt64 - 1) {
		return false
	}
	for _, t := range w.Tables {
		for _, r := range t.Refers {
			if r.Table == table {
				return false
			}
		}
	}
	return true
}

// empty runs a statement of the application that takes all rows out of a table.
// It waits for who holds a row's lock; what is not there is not locked.
func (s *site) empty(dice *rand.Rand) { s.emptyBut(dice, nil) }

// emptyBut is empty while keys are locked.
func (s *site) emptyBut(dice *rand.Rand, locked map[conflict.Key]bool) {
	table := s.w.Tables[dice.IntN(len(s.w.Tables))].Name
	if !s.w.empties(table) || !s.there(table) {
		return
	}
	for _, k := range s.w.of(table) {
		if s.rows[k] != nil && (s.locks[k] != nil || locked[k]) {
			return
		}
	}
	s.clock += int64(dice.IntN(4)) - 1
	r := &record{local: true, committed: s.clock, id: s.locals, empties: table}
	s.locals++
	for _, k := range s.w.of(table) {
		delete(s.rows, k)
		s.wrote[k] = true
		s.writtenBy(k, writeID{s.id, r.id}, true)
	}
	s.log = append(s.log, r)
	s.w.say("site %d local transaction %d at %d empties %s", s.id, r.id, s.clock, table)
}

// emptied notes whose write it is that keys of an emptied table have no row, where
// the transaction found none.
func (s *site) emptied(t *txn) {
	for _, k := range s.w.of(t.empties) {
		by, ok := s.held[k]
		if s.rows[k] == nil && s.parked[k] == nil && (!ok || by.site != s.id || t.stamp.Seen.Has(uint64(by.seq))) {
			s.writtenBy(k, writeID{1 - s.id, int(t.stamp.Seq)}, false)
		}
	}
}

// between lets the application insert rows of an emptied table when the rows that
// go have been looked up.
func (s *site) between(t *txn) {
	for _, k := range s.w.of(t.empties) {
		if s.w.Gaps && s.rows[k] == nil && s.locks[k] == nil && s.dice.IntN(4) == 0 {
			s.transaction(s.dice, func(r *record) { s.statement(r, k, s.w.image(s.dice, k)) })
		}
	}
}

// emptying reports whether a transaction is being applied that empties a table:
// nothing is mended meanwhile.
func (s *site) emptying(table string) bool {
	return slices.ContainsFunc(s.works, func(w *work) bool { return w.group[0].empties == table })
}

// meanwhile lets the application write keys whose rows are about to come, and empty
// tables, while what is to be mended is decided and not committed. It reports whether rows
// come that were not there to be locked.
func (s *site) meanwhile(writes []placed, moves []conflict.Move) (absent bool) {
	held := map[conflict.Key]bool{}
	for _, x := range writes {
		held[x.key] = s.rows[x.key] != nil
	}
	for _, m := range moves {
		held[m.Key] = s.rows[m.Key] != nil
		absent = absent || m.Put != nil && s.rows[m.Key] == nil
	}
	if !s.w.Gaps {
		return absent
	}
	for _, m := range moves {
		if m.Put == nil || held[m.Key] || s.dice.IntN(3) > 0 {
			continue
		}
		s.transaction(s.dice, func(r *record) { s.statement(r, m.Key, s.w.image(s.dice, m.Key)) })
		if s.dice.IntN(2) == 0 {
			s.transaction(s.dice, func(r *record) { s.statement(r, m.Key, nil) })
		}
	}
	if s.w.Empties && s.id == 0 && s.dice.IntN(4) == 0 {
		s.emptyBut(s.dice, held)
	}
	return absent
}

// undisturbed lets the application commit before what is to be mended is, and
// reports whether the same is still to be done when rows that were not there are
// written, and locked by that.
func (s *site) undisturbed(tasks []*conflict.Task, writes []placed, moves []conflict.Move, place func() []conflict.Move) bool {
	if !s.meanwhile(writes, moves) || s.w.Without&MendTwice != 0 {
		return true
	}
	s.readAll()
	gaps := s.w.Gaps
	s.w.Gaps = false
	again := place()
	s.w.Gaps = gaps
	return reflect.DeepEqual(moves, again) && still(tasks, writes)
}

// still reports whether tasks are still to be done as they were to be.
func still(tasks []*conflict.Task, writes []placed) bool {
	for _, t := range tasks {
		i := slices.IndexFunc(writes, func(x placed) bool { return x.key == t.Key })
		if t.Revisit || i < 0 {
			continue
		}
		if p := t.Plan(writes[i].before, false); p == nil || !p.Write || !same(p.After, writes[i].after) {
			return false
		}
	}
	return true
}

// cameFor reports whether a row has come, which was not in its table, that is in
// the way of what is put: the server says that it is a duplicate.
func (s *site) cameFor(moves []conflict.Move, tables map[conflict.Key][]change.Value) bool {
	for _, m := range moves {
		for k, row := range s.rows {
			if m.Put != nil && tables[k] == nil && (k == m.Key || meets(s.w.claims(k, row), s.w.claims(m.Key, m.Put))) {
				return true
			}
		}
	}
	return false
}
