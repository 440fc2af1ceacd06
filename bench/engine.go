package main

import (
	"context"
	"fmt"
	"os/exec"

	"golang.org/x/sync/errgroup"
)

// unjudged is the competitor without a conflict engine: the same program, built
// with the tag of that name.
const unjudged = "duplex without the engine"

// A face is how a contest of the engine looks.
type face struct {
	name, title string
	unique      bool // the table has a unique key besides its identity
	oneSide     bool // one site writes, so that the index of the other is empty
	live        bool // there is no backlog: both are written while duplex runs
}

// faces is every kind of contest of the engine.
func faces() []face {
	return []face{
		{name: "live", title: "no backlog: both sites are written, half of it each, while it is carried", live: true},
		{name: "both", title: "both sites have half of it"},
		{name: "unique", title: "both sites have half of it, and c is unique", unique: true},
		{name: "one", title: "one site has all of it", oneSide: true},
	}
}

// engine makes the contests that show what the conflict engine costs where
// nothing conflicts: each site has a backlog of rows of its own, and one process
// carries both at once.
func engine(o *options) ([]contest, error) {
	var out []contest
	for _, name := range o.work {
		w, err := findWork(name)
		if err != nil {
			return nil, err
		}
		for _, f := range faces() {
			out = append(out, contest{
				name: "engine-" + f.name + "-" + w.name,
				title: fmt.Sprintf("catch up both ways with %s transactions, %s; %s; table of %s rows",
					number(float64(o.txns)), w.title, f.title, number(float64(o.rows))),
				unit: "txn",
				open: func(ctx context.Context, r *rig) ([]competitor, error) { return openEngine(ctx, r, w, f) },
			})
		}
	}
	return out, nil
}

// The folders of two stopped servers with a backlog each, as every run begins.
const (
	firstA = "first-a"
	firstB = "first-b"
)

func openEngine(ctx context.Context, r *rig, w work, f face) ([]competitor, error) {
	without, err := r.build(ctx, "duplex-unjudged", "unjudged")
	if err != nil {
		return nil, err
	}
	if err := bothFirst(ctx, r, w, f); err != nil {
		return nil, err
	}
	build := func(name, program string) competitor {
		return competitor{name, func(ctx context.Context, no int) (sample, error) {
			profile := fmt.Sprintf("%s-%s-%d", f.name, w.name, no)
			if name != ours {
				profile += "-without"
			}
			return r.bothWays(ctx, nil, func(s *sample, a, b *server) error {
				if f.live {
					return r.live(ctx, program, s, a, b, w)
				}
				return r.runBuild(ctx, program, s, a, b, profile)
			})
		}}
	}
	out := []competitor{build(ours, r.program), build(unjudged, without)}
	if r.other != "" {
		out = append(out, build(otherBuild, r.other))
	}
	return out, nil
}

// bothFirst makes the two servers that every run begins with: equal, joined by
// duplex, and then written.
func bothFirst(ctx context.Context, r *rig, w work, f face) error {
	var more []string
	if f.unique {
		more = append(more, unique)
	}
	return r.equalFirst(ctx, more, func(a, b *server) error {
		if f.live {
			return nil
		}
		r.say("  writing the backlogs")
		return r.backlogs(ctx, a, b, w, f.oneSide)
	})
}

// equalFirst makes the two servers that every run begins with: equal, with the
// table and what more statements make, joined by duplex, and then as then leaves
// them.
func (r *rig) equalFirst(ctx context.Context, more []string, then func(a, b *server) error) error {
	r.twoWay = true
	a, err := r.start(ctx, firstA, sourceID, "")
	if err != nil {
		return err
	}
	if err := r.tables.fill(ctx, a); err != nil {
		return err
	}
	if err := a.exec(ctx, more...); err != nil {
		return err
	}
	b, err := r.start(ctx, firstB, targetID, "")
	if err != nil {
		return err
	}
	r.say("  copying the rows to the other site")
	if err := r.runDuplex(ctx, &sample{}, a, b, ""); err != nil {
		return err
	}
	if err := then(a, b); err != nil {
		return err
	}
	for _, s := range []*server{a, b} {
		if err := r.stop(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// backlogs writes both sites at once, each its own half of the rows.
func (r *rig) backlogs(ctx context.Context, a, b *server, w work, oneSide bool) error {
	lower, upper := r.tables.half(false), r.tables.half(true)
	if oneSide {
		return backlog(ctx, a, w, r.txns, lower)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return backlog(ctx, a, w, r.txns-r.txns/2, lower) })
	g.Go(func() error { return backlog(ctx, b, w, r.txns/2, upper) })
	return g.Wait()
}

// live lets a build run, writes both sites as fast as they take it, and waits
// until each has all of the other.
func (r *rig) live(ctx context.Context, program string, s *sample, a, b *server, w work) error {
	file, err := r.project(a, b)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var run error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run = child(exec.CommandContext(ctx, program, "run", file, "--skip-check", "--json"), s)
	}()
	err = r.backlogs(ctx, a, b, w, false)
	if err == nil {
		var out []byte
		if out, err = exec.CommandContext(ctx, program, "barrier", file).CombinedOutput(); err != nil {
			err = fmt.Errorf("barrier: %w: %s", err, out)
		}
	}
	cancel() // SIGTERM: an interrupted run says so
	<-ended
	if err == nil && s.CPU.Own == 0 {
		err = fmt.Errorf("duplex did not run: %w", run)
	}
	return err
}

// equal starts two servers that hold the same, as equalFirst has left them, with
// their tables in memory.
func (r *rig) equal(ctx context.Context) (a, b *server, err error) {
	if a, err = r.start(ctx, "a", sourceID, firstA); err != nil {
		return nil, nil, err
	}
	if b, err = r.start(ctx, "b", targetID, firstB); err != nil {
		return nil, nil, err
	}
	for _, t := range []*server{a, b} {
		if err := r.tables.warm(ctx, t); err != nil {
			return nil, nil, err
		}
	}
	return a, b, nil
}

// bothWays lets carry do its work between two servers as every run begins, after
// prepare, if there is something to prepare, whose time does not count.
func (r *rig) bothWays(ctx context.Context, prepare func(a, b *server) error, carry func(s *sample, a, b *server) error) (sample, error) {
	var s sample
	a, b, err := r.equal(ctx)
	if err != nil {
		return s, err
	}
	if prepare != nil {
		if err := prepare(a, b); err != nil {
			return s, err
		}
	}
	s, err = measure(ctx, r.txns, a, b, func(s *sample) error { return carry(s, a, b) })
	if err != nil {
		return s, err
	}
	if err := r.tables.equal(ctx, a, b); err != nil {
		return s, err
	}
	for _, t := range []*server{a, b} {
		if err := r.end(t); err != nil {
			return s, err
		}
	}
	return s, nil
}
