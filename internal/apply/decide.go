package apply

import (
	"context"
	"errors"
	"slices"
	"time"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// A Site is what the target's own reader knows: the judge of what comes in.
type Site interface {
	// Observe runs fn with the reader's memory, which nobody else uses meanwhile.
	Observe(fn func(*conflict.Observer))
	// End returns when the reader has read all that was committed before the call.
	End(ctx context.Context) error
	// Tasks gives a signal when there may be a new task of the observer.
	Tasks() <-chan struct{}
}

// Relate says by which rules conflicts in the target's tables, told as keys do, are
// decided and how their rows stand in each other's way, and reads which of
// them wait aside. It is called before Serve.
func (a *Applier) Relate(ctx context.Context, r *Relations, rules func(table string) *conflict.Rule) (*Parked, error) {
	var err error
	a.relations, a.rules = r, rules
	a.parked, err = newParked(ctx, a.store, r.waits)
	return a.parked, err
}

// Serve says who knows what the target's own application writes. It is called
// before Run, and before s has read anything. Without it nobody else writes the
// target.
func (a *Applier) Serve(s Site) {
	a.site = s
	s.Observe(func(o *conflict.Observer) {
		for name := range a.window.copies {
			o.Copying(a.relations.identity(name))
		}
	})
}

// barrierWait is how long a row's lock is held for the target's reader to reach
// the end of its log. After that the applier decides with what is known, and
// the late check mends what was not.
const barrierWait = 50 * time.Millisecond

// decide says what becomes of each row of the batch, under its lock.
func (t *target) decide(ctx context.Context, b *batch) error {
	reach := conflict.Somewhere
	if t.site == nil {
		reach = conflict.AtEnd // there is no other log to read
	}
	wait, strict, err := t.resolve(b, reach)
	if err != nil || !wait {
		return err
	}
	t.count.waits.Add(1)
	reach = conflict.AtEnd
	// What is said of a large transaction stands in the mark's last form, too
	// late for a doubt.
	if err := t.end(ctx, strict || t.spooled || !t.ready()); err != nil {
		if !errors.Is(err, errGivenUp) {
			return err
		}
		reach = conflict.GivenUp
	}
	if wait, _, err = t.resolve(b, reach); err != nil || !wait {
		return err
	}
	if err := t.endHeld(ctx); err != nil {
		return err
	}
	_, _, err = t.resolve(b, conflict.AtEnd)
	return err
}

// ready reports whether the target's reader knows what an earlier run knew. Until
// then a decision without it would be a guess.
func (t *target) ready() (yes bool) {
	t.site.Observe(func(o *conflict.Observer) { yes = o.Ready() })
	return yes
}

var errGivenUp = errors.New("the reader did not reach the end of the log in time")

// end waits for the target's reader; unless unbounded not for long.
func (t *target) end(ctx context.Context, unbounded bool) error {
	if unbounded {
		return t.endHeld(ctx)
	}
	short, cancel := context.WithTimeoutCause(ctx, barrierWait, errGivenUp)
	defer cancel()
	err := t.site.End(short)
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(short), errGivenUp) {
		return errGivenUp
	}
	return err
}

// resolve decides every row as far as reach allows. wait says that some row has
// to be decided again after a wait.
func (t *target) resolve(b *batch, reach conflict.Reach) (wait, strict bool, err error) {
	if err := t.lookup(b); err != nil {
		return false, false, err
	}
	for _, n := range b.nets {
		if err := t.resolveRow(n, reach); err != nil {
			return false, false, err
		}
		wait, strict = wait || n.out.Wait, strict || n.out.Strict
	}
	return wait, strict, nil
}

// lookup asks the target's reader about the rows of the batch.
func (t *target) lookup(b *batch) (err error) {
	if t.site == nil {
		return nil
	}
	for _, n := range b.nets { // before the reader is held up
		if n.local = nil; n.hash == 0 {
			n.hash = n.row().Hash()
		}
	}
	t.site.Observe(func(o *conflict.Observer) {
		x := o.Index()
		if x.Len() > 0 {
			for _, n := range b.nets {
				n.local = x.FindHashed(n.hash, n.row())
			}
		}
		err = x.Err()
	})
	return err
}

func (t *target) resolveRow(n *net, reach conflict.Reach) error {
	p := n.plan
	if p == t.emptied { // the source did not say what it took away
		n.before, n.step.Before = n.current, n.current
	}
	n.plain = n.local == nil && (reach == conflict.AtEnd || !n.exact(t.carried)) && p.equal(n.before, n.current)
	if n.plain {
		n.out = conflict.Outcome{Wrote: true, After: n.after, Txn: n.lastStep().Txn}
		n.final = n.after
		return nil
	}
	var err error
	n.out, err = t.caseOf(n).Resolve(t.carried, n.steps(), reach)
	n.final = n.out.After
	if errors.Is(err, conflict.ErrStop) {
		return &Mismatch{Table: p.target, Key: p.formatKey(n.image()), Op: n.last, Txn: n.txn, Expected: n.before, Found: n.current, Cause: err}
	}
	return err
}

func (t *target) caseOf(n *net) *conflict.Case {
	c := &conflict.Case{
		Rule: n.plan.rule, Key: n.row(), Current: n.current, Local: n.local,
		Copying: t.window.inCopy(n.plan.name), Unique: t.site != nil && n.plan.unique,
	}
	if t.site != nil {
		c.Lately = func(image []change.Value) (yes bool) {
			t.site.Observe(func(o *conflict.Observer) { yes = o.Index().Lately(c.Key, image) })
			return yes
		}
	}
	return c
}

// note takes what was decided into the mark and into the conflict log.
func (t *target) note(b *batch, many bool) {
	if t.site != nil && many {
		t.notes.Keys = slices.Grow(t.notes.Keys, len(b.nets))
	}
	for _, n := range b.nets {
		t.keep(n)
		switch {
		case t.site == nil:
		case !n.plain:
			t.notes.Add(t.caseOf(n), &n.out, many)
		default:
			if same := n.plan.equal(n.current, n.after); same || many {
				t.notes.Keys = append(t.notes.Keys, conflict.KeyNote{Hash: n.hash, Txn: n.out.Txn, Silent: same, Gone: same && n.after == nil})
			}
		}
		for i := range n.out.Decisions {
			t.log(n.plan, &n.out.Decisions[i])
			t.lost(&n.out.Decisions[i])
		}
	}
}

// keep remembers that a large transaction has written a row that may be moved.
func (t *target) keep(n *net) {
	if t.site == nil || !t.spooled || !n.plan.unique || !n.out.Wrote {
		return
	}
	if t.wrote == nil {
		t.wrote = map[uint64]bool{}
	}
	t.wrote[n.hash] = true // lookup has made it
}

// lost tells the target's reader that what came in has lost.
func (t *target) lost(d *conflict.Decision) {
	if t.site != nil && d.Verdict.Action == conflict.Keep {
		t.site.Observe(func(o *conflict.Observer) { o.Index().Lost(d.Key, d.In.After) })
	}
}

// rule is the conflict rule of a target table, for images in which the source
// may lack columns.
func (a *Applier) rule(source *change.Table, p *plan) *conflict.Rule {
	r := &conflict.Rule{Policy: conflict.Newest}
	switch {
	case a.rules != nil:
		r = a.rules(p.id)
	case a.cfg.Rule != nil:
		r = a.cfg.Rule(source.Database, source.Name)
	}
	if len(p.write) < len(p.target.Columns) {
		r = r.Comparing(p.write)
	}
	return r
}

// keyImage makes an image that holds nothing but the identity.
func (p *plan) keyImage(id string) []change.Value {
	out := make([]change.Value, len(p.target.Columns))
	b := []byte(id)
	for _, i := range p.key {
		v, rest, err := change.ParseImage(b)
		if err != nil || len(v) != 1 {
			break // RowID wrote it in this process, or a mark of ours holds it
		}
		out[i], b = v[0], rest
	}
	return out
}
