package main

import (
	"context"
	"fmt"

	"duplex/test/tenant"
)

// catchup makes a contest of each kind of backlog.
//
// The source is filled and brought to a first target by duplex itself, whose
// stopped folder is the start of every run: the same rows, the same indexes, and
// the place in the source's log at which nothing but the backlog follows.
func catchup(o *options) ([]contest, error) {
	var out []contest
	for _, name := range o.work {
		w, err := findWork(name)
		if err != nil {
			return nil, err
		}
		out = append(out, contest{
			name: "catchup-" + w.name,
			title: fmt.Sprintf("catch up with %s transactions, %s; table of %s rows",
				number(float64(o.txns)), w.title, number(float64(o.rows))),
			unit: "txn",
			open: func(ctx context.Context, r *rig) ([]competitor, error) { return openCatchup(ctx, r, w) },
		}, bothDirections(o, w))
	}
	return out, nil
}

// The server ids of the rig, and the folder of the stopped first target.
const (
	sourceID = 1
	targetID = 2
	first    = "first"
)

func openCatchup(ctx context.Context, r *rig, w work) ([]competitor, error) {
	source, err := r.start(ctx, "source", sourceID, "")
	if err != nil {
		return nil, err
	}
	if err := r.tables.fill(ctx, source); err != nil {
		return nil, err
	}
	if err := firstTarget(ctx, r, source); err != nil {
		return nil, err
	}
	b := &stretch{rig: r, source: source}
	if b.from, err = logEnd(ctx, source); err != nil {
		return nil, err
	}
	r.say("  writing the backlog")
	if err := backlog(ctx, source, w, r.txns, r.tables.all()); err != nil {
		return nil, err
	}
	if b.to, err = logEnd(ctx, source); err != nil {
		return nil, err
	}
	native := func(name string, threads int) competitor {
		return competitor{name, func(ctx context.Context, _ int) (sample, error) {
			return b.once(ctx, func(t *server) (sample, error) { return b.native(ctx, t, threads) })
		}}
	}
	out := []competitor{
		native("native", 0),
		{ours, func(ctx context.Context, no int) (sample, error) {
			return b.once(ctx, func(t *server) (sample, error) { return b.duplex(ctx, t, r.program, fmt.Sprintf("%s-%d", w.name, no)) })
		}},
	}
	if r.other != "" {
		out = append(out, competitor{otherBuild, func(ctx context.Context, _ int) (sample, error) {
			return b.once(ctx, func(t *server) (sample, error) { return b.duplex(ctx, t, r.other, "") })
		}})
	}
	if r.kind == string(tenant.MariaDB) { // MySQL 5.6 is parallel across databases only
		out = append(out, native("native, 4 threads", 4))
	}
	return out, nil
}

// firstTarget lets duplex copy the rows to a target and stops that.
func firstTarget(ctx context.Context, r *rig, source *server) error {
	r.say("  copying the rows to the target that every run begins with")
	target, err := r.start(ctx, first, targetID, "")
	if err != nil {
		return err
	}
	var s sample
	if err := r.runDuplex(ctx, &s, source, target, ""); err != nil {
		return err
	}
	if err := r.tables.equal(ctx, source, target); err != nil {
		return err
	}
	return r.stop(ctx, target)
}

// A stretch is a part of the source's log: the backlog.
type stretch struct {
	*rig
	source   *server
	from, to string
}

// once gives run a target as it was before the backlog, and holds the result
// against the source.
func (b *stretch) once(ctx context.Context, run func(t *server) (sample, error)) (sample, error) {
	target, err := b.start(ctx, "target", targetID, first)
	if err != nil {
		return sample{}, err
	}
	if err := b.tables.warm(ctx, target); err != nil {
		return sample{}, err
	}
	s, err := run(target)
	if err != nil {
		return s, err
	}
	if err := b.tables.equal(ctx, b.source, target); err != nil {
		return s, err
	}
	return s, b.end(target)
}

func (b *stretch) duplex(ctx context.Context, target *server, program, name string) (sample, error) {
	return measure(ctx, b.txns, b.source, target, func(s *sample) error {
		return b.runBuild(ctx, program, s, b.source, target, name)
	})
}
