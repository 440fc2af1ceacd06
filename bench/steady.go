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
		bars        []bar
		pacing
	}{
		{"steady-one", "one site is written", nil, pacing{rate: 1000}},
		{"steady-both", "both sites are written", nil, pacing{rate: 500, twoWay: true}},
		{"steady-half", "both sites are written", []bar{{of: ours, figure: "lag p99", limit: 0.1, most: true}}, pacing{rate: o.rate, twoWay: true}},
	} {
		f.txns = o.txns
		out = append(out, contest{
			name: f.name,
			title: fmt.Sprintf("lag at %s a site, an UPDATE and an INSERT each; %s; %s of them; table of %s rows",
				f.pacing, f.title, number(float64(o.txns)), number(float64(o.rows))),
			unit: "txn", bars: f.bars,
			open: func(ctx context.Context, r *rig) ([]competitor, error) { return openSteady(ctx, r, f.pacing) },
		})
	}
	return out, nil
}

// A pacing is how fast how many transactions come.
type pacing struct {
	twoWay bool  // both sites are written
	rate   int   // transactions/s of each site that is written; 0: half of what duplex catches up with
	txns   int   // of both sites
	work   *work // nil: an UPDATE, and the INSERT of a probe by which the transaction can be followed
}

func (p pacing) String() string {
	if p.rate == 0 {
		return "half the rate at which duplex catches up"
	}
	return number(float64(p.rate)) + " transactions/s"
}

// asked is the figure of a pacing: where the transactions came more slowly, the
// machine could not write them any faster.
const asked = "asked for, txn/s a site"

// A flow is the transactions that are written at one site and looked for at the
// other.
type flow struct {
	*way
	from, to *server
	ids      []span
	work     *work // as in pacing
}

// flows are those of a pacing between two sites; the second is empty where only one
// is written.
func (r *rig) flows(p pacing, a, b *server) []*flow {
	const numberA, numberB = 1 << 30, 1 << 40 // beyond that of carry
	one, other := p.txns, 0
	if p.twoWay {
		one, other = p.txns-p.txns/2, p.txns/2
	}
	return []*flow{
		{way: newWay(numberA, one), from: a, to: b, ids: r.tables.half(false), work: p.work},
		{way: newWay(numberB, other), from: b, to: a, ids: r.tables.half(true), work: p.work},
	}
}

// begin lets a competitor carry changes until end.
type begin func(ctx context.Context, flows []*flow) (end func(s *sample) error, err error)

func openSteady(ctx context.Context, r *rig, p pacing) ([]competitor, error) {
	if err := r.equalFirst(ctx, []string{createProbes}, func(_, _ *server) error { return nil }); err != nil {
		return nil, err
	}
	r.twoWay = p.twoWay
	p, err := r.half(ctx, p)
	if err != nil {
		return nil, err
	}
	once := func(name string, begin begin) competitor {
		return competitor{name, func(ctx context.Context, _ int) (sample, error) { return r.steady(ctx, p, begin) }}
	}
	out := []competitor{once(ours, r.carryFlows)}
	if r.kind == string(tenant.MariaDB) { // on MySQL 5.6 nothing tells the two logs apart but the servers' numbers
		out = append(out, once("native", func(ctx context.Context, flows []*flow) (func(s *sample) error, error) {
			if !p.twoWay {
				flows = flows[:1]
			}
			return r.replicate(ctx, flows)
		}))
	}
	return out, nil
}

// half gives a pacing without a rate half of that with which duplex catches up
// with a backlog of the same transactions.
func (r *rig) half(ctx context.Context, p pacing) (pacing, error) {
	if p.rate > 0 {
		return p, nil
	}
	s, err := r.bothWays(ctx, func(a, b *server) error {
		g, ctx := errgroup.WithContext(ctx)
		for _, f := range r.flows(p, a, b) {
			g.Go(func() error { return f.write(ctx, f.from, 0, 8, f.statement) })
		}
		return g.Wait()
	}, func(s *sample, a, b *server) error { return r.runDuplex(ctx, s, a, b, "") })
	if err != nil {
		return p, fmt.Errorf("catch up: %w", err)
	}
	sites := 1.0
	if p.twoWay {
		sites = 2
	}
	p.rate = max(1, int(s.rate()/2/sites))
	r.say("  duplex catches up with %s transactions/s; from now on there are %d a site", number(s.rate()), p.rate)
	return p, nil
}

func (r *rig) carryFlows(ctx context.Context, flows []*flow) (func(s *sample) error, error) {
	return r.carry(ctx, flows[0].from, flows[0].to)
}

// warmUp is how long files, caches and connections have for coming to what they stay
// at. What is committed before is not measured.
const warmUp = time.Second

// steady measures one competitor, which begin lets carry changes until end.
func (r *rig) steady(ctx context.Context, p pacing, begin begin) (s sample, err error) {
	a, b, err := r.equal(ctx)
	if err != nil {
		return s, err
	}
	flows := r.flows(p, a, b)
	end, err := begin(ctx, flows)
	if err != nil {
		return s, err
	}
	s, err = measure(ctx, p.txns, a, b, func(s *sample) error {
		g, ctx := errgroup.WithContext(ctx)
		for _, f := range flows {
			g.Go(func() error { return f.look(ctx, f.to) })
			g.Go(func() error { return f.write(ctx, f.from, time.Second/time.Duration(p.rate), 8, f.statement) })
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
		first := min(int(warmUp.Seconds()*float64(p.rate)), len(f.committed)/2)
		from, to = append(from, f.committed[first:]...), append(to, f.visible[first:]...)
	}
	s.Parts, s.Figures = map[string]float64{}, map[string]float64{asked: float64(p.rate)}
	note(s.Parts, "lag", from, to)
	return s, errors.Join(r.end(a), r.end(b))
}

// statement is a flow's transaction number n.
func (f *flow) statement(r *rand.Rand, n int) string {
	ids := f.ids[r.IntN(len(f.ids))]
	if f.work != nil {
		return string(f.work.append(nil, r, ids))
	}
	text := append([]byte("BEGIN; "), appendUpdate(nil, r, ids)...)
	return string(fmt.Appendf(text, "; INSERT INTO %s VALUES (%d); COMMIT", probes, n))
}

// replicate lets the servers replicate by themselves until end.
func (r *rig) replicate(ctx context.Context, flows []*flow) (end func(s *sample) error, err error) {
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
