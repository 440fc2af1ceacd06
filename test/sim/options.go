package sim

import (
	"duplex/internal/conflict"
)

// A Table of the simulation: the columns p (a payload), n (a number, for the
// policies that go by one), unique ones, u1 to u3, and references.
type Table struct {
	Name   string
	Policy conflict.Policy
	Unique int
	Spare  bool // it is not there at first, and made when another one's name is free
	Steady bool // its rows are there from the start and are never deleted
	Refers []Reference
}

// A Reference is a column with a foreign key, on the primary key of a table, or
// on its first unique column.
type Reference struct {
	Table  string
	Unique bool
}

// The columns of every table.
const (
	colPayload = iota
	colNumber
	colUnique
)

// Options says what schedules are made of.
type Options struct {
	Tables  []Table
	Keys    int  // rows a table
	Values  int  // different values of a column
	Ops     int  // local transactions
	Window  int  // source transactions in flight
	Group   int  // source transactions in one target transaction, at most
	Restart bool // readers and appliers restart
	Kills   bool // often, and also where a commit is done whose acknowledgement is lost
	Gaps    bool // the application commits where rows that were looked up are locked, but not those that were not there
	Cuts    bool // links that deliver nothing for long
	Copy    bool // site 1 begins empty and is filled while both are written
	Empties bool // site 0 takes all rows out of tables, without row events
	Renames bool // site 0 gives tables other names
	Lazy    bool // the wait for the end of the log is cut short at random
	Chunks  int  // how often a step is one of the copy, in 40; 0: 2
	Without uint // rules left out: the constants below
	// Policies are those that the tables change among while they are written; nil:
	// they keep theirs.
	Policies []conflict.Policy
}

// The rules that can be left out.
const (
	LateCheck = 1 << iota
	Monotone
	ExactSeen
	StampPerKey
	Silent
	Barrier
	CopyCame
	CopyOwn
	CopyOldest
	CopyMended
	CopyHigh
	CopyEnd
	CopyDisputed
	Park
	Replaced
	Recent
	ClashAtEnd
	Revisit
	ComeBack
	SumsAtEnd
	Relations
	Given
	LookTwice
	FromVersion
	Rooted
	Gone
	Apart
	Announced
	BeforeSums
	Turns
	Emptied
	EmptiedLate
	MendTwice
	Proved
)

// without says which rules of the observer are left out.
func (o *Options) without() (w uint) {
	for _, x := range []struct{ here, there uint }{
		{LateCheck, conflict.WithoutLateCheck},
		{Monotone, conflict.WithoutMonotone},
		{ExactSeen, conflict.WithoutExactSeen},
		{LookTwice, conflict.WithoutSecondLook},
		{CopyOwn, conflict.WithoutOwnTouched},
		{Turns, conflict.WithoutTurns},
		{Emptied, conflict.WithoutEmptied},
		{EmptiedLate, conflict.WithoutEmptiedLate},
	} {
		if o.Without&x.here != 0 {
			w |= x.there
		}
	}
	return w
}

// Dense is the schedules that the verdicts are about: few rows, much written.
func Dense() Options {
	return Options{
		Tables: []Table{{Name: "a", Policy: conflict.Newest}, {Name: "b", Policy: conflict.Newest}},
		Keys:   2, Values: 4, Ops: 20, Window: 6, Group: 4, Restart: true, Copy: true, Lazy: true, Gaps: true,
	}
}

// Related is dense schedules over a parent and a child table; keys is how many
// unique keys the child has.
func Related(keys int, more ...Reference) Options {
	o := Dense()
	o.Tables = []Table{
		{Name: "a", Policy: conflict.Newest, Unique: min(1, keys+len(more))},
		{Name: "b", Policy: conflict.Newest, Unique: keys, Refers: append([]Reference{{Table: "a"}}, more...)},
	}
	o.Keys, o.Values, o.Ops, o.Copy = 3, 3, 24, false
	return o
}

// Unique is dense schedules over tables with unique keys.
func Unique(keys int) Options {
	o := Dense()
	o.Tables = []Table{{Name: "a", Policy: conflict.Newest, Unique: keys}}
	o.Keys, o.Values = 4, 3
	return o
}
