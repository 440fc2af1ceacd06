package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"duplex/test/tenant"
)

// steady makes the contests of transactions that come at a given rate: how long
// each is on its way from the answer to its commit until a reader of the other site
// sees it. Beside duplex there is native replication, in the same directions.
func steady(o *options) ([]contest, error) {
	var out []contest
	for _, f := range []struct {
		name, title string
		twoWay      bool
		rate        int // of each site that is written
	}{
		{"steady-one", "one site is written", false, 1000},
		{"steady-both", "both sites are written", true, 500},
	} {
		out = append(out, contest{
			name: f.name,
			title: fmt.Sprintf("lag at %d transactions/s a site, an UPDATE and an INSERT each; %s; %s of them; table of %s rows",
				f.rate, f.title, number(float64(o.txns)), number(float64(o.rows))),
			unit: "txn",
			open: func(ctx context.Context, r *rig) ([]competitor, error) { return openSteady(ctx, r, f.twoWay, f.rate) },
		})
	}
	return out, nil
}

// A flow is the transactions that are written at one site and looked for at the
// other.
type flow struct {
	*way
	from, to *server
	ids      span
}

func openSteady(ctx context.Context, r *rig, twoWay bool, rate int) ([]competitor, error) {
	if err := r.equalFirst(ctx, []string{createProbes}, func(_, _ *server) error { return nil }); err != nil {
		return nil, err
	}
	r.twoWay = twoWay
	once := func(name string, begin func(ctx context.Context, s *sample, flows []*flow) (end func(s *sample) error, err error)) competitor {
		return competitor{name, func(ctx context.Context, _ int) (sample, error) {
			return r.steady(ctx, twoWay, rate, begin)
		}}
	}
	out := []competitor{once(ours, func(ctx context.Context, _ *sample, flows []*flow) (func(s *sample) error, error) {
		return r.carry(ctx, flows[0].from, flows[0].to)
	})}
	if r.kind == string(tenant.MariaDB) { // on MySQL 5.6 nothing tells the two logs apart but the servers' numbers
		out = append(out, once("native", r.replicate))
	}
	return out, nil
}

// steady measures one competitor, which begin lets carry changes until end.
func (r *rig) steady(ctx context.Context, twoWay bool, rate int,
	begin func(ctx context.Context, s *sample, flows []*flow) (end func(s *sample) error, err error)) (s sample, err error) {
	a, err := r.start(ctx, "a", sourceID, firstA)
	if err != nil {
		return s, err
	}
	b, err := r.start(ctx, "b", targetID, firstB)
	if err != nil {
		return s, err
	}
	const numberA, numberB = 1 << 30, 1 << 40 // beyond that of carry
	lower, upper := r.tables.half(false)[0], r.tables.half(true)[0]
	flows := []*flow{{newWay(numberA, r.txns), a, b, lower}}
	if twoWay {
		flows = []*flow{{newWay(numberA, r.txns/2), a, b, lower}, {newWay(numberB, r.txns/2), b, a, upper}}
	}
	end, err := begin(ctx, &s, flows)
	if err != nil {
		return s, err
	}
	s, err = measure(ctx, r.txns, a, b, func(s *sample) error {
		g, ctx := errgroup.WithContext(ctx)
		for _, f := range flows {
			g.Go(func() error { return f.look(ctx, f.to) })
			g.Go(func() error { return f.write(ctx, f.from, time.Second/time.Duration(rate), 8, f.statement) })
		}
		return g.Wait()
	})
	if err = errors.Join(err, end(&s)); err != nil {
		return s, err
	}
	if err := r.tables.equal(ctx, a, b); err != nil {
		return s, err
	}
	var from, to []time.Time
	for _, f := range flows {
		from, to = append(from, f.committed...), append(to, f.visible...)
	}
	s.Parts = map[string]float64{}
	note(s.Parts, "lag", from, to)
	return s, errors.Join(r.end(a), r.end(b))
}

// statement is a flow's transaction number n.
func (f *flow) statement(r *rand.Rand, n int) string {
	text := append([]byte("BEGIN; "), appendUpdate(nil, r, f.ids)...)
	return string(fmt.Appendf(text, "; INSERT INTO %s VALUES (%d); COMMIT", probes, n))
}

// replicate lets the servers replicate by themselves until end.
func (r *rig) replicate(ctx context.Context, _ *sample, flows []*flow) (end func(s *sample) error, err error) {
	for i, s := range []*server{flows[0].from, flows[0].to} { // each site's own transactions are of a domain of their own
		if err := s.exec(ctx, "RESET MASTER", fmt.Sprintf("SET GLOBAL gtid_domain_id = %d", i+1)); err != nil {
			return nil, err
		}
	}
	for _, f := range flows {
		b := &stretch{rig: r, source: f.from}
		if err := f.to.exec(ctx, "SET GLOBAL gtid_slave_pos = ''", "SET GLOBAL slave_parallel_threads = 0",
			b.master()+", MASTER_USE_GTID = slave_pos", "START SLAVE"); err != nil {
			return nil, err
		}
	}
	return func(*sample) error {
		for _, f := range flows {
			conn, err := f.to.db.Conn(ctx)
			if err != nil {
				return err
			}
			err = errors.Join(slaveError(ctx, conn), f.to.exec(ctx, "STOP SLAVE"), conn.Close())
			if err != nil {
				return err
			}
		}
		return nil
	}, nil
}
