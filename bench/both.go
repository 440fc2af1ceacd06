package main

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"duplex/test/tenant"
)

// bothDirections makes the contest of a backlog of which each site has half:
// one process of duplex against two servers that are each the other's slave.
func bothDirections(o *options, w work) contest {
	return contest{
		name: "catchup-both-" + w.name,
		title: fmt.Sprintf("catch up both ways at once with %s transactions, half of them at each site, %s; table of %s rows",
			number(float64(o.txns)), w.title, number(float64(o.rows))),
		unit: "txn",
		bars: []bar{{of: ours, to: "native", limit: 1.2}},
		open: func(ctx context.Context, r *rig) ([]competitor, error) { return openBoth(ctx, r, w) },
	}
}

func openBoth(ctx context.Context, r *rig, w work) ([]competitor, error) {
	var from, to [2]string // of the backlogs at a and b
	ends := func(a, b *server, of *[2]string) (err error) {
		for i, s := range []*server{a, b} {
			if of[i], err = logEnd(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}
	err := r.equalFirst(ctx, nil, func(a, b *server) error {
		if err := ends(a, b, &from); err != nil {
			return err
		}
		r.say("  writing the backlogs")
		if err := r.backlogs(ctx, a, b, w, false); err != nil {
			return err
		}
		return ends(a, b, &to)
	})
	if err != nil {
		return nil, err
	}
	build := func(name, program string) competitor {
		return competitor{name, func(ctx context.Context, no int) (sample, error) {
			profile := ""
			if name == ours {
				profile = fmt.Sprintf("both-%s-%d", w.name, no)
			}
			return r.bothWays(ctx, nil, func(s *sample, a, b *server) error { return r.runBuild(ctx, program, s, a, b, profile) })
		}}
	}
	native := func(name string, threads int) competitor {
		return competitor{name, func(ctx context.Context, _ int) (sample, error) {
			return r.bothWays(ctx, func(a, b *server) error { return r.enslave(ctx, a, b, from, threads) },
				func(_ *sample, a, b *server) error { return slaves(ctx, a, b, to) })
		}}
	}
	if r.kind != string(tenant.MariaDB) { // on MySQL 5.6 the log of the copy would come along
		return []competitor{build(ours, r.program)}, nil
	}
	out := []competitor{native("native", 0), build(ours, r.program), native("native, 4 threads", 4)}
	if r.other != "" {
		out = append(out, build(otherBuild, r.other))
	}
	return out, nil
}

// enslave makes each of two servers the other's slave from the beginning of its
// backlog on; they do not begin yet.
func (r *rig) enslave(ctx context.Context, a, b *server, from [2]string, threads int) error {
	for i, s := range []*server{a, b} {
		other, begin := b, from[1]
		if i == 1 {
			other, begin = a, from[0]
		}
		l := &stretch{rig: r, source: other}
		// Strict mode wants a place for the server's own domain, which the
		// other one has nothing of yet.
		if err := s.exec(ctx, "SET GLOBAL gtid_strict_mode = 0", "SET GLOBAL gtid_slave_pos = '"+begin+"'",
			fmt.Sprintf("SET GLOBAL slave_parallel_threads = %d", threads), l.master()+", MASTER_USE_GTID = slave_pos"); err != nil {
			return err
		}
	}
	return nil
}

// slaves starts both and waits until each has the other's backlog.
func slaves(ctx context.Context, a, b *server, to [2]string) error {
	g, ctx := errgroup.WithContext(ctx)
	for i, s := range []*server{a, b} {
		g.Go(func() error {
			conn, err := s.db.Conn(ctx)
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			if _, err := conn.ExecContext(ctx, "START SLAVE"); err != nil {
				return err
			}
			return awaitSlave(ctx, conn, "SELECT MASTER_GTID_WAIT('"+to[1-i]+"', 1) = 0")
		})
	}
	return g.Wait()
}
