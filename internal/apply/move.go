package apply

import (
	"slices"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/conflict"
)

// moves adds the statements of a placement: what leaves a table or gives a
// value up, then what comes or stays, then the parked rows. The server's own
// constraint holds after each.
func (p *placer) moves(s *script, moves []conflict.Move) {
	if p.related() {
		s.statement(nil, unchecked)
		defer s.statement(nil, checked)
	}
	for i := range slices.Backward(moves) {
		m := &moves[i]
		if h := p.held[m.Key]; m.Delete || h.respelled(m) {
			s.remove(h.plan, &net{plan: h.plan, current: h.table})
		}
	}
	for i := range moves {
		m := &moves[i]
		if m.Put == nil {
			continue
		}
		h := p.held[m.Key]
		n := &net{plan: h.plan, current: h.table, final: m.Put, last: change.Update, txn: "of a placement"}
		if m.Delete || h.table == nil || h.respelled(m) {
			s.insert(h.plan, m.Put, n)
		} else {
			s.update(h.plan, n)
		}
	}
	for i := range moves {
		m := &moves[i]
		h := p.held[m.Key]
		switch {
		case m.Park != nil:
			by := p.blocker(m, moves)
			r := checkpoint.ParkedRow{Key: m.Key, Parked: *m.Park, Reason: string(conflict.ForeignKey)}
			if by != nil {
				r.Reason, r.Blocked = string(conflict.UniqueKey), h.plan.plainKey(by)
			}
			p.parks = append(p.parks, parkedVersion{m.Key, p.parked.add(m.Key, m.Park.Row)})
			s.statement(nil, string(p.store.AppendPark(nil, &r)))
			if h.parked == nil || h.stale {
				p.logPark(m, by)
			}
		case m.Unpark:
			s.statement(nil, string(p.store.AppendUnpark(nil, []conflict.Key{m.Key})))
		}
		if h.stale && h.parked != nil && (m.Park != nil || m.Unpark) {
			p.logReplaced(m.Key)
		}
	}
}

// respelled reports whether the row stays, with its key in other letters.
func (h *held) respelled(m *conflict.Move) bool {
	return m.Put != nil && h.table != nil && !h.plan.sameKey(h.table, m.Put)
}

// stopped is the row that would be parked against its table's policy.
func (p *placer) stopped(moves []conflict.Move) error {
	for i := range moves {
		m := &moves[i]
		h := p.held[m.Key]
		if m.Park != nil && h.parked == nil && h.plan.rule.At(m.Park.Order.Version).Policy == conflict.Stop {
			return &Mismatch{
				Table: h.plan.target, Key: h.plan.formatKey(m.Park.Row), Op: change.Update, Txn: "that takes its unique value or its parent",
				Expected: m.Park.Row, Found: p.blocker(m, moves), Cause: conflict.ErrStop,
			}
		}
	}
	return nil
}

// settled takes in that the placement is durable.
func (p *placer) settled(moves []conflict.Move) {
	for i := range moves {
		if m := &moves[i]; (m.Park != nil || m.Unpark) && p.held[m.Key].parked != nil {
			p.parked.forget(m.Key, p.since)
		}
	}
}

// blocker is the row in the table that keeps a parked one out.
func (p *placer) blocker(m *conflict.Move, moves []conflict.Move) []change.Value {
	claims := p.claims(m.Key, m.Park.Row)
	for k, h := range p.held {
		if k == m.Key {
			continue
		}
		row := h.table
		if i := slices.IndexFunc(moves, func(o conflict.Move) bool { return o.Key == k }); i >= 0 {
			if row = moves[i].Put; row == nil && !moves[i].Delete {
				row = h.table
			}
		}
		for _, c := range p.claims(k, row) {
			if slices.Contains(claims, c) {
				return row
			}
		}
	}
	return nil
}

// logPark notes in the conflict log that a row has lost a unique value, or its
// parent. The loser stands whole; the other image is the row that has the value.
func (p *placer) logPark(m *conflict.Move, by []change.Value) {
	h := p.held[m.Key]
	c := checkpoint.Conflict{
		Table: h.plan.target.String(), Kind: string(conflict.UniqueKey), Key: h.plan.plainKey(m.Park.Row),
		Policy: string(h.plan.rule.At(m.Park.Order.Version).Policy),
	}
	if by == nil {
		c.Kind = string(conflict.ForeignKey)
	}
	loser, winner := change.AppendJSON(nil, h.plan.target.Columns, m.Park.Row), change.AppendJSON(nil, h.plan.target.Columns, by)
	if p.writes[m.Key] {
		c.Winner, c.Local, c.Incoming = string(conflict.LocalWon), winner, loser
	} else {
		c.Winner, c.Local, c.Incoming = string(conflict.Incoming), loser, winner
	}
	p.conflicts = append(p.conflicts, c)
}

// logReplaced notes that the application has written over a parked row, which
// it did not see.
func (p *placer) logReplaced(key conflict.Key) {
	h := p.held[key]
	p.conflicts = append(p.conflicts, checkpoint.Conflict{
		Table: h.plan.target.String(), Kind: string(conflict.UniqueKey), Key: h.plan.plainKey(h.parked.Row),
		Policy:   string(h.plan.rule.At(h.parked.Order.Version).Policy),
		Winner:   string(conflict.LocalWon),
		Local:    change.AppendJSON(nil, h.plan.target.Columns, h.table),
		Incoming: change.AppendJSON(nil, h.plan.target.Columns, h.parked.Row),
	})
}
