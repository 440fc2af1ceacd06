package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"
)

// watch looks at the memory of a process until the function returned is called, which
// gives the greatest that it ever had and what it had at each look, in bytes.
// What the kernel tells of an ended process will not do: it counts what this one
// had when it began the other.
func watch(pid int) (end func() (peak int64, resident []int64)) {
	var peak int64
	var resident []int64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		look := time.NewTicker(50 * time.Millisecond)
		defer look.Stop()
		for {
			if now, most, ok := memoryOf(pid); ok {
				peak, resident = max(peak, most), append(resident, now)
			}
			select {
			case <-stop:
				return
			case <-look.C:
			}
		}
	}()
	return func() (int64, []int64) {
		close(stop)
		<-done
		return peak, resident
	}
}

// memoryOf gives what a process has and the most that it has had, in bytes. Of
// one that has ended there is nothing to tell.
func memoryOf(pid int) (now, most int64, ok bool) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // empty where it has ended
	for line := range strings.Lines(string(text)) {
		_, _ = fmt.Sscanf(line, "VmRSS: %d kB", &now) // other lines do not fit
		_, _ = fmt.Sscanf(line, "VmHWM: %d kB", &most)
	}
	return now << 10, most << 10, most > 0
}

// The figures of a process's memory.
const (
	peakMiB   = "MiB, peak"
	medianMiB = "MiB, median"
	lastMiB   = "MiB, at the end"
)

func (s *sample) noteMemory() {
	if s.Figures == nil {
		s.Figures = map[string]float64{}
	}
	mib := func(bytes int64) float64 { return float64(bytes) / (1 << 20) }
	s.Figures[peakMiB] = mib(s.PeakRSS)
	values := make([]float64, len(s.resident))
	for i, n := range s.resident {
		values[i] = mib(n)
	}
	s.Figures[medianMiB] = spreadOf(values).Median
	if len(values) > 0 {
		s.Figures[lastMiB] = values[len(values)-1]
	}
}

// memory makes the contests of duplex's memory, in which it has no competitor.
func memory(o *options) ([]contest, error) {
	w, err := findWork("oltp")
	if err != nil {
		return nil, err
	}
	const tables = 50
	p := pacing{twoWay: true, rate: 250, txns: max(1, o.txns/5)}
	most := func(mib float64) []bar { return []bar{{of: ours, figure: peakMiB, limit: mib, most: true}} }
	return []contest{{
		name: "memory-steady",
		title: fmt.Sprintf("memory with %d tables of %s rows together, both sites written at %s a site; %s of them",
			tables, number(float64(o.rows)), p, number(float64(p.txns))),
		unit: "txn", bars: most(150),
		open: func(ctx context.Context, r *rig) ([]competitor, error) {
			r.tables = layout{tables, max(100, o.rows/tables), padding}
			return openMemorySteady(ctx, r, p)
		},
	}, {
		name:  "memory-catchup",
		title: fmt.Sprintf("memory while catching up with %s oltp transactions; table of %s rows", number(float64(o.txns)), number(float64(o.rows))),
		unit:  "txn",
		open: func(ctx context.Context, r *rig) ([]competitor, error) {
			b, err := r.stretch(ctx, "", r.tables, r.txns, w)
			return []competitor{{ours, func(ctx context.Context, no int) (sample, error) {
				s, err := b.once(ctx, true, func(t *server) (sample, error) { return b.duplex(ctx, t, r.program, fmt.Sprintf("memory-%d", no)) })
				s.noteMemory()
				return s, err
			}}}, err
		},
	}, {
		name:  "memory-large",
		title: fmt.Sprintf("memory with one transaction of %d MiB, in rows of 1 MiB", o.size),
		unit:  "MiB", bars: most(600),
		open: openMemoryLarge,
	}}, nil
}

func openMemorySteady(ctx context.Context, r *rig, p pacing) ([]competitor, error) {
	if err := r.equalFirst(ctx, []string{createProbes}, func(_, _ *server) error { return nil }); err != nil {
		return nil, err
	}
	return []competitor{{ours, func(ctx context.Context, _ int) (sample, error) {
		s, err := r.steady(ctx, p, r.carryFlows)
		s.noteMemory()
		return s, err
	}}}, nil
}

// blobs is the table of the large transaction.
const blobs = database + ".blobs"

func openMemoryLarge(ctx context.Context, r *rig) ([]competitor, error) {
	r.tables.rows = 1000
	more := []string{createProbes, "CREATE TABLE " + blobs + " (id int NOT NULL PRIMARY KEY, b longblob NOT NULL)"}
	if err := r.equalFirst(ctx, more, func(_, _ *server) error { return nil }); err != nil {
		return nil, err
	}
	return []competitor{{ours, func(ctx context.Context, _ int) (sample, error) {
		s, err := r.large(ctx)
		s.noteMemory()
		return s, err
	}}}, nil
}

// large lets duplex carry one transaction of the wanted size. The time is from
// its commit until the other site has it.
func (r *rig) large(ctx context.Context) (s sample, err error) {
	a, b, err := r.equal(ctx)
	if err != nil {
		return s, err
	}
	end, err := r.carry(ctx, a, b)
	if err != nil {
		return s, err
	}
	if err = a.writeBlobs(ctx, r.size); err == nil {
		s, err = measure(ctx, r.size, a, b, func(*sample) error {
			return b.await(ctx, fmt.Sprintf("SELECT COUNT(*) = %d FROM %s", r.size, blobs))
		})
	}
	if eerr := end(&s); err == nil {
		err = eerr
	}
	if err != nil {
		return s, err
	}
	var sums [2]string
	for i, t := range []*server{a, b} {
		if sums[i], err = t.text(ctx, "SELECT SUM(CRC32(b) + id) FROM "+blobs); err != nil {
			return s, err
		}
	}
	if sums[0] != sums[1] {
		return s, fmt.Errorf("%w: %s: checksums %s", errDiffers, blobs, strings.Join(sums[:], " and "))
	}
	if err := r.end(a); err != nil {
		return s, err
	}
	return s, r.end(b)
}

// writeBlobs inserts rows of 1 MiB in one transaction.
func (s *server) writeBlobs(ctx context.Context, n int) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	dice := rand.New(rand.NewPCG(1, 1))
	for id := range n {
		text := appendDigits(fmt.Appendf(nil, "INSERT INTO %s VALUES (%d, LEFT(REPEAT('", blobs, id), dice, 100)
		if _, err := tx.ExecContext(ctx, string(append(text, "', 1000), 1048576))"...))); err != nil {
			_ = tx.Rollback() // the first error says more
			return err
		}
	}
	return tx.Commit()
}

// await asks every 20 ms until the answer is true.
func (s *server) await(ctx context.Context, query string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var done bool
		if err := s.db.QueryRowContext(ctx, query).Scan(&done); err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
