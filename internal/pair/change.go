package pair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"duplex/internal/checkpoint"
	"duplex/internal/conflict"
	"duplex/internal/schema"
)

// How conflict rules change. Both sides judge two writes by the same rule if the
// writes' versions say which one it is. So other rules begin at a version that
// nobody has judged anything of:
//
//	attempt with the old rules: both logs read to their end ─▶ it ends, highest version known
//	attempt with the new rules: their first version is above that; a row in both tenants ─▶ it begins
//
// Rules of stop have decided nothing, and a table that is new was not judged:
// these change without the first attempt.

// ErrRules says that conflict rules cannot change as the project file wants it.
var ErrRules = errors.New("the conflict rules cannot change while the sites are written")

// errChanging ends an attempt so that the next one can begin with other rules.
var errChanging = errors.New("other conflict rules follow")

// A handover is what an attempt with the old rules leaves behind.
type handover struct {
	highest int64 // version that it has read
	drained bool  // nothing was under way at its end
}

// drainWait is how long it may take, after all that was committed is applied,
// until each side knows that the other one has it: heartbeats say so.
const (
	drainWait = time.Minute
	drainLook = 100 * time.Millisecond
)

// readRules reads by which rules conflicts were decided, and sees to it that the
// project file's are the last of them, or that the attempt makes room for them.
func (a *attempt) readRules(ctx context.Context, tables []*schema.Table, copied bool) error {
	if !a.judges() {
		return nil
	}
	rows, err := checkpoint.SameRules(ctx, a.sites, a.cfg.Project.Name)
	if err != nil {
		return err
	}
	if a.history, err = parseHistory(rows); err != nil {
		return err
	}
	want := a.wanted(tables)
	now, later := a.history.changes(want)
	if len(now) > 0 {
		if err := a.addEra(ctx, a.history.last().from, want, now); err != nil {
			return err
		}
	}
	if len(later) == 0 {
		a.handover = nil
		return nil
	}
	a.draining = slices.ContainsFunc(later, func(t string) bool { return a.history.last().rules[t].merges() || want[t].merges() })
	if a.handover == nil || a.draining && !a.handover.drained {
		a.changing = true
		return a.mayChange(want, later, copied)
	}
	from := int64(0)
	if !a.draining {
		from = max(a.handover.highest, a.history.last().from) + 1
	}
	if err := a.addEra(ctx, from, want, later); err != nil {
		return err
	}
	a.handover, a.draining = nil, false
	return nil
}

// mayChange refuses what does not go while something is under way.
func (a *attempt) mayChange(want tableRules, later []string, copied bool) error {
	if !a.draining || a.cfg.RulesNow && copied {
		return nil
	}
	var lines []string
	for _, t := range later {
		if old := a.history.last().rules[t]; old.merges() || want[t].merges() {
			lines = append(lines, fmt.Sprintf("%s from %s to %s", t, old, want[t]))
		}
	}
	if a.cfg.RulesNow {
		return fmt.Errorf("%w: %s: the copy is not complete; run with the old rules until it is", ErrRules, strings.Join(lines, "; "))
	}
	return fmt.Errorf("%w: %s: give the old rules back and run on, or stop all writers of both sites, run once with --rules-now, "+
		"and let the writers go on when that says that the rules have changed", ErrRules, strings.Join(lines, "; "))
}

// addEra makes rules durable in both tenants. Nothing is judged meanwhile.
func (a *attempt) addEra(ctx context.Context, from int64, want tableRules, tables []string) error {
	e := era{from, a.history.with(want, tables)}
	text, err := json.Marshal(e.rules)
	if err != nil {
		return err
	}
	for _, t := range a.sites {
		r := checkpoint.Rules{Number: uint64(len(a.history) + 1), From: from, Text: string(text)}
		if err := checkpoint.WriteRules(ctx, t, a.cfg.Project.Name, r); err != nil {
			return err
		}
	}
	for _, t := range tables {
		old, known := a.history.last().rules[t]
		if known && t == carrier {
			a.cfg.Log.Warn("statements are carried from another site", "before", old.Site, "now", e.rules[t].Site, "version", from)
		} else if known {
			a.cfg.Log.Warn("conflict rule changed", "table", t, "from", old.String(), "to", e.rules[t].String(), "version", from)
		}
	}
	a.history = append(a.history, e)
	return nil
}

// change ends the attempt when the next one may begin with other rules.
func (a *attempt) change(ctx context.Context) error {
	for _, r := range a.routes {
		if err := r.judge.End(ctx); err != nil {
			return err
		}
	}
	if a.draining {
		if err := a.drain(ctx); err != nil {
			return err
		}
	}
	return errChanging
}

// drain waits until all is applied, and no attempt to come reads again what was
// judged by the old rules.
func (a *attempt) drain(ctx context.Context) error {
	if err := a.barrier(ctx); err != nil {
		return err
	}
	short, cancel := context.WithTimeoutCause(ctx, drainWait, fmt.Errorf("%w: a site is being written: "+
		"stop all writers of both sites, then run once with --rules-now", ErrRules))
	defer cancel()
	if err := until(short, func() (bool, error) { return a.quiet(), nil }); err != nil {
		return err
	}
	for _, r := range a.routes {
		var end uint64
		r.judge.Observe(func(o *conflict.Observer) { end = o.Watermark().Seq })
		if err := until(short, func() (bool, error) { return a.durable(short, r, end) }); err != nil {
			return err
		}
	}
	return until(short, func() (bool, error) { return a.quiet(), nil })
}

// quiet reports whether nothing is known to either side's reader that the other
// may not know.
func (a *attempt) quiet() bool {
	quiet := true
	for _, r := range a.routes {
		r.judge.Observe(func(o *conflict.Observer) { quiet = quiet && o.Quiet() && o.Task() == nil })
	}
	return quiet
}

// durable reports whether a reader of r's source would begin at seq or later.
func (a *attempt) durable(ctx context.Context, r *route, seq uint64) (bool, error) {
	for _, x := range a.routes {
		st, _, err := checkpoint.New(x.to, a.cfg.Project.Name, x.link.String()).Load(ctx)
		at := st.From
		if x != r {
			at = st.Settled.Seq
		}
		if err != nil || at < seq {
			return false, err
		}
	}
	return true, nil
}

// until asks again and again. It fails with what has ended ctx.
func until(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(drainLook)
	defer tick.Stop()
	for {
		ok, err := done()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// changed notes what an attempt that has made room leaves behind. Nothing of it
// runs any more.
func (a *attempt) changed(err error) {
	if !errors.Is(err, errChanging) {
		return
	}
	a.handover = &handover{drained: a.draining}
	for _, r := range a.routes {
		r.judge.Observe(func(o *conflict.Observer) { a.handover.highest = max(a.handover.highest, o.Watermark().Version) })
	}
}
