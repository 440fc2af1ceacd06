package conflict

import (
	"slices"

	"duplex/internal/change"
)

// The rule of foreign keys. A row that is the newest claimant of each of its
// unique values is in its table if and only if each value that it needs is given
// by a row that is in its table. Of all sets of rows for which that is so the
// largest is meant: rows that need only each other are in together. The rows of
// both sites and their orders decide, nothing else, so both come to the same.
//
// A parent that leaves its table so takes its children with it to the parked
// rows, and theirs, and they come back with it. A parked row keeps older
// claimants of its unique values out, whatever it is parked for.

// Relations makes the placement serve foreign keys: needs gives the values of
// parents' referenced keys that a row refers to (NULL refers to nothing), gives
// the values by which rows may refer to this one. A value is the same Claim
// in both, and none of those that rows claim.
//
// Then ask Needers whenever Next has given its values: of those that Next gives
// also the rows that give them are to be added.
func (p *Placement) Relations(needs, gives func(key Key, row []change.Value) []Claim) {
	p.needs, p.gives = needs, gives
}

// Relations makes the observer, after Unique, bring parked rows back when the
// application gives what they need.
func (o *Observer) Relations(gives func(key Key, row []change.Value) []Claim) { o.recent.gives = gives }

// Look takes in a row that is placed anew, whatever it claims: the Key of a task
// that is a Revisit.
func (p *Placement) Look(c Claimant) {
	p.Add(c)
	r := p.rows[c.Key]
	r.related = true
	p.put(r.claims)
}

// lookAgain makes a task of a row that was parked. Between the looking up of its
// values and the commit the application may have written a row that was not there
// to be locked: a parent, or an older claimant of another of its values.
func (o *Observer) lookAgain(key Key) {
	if o.recent != nil && o.cfg.Without&WithoutSecondLook == 0 && o.recent.parked.Has(key) {
		o.look(&Task{Key: key, Revisit: true})
	}
}

// Look makes a task of a row that is to be placed anew whatever is known of it: one
// in its table that lacks a parent, after a time in which foreign keys were not
// looked after, or a parked one.
func (o *Observer) Look(key Key) { o.look(&Task{Key: key, Revisit: true, Always: true}) }

// Given says that rows of the table give values since they were looked at last.
func (p *Placement) Given(values []Claim) { p.needed(values) }

// Needers gives values of which the rows that need them, in the table and
// parked, have to be looked up and added, together with what Next gives.
func (p *Placement) Needers() []Claim {
	out := p.wanted
	p.wanted = nil
	return out
}

// needed asks for who needs values.
func (p *Placement) needed(values []Claim) (more bool) {
	for _, v := range values {
		if !p.moved[v] {
			p.moved[v] = true
			p.wanted = append(p.wanted, v)
			more = true
		}
	}
	return more
}

// relate finds which rows are in their tables, and what else has to be looked
// at for it. The unique values have been decided.
func (p *Placement) relate() (grown bool) {
	for _, r := range p.rows {
		r.in = r.stays
		if !p.looked(r) {
			r.in = r.Table != nil
		}
	}
	if p.needs == nil {
		return false
	}
	given := map[Claim]int{}
	for _, r := range p.rows {
		if r.in {
			count(given, p.gives(r.Key, r.final), 1)
		}
	}
	for again := true; again; {
		again = false
		for _, r := range p.rows {
			if r.in && p.looked(r) && p.lacks(r, given) {
				r.in, again = false, true
				count(given, p.gives(r.Key, r.final), -1)
			}
		}
	}
	for _, r := range p.rows {
		grown = p.follow(r, given) || grown
	}
	return grown
}

func count(given map[Claim]int, values []Claim, by int) {
	for _, v := range values {
		given[v] += by
	}
}

// lacks reports whether nobody gives a value that r needs.
func (p *Placement) lacks(r *placing, given map[Claim]int) bool {
	return slices.ContainsFunc(p.needs(r.Key, r.final), func(v Claim) bool { return given[v] == 0 })
}

// follow looks at the rows on which r depends, or which depend on it.
func (p *Placement) follow(r *placing, given map[Claim]int) (grown bool) {
	look := func() {
		grown = grown || !r.related
		r.related = true
	}
	if !p.looked(r) {
		for _, v := range p.needs(r.Key, r.final) {
			if p.moved[v] && r.in != (given[v] > 0) {
				look()
			}
		}
		if !r.in && slices.ContainsFunc(p.gives(r.Key, r.final), func(v Claim) bool { return p.asked[v] && given[v] == 0 }) {
			look() // somebody who is looked at might come in with it
		}
		return grown
	}
	before := p.gives(r.Key, r.Table)
	for _, v := range before {
		if given[v] == 0 {
			grown = p.needed([]Claim{v}) || grown
		}
	}
	if r.in {
		for _, v := range p.gives(r.Key, r.final) {
			if !slices.Contains(before, v) {
				grown = p.needed([]Claim{v}) || grown
			}
		}
	}
	return grown
}

// ranked brings parents before their children, as far as there is an order.
func (p *Placement) ranked(moves []Move) []Move {
	if p.needs == nil {
		return moves
	}
	givers := map[Claim][]int{}
	for i := range moves {
		r := p.rows[moves[i].Key]
		for _, v := range append(p.gives(r.Key, r.Table), p.gives(r.Key, r.final)...) {
			givers[v] = append(givers[v], i)
		}
	}
	out := make([]Move, 0, len(moves))
	done := make([]bool, len(moves))
	var visit func(i int)
	visit = func(i int) {
		if done[i] {
			return
		}
		done[i] = true
		r := p.rows[moves[i].Key]
		for _, v := range append(p.needs(r.Key, r.Table), p.needs(r.Key, r.final)...) {
			for _, g := range givers[v] {
				visit(g)
			}
		}
		out = append(out, moves[i])
	}
	for i := range moves {
		visit(i)
	}
	return out
}
