package sim

import (
	"slices"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// parks reports whether rows of the table may be parked.
func (t *Table) parks() bool { return t.Unique > 0 || len(t.Refers) > 0 }

// needs gives the parents that a row refers to.
func (w *world) needs(key conflict.Key, row []change.Value) []conflict.Claim {
	if row == nil {
		return nil
	}
	var out []conflict.Claim
	t := w.tables[key.Table]
	for i, r := range t.Refers {
		if v := row[colUnique+t.Unique+i]; !v.IsNull() {
			out = append(out, given(r.Table, r.Unique, byte(v.Bits)+'0'))
		}
	}
	return out
}

// gives gives the values by which rows may refer to this one.
func (w *world) gives(key conflict.Key, row []change.Value) []conflict.Claim {
	if row == nil || !w.related {
		return nil
	}
	out := []conflict.Claim{given(key.Table, false, key.ID[0])}
	if w.tables[key.Table].Unique > 0 && !row[colUnique].IsNull() {
		out = append(out, given(key.Table, true, byte(row[colUnique].Bits)+'0'))
	}
	return out
}

func given(table string, unique bool, v byte) conflict.Claim {
	if unique {
		return conflict.Claim(">" + table + "u" + string([]byte{v}))
	}
	return conflict.Claim(">" + table + string([]byte{v}))
}

// refers reports whether x needs what y gives.
func (w *world) refers(x, y rowChange) bool {
	gives := append(w.gives(y.key, y.before), w.gives(y.key, y.after)...)
	return meets(w.needs(x.key, x.before), gives) || meets(w.needs(x.key, x.after), gives)
}

// concerns reports whether a row is one that a placement asks for.
func (s *site) concerns(key conflict.Key, row []change.Value, want, needed []conflict.Claim) bool {
	return meets(s.w.claims(key, row), want) || meets(s.w.gives(key, row), want) || meets(s.w.needs(key, row), needed)
}

// parent gives the key of a row in the table that gives a value.
func (s *site) parent(v conflict.Claim) (key conflict.Key, ok bool) {
	for k, row := range s.rows {
		if slices.Contains(s.w.gives(k, row), v) {
			return k, true
		}
	}
	return key, false
}

// holds reports whether the foreign keys let the application write the row.
// Nor may the parents be locked by somebody else.
func (s *site) holds(key conflict.Key, row []change.Value) bool {
	if !s.constrained() {
		return true
	}
	gives := s.w.gives(key, row)
	for _, v := range s.w.needs(key, row) {
		if k, ok := s.parent(v); !slices.Contains(gives, v) && (!ok || k == key || s.locks[k] != nil) {
			return false
		}
	}
	for _, v := range s.w.gives(key, s.rows[key]) {
		if slices.Contains(gives, v) {
			continue
		}
		for k, o := range s.rows {
			if k != key && slices.Contains(s.w.needs(k, o), v) {
				return false
			}
		}
	}
	return true
}

// constrained reports whether the server has the foreign keys.
func (s *site) constrained() bool { return s.id == 0 || s.w.made }

// torn reports whether writes take a parent from a row in the table, or lack one
// themselves.
func (s *site) torn(writes []placed, mine map[conflict.Key]bool) bool {
	var lost, given []conflict.Claim
	for _, x := range writes {
		lost = append(lost, s.w.gives(x.key, x.before)...)
		given = append(given, s.w.gives(x.key, x.after)...)
	}
	for _, x := range writes {
		for _, v := range s.w.needs(x.key, x.after) {
			if k, ok := s.parent(v); !slices.Contains(given, v) && (!ok || mine[k]) {
				return true
			}
		}
	}
	lost = slices.DeleteFunc(lost, func(v conflict.Claim) bool { return slices.Contains(given, v) })
	for k, row := range s.rows {
		if !mine[k] && meets(s.w.needs(k, row), lost) {
			return true
		}
	}
	return false
}

// orphans checks that every row in a table has its parents there.
func (s *site) orphans() {
	if s.w.Without != 0 || !s.w.related || !s.w.whole {
		return
	}
	for _, k := range s.orphaned() {
		s.w.fail("site %d: %s %s has no parent", s.id, name(k), image(s.rows[k]))
	}
}

// rooted takes out of rows those that are not in their tables for lack of a
// parent.
func (w *world) rooted(in map[conflict.Key]placed) {
	for again := true; again; {
		again = false
		given := map[conflict.Claim]bool{}
		for k, r := range in {
			for _, v := range w.gives(k, r.after) {
				given[v] = true
			}
		}
		for k, r := range in {
			if slices.ContainsFunc(w.needs(k, r.after), func(v conflict.Claim) bool { return !given[v] }) {
				delete(in, k)
				again = true
			}
		}
	}
}

// gap lets the application commit where rows that were looked up are locked, but
// not those that were not there. ok is false if it took a unique value first.
func (s *site) gap(held []conflict.Key, moves []conflict.Move) (ok bool) {
	if !s.w.Gaps || len(moves) == 0 || s.dice.IntN(3) > 0 {
		return true
	}
	var mine []conflict.Key
	for _, k := range held {
		if s.locks[k] == nil {
			s.locks[k] = &work{}
			mine = append(mine, k)
		}
	}
	s.local(s.dice)
	for _, k := range mine {
		delete(s.locks, k)
	}
	for _, m := range moves {
		claims := s.w.claims(m.Key, m.Put)
		for k, row := range s.rows {
			if !slices.Contains(held, k) && meets(s.w.claims(k, row), claims) {
				return false
			}
		}
	}
	return true
}
