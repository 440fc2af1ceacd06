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
			unit: "txn", bars: w.bars,
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
	b, err := r.stretch(ctx, "", r.tables, r.txns, w)
	if err != nil {
		return nil, err
	}
	native := func(name string, threads int) competitor {
		return competitor{name, func(ctx context.Context, _ int) (sample, error) {
			return b.once(ctx, true, func(t *server) (sample, error) { return b.native(ctx, t, threads) })
		}}
	}
	out := []competitor{
		native("native", 0),
		{ours, func(ctx context.Context, no int) (sample, error) {
			return b.once(ctx, true, func(t *server) (sample, error) {
				return b.duplex(ctx, t, r.program, fmt.Sprintf("%s-%d", w.name, no))
			})
		}},
	}
	if r.other != "" {
		out = append(out, competitor{otherBuild, func(ctx context.Context, _ int) (sample, error) {
			return b.once(ctx, true, func(t *server) (sample, error) { return b.duplex(ctx, t, r.other, "") })
		}})
	}
	if r.kind == string(tenant.MariaDB) { // MySQL 5.6 is parallel across databases only
		out = append(out, native("native, 4 threads", 4))
	}
	if w.plain != nil {
		out = append(out, competitor{ceiling, func(ctx context.Context, _ int) (sample, error) {
			return b.once(ctx, false, func(t *server) (sample, error) { return b.plain(ctx, t, w) })
		}})
	}
	return out, nil
}

// A stretch is a part of a source's log: the backlog.
type stretch struct {
	*rig
	tables   layout
	txns     int
	source   *server
	from, to string
	first    string // folder of the stopped first target
}

// stretch makes a source, the target that every run begins with, and the backlog.
// The name tells several of a contest apart.
func (r *rig) stretch(ctx context.Context, name string, tables layout, txns int, w work) (*stretch, error) {
	b := &stretch{rig: r, tables: tables, txns: txns, first: first + name}
	var err error
	if b.source, err = r.start(ctx, "source"+name, sourceID, ""); err != nil {
		return nil, err
	}
	if err := tables.fill(ctx, b.source); err != nil {
		return nil, err
	}
	if err := b.firstTarget(ctx); err != nil {
		return nil, err
	}
	if b.from, err = logEnd(ctx, b.source); err != nil {
		return nil, err
	}
	r.say("  writing the backlog")
	if err := backlog(ctx, b.source, w, txns, tables.all()); err != nil {
		return nil, err
	}
	b.to, err = logEnd(ctx, b.source)
	return b, err
}

// firstTarget lets duplex copy the rows to a target and stops that.
func (b *stretch) firstTarget(ctx context.Context) error {
	b.say("  copying the rows to the target that every run begins with")
	target, err := b.start(ctx, b.first, targetID, "")
	if err != nil {
		return err
	}
	var s sample
	if err := b.runDuplex(ctx, &s, b.source, target, ""); err != nil {
		return err
	}
	if err := b.tables.equal(ctx, b.source, target); err != nil {
		return err
	}
	return b.stop(ctx, target)
}

// once gives run a target as it was before the backlog, and holds the result
// against the source if the same is to come out.
func (b *stretch) once(ctx context.Context, same bool, run func(t *server) (sample, error)) (sample, error) {
	target, err := b.start(ctx, "target", targetID, b.first)
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
	if same {
		if err := b.tables.equal(ctx, b.source, target); err != nil {
			return s, err
		}
	}
	return s, b.end(target)
}

func (b *stretch) duplex(ctx context.Context, target *server, program, name string) (sample, error) {
	return measure(ctx, b.txns, b.source, target, func(s *sample) error {
		return b.runBuild(ctx, program, s, b.source, target, name)
	})
}
