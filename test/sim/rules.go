package sim

import (
	"math"
	"math/rand/v2"
	"slices"

	"duplex/internal/conflict"
)

// changeRules gives each table another rule, as the product does: all that runs
// ends, and what begins then knows which rules are to follow; when it has read both
// logs to their end it ends too, and what begins then knows from which version on
// they hold.
func (w *world) changeRules(dice *rand.Rand) {
	if w.coming != nil {
		w.turn(dice)
		return
	}
	w.coming = map[string]*conflict.Rule{}
	for i := range w.Tables {
		t := w.Tables[i].Name
		next := rule(w.Policies[dice.IntN(len(w.Policies))], dice.IntN(2))
		if p := next.Policy; p != conflict.Stop && w.latest(t).Policy == conflict.Stop {
			next.Policy = conflict.Newest // it judges what was written under Stop too
		}
		w.coming[t] = next
		if next.Policy == conflict.Delta && w.Without&(Announced|FromVersion) == 0 {
			w.rules[t] = follow(w.rules[t], next, conflict.Unheard)
		}
		w.say("the rule of %s is going to be %s %d", t, next.Policy, next.Rank)
	}
	w.restart()
}

// turn has the coming rules hold. Some things happen after the end of the logs was
// read, before all has ended.
func (w *world) turn(dice *rand.Rand) {
	for _, s := range w.sites {
		s.readAll()
	}
	began := w.restarts
	for range dice.IntN(12) {
		kinds := []int{stepLocal, stepBegin, stepAdvance, stepAdvance, stepMend}
		w.step(Step{Kind: kinds[dice.IntN(len(kinds))], Site: dice.IntN(2), Dice: dice.Uint64()})
		if w.failed != "" || w.stopped || w.restarts != began {
			return
		}
	}
	from := int64(-1 << 30)
	for _, s := range w.sites {
		from = max(from, s.observer.Watermark().Version+1)
	}
	if dice.IntN(3) == 0 {
		from += int64(dice.IntN(12))
	}
	for i := range w.Tables {
		t := w.Tables[i].Name
		w.changeRule(t, w.coming[t], from)
	}
	w.coming = nil
	w.restart()
}

func (w *world) restart() {
	for _, s := range w.sites {
		s.restart()
	}
}

func rule(policy conflict.Policy, rank int) *conflict.Rule {
	return &conflict.Rule{Policy: policy, Rank: rank, Columns: []int{colNumber}}
}

func (w *world) changeRule(table string, r *conflict.Rule, from int64) {
	w.say("the rule of %s is %s %d from version %d on", table, r.Policy, r.Rank, from)
	if w.Without&FromVersion == 0 {
		r = follow(heard(w.rules[table]), r, from)
	}
	w.rules[table] = r
}

// follow is a rule with another one after it.
func follow(r, next *conflict.Rule, from int64) *conflict.Rule {
	if r.Policy == conflict.Stop {
		return next
	}
	out := *r
	if out.Next == nil {
		out.Next, out.From = next, from
	} else {
		out.Next = follow(out.Next, next, from)
	}
	return &out
}

// heard is a rule without one that is only announced.
func heard(r *conflict.Rule) *conflict.Rule {
	out := *r
	switch {
	case out.Next == nil:
	case out.From == conflict.Unheard:
		out.Next, out.From = nil, 0
	default:
		out.Next = heard(out.Next)
	}
	return &out
}

// at is the rule among writes of a version.
func (w *world) at(table string, version int64) *conflict.Rule { return w.rules[table].At(version) }

// latest is the rule of what is written now.
func (w *world) latest(table string) *conflict.Rule { return w.at(table, math.MaxInt64-1) }

// may reports whether a table may have a policy some time.
func (w *world) may(t *Table, p conflict.Policy) bool {
	return t.Policy == p || slices.Contains(w.Policies, p)
}

// leaveStop is the person that a policy asks for: she chooses another one for
// the tables that stop. It is not Site: of two writes of the same content Stop
// takes the newer one.
func (w *world) leaveStop() {
	if !w.stopped || len(w.Policies) == 0 {
		return
	}
	w.stopped, w.coming = false, nil
	for i := range w.Tables {
		t := w.Tables[i].Name
		w.rules[t] = heard(w.rules[t])
		if w.latest(t).Policy != conflict.Stop {
			continue
		}
		w.changeRule(t, rule(conflict.Newest, 0), 0)
	}
	w.stats.Stopped++
	w.restart()
}
