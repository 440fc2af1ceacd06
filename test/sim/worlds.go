package sim

import "duplex/internal/conflict"

// A World is a kind of schedules that has to hold with all rules.
type World struct {
	Name  string
	Share int // of all schedules, in hundredths
	Options
}

// Worlds is what a soak is split over.
func Worlds() []World {
	table := func(o Options, p conflict.Policy) Options {
		o.Tables[0].Policy = p
		return o
	}
	plain := Dense()
	plain.Copy = false
	mixed := Unique(2)
	mixed.Tables = append(mixed.Tables, Table{Name: "b", Policy: conflict.Newest}, Table{Name: "c", Policy: conflict.Newest, Unique: 1})
	mixed.Keys = 3
	return []World{
		{"copy into a live pair", 10, Dense()},
		{"without a copy", 10, plain},
		{"site", 5, table(Dense(), conflict.Site)},
		{"site, two unique keys", 5, table(Unique(2), conflict.Site)},
		{"newest by column", 10, table(Dense(), conflict.NewestByColumn)},
		{"newest by column, a unique key", 10, table(Unique(1), conflict.NewestByColumn)},
		{"delta, updates only", 10, sums()},
		{"one unique key", 10, Unique(1)},
		{"two unique keys", 10, Unique(2)},
		{"three unique keys", 10, Unique(3)},
		{"tables of several kinds", 10, mixed},
	}
}

// sums is schedules over a table that is added up: its rows are there from the
// start, and stay.
func sums() Options {
	o := Dense()
	o.Tables[0].Policy, o.Tables[0].Steady = conflict.Delta, true
	o.Copy = false
	return o
}

// An Ablation is schedules without one of the rules.
type Ablation struct {
	Name string
	Options
	Times    int  // so many times as many schedules as the others get: it shows rarely
	Harmless bool // the sites end equal all the same
}

// Ablations is every rule taken out, each where it is missed most.
func Ablations() []Ablation {
	plain, unique := Dense(), Unique(1)
	unique.Copy = false
	bySite := Dense()
	bySite.Tables = []Table{{Name: "a", Policy: conflict.Site}, {Name: "b", Policy: conflict.Site}}
	chunks := Dense()
	chunks.Tables, chunks.Values, chunks.Ops, chunks.Chunks, chunks.Restart = chunks.Tables[:1], 1, 8, 8, false
	few := Dense()
	few.Values, few.Copy = 2, false
	all := []Ablation{
		{Name: "late check", Options: plain.but(LateCheck)},
		{Name: "versions strictly increasing", Options: plain.but(Monotone)},
		{Name: "exact seen set (under policy site)", Options: bySite.but(ExactSeen)},
		{Name: "a stamp per key in a group", Options: plain.but(StampPerKey)},
		{Name: "silent keys named", Options: few.but(Silent)},
		{Name: "copy: touched keys dropped", Options: plain.but(CopyTouched)},
		{Name: "copy: a chunk holds settling back", Options: plain.but(CopyHold)},
		{Name: "copy: read again after a restore at the source", Options: chunks.but(CopyReread), Times: 10},
		{Name: "unique: park, not skip", Options: unique.but(Park)},
		{Name: "unique: parked rows come back", Options: unique.but(ComeBack)},
		{Name: "unique: a value given up is looked at again", Options: unique.but(Revisit)},
		{Name: "unique: a local write replaces the parked row", Options: unique.but(Replaced)},
		{Name: "unique: a clash is decided at the end of the log", Options: unique.but(ClashAtEnd)},
		{Name: "unique: orders of recent writes", Options: unique.but(Recent)},
		{Name: "unique: late check", Options: unique.but(LateCheck)},
		{Name: "the wait for the end of the log (spares sights only)", Options: plain.but(Barrier), Harmless: true},
	}
	return all
}

// but is the options without a rule.
func (o Options) but(rule uint) Options {
	o.Without |= rule
	return o
}
