package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"duplex/test/tenant"
)

// The application: so many connections, each with a transaction every appPace
// if the one before is done by then. It is to wait for the target, not to use it up.
const (
	appConns = 4
	appPace  = 40 * time.Millisecond
	appRange = 100 // rows of a range
)

// app makes the contest of what an application at the target feels of the
// changes that come in: transactions like those of sysbench's oltp_read_write, while
// oltp transactions of the other site are applied at half the rate of catching up.
func app(o *options) ([]contest, error) {
	w, err := findWork("oltp")
	if err != nil {
		return nil, err
	}
	p := pacing{rate: o.rate, txns: o.txns, work: &w}
	return []contest{{
		name: "app",
		title: fmt.Sprintf("an application at the target, %d connections, while %s oltp transactions come in at %s; table of %s rows",
			appConns, number(float64(o.txns)), p, number(float64(o.rows))),
		unit: "txn",
		bars: []bar{{of: ours, to: "native", figure: "app p95", limit: 1.3, most: true}},
		open: func(ctx context.Context, r *rig) ([]competitor, error) { return openApp(ctx, r, p) },
	}}, nil
}

func openApp(ctx context.Context, r *rig, p pacing) ([]competitor, error) {
	if err := r.equalFirst(ctx, []string{createProbes}, func(_, _ *server) error { return nil }); err != nil {
		return nil, err
	}
	p, err := r.half(ctx, p)
	if err != nil {
		return nil, err
	}
	by := func(name string, begin begin, same bool) competitor {
		return competitor{name, func(ctx context.Context, _ int) (sample, error) { return r.besideApp(ctx, p, begin, same) }}
	}
	out := []competitor{by(ours, r.carryFlows, true)}
	if r.kind == string(tenant.MariaDB) { // as in steady
		out = append(out, by("native", r.replicate, true))
	}
	return append(out, by("nothing comes in", func(context.Context, []*flow) (func(*sample) error, error) {
		return func(*sample) error { return nil }, nil
	}, false)), nil
}

// besideApp measures the application while a competitor, which begin lets carry
// changes, brings what is written at the other site, and carries what the application
// writes there.
func (r *rig) besideApp(ctx context.Context, p pacing, begin begin, same bool) (s sample, err error) {
	a, b, err := r.equal(ctx)
	if err != nil {
		return s, err
	}
	flows := r.flows(p, a, b)
	end, err := begin(ctx, flows)
	if err != nil {
		return s, err
	}
	var waits [appConns][]time.Duration
	s, err = measure(ctx, p.txns, a, b, func(*sample) error {
		g, ctx := errgroup.WithContext(ctx)
		written := make(chan struct{})
		g.Go(func() error {
			defer close(written)
			return flows[0].write(ctx, a, time.Second/time.Duration(p.rate), 8, flows[0].statement)
		})
		g.Go(func() error {
			return b.write(ctx, appConns, func(ctx context.Context, conn *sql.Conn, n int) (err error) {
				waits[n], err = application(ctx, conn, n, flows[1].ids[0], written)
				return err
			})
		})
		return g.Wait()
	})
	if err == nil && same {
		err = r.soonEqual(ctx, a, b)
	}
	if err = errors.Join(err, end(&s)); err != nil {
		return s, err
	}
	var all []time.Duration
	for _, w := range waits {
		all = append(all, w...)
	}
	s.Parts, s.Figures = map[string]float64{}, map[string]float64{
		asked: float64(p.rate), "of the application, txn/s": float64(len(all)) / s.Seconds,
	}
	percentiles(s.Parts, "app", all, 50, 95, 99)
	return s, errors.Join(r.end(a), r.end(b))
}

// application runs transactions until end is closed, at least one, and gives how
// long each took.
func application(ctx context.Context, conn *sql.Conn, n int, ids span, end <-chan struct{}) (took []time.Duration, err error) {
	dice := rand.New(rand.NewPCG(77, uint64(n)))
	next := time.NewTicker(appPace)
	defer next.Stop()
	for {
		texts := appTransaction(dice, ids)
		began := time.Now()
		for i := 0; i < len(texts); i++ {
			err := answered(ctx, conn, texts[i])
			if isDeadlock(err) { // from the beginning; the time runs on
				i = -1
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("application: %w", err)
			}
		}
		took = append(took, time.Since(began))
		select {
		case <-ctx.Done():
			return took, context.Cause(ctx)
		case <-end:
			return took, nil
		case <-next.C:
		}
	}
}

// appTransaction gives the statements of a transaction, which are sent one by
// one: 10 rows by their key, 4 ranges, and the 4 changes of oltp.
func appTransaction(r *rand.Rand, ids span) []string {
	out := []string{"BEGIN"}
	for range 10 {
		out = append(out, fmt.Sprintf("SELECT c FROM %s WHERE id = %d", ids.table, ids.pick(r)))
	}
	for _, form := range []string{"SELECT c FROM %s WHERE %s", "SELECT SUM(k) FROM %s WHERE %s",
		"SELECT c FROM %s WHERE %s ORDER BY c", "SELECT DISTINCT c FROM %s WHERE %s ORDER BY c"} {
		first := ids.pick(r)
		out = append(out, fmt.Sprintf(form, ids.table, fmt.Sprintf("id BETWEEN %d AND %d", first, first+appRange-1)))
	}
	return append(append(out, oltpChanges(r, ids)...), "COMMIT")
}

// answered runs a statement and reads all of its answer.
func answered(ctx context.Context, conn *sql.Conn, text string) error {
	rows, err := conn.QueryContext(ctx, text)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var value sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&value); err != nil {
			return err
		}
	}
	return rows.Err()
}

// soonEqual waits until both servers hold the same rows.
func (r *rig) soonEqual(ctx context.Context, a, b *server) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Minute, errors.New("the sites have not become equal in five minutes"))
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		err := r.tables.equal(ctx, a, b)
		if !errors.Is(err, errDiffers) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}
