package pair

import (
	"context"
	"encoding/json"
	"errors"
	"maps"

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
// The first attempt knows where sums are to follow: see conflict.Unheard.
//
// Rules of stop have decided nothing, and a table that is new was not judged:
// these change without the first attempt.

// ErrRules says that conflict rules cannot change as the project file wants it.
var ErrRules = errors.New("the conflict rules cannot change like this")

// errChanging ends an attempt so that the next one can begin with other rules.
var errChanging = errors.New("other conflict rules follow")

// A handover is what an attempt with the old rules leaves behind.
type handover struct {
	highest int64      // version that it has read
	coming  tableRules // sums that it knew to follow
}

// readRules reads by which rules conflicts were decided, and sees to it that the
// project file's are the last of them, or that the attempt makes room for them.
func (a *attempt) readRules(ctx context.Context, tables []*schema.Table) error {
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
	now, later, err := a.history.changes(want)
	if err != nil {
		return err
	}
	if len(now) > 0 {
		if err := a.addEra(ctx, a.history.last().from, want, now); err != nil {
			return err
		}
	}
	left := a.handover
	a.handover = nil
	if len(later) == 0 {
		return nil
	}
	coming := want.sums(later)
	if left == nil || !maps.EqualFunc(left.coming, coming, rule.equal) {
		a.changing, a.coming = true, coming
		return nil
	}
	return a.addEra(ctx, max(left.highest, a.history.last().from)+1, want, later)
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
	a.room = true
	return errChanging
}

// handOver notes what an attempt that has made room leaves behind. Nothing of it
// runs any more.
func (a *attempt) handOver() {
	if !a.room {
		return
	}
	a.handover = &handover{coming: a.coming}
	for _, r := range a.routes {
		r.judge.Observe(func(o *conflict.Observer) { a.handover.highest = max(a.handover.highest, o.Watermark().Version) })
	}
}
