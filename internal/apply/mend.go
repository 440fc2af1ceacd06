package apply

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

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
			return fmt.Errorf("link %s: late check: %w", m.cfg.Link, err)
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

func (m *mender) mendAll(ctx context.Context) error {
	for {
		var task *conflict.Task
		m.site.Observe(func(o *conflict.Observer) { task = o.Task() })
		if task == nil {
			return nil
		}
		if err := m.mend(ctx, task); err != nil {
			return fmt.Errorf("%s: %w", task.Key.Table, err)
		}
		m.site.Observe(func(o *conflict.Observer) { o.Done(task) })
	}
}

// mend makes a task's transaction durable, whatever number of attempts that
// takes.
func (m *mender) mend(ctx context.Context, task *conflict.Task) error {
	pause := firstPause
	for attempt := 0; ; attempt++ {
		t := &target{lane: m.lane}
		t.begin(m.record(nil))
		err := t.mend(ctx, task)
		if err == nil {
			m.count.decided(t.conflicts)
			return nil
		}
		class := tenant.Classify(err)
		if class == tenant.Reconnect || ctx.Err() != nil || attempt == attempts {
			return err
		}
		if _, rerr := m.session.ExecAll(ctx, "ROLLBACK; "+m.settings()); rerr != nil {
			return errors.Join(err, rerr)
		}
		t.rolledBack()
		if class != tenant.Retry && class != tenant.Duplicate {
			return err
		}
		m.count.retries.Add(1)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

// mend locks the task's row, lets the reader reach the end of the log, and does
// what is still to be done.
func (t *target) mend(ctx context.Context, task *conflict.Task) error {
	if err := t.send(ctx); err != nil {
		return err
	}
	p := t.newPlacer()
	var plan *conflict.Plan
	moves, err := p.place(ctx, []conflict.Key{task.Key}, func() ([]writing, error) {
		if task.Revisit {
			return nil, nil
		}
		t.site.Observe(func(o *conflict.Observer) {
			c := p.claimant(o, task.Key)
			plan = task.Plan(c.Union(), c.Parked != nil && c.Table == nil && !c.Stale)
		})
		if plan == nil || !plan.Write {
			return nil, nil
		}
		return []writing{{task.Key, plan.After, task.Local.Order()}}, nil
	}, task)
	if err != nil {
		return err
	}
	own := p.held[task.Key].plan
	if plan == nil && len(moves) == 0 {
		_, err := t.session.ExecAll(ctx, "ROLLBACK")
		return err
	}
	if plan != nil {
		t.notes, t.record.Version = plan.Notes, plan.Version
		if plan.Log != nil {
			t.log(own, plan.Log)
		}
	}
	t.notes.Placed = task.Revisit || plan.Write && own.unique
	s := t.newScript(ctx)
	t.mark(s, true)
	p.moves(s, moves)
	if err := t.finish(s, true); err != nil {
		return err
	}
	p.settled(moves)
	return nil
}

// send begins the transaction where no row is locked with that.
func (t *target) send(ctx context.Context) error {
	text := string(t.head)
	t.head = nil
	return t.session.Each(ctx, text, func(_ int, row []driver.Value) error { return t.fenced(row) })
}
