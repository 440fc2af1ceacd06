package conflict

import (
	"slices"

	"duplex/internal/change"
)

// A Task is something that the late check has found: a local write to be put
// back, or one that was rightly overridden and is not in the conflict log, or is
// there still.
//
// It is done in a marked transaction of its own. Whoever does it locks the row,
// lets the reader reach the end of the log, and asks Plan.
type Task struct {
	Key     Key
	Rule    *Rule
	Restore bool
	// Stays: the row may be the local write's, which has lost: what is not there
	// while its place is found is not locked.
	Stays bool
	// Revisit: the application gave values up that parked rows claim, or wrote a
	// parked row's key: place anew who claims Released, and Key.
	Revisit  bool
	Always   bool // of a Revisit: also if no parked row is concerned
	Released []Claim
	Given    []Claim // values that the application's row gives and parked rows need
	Drift    bool    // there is no local write: the row was not as expected, and nothing explains it
	Local    Write   // the local write; with Drift the row as it was
	In       Write   // what has overwritten it
	hash     uint64
	silent   bool // what it is about is in the conflict log already
	there    bool // the local write came while its row was looked for: it was not overwritten
	over     bool // nothing remains to be done
	begun    bool // somebody is about to do it
}

// A Plan is what is to be written for a task, in one transaction.
type Plan struct {
	Write   bool // After goes into the row
	After   []change.Value
	Order   Order // of what is written
	Notes   Notes
	Version int64 // of the mark
	Log     *Decision
}

// chunkVersion is older than any write.
const chunkVersion = -1 << 40

// Plan says what is to be done, where current is in the row, under its lock,
// and the reader has reached the end of the log since. With nil the task is
// over. parked says that the row is not in the table: then it is put back even
// if it is the same, since its stamp decides where it belongs. Of a Revisit there
// is no plan.
func (t *Task) Plan(current []change.Value, parked bool) *Plan {
	if t.over || t.Revisit {
		return nil
	}
	after := t.Local.After
	if t.Restore && !parked && t.Rule.equal(current, after) && (t.In.copied() || t.Rule.sameContent(&t.Local, &t.In)) {
		return nil
	}
	v := Verdict{Action: Apply, Kind: Late, Winner: Incoming, Log: true}
	p := &Plan{Version: max(t.Local.Version, chunkVersion)}
	id := Judged{Hash: t.hash, Seq: t.Local.Seq}
	if t.Drift {
		v.Kind = Drift
	}
	if t.Restore {
		v.Winner = LocalWon
		p.Write, p.After, p.Order = true, after, t.Local.Order()
		p.Notes.Restored = []Restored{{id.Hash, id.Seq, t.Local.Version}}
	} else {
		p.Write, p.After, p.Order = t.Stays && t.Rule.equal(current, after), t.In.After, t.In.Order()
		p.Notes.Judged = []Judged{id}
	}
	if t.silent {
		return p
	}
	p.Log = &Decision{Key: t.Key, Policy: t.Rule.Policy, Verdict: v, Local: t.Local, In: t.In}
	return p
}

// Task gives the oldest task that is not over, nil if there is none.
func (o *Observer) Task() *Task {
	for len(o.tasks) > 0 && o.tasks[0].over {
		o.tasks = o.tasks[1:]
	}
	if len(o.tasks) == 0 {
		return nil
	}
	return o.tasks[0]
}

// Pending is the number of tasks that are not over.
func (o *Observer) Pending() int {
	n := 0
	for _, t := range o.tasks {
		if !t.over {
			n++
		}
	}
	return n
}

// Take gives the oldest tasks, at most n, of keys that differ, for one
// transaction: all their rows are locked, then the reader reaches the end of the
// log, and so on as for one.
func (o *Observer) Take(n int) []*Task {
	var out []*Task
	for _, t := range o.tasks {
		if t.over {
			continue
		}
		if len(out) == n || slices.ContainsFunc(out, func(x *Task) bool { return x.Key == t.Key }) {
			break
		}
		t.begun = true
		out = append(out, t)
	}
	return out
}

// look adds a task that is a Revisit. What it is about joins one of the same key
// that nobody has begun: all that counts is how things are when it is done.
func (o *Observer) look(t *Task) {
	hash := t.Key.Hash()
	if old := o.recent.looks[hash]; old != nil && !old.over && !old.begun && old.Key == t.Key {
		old.Released = join(old.Released, t.Released)
		old.Given = join(old.Given, t.Given)
		old.Always = old.Always || t.Always
		return
	}
	o.recent.looks[hash] = t
	o.tasks = append(o.tasks, t)
}

func join(a, b []Claim) []Claim {
	for _, v := range b {
		if !contains(a, v) {
			a = append(a, v)
		}
	}
	return a
}

// Done says that a task's transaction is durable, or that it had no plan.
func (o *Observer) Done(t *Task) {
	t.over = true
	if hash := t.Key.Hash(); t.Revisit && o.recent.looks[hash] == t {
		delete(o.recent.looks, hash)
	}
	if o.due[t.hash] == t {
		delete(o.due, t.hash)
		if t.Restore {
			o.recent.applied(t.hash, t.Local.Order())
		}
	}
	o.Task()
}

// overtaken takes in that the application wrote a key, on top of what has
// overwritten a local write: that one is not put back any more. It is lost all
// the same, and all that is left to do is to say so.
func (o *Observer) overtaken(hash uint64) {
	t := o.due[hash]
	if t == nil {
		return
	}
	delete(o.due, hash)
	t.Restore, t.Stays = false, false
	t.over = t.silent || t.Rule.sameContent(&t.Local, &t.In)
}

// touched takes in that a key was written: what waits to be done about it has
// come too late.
func (o *Observer) touched(hash uint64) {
	if t := o.due[hash]; t != nil {
		t.over = t.Restore
		t.Stays = false
		delete(o.due, hash)
	}
}
