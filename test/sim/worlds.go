package sim

import (
	"slices"

	"duplex/internal/conflict"
)

// A World is a kind of schedules that has to hold with all rules.
type World struct {
	Name  string
	Share int // of all schedules, in hundredths
	Options
}

// Worlds is what a soak is split over.
func Worlds() []World {
	table := func(o Options, p conflict.Policy) Options {
		o.Tables = slices.Clone(o.Tables)
		o.Tables[0].Policy = p
		return o
	}
	plain := Dense()
	plain.Copy = false
	apart := plain
	apart.Cuts = true
	mixed := Unique(2)
	mixed.Tables = append(mixed.Tables, Table{Name: "b", Policy: conflict.Newest}, Table{Name: "c", Policy: conflict.Newest, Unique: 1})
	mixed.Keys = 3
	kills, cut := Dense(), Unique(2)
	kills.Kills, cut.Kills, cut.Cuts, cut.Ops = true, true, true, 40
	killed := Unique(2)
	killed.Kills = true
	torn := Related(1, Reference{Table: "a", Unique: true})
	torn.Kills, torn.Cuts = true, true
	copied := func(o Options) Options {
		o.Copy = true
		return o
	}
	changing := func(o Options, among ...conflict.Policy) Options {
		o.Policies = among
		return o
	}
	return append([]World{
		{"copy into a live pair", 3, Dense()},
		{"without a copy", 2, plain},
		{"kills, lost acknowledgements, a copy", 2, kills},
		{"kills, lost acknowledgements, two unique keys, a copy", 3, killed},
		{"links cut, kills, two unique keys, a copy", 3, cut},
		{"site, a copy", 2, table(Dense(), conflict.Site)},
		{"site, two unique keys, a copy", 2, table(Unique(2), conflict.Site)},
		{"newest by column, a copy", 2, table(Dense(), conflict.NewestByColumn)},
		{"newest by column, a unique key, a copy", 2, table(Unique(1), conflict.NewestByColumn)},
		{"delta, updates only, kills", 3, sums()},
		{"delta, links cut", 2, table(apart, conflict.Delta)},
		{"delta, a copy", 2, table(Dense(), conflict.Delta)},
		{"delta, two unique keys, kills, a copy", 2, table(killed, conflict.Delta)},
		{"overwrite, a unique key, a copy", 2, table(Unique(1), conflict.Overwrite)},
		{"ignore, a unique key, a copy", 2, table(Unique(1), conflict.Ignore)},
		{"stop, a unique key, a copy", 2, table(Unique(1), conflict.Stop)},
		{"stop", 1, table(plain, conflict.Stop)},
		{"one unique key, a copy", 2, Unique(1)},
		{"two unique keys, a copy", 2, Unique(2)},
		{"three unique keys, a copy", 2, Unique(3)},
		{"tables of several kinds, a copy", 2, mixed},
		{"a foreign key", 2, Related(0)},
		{"a foreign key, a copy", 2, copied(Related(0))},
		{"a foreign key, unique keys, kills, links cut, a copy", 2, copied(torn)},
		{"a foreign key, a unique key on both tables", 2, Related(1)},
		{"foreign keys on a unique key and on the table itself", 3, Related(0, Reference{Table: "a", Unique: true}, Reference{Table: "b"})},
		{"foreign keys in a circle, kills, a copy", 2, circle()},
		{"foreign keys over three tables, by site, links cut", 3, three()},
		{"foreign keys over three tables, by site, links cut, a copy", 2, copied(three())},
		{"rules change, a copy", 2, changing(Dense(), conflict.Newest, conflict.Site)},
		{"rules change, kills, links cut, two unique keys, a copy", 2, changing(cut, conflict.Newest, conflict.Site)},
		{"rules change, stop among them", 2, changing(apart, conflict.Newest, conflict.Site, conflict.Stop)},
		{"rules change, stop among them, a unique key, kills, a copy", 2, changing(killed, conflict.Newest, conflict.Site, conflict.Stop)},
		{"rules change, foreign keys", 2, changing(Related(1), conflict.Newest, conflict.Site)},
		{"rules change, sums among them", 2, changing(apart, conflict.Newest, conflict.Delta)},
		{"rules change, sums of updates only, kills", 2, changing(long(sums()), conflict.Newest, conflict.Site, conflict.Delta)},
		{"rules change, sums, by site, a copy", 2, changing(long(Dense()), conflict.Newest, conflict.Site, conflict.Delta)},
		{"rules change, by column among them", 2, changing(apart, conflict.Newest, conflict.Site, conflict.NewestByColumn)},
		{"rules change, by column, a copy", 2, changing(long(Dense()), conflict.Newest, conflict.NewestByColumn)},
		{"rules change, any, kills, links cut, unique keys, a copy", 2, changing(cut, conflict.Newest, conflict.Site, conflict.Delta, conflict.NewestByColumn)},
		{"rules change, any, foreign keys", 2, changing(long(Related(1)), conflict.Newest, conflict.Site, conflict.Delta, conflict.NewestByColumn)},
		{"rules change, any, stop too, kills", 2, changing(long(kills), conflict.Newest, conflict.Site, conflict.Delta, conflict.NewestByColumn, conflict.Stop)},
	}, append(emptied(), renamed()...)...)
}

// named is dense schedules over tables that get other names; keys is how many unique
// keys they have.
func named(keys int) Options {
	o := Dense()
	o.Tables = []Table{{Name: "a", Policy: conflict.Newest, Unique: keys}, {Name: "b", Policy: conflict.Newest, Unique: keys}, {Name: "c", Policy: conflict.Newest, Unique: keys, Spare: true}}
	o.Copy, o.Renames, o.Ops = false, true, 24
	return o
}

// renamed is the worlds in which tables get other names.
func renamed() []World {
	torn, bySite, emptied, unique := named(0), named(0), named(1), named(2)
	torn.Kills, torn.Cuts, unique.Kills = true, true, true
	for i := range bySite.Tables {
		bySite.Tables[i].Policy = conflict.Site
	}
	bySite.Cuts, emptied.Empties, emptied.Kills = true, true, true
	return []World{
		{"tables renamed", 1, named(0)},
		{"tables renamed, kills, links cut", 1, torn},
		{"tables renamed, site, links cut", 1, bySite},
		{"tables renamed, two unique keys, kills", 1, unique},
		{"tables renamed and emptied, a unique key, kills", 1, emptied},
	}
}

// emptied is the worlds in which tables are emptied by a statement.
func emptied() []World {
	plain, bySite, unique := Dense(), Dense(), Unique(2)
	plain.Copy, bySite.Copy, unique.Kills = false, false, true
	bySite.Tables[0].Policy = conflict.Site
	torn, changing := plain, plain
	torn.Cuts, torn.Kills, changing.Cuts = true, true, true
	changing.Policies = []conflict.Policy{conflict.Newest, conflict.Site, conflict.Delta, conflict.NewestByColumn}
	out := []World{
		{"tables emptied, a copy", 1, Dense()},
		{"tables emptied, kills, links cut", 1, torn},
		{"tables emptied, site", 1, bySite},
		{"tables emptied, two unique keys, kills, a copy", 1, unique},
		{"tables emptied, a foreign key, a unique key", 1, Related(1)},
		{"tables emptied, rules change", 1, changing},
	}
	for i := range out {
		out[i].Empties = true
	}
	return out
}

// circle is tables that refer to each other.
func circle() Options {
	o := Related(1)
	o.Tables[0].Refers = []Reference{{Table: "b"}}
	o.Copy, o.Kills = true, true
	return o
}

// three is a table that refers to a table that refers to one.
func three() Options {
	o := Related(1)
	o.Tables = append(o.Tables, Table{Name: "c", Policy: conflict.Delta, Refers: []Reference{{Table: "b", Unique: true}, {Table: "c"}}})
	o.Tables[1].Policy = conflict.Site
	o.Cuts, o.Ops, o.Keys = true, 36, 2
	return o
}

// sums is schedules over a table that is added up: its rows are there from the
// start, and stay.
func sums() Options {
	o := Dense()
	o.Tables[0].Policy, o.Tables[0].Steady = conflict.Delta, true
	o.Copy, o.Kills = false, true
	return o
}

// long is schedules of which each sees some changes of rules.
func long(o Options) Options {
	o.Ops *= 2
	return o
}

// An Ablation is schedules without one of the rules.
type Ablation struct {
	Name string
	Options
	Times    int  // so many times as many schedules as the others get: it shows rarely
	Harmless bool // the sites end equal all the same
	Rare     bool // it shows in a soak only
}

// Ablations is every rule taken out, each where it is missed most.
func Ablations() []Ablation {
	plain, unique := Dense(), Unique(1)
	unique.Copy = false
	bySite := Dense()
	bySite.Tables = []Table{{Name: "a", Policy: conflict.Site}, {Name: "b", Policy: conflict.Site}}
	chunks := Dense()
	chunks.Tables, chunks.Values, chunks.Ops, chunks.Chunks, chunks.Group, chunks.Window = chunks.Tables[:1], 1, 10, 1, 3, 3
	chunks.Restart = false
	adding, orphaned := sums(), Related(1)
	orphaned.Copy = true
	changed := plain
	changed.Policies = []conflict.Policy{conflict.Newest, conflict.Site}
	copiedSums := Dense()
	copiedSums.Tables[0].Policy, copiedSums.Chunks = conflict.Delta, 3
	crowded, busy, killed := Unique(3), Dense(), Unique(2)
	crowded.Chunks, busy.Chunks, busy.Keys = 3, 3, 4
	killed.Kills, killed.Chunks = true, 3
	killed.Policies = []conflict.Policy{conflict.Newest, conflict.Site, conflict.Stop}
	few := Dense()
	few.Values, few.Copy = 2, false
	torn := Related(1)
	torn.Policies = []conflict.Policy{conflict.Newest, conflict.Site}
	byColumn, begins := Dense(), long(plain)
	byColumn.Tables[0].Policy = conflict.NewestByColumn
	begins.Policies = []conflict.Policy{conflict.Newest, conflict.Delta}
	cleared := plain
	cleared.Empties = true
	all := []Ablation{
		{Name: "late check", Options: plain.but(LateCheck)},
		{Name: "versions strictly increasing", Options: plain.but(Monotone)},
		{Name: "exact seen set (under policy site)", Options: bySite.but(ExactSeen)},
		{Name: "a stamp per key in a group", Options: plain.but(StampPerKey)},
		{Name: "silent keys named", Options: few.but(Silent)},
		{Name: "a row that came while it was to be gone is taken out", Options: plain.but(Gone)},
		{Name: "copy: rows that came by the link dropped", Options: plain.but(CopyCame)},
		{Name: "copy: rows that the target's application touched dropped", Options: plain.but(CopyOwn)},
		{Name: "copy: what parked rows wait for is disputed", Options: crowded.but(CopyDisputed)},
		{Name: "copy: what chunks in work ask for is remembered", Options: busy.but(CopyOldest)},
		{Name: "copy: nothing is left to be put back at a watermark", Options: chunks.but(CopyMended), Times: 5, Rare: true},
		{Name: "copy: a chunk waits for its high watermark", Options: copiedSums.but(CopyHigh)},
		{Name: "copy: a chunk is written at the end of the target's log", Options: killed.but(CopyEnd), Times: 5, Rare: true},
		{Name: "unique: park, not skip", Options: unique.but(Park)},
		{Name: "unique: parked rows come back", Options: unique.but(ComeBack)},
		{Name: "unique: a value given up is looked at again", Options: unique.but(Revisit)},
		{Name: "unique: a local write replaces the parked row", Options: unique.but(Replaced)},
		{Name: "unique: a clash is decided at the end of the log", Options: unique.but(ClashAtEnd)},
		{Name: "unique: orders of recent writes", Options: unique.but(Recent)},
		{Name: "unique: late check", Options: unique.but(LateCheck)},
		{Name: "delta: decided at the end of the log", Options: adding.but(SumsAtEnd)},
		{Name: "foreign keys: children go and come with their parent", Options: Related(1).but(Relations)},
		{Name: "foreign keys: a parent that the application inserts brings children back", Options: Related(1).but(Given)},
		{Name: "foreign keys: a row that is without its parent after a copy is placed anew", Options: orphaned.but(Rooted)},
		{Name: "a parked row is looked at again when its mark is read", Options: torn.but(LookTwice), Times: 5, Rare: true},
		{Name: "a table that is emptied: it is a write of each key", Options: cleared.but(Emptied)},
		{Name: "a table that is emptied: what came meanwhile is looked for", Options: cleared.but(EmptiedLate)},
		{Name: "a table that gets another name: it is proved before it is written", Options: named(0).but(Proved)},
		{Name: "what is to be mended is looked at again when it is written", Options: plain.but(MendTwice)},
		{Name: "a new rule holds from a version on", Options: changed.but(FromVersion)},
		{Name: "delta: only what was written under one rule adds up", Options: begins.but(Turns)},
		{Name: "delta: what comes in before sums begin is decided at the end of the log", Options: begins.but(BeforeSums)},
		{Name: "newest by column: writes of one row do not share a group", Options: byColumn.but(Apart)},
		{Name: "the wait for the end of the log (spares sights only)", Options: plain.but(Barrier), Harmless: true},
	}
	return all
}

// but is the options without a rule.
func (o Options) but(rule uint) Options {
	o.Without |= rule
	return o
}
