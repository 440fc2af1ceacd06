package conflict

import (
	"slices"

	"duplex/internal/change"
)

// A Carried is a source transaction of a group, in the target's terms.
type Carried struct {
	Stamp     change.Stamp
	Committed int64 // microseconds since 1970
	Rank      int   // of the source site
}

// A Step is what one transaction of a group does to one row: the net of its
// changes.
type Step struct {
	Txn    int // which of the group
	Before []change.Value
	After  []change.Value
}

// Reach says how much of the target's log had been read when the row was
// looked at, under its lock.
type Reach uint8

// How far the reader is.
const (
	Somewhere Reach = iota // nobody has waited
	GivenUp                // the wait was cut short
	AtEnd                  // it has read all that was committed when the lock was held
)

// A Case is one row of the target that a group writes.
type Case struct {
	Rule    *Rule
	Key     Key
	Current []change.Value // under its lock
	Local   *Local         // what the index knows, read after Current was locked; nil: nothing
	Copying bool           // the table is being copied: rows not there yet are no drift
	Unique  bool           // rows of the table may be parked: one that is there may have been no row to who inserted
	// Lately is Index.Lately of the key. It is asked where the row is not what the
	// source says; nil: never is it.
	Lately func(image []change.Value) bool
}

// An Outcome is what becomes of the row.
type Outcome struct {
	// Wait says that nothing was decided: let the reader reach the end of the
	// log, keep the lock, and resolve again with AtEnd, or, unless Strict, with
	// GivenUp.
	Wait, Strict bool

	Doubt     bool           // it may have drifted: the mark says so, and the reader will know
	Lost      bool           // who wrote last wrote a sum only: the row keeps its order
	Wrote     bool           // some transaction of the group was decided to write the row
	After     []change.Value // what it is to hold; nil: no row
	Txn       int            // which of the group wrote it last
	Decisions []Decision
}

// A Decision is a row of the conflict log.
type Decision struct {
	Key     Key
	Policy  Policy
	Verdict Verdict
	Local   Write // zero for drift
	Txn     int   // of the group: which transaction came in
	In      Write
	Found   []change.Value // drift: the row as it was
}

// Resolve decides what a group does to one row: its transactions one after the
// other, as if each came alone. It fails with ErrStop where the policy says so;
// the outcome then holds the decision.
func (c *Case) Resolve(group []Carried, steps []Step, reach Reach) (Outcome, error) {
	if reach != AtEnd && c.exact(group, steps) {
		return Outcome{Wait: true, Strict: true}, nil
	}
	o := Outcome{After: c.Current}
	lost, told := c.Local != nil && c.Local.Lost, c.Local != nil && c.Local.Told
	for i := range steps {
		s := &steps[i]
		in := group[s.Txn].write(s)
		rival := c.Local.Rival(group[s.Txn].Stamp.Seen)
		byColumn := rival != nil && c.Rule.between(rival, &in).Policy == NewestByColumn
		if byColumn && lost {
			rival, byColumn = nil, false // what replaced it goes before this one, from the same site
		}
		match := c.Rule.equal(s.Before, o.After)
		if !match && reach == Somewhere {
			return Outcome{Wait: true}, nil
		}
		if !match && reach != AtEnd && c.Rule.last().Policy == Stop {
			return Outcome{Wait: true, Strict: true}, nil
		}
		v := Decide(c.Rule, &in, s.Before, rival, o.After)
		if rival == nil && v.Kind == Drift && c.excused(s, o.After) {
			// A conflict a moment ago, or a row that a copy has not brought yet.
			v = Verdict{Action: Apply, Image: v.Image}
			if v.Image != nil {
				v.Action = Merge
			}
		}
		if v.Kind == Drift && v.Action != Keep && reach == GivenUp {
			o.Doubt, v.Log = true, false
		}
		if v.Action == Keep && byColumn && reach != AtEnd {
			return Outcome{Wait: true, Strict: true}, nil
		}
		if d := c.decision(v, in, s, rival, o.After); d.Verdict.Log {
			// Who overrides says so only where it knows that nobody did before.
			overridden := v.Winner == Incoming && rival != nil
			if !overridden || reach == AtEnd && !told && !c.away(in.Version) {
				o.Decisions = append(o.Decisions, d)
			}
			told = told || overridden
		}
		switch v.Action {
		case Refuse:
			return o, ErrStop
		case Keep:
			continue
		case Apply:
			o.After = s.After
		case Merge:
			o.After = v.Image
		}
		o.Wrote, o.Txn = true, s.Txn
		o.Lost = v.Action == Merge && v.Winner == LocalWon
		lost = lost || rival != nil
	}
	return o, nil
}

// exact reports whether one of the transactions has to be decided at the end of
// the log.
func (c *Case) exact(group []Carried, steps []Step) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return c.Rule.Exact(group[s.Txn].Stamp.Version) })
}

// away reports whether the application's row is not where it should be when a
// version comes in: it has come since the row was looked for, or was overwritten.
// The late check will know.
func (c *Case) away(version int64) bool {
	return c.Rule.At(version).Policy != Delta && c.Current == nil && c.Local != nil && c.Local.After != nil
}

// excused reports whether a row that is not what the source says is so for a
// reason that is no drift. Under Stop nothing was decided before.
func (c *Case) excused(s *Step, current []change.Value) bool {
	return c.Copying && current == nil || c.Rule.Policy != Stop &&
		(c.Local != nil || c.Unique && s.Before == nil || c.Lately != nil && c.Lately(s.Before))
}

func (c *Case) decision(v Verdict, in Write, s *Step, rival *Write, found []change.Value) Decision {
	d := Decision{Key: c.Key, Verdict: v, Txn: s.Txn, In: in}
	if rival != nil {
		d.Policy, d.Local = c.Rule.between(rival, &in).Policy, c.Local.Write
	} else {
		d.Policy, d.Found = c.Rule.At(in.Version).Policy, found
	}
	return d
}

func (c *Carried) write(s *Step) Write {
	return Write{Seq: c.Stamp.Seq, Version: c.Stamp.Version, Rank: c.Rank, Committed: c.Committed, Fresh: s.Before == nil, After: s.After}
}

// Order is the order of the row's last write, where o says that it was written.
func (c *Case) Order(o *Outcome, group []Carried) Order {
	if o.Lost {
		return c.Local.Order()
	}
	t := &group[o.Txn]
	return Order{Version: t.Stamp.Version, Rank: t.Rank}
}

// Unchanged reports whether the row is decided to stay as it is now: if it was
// written, then without a trace in the log, and the mark has to name it.
func (c *Case) Unchanged(o *Outcome) bool { return c.Rule.equal(c.Current, o.After) }
