package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"duplex/test/tenant"
)

// oceanbase makes the contests on OceanBase's kernel: there is no replication of
// its own to compare with, so each is held against the most that plain writers
// get out of the same kernel. The source's change log is served by
// test/obbinlog, and is complete before the time begins.
func oceanbase(o *options) ([]contest, error) {
	rows, txns := o.rows/10, o.txns/10
	probed := max(1, o.txns/100)
	return []contest{
		{
			name:  "oceanbase-copy",
			title: fmt.Sprintf("OceanBase's kernel: copy a table of %s rows with a secondary index", number(float64(rows))),
			unit:  "row",
			open: func(ctx context.Context, r *rig) ([]competitor, error) {
				return openKernels(ctx, r, rows, 0, copyKernels)
			},
		},
		{
			name: "oceanbase-catchup",
			title: fmt.Sprintf("OceanBase's kernel: catch up with %s transactions of one UPDATE each; table of %s rows",
				number(float64(txns)), number(float64(rows))),
			unit: "txn",
			open: func(ctx context.Context, r *rig) ([]competitor, error) {
				return openKernels(ctx, r, rows, txns, catchupKernels)
			},
		},
		{
			name:  "oceanbase-lag",
			title: fmt.Sprintf("OceanBase's kernel: %s transactions of one INSERT, one each %v", number(float64(probed)), pace),
			unit:  "txn",
			open: func(ctx context.Context, r *rig) ([]competitor, error) {
				return openKernels(ctx, r, 1000, probed, lagKernels)
			},
		},
	}, nil
}

// kernels are a source with a change log and one target after the other, which
// nobody else writes and which has none.
type kernels struct {
	*rig
	rows   int
	txns   int
	source *server
}

func openKernels(ctx context.Context, r *rig, rows, txns int, competitors func(k *kernels) []competitor) ([]competitor, error) {
	r.tables.rows = rows
	k := &kernels{rig: r, rows: rows, txns: txns}
	var err error
	if k.source, err = r.startKind(ctx, tenant.OceanBase, "source", sourceID, ""); err != nil {
		return nil, err
	}
	if err := r.tables.fill(ctx, k.source); err != nil {
		return nil, err
	}
	return competitors(k), k.source.exec(ctx, createProbes)
}

// on gives a competitor a fresh target, made ready by prepare, and holds what
// it leaves against the source if that is what it should hold.
func (k *kernels) on(name string, units int, prepare, work func(ctx context.Context, s *sample, t *server) error, same bool) competitor {
	return competitor{name, func(ctx context.Context, _ int) (s sample, err error) {
		target, err := k.startKind(ctx, tenant.SeekDB, "target", targetID, "")
		if err != nil {
			return s, err
		}
		if err := prepare(ctx, &s, target); err != nil {
			return s, err
		}
		if s, err = measure(ctx, units, k.source, target, func(s *sample) error { return work(ctx, s, target) }); err != nil {
			return s, err
		}
		if same {
			if err := k.tables.equal(ctx, k.source, target); err != nil {
				return s, err
			}
		}
		return s, k.end(target)
	}}
}

func (k *kernels) duplex(ctx context.Context, s *sample, t *server) error {
	return k.runDuplex(ctx, s, k.source, t, "")
}

func copyKernels(k *kernels) []competitor {
	nothing := func(context.Context, *sample, *server) error { return nil }
	return []competitor{
		k.on("plain INSERT, 4 connections", k.rows, nothing, func(ctx context.Context, _ *sample, t *server) error {
			if err := t.exec(ctx, "CREATE DATABASE "+database, k.tables.create(table)); err != nil {
				return err
			}
			const loaders, each = 4, 500
			g, ctx := errgroup.WithContext(ctx)
			for l := range loaders {
				g.Go(func() error {
					conn, err := t.db.Conn(ctx)
					if err != nil {
						return err
					}
					defer func() { _ = conn.Close() }()
					return k.tables.fillRange(ctx, conn, l*k.rows/loaders, (l+1)*k.rows/loaders, each)
				})
			}
			return g.Wait()
		}, false),
		k.on(ours, k.rows, nothing, k.duplex, true),
	}
}

// group is how many updates the quicker of the plain writers has in one packet
// and one transaction.
const group = 10

func catchupKernels(k *kernels) []competitor {
	update, _ := findWork("update")
	many := work{append: func(dst []byte, r *rand.Rand, ids span) []byte {
		dst = append(dst, "BEGIN; "...)
		for range group {
			dst = append(appendUpdate(dst, r, ids), "; "...)
		}
		return append(dst, "COMMIT"...)
	}}
	all := k.tables.all()
	plain := func(name string, w work, each int) competitor {
		return k.on(name, k.txns/each*each, k.duplex, func(ctx context.Context, _ *sample, t *server) error {
			return backlog(ctx, t, w, k.txns/each, all)
		}, false)
	}
	behind := func(ctx context.Context, s *sample, t *server) error {
		if err := k.duplex(ctx, s, t); err != nil {
			return err
		}
		if err := backlog(ctx, k.source, update, k.txns, all); err != nil {
			return err
		}
		return served(ctx, k.source)
	}
	return []competitor{
		plain("plain, one UPDATE a transaction", update, 1),
		plain(fmt.Sprintf("plain, %d UPDATEs a transaction", group), many, group),
		k.on(ours, k.txns, behind, k.duplex, true),
	}
}

// served waits until the change log has stood still for a while.
func served(ctx context.Context, s *server) error {
	const looks = 20
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	last := ""
	for same := 0; same < looks; same++ {
		var file, end, of, but, gtids string
		if err := s.db.QueryRowContext(ctx, "SHOW MASTER STATUS").Scan(&file, &end, &of, &but, &gtids); err != nil {
			return err
		}
		if end += file; end != last {
			last, same = end, 0
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-look.C:
		}
	}
	return nil
}
