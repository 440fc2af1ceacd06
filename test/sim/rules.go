package sim

import (
	"math/rand/v2"

	"duplex/internal/conflict"
)

// changeRules gives each table another rule, as the product does: all that runs
// ends when both logs are read, and what begins then knows from which version
// on the new rules hold.
func (w *world) changeRules(dice *rand.Rand) {
	from := int64(-1 << 30)
	for _, s := range w.sites {
		s.readAll()
		from = max(from, s.observer.Watermark().Version+1)
	}
	if w.failed != "" || w.stopped {
		return
	}
	from += int64(dice.IntN(12))
	for i := range w.Tables {
		w.changeRule(w.Tables[i].Name, w.Policies[dice.IntN(len(w.Policies))], dice.IntN(2), from)
	}
	for _, s := range w.sites {
		s.restart()
	}
}

func (w *world) changeRule(table string, policy conflict.Policy, rank int, from int64) {
	r := &conflict.Rule{Policy: policy, Rank: rank}
	if w.Without&FromVersion == 0 {
		r = follow(w.rules[table], r, from)
	}
	w.rules[table] = r
	w.say("the rule of %s is %s %d from version %d on", table, policy, rank, from)
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

// leaveStop is the person that a policy asks for: she chooses another one for
// the tables that stop.
func (w *world) leaveStop(seed uint64) {
	if !w.stopped || len(w.Policies) == 0 {
		return
	}
	dice := rand.New(rand.NewPCG(seed, 6))
	w.stopped = false
	for i := range w.Tables {
		r := w.rules[w.Tables[i].Name]
		for r.Next != nil {
			r = r.Next
		}
		if r.Policy != conflict.Stop {
			continue
		}
		policy := conflict.Newest
		if dice.IntN(2) == 0 {
			policy = conflict.Site
		}
		w.changeRule(w.Tables[i].Name, policy, dice.IntN(2), 0)
	}
	w.stats.Stopped++
	for _, s := range w.sites {
		s.restart()
	}
}
