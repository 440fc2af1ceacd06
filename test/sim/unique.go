package sim

import (
	"slices"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// claims gives the unique values that a row takes.
func (w *world) claims(key conflict.Key, row []change.Value) []conflict.Claim {
	if row == nil {
		return nil
	}
	var out []conflict.Claim
	for i, v := range row[colUnique : colUnique+w.tables[key.Table].Unique] {
		if !v.IsNull() {
			out = append(out, conflict.Claim(key.Table+string([]byte{'0' + byte(i), '0' + byte(v.Bits)})))
		}
	}
	return out
}

func meets(a, b []conflict.Claim) bool {
	return slices.ContainsFunc(a, func(v conflict.Claim) bool { return slices.Contains(b, v) })
}

// Has and Claims make the site's parked rows a conflict.ParkedView.
func (s *site) Has(key conflict.Key) bool { return s.parked[key] != nil }

func (s *site) Claims(v conflict.Claim) bool {
	for k, p := range s.parked {
		if slices.Contains(s.w.claims(k, p.Row), v) || slices.Contains(s.w.needs(k, p.Row), v) {
			return true
		}
	}
	return false
}

func (s *site) Of(table string) []conflict.Key {
	var out []conflict.Key
	for _, k := range s.w.keys {
		if k.Table == table && s.parked[k] != nil {
			out = append(out, k)
		}
	}
	return out
}

func (s *site) claimant(key conflict.Key) conflict.Claimant {
	c := conflict.Claimant{Key: key, Table: s.rows[key], Parked: s.parked[key]}
	c.Stale = c.Parked != nil && s.w.Without&Replaced == 0 && (c.Table != nil || s.observer.Replaced(key))
	c.Order, c.Known = s.observer.Recent(key)
	if s.w.Without&Recent != 0 {
		c.Known = false
	}
	if !c.Known && c.Parked != nil && c.Table == nil {
		c.Order, c.Known = c.Parked.Order, true
	}
	return c
}

// union is the row that the site holds, in the table or parked.
func (s *site) union(key conflict.Key) []change.Value {
	if s.parked[key] == nil {
		return s.rows[key]
	}
	c := s.claimant(key)
	return c.Union()
}

// A placed is a row to be written with its place looked for.
type placed struct {
	key           conflict.Key
	before, after []change.Value
	order         conflict.Order
}

// clashes reports whether writes have to be placed.
func (s *site) clashes(writes []placed, checked bool) bool {
	return s.disputed(writes) || s.refused(writes, checked)
}

// disputed reports whether writes concern a parked row, its unique values or its
// parents.
func (s *site) disputed(writes []placed) bool {
	var values, given []conflict.Claim
	mine := map[conflict.Key]bool{}
	for _, x := range writes {
		mine[x.key] = true
		values = append(append(values, s.w.claims(x.key, x.before)...), s.w.claims(x.key, x.after)...)
		given = append(append(given, s.w.gives(x.key, x.before)...), s.w.gives(x.key, x.after)...)
	}
	for k, p := range s.parked {
		if mine[k] || meets(s.w.claims(k, p.Row), values) || meets(s.w.needs(k, p.Row), given) {
			return true
		}
	}
	return false
}

// refused reports whether the server's constraints refuse writes: foreign keys
// where the session checks them.
func (s *site) refused(writes []placed, checked bool) bool {
	var taken []conflict.Claim
	mine := map[conflict.Key]bool{}
	for _, x := range writes {
		mine[x.key] = true
		c := s.w.claims(x.key, x.after)
		if meets(c, taken) {
			return true
		}
		taken = append(taken, c...)
	}
	for k, row := range s.rows {
		if !mine[k] && meets(s.w.claims(k, row), taken) {
			return true
		}
	}
	return checked && s.constrained() && s.torn(writes, mine)
}

// place finds where rows belong; ok is false if one of them is locked by
// somebody else than by.
func (s *site) place(by *work, writes []placed, released, given []conflict.Claim, look ...conflict.Key) (moves []conflict.Move, ok bool) {
	p := conflict.NewPlacement(s.w.claims)
	if s.w.kept {
		p.Relations(s.w.needs, s.w.gives)
	}
	var held []conflict.Key
	locked := func(k conflict.Key) bool {
		held = append(held, k)
		return s.locks[k] != nil && s.locks[k] != by
	}
	for _, k := range look {
		if locked(k) {
			return nil, false
		}
		p.Look(s.claimant(k))
	}
	for _, x := range writes {
		if locked(x.key) {
			return nil, false
		}
		p.Write(s.claimant(x.key), x.after, x.order)
	}
	p.Release(released)
	p.Given(given)
	for {
		want, needed := p.Next(), p.Needers()
		if s.w.Without&Relations != 0 {
			needed = nil
		}
		if len(want)+len(needed) == 0 {
			break
		}
		for _, k := range s.w.keys {
			if !s.concerns(k, s.rows[k], want, needed) && (s.parked[k] == nil || !s.concerns(k, s.parked[k].Row, want, needed)) {
				continue
			}
			if locked(k) {
				return nil, false
			}
			p.Add(s.claimant(k))
		}
	}
	moves = p.Moves()
	return moves, s.gap(held, moves)
}

// move does what a placement says, in the order of its statements.
func (s *site) move(moves []conflict.Move, r *record) {
	if s.w.Without&ComeBack != 0 {
		moves = slices.DeleteFunc(moves, func(m conflict.Move) bool {
			return m.Unpark && m.Put != nil && same(m.Put, s.parked[m.Key].Row)
		})
	}
	for _, m := range slices.Backward(moves) {
		if m.Delete {
			delete(s.rows, m.Key)
		}
	}
	for _, m := range moves {
		if m.Put != nil {
			s.put(m.Key, m.Put)
		}
	}
	for _, m := range moves {
		switch {
		case m.Park != nil && s.w.Without&Park == 0:
			s.parked[m.Key] = m.Park
			s.w.stats.Parked++
			s.w.say("site %d parks %s %s", s.id, name(m.Key), image(m.Park.Row))
		case m.Unpark:
			delete(s.parked, m.Key)
			s.w.say("site %d: %s is parked no more", s.id, name(m.Key))
		default:
			continue
		}
		r.parked = append(r.parked, m.Key)
	}
}

// put is one INSERT or UPDATE: the server's own constraint holds.
func (s *site) put(key conflict.Key, row []change.Value) {
	c := s.w.claims(key, row)
	for k, o := range s.rows {
		if k != key && len(c) > 0 && meets(s.w.claims(k, o), c) {
			s.w.fail("site %d: duplicate key, %s %s meets %s %s", s.id, name(key), image(row), name(k), image(o))
		}
	}
	s.rows[key] = row
}

// write does plain writes: what leaves or moves goes first.
func (s *site) write(writes []placed) {
	for _, x := range writes {
		delete(s.rows, x.key)
	}
	for _, x := range writes {
		if x.after != nil {
			s.put(x.key, x.after)
		}
	}
}

// changes gives the rows of the union that writes have changed.
func changes(writes []placed) []rowChange {
	var out []rowChange
	for _, x := range writes {
		if !same(x.before, x.after) {
			out = append(out, rowChange{x.key, x.before, x.after})
		}
	}
	return out
}

// free reports whether the constraint lets the application write the row.
func (s *site) allowed(key conflict.Key, row []change.Value) bool {
	c := s.w.claims(key, row)
	for k, o := range s.rows {
		if k != key && len(c) > 0 && meets(s.w.claims(k, o), c) {
			return false
		}
	}
	return s.holds(key, row)
}
