package apply

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"duplex/internal/conflict"
	"duplex/internal/tenant"
)

// A mender does what the late check of the target's reader has found: puts
// local writes back that an apply has overwritten unnoticed, and brings parked
// rows back whose value is free. It is a lane of its own.
type mender struct{ *lane }

func newMender(a *Applier) *mender { return &mender{newLane(a, a.cfg.Lanes)} }

func (m *mender) run(ctx context.Context) error {
	if err := m.open(ctx); err != nil {
		return err
	}
	for {
		if err := m.mendAll(ctx); err != nil {
			return fmt.Errorf("link %s: late check: %w", m.cfg.Link, m.explained(ctx, err))
		}
		m.wake()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-m.site.Tasks():
		}
	}
}

// WaitMended waits until nothing is left to be put back of what the target's
// reader has read so far.
func (a *Applier) WaitMended(ctx context.Context) error {
	if a.site == nil {
		return nil
	}
	a.idle.L.Lock()
	defer a.idle.L.Unlock()
	defer context.AfterFunc(ctx, a.wake)()
	for {
		var task *conflict.Task
		a.site.Observe(func(o *conflict.Observer) { task = o.Task() })
		if task == nil {
			return nil
		}
		if err := errors.Join(context.Cause(ctx), a.window.failure()); err != nil {
			return err
		}
		a.idle.Wait()
	}
}

// wake makes WaitMended look again.
func (a *Applier) wake() {
	a.idle.L.Lock()
	defer a.idle.L.Unlock()
	a.idle.Broadcast()
}

// mendAtOnce is how many tasks one transaction does: what takes time is to reach
// the end of the log. After so many failures each goes alone.
const mendAtOnce, mendAlone = 64, 3

func (m *mender) mendAll(ctx context.Context) error {
	pause, failed := firstPause, 0
	for {
		tasks := m.take(failed)
		if len(tasks) == 0 {
			return nil
		}
		t := &target{lane: m.lane}
		t.begin(m.record(nil))
		m.mending.Lock()
		err := t.mend(ctx, tasks)
		m.mending.Unlock()
		if err == nil {
			pause, failed = firstPause, 0
			m.count.decided(t.conflicts)
			m.site.Observe(func(o *conflict.Observer) {
				for _, x := range tasks {
					o.Done(x)
				}
			})
			continue
		}
		class := tenant.Classify(err)
		if class.Passing() && !class.Undone() || ctx.Err() != nil || failed == attempts {
			return fmt.Errorf("%s: %w", tasks[0].Key.Table, err)
		}
		if rerr := t.rollBack(ctx); rerr != nil {
			return errors.Join(err, rerr)
		}
		if errors.Is(err, errHeld) {
			continue
		}
		if !class.Undone() && class != tenant.Duplicate && !errors.Is(err, errOvertaken) {
			return fmt.Errorf("%s: %w", tasks[0].Key.Table, err)
		}
		failed++
		if pause, err = m.again(ctx, pause); err != nil {
			return err
		}
	}
}

// take gives what is to be done next. Where nobody waits for what the application
// has given up there is nothing to look at.
func (m *mender) take(failed int) (tasks []*conflict.Task) {
	n := mendAtOnce
	if failed >= mendAlone {
		n = 1
	}
	m.site.Observe(func(o *conflict.Observer) {
		for len(tasks) == 0 {
			all := o.Take(n)
			if len(all) == 0 {
				return
			}
			for _, t := range all {
				if m.relations.tables[t.Key.Table] == nil { // a statement has taken the table away
					o.Done(t)
				} else if t.Revisit && !t.Always && !m.parked.Has(t.Key) && !m.parked.any(t.Released) && !m.parked.any(t.Given) {
					o.Done(t)
				} else {
					tasks = append(tasks, t)
				}
			}
		}
	})
	return tasks
}

// mend locks the tasks' rows, lets the reader reach the end of the log, and does
// what is still to be done.
func (t *target) mend(ctx context.Context, tasks []*conflict.Task) error {
	if err := t.send(ctx); err != nil {
		return err
	}
	p := t.newPlacer()
	keys := make([]conflict.Key, len(tasks))
	for i, x := range tasks {
		keys[i] = x.Key
	}
	plans := make([]*conflict.Plan, len(tasks))
	moves, err := p.place(ctx, keys, func() ([]writing, error) { return p.planned(tasks, plans), nil }, tasks)
	if err != nil {
		return err
	}
	something := len(moves) > 0
	for i, plan := range plans {
		if plan == nil {
			continue
		}
		something = true
		t.notes.Judged = append(t.notes.Judged, plan.Notes.Judged...)
		t.notes.Restored = append(t.notes.Restored, plan.Notes.Restored...)
		t.record.Version = max(t.record.Version, plan.Version)
		if plan.Log != nil {
			t.log(p.held[keys[i]].plan, plan.Log)
		}
	}
	if !something {
		_, err := t.session.ExecAll(ctx, "ROLLBACK")
		return err
	}
	t.notes.Placed = true
	s := t.newScript(ctx)
	t.mark(s, true)
	p.moves(s, moves)
	if p.absent(moves) {
		if err := t.finish(s, false); err != nil {
			return err
		}
		if err := p.still(ctx, tasks, plans, moves); err != nil {
			return err
		}
		s = t.newScript(ctx)
	}
	if err := t.finish(s, true); err != nil {
		return err
	}
	p.settled(moves)
	return nil
}

// absent reports whether rows are put into their table that were not there, and
// so could not be locked.
func (p *placer) absent(moves []conflict.Move) bool {
	return slices.ContainsFunc(moves, func(m conflict.Move) bool { return m.Put != nil && p.held[m.Key].table == nil })
}

// still fails with errOvertaken if the target's application wrote rows, or emptied
// their table, before they were put there, so that other things are to be done.
// From here on it cannot: they are locked.
func (p *placer) still(ctx context.Context, tasks []*conflict.Task, plans []*conflict.Plan, moves []conflict.Move) error {
	if err := p.endHeld(ctx); err != nil {
		return err
	}
	again := make([]*conflict.Plan, len(plans))
	now, want, needed := p.plan(p.planned(tasks, again), tasks)
	if len(want)+len(needed) > 0 || !reflect.DeepEqual(now, moves) {
		return errOvertaken
	}
	for i := range plans {
		if (plans[i] == nil) != (again[i] == nil) || plans[i] != nil && plans[i].Write != again[i].Write {
			return errOvertaken
		}
	}
	return nil
}

// planned asks what is to be done about each task, and gives what is written.
func (p *placer) planned(tasks []*conflict.Task, plans []*conflict.Plan) []writing {
	var out []writing
	p.site.Observe(func(o *conflict.Observer) {
		for i, x := range tasks {
			if plans[i] = nil; x.Revisit {
				continue
			}
			c := p.claimant(o, x.Key)
			plans[i] = x.Plan(c.Union(), c.Parked != nil)
			if plans[i] != nil && plans[i].Write {
				out = append(out, writing{x.Key, plans[i].After, plans[i].Order})
			}
		}
	})
	return out
}

// send begins the transaction where no row is locked with that.
func (t *target) send(ctx context.Context) error {
	text := string(t.head)
	t.head = nil
	return t.session.Each(ctx, text, func(_ int, row []driver.Value) error { return t.fenced(row) })
}
