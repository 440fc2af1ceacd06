package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os/exec"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"golang.org/x/sync/errgroup"
)

// pace is the time between two transactions whose lag is measured: few enough
// for the kernel to be idle in between.
const pace = 20 * time.Millisecond

// probes is the table whose rows are followed, by their number.
const probes = database + ".probe"

// lagKernels measures of transactions that come one by one how long each is on
// its way: from the answer to its commit until the stand-in's change log has
// it, and until a reader of the target sees it. Beside it the target's own
// commits at that pace.
func lagKernels(k *kernels) []competitor {
	var end func(s *sample) error
	return []competitor{
		k.on("plain INSERT at that pace", k.txns, func(ctx context.Context, _ *sample, t *server) error {
			return t.exec(ctx, "CREATE DATABASE "+database, createProbes)
		}, func(ctx context.Context, s *sample, t *server) error {
			w := newWay(0, k.txns)
			err := w.write(ctx, t, pace, 1, probe)
			s.Parts = map[string]float64{}
			note(s.Parts, "commit", w.begun, w.committed)
			return err
		}, false),
		k.on(ours, k.txns, func(ctx context.Context, s *sample, t *server) (err error) {
			if err = k.duplex(ctx, s, t); err == nil {
				end, err = k.carry(ctx, k.source, t)
			}
			return err
		}, func(ctx context.Context, s *sample, t *server) error {
			first, err := k.source.lastProbe(ctx)
			if err == nil {
				err = k.follow(ctx, s, t, newWay(first, k.txns))
			}
			return errors.Join(err, end(s))
		}, false),
	}
}

const createProbes = "CREATE TABLE " + probes + " (n bigint NOT NULL PRIMARY KEY)"

func (s *server) lastProbe(ctx context.Context) (n int, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT COALESCE(MAX(n), 0) FROM "+probes).Scan(&n)
	return n, err
}

// carry starts the program for as long as it is needed, and returns when it
// carries rows.
func (r *rig) carry(ctx context.Context, from, to *server) (end func(s *sample) error, err error) {
	file, err := r.project(from, to)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, r.program, "run", file, "--skip-check")
	var log bytes.Buffer
	cmd.Stderr, cmd.Stdout = &log, &log
	var own sample
	var left error // what the program ended with: of one that is stopped, the signal
	ended := make(chan struct{})
	go func() {
		left = child(cmd, &own)
		close(ended)
	}()
	end = func(s *sample) error {
		stop()
		<-ended
		s.CPU.Own += own.CPU.Own
		s.PeakRSS, s.resident = max(s.PeakRSS, own.PeakRSS), append(s.resident, own.resident...)
		return nil
	}
	n, err := from.lastProbe(ctx)
	if err == nil {
		err = from.exec(ctx, fmt.Sprintf("INSERT INTO %s VALUES (%d)", probes, n+1))
	}
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for there := 0; err == nil && there == 0; {
		select {
		case <-ended:
			err = fmt.Errorf("duplex ended: %w: %s", left, log.Bytes())
		case <-look.C:
			err = to.db.QueryRowContext(ctx, fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE n = %d", probes, n+1)).Scan(&there)
		}
	}
	if err != nil {
		return nil, errors.Join(err, end(&own))
	}
	return end, nil
}

// A way is when each transaction was where. The slices are by the number of the
// transaction, and each has one writer.
type way struct {
	first                             int // the numbers begin behind it
	begun, committed, logged, visible []time.Time
}

func newWay(first, n int) *way {
	at := func() []time.Time { return make([]time.Time, n) }
	return &way{first, at(), at(), at(), at()}
}

// write commits the transactions, one each pace, on so many connections; statement
// gives the text of a number.
func (w *way) write(ctx context.Context, s *server, pace time.Duration, writers int, statement func(r *rand.Rand, n int) string) error {
	began := time.Now()
	var next atomic.Int64
	return s.write(ctx, writers, func(ctx context.Context, conn *sql.Conn, n int) error {
		dice := rand.New(rand.NewPCG(uint64(w.first), uint64(n)))
		for i := int(next.Add(1)) - 1; i < len(w.begun); i = int(next.Add(1)) - 1 {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(time.Until(began.Add(time.Duration(i) * pace))):
			}
			text := statement(dice, w.first+i+1)
			w.begun[i] = time.Now()
			if err := again(ctx, conn, text); err != nil {
				return err
			}
			w.committed[i] = time.Now()
		}
		return nil
	})
}

func probe(_ *rand.Rand, n int) string { return fmt.Sprintf("INSERT INTO %s VALUES (%d)", probes, n) }

// follow has the transactions written, and notes where they are.
func (k *kernels) follow(ctx context.Context, s *sample, t *server, w *way) error {
	var end mysql.Position
	var of, but, gtids string
	if err := k.source.db.QueryRowContext(ctx, "SHOW MASTER STATUS").Scan(&end.Name, &end.Pos, &of, &but, &gtids); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.read(ctx, k.source, end) })
	g.Go(func() error { return w.look(ctx, t) })
	g.Go(func() error { return w.write(ctx, k.source, pace, 1, probe) })
	if err := g.Wait(); err != nil {
		return err
	}
	s.Parts = map[string]float64{}
	note(s.Parts, "in the log", w.committed, w.logged)
	note(s.Parts, "from log to target", w.logged, w.visible)
	note(s.Parts, "lag", w.committed, w.visible)
	return nil
}

// read notes when the source's change log has the transactions.
func (w *way) read(ctx context.Context, s *server, from mysql.Position) error {
	syncer := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{
		ServerID: 1 << 30, Flavor: mysql.MySQLFlavor, Host: s.Host(), Port: uint16(s.Port()), User: s.User(), Password: s.Password(),
		Logger: slog.New(slog.DiscardHandler),
	})
	defer syncer.Close()
	stream, err := syncer.StartSync(from)
	if err != nil {
		return err
	}
	for left := len(w.logged); left > 0; {
		e, err := stream.GetEvent(ctx)
		if err != nil {
			return fmt.Errorf("read the change log: %w", err)
		}
		rows, ok := e.Event.(*replication.RowsEvent)
		if !ok || string(rows.Table.Schema)+"."+string(rows.Table.Table) != probes {
			continue
		}
		for _, row := range rows.Rows {
			if n, ok := row[0].(int64); ok && int(n) > w.first {
				w.logged[int(n)-w.first-1] = time.Now()
				left--
			}
		}
	}
	return nil
}

// look notes when a reader of the target sees the transactions.
func (w *way) look(ctx context.Context, t *server) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for low := 0; low < len(w.visible); {
		seen, err := between(ctx, t.db, w.first+low, w.first+len(w.visible))
		if err != nil {
			return err
		}
		now := time.Now()
		for _, n := range seen {
			if at := &w.visible[n-w.first-1]; at.IsZero() {
				*at = now
			}
		}
		for low < len(w.visible) && !w.visible[low].IsZero() {
			low++
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	return nil
}

// between gives the numbers behind one, up to another.
func between(ctx context.Context, db *sql.DB, from, to int) (out []int, err error) {
	rows, err := db.QueryContext(ctx, fmt.Sprintf("SELECT n FROM %s WHERE n > %d AND n <= %d", probes, from, to))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, rows.Err()
}

// note adds the median, the 99th percentile and the greatest of the times between,
// in seconds.
func note(parts map[string]float64, name string, from, to []time.Time) {
	var took []time.Duration
	for i := range from {
		took = append(took, max(0, to[i].Sub(from[i])))
	}
	percentiles(parts, name, took, 50, 99)
}

// percentiles adds those of times, and the greatest, in seconds. It sorts took,
// which is not empty.
func percentiles(parts map[string]float64, name string, took []time.Duration, which ...int) {
	slices.Sort(took)
	for _, p := range which {
		parts[fmt.Sprintf("%s p%d", name, p)] = took[len(took)*p/100].Seconds()
	}
	parts[name+" max"] = took[len(took)-1].Seconds()
}
