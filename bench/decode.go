package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"duplex/test/tenant"
)

// decode makes the contest of the decoders: a log of oltp transactions, written
// by a MariaDB and then only a file, is decoded by the reader's code and by the
// library, each in a process with one core. The code is the reader's own and
// lies open only to its tests, so the contest is held by a benchmark there.
func decode(o *options) ([]contest, error) {
	w, err := findWork("oltp")
	if err != nil {
		return nil, err
	}
	return []contest{{
		name:  "decode",
		title: fmt.Sprintf("decode the log of %s transactions, %s, on one core", number(float64(o.txns)), w.title),
		unit:  "row",
		open:  func(ctx context.Context, r *rig) ([]competitor, error) { return openDecode(ctx, r, w) },
	}}, nil
}

func openDecode(ctx context.Context, r *rig, w work) ([]competitor, error) {
	log, err := r.writtenLog(ctx, w)
	if err != nil {
		return nil, err
	}
	tests := filepath.Join(r.folder, "binlog.test")
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", tests, "duplex/internal/binlog").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the benchmark: %w\n%s", err, out)
	}
	by := func(name, benchmark string) competitor {
		return competitor{name, func(ctx context.Context, _ int) (sample, error) {
			cmd := exec.CommandContext(ctx, tests, "-test.run", "^$", "-test.bench", "^BenchmarkWholeLog$/^"+benchmark+"$", "-test.cpu", "1")
			cmd.Env, cmd.Dir = append(os.Environ(), "DUPLEX_BINLOG="+log), r.folder
			return benchmarked(cmd)
		}}
	}
	return []competitor{by("go-mysql", "go-mysql"), by(ours, "duplex"), by("go-mysql, checksums verified", "go-mysql-verified")}, nil
}

// writtenLog gives a log file that holds nothing but the transactions.
func (r *rig) writtenLog(ctx context.Context, w work) (string, error) {
	s, err := r.startKind(ctx, tenant.MariaDB, "source", sourceID, "")
	if err != nil {
		return "", err
	}
	if err := r.tables.fill(ctx, s); err != nil {
		return "", err
	}
	if err := s.exec(ctx, "SET GLOBAL max_binlog_size = 1073741824", "FLUSH BINARY LOGS"); err != nil {
		return "", err
	}
	r.say("  writing the log")
	if err := backlog(ctx, s, w, r.txns, r.tables.all()); err != nil {
		return "", err
	}
	var file, do, ignore string
	var end int
	if err := s.db.QueryRowContext(ctx, "SHOW MASTER STATUS").Scan(&file, &end, &do, &ignore); err != nil {
		return "", err
	}
	return filepath.Join(s.Dir(), "data", file), r.stop(ctx, s)
}

// benchmarked runs a Go benchmark, and takes what it prints for what was measured.
func benchmarked(cmd *exec.Cmd) (s sample, err error) {
	var out lastBytes
	cmd.Stdout, cmd.Stderr = &out, &out
	busy, began := busyTime(), time.Now()
	if err := child(cmd, &s); err != nil {
		return s, fmt.Errorf("benchmark: %w: %s", err, out)
	}
	s.Others = max(0, busyTime()-busy-s.CPU.Own) / time.Since(began).Seconds()
	if s.Figures, err = figuresOf(string(out)); err != nil {
		return s, err
	}
	f := s.Figures
	s.Units = f["rows"]
	s.Seconds, s.CPU.Own = f["ns/row"]*s.Units/1e9, f["cpu-ns/row"]*s.Units/1e9
	if !(s.Units > 0 && s.Seconds > 0) {
		return s, fmt.Errorf("benchmark: no rows: %s", out)
	}
	for _, name := range []string{"rows", "ns/op"} {
		delete(f, name)
	}
	return s, nil
}

// figuresOf reads the line that a Go benchmark prints: its name, how often it
// ran, and pairs of value and unit.
func figuresOf(out string) (map[string]float64, error) {
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 4 || len(f)%2 != 0 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		figures := map[string]float64{}
		for i := 2; i < len(f); i += 2 {
			v, err := strconv.ParseFloat(f[i], 64)
			if err != nil || math.IsNaN(v) {
				return nil, fmt.Errorf("benchmark: %q is no number in %q", f[i], line)
			}
			figures[f[i+1]] = v
		}
		return figures, nil
	}
	return nil, fmt.Errorf("benchmark: it has printed no figures: %s", out)
}
