package main

import (
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/test/fault"
)

func TestSpread(t *testing.T) {
	require.Equal(t, spread{Min: 1, Median: 2, Max: 9}, spreadOf([]float64{9, 1, 2}))
	require.Equal(t, spread{Min: 1, Median: 3, Max: 9}, spreadOf([]float64{9, 1, 2, 4}))
	require.Zero(t, spreadOf(nil))
}

func TestNumber(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 999.4: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234"} {
		require.Equal(t, want, number(f))
	}
}

// TestCompare: ratios are taken within each run, never between the medians.
func TestCompare(t *testing.T) {
	r := &result{Competitors: []string{"native", ours}}
	for run, seconds := range [][2]float64{{10, 5}, {40, 10}, {10, 10}} {
		for i, name := range r.Competitors {
			r.Samples = append(r.Samples, sample{
				Competitor: name, Run: run, Units: 100, Seconds: seconds[i], CPU: cpu{Own: 1, Target: float64(2 - i)},
			})
		}
	}
	r.compare()
	require.Len(t, r.Ratios, 1)
	require.Equal(t, spread{Min: 1, Median: 2, Max: 4}, r.Ratios[0].Rate)
	require.InDelta(t, 1.5, r.Ratios[0].CPU.Median, 1e-9)
	var out strings.Builder
	r.print(&out)
	require.Contains(t, out.String(), "duplex / native")
}

// TestBars: a bar is held by the median of the runs, and passed over where a
// competitor or a figure is missing.
func TestBars(t *testing.T) {
	r := &result{Competitors: []string{"native", ours}}
	for run, p99 := range []float64{0.2, 0.1, 0.3} {
		r.Samples = append(r.Samples,
			sample{Competitor: "native", Run: run, Units: 1, Seconds: 1, Parts: map[string]float64{"lag p99": 0.1}},
			sample{Competitor: ours, Run: run, Units: 1, Seconds: 0.5, Parts: map[string]float64{"lag p99": p99}, Figures: map[string]float64{"MiB": 9}})
	}
	r.judge([]bar{
		{of: ours, to: "native", limit: 1.2},
		{of: ours, to: "native", figure: "lag p99", limit: 1.3, most: true},
		{of: ours, figure: "lag p99", limit: 0.2, most: true},
		{of: ours, figure: "MiB", limit: 10},
		{of: ours, to: "nobody", limit: 1},
		{of: ours, to: "native", figure: "MiB", limit: 1},
	})
	require.Equal(t, []verdict{
		{"duplex / native", "at least 1.2", spread{2, 2, 2}, true},
		{"duplex / native: lag p99", "at most 1.3", spread{1, 2, 3}, false},
		{"duplex: lag p99", "at most 0.2", spread{0.1, 0.2, 0.3}, true},
		{"duplex: MiB", "at least 10", spread{9, 9, 9}, false},
	}, roundedOf(r.Verdicts))
	var out strings.Builder
	r.print(&out)
	require.Contains(t, out.String(), "MISSED")
}

// roundedOf takes what binary fractions add away.
func roundedOf(all []verdict) []verdict {
	round := func(f float64) float64 { return math.Round(f*1e6) / 1e6 }
	for i := range all {
		g := &all[i].Got
		*g = spread{round(g.Min), round(g.Median), round(g.Max)}
	}
	return all
}

// TestBase: where a contest has a base, all others are compared with it.
func TestBase(t *testing.T) {
	r := &result{Competitors: []string{"one", "two"}, base: "one"}
	for i, name := range r.Competitors {
		r.Samples = append(r.Samples, sample{Competitor: name, Units: 1, Seconds: float64(1 + i)})
	}
	r.compare()
	require.Len(t, r.Ratios, 1)
	require.Equal(t, "two", r.Ratios[0].Of)
	require.Equal(t, spread{0.5, 0.5, 0.5}, r.Ratios[0].Rate)
}

func TestPhases(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	log := "time=2026-01-02T03:04:06.500Z level=INFO msg=phase project=bench phase=full\n" +
		"time=2026-01-02T03:04:07Z level=INFO msg=\"table is copied\" table=x\n" +
		"time=2026-01-02T03:04:08.500Z level=INFO msg=phase project=bench phase=indexes\n"
	got := phases(log, began, began.Add(4*time.Second))
	require.Equal(t, map[string]float64{"connecting": 1.5, "full": 2, "indexes": 0.5}, got)
}

func TestProcessTime(t *testing.T) {
	before := busyTime()
	require.Positive(t, before)
	_, err := processTime(1 << 30)
	require.Error(t, err)
}

// TestContests: no two have one name, and bars are about competitors that are there.
func TestContests(t *testing.T) {
	o := &options{runs: 1, rows: 1000, txns: 100, size: 1, kind: "mariadb", work: []string{"update", "oltp", "hot", "load", "bulk"}}
	seen := map[string]bool{}
	for _, j := range judges() {
		contests, err := j.contests(o)
		require.NoError(t, err, j.name)
		require.NotEmpty(t, contests, j.name)
		for _, c := range contests {
			require.False(t, seen[c.name], c.name)
			seen[c.name] = true
			require.True(t, strings.HasPrefix(c.name, j.name), c.name)
		}
	}
	for _, x := range axes(o) {
		names := map[string]bool{}
		for _, p := range x.points {
			require.False(t, names[p.name], p.name)
			names[p.name] = true
		}
		for _, b := range x.bars {
			require.True(t, names[b.of] && names[b.to], x.name)
		}
	}
}

func TestMemoryOf(t *testing.T) {
	now, most, ok := memoryOf(os.Getpid())
	require.True(t, ok)
	require.Positive(t, now)
	require.GreaterOrEqual(t, most, now)
	_, _, ok = memoryOf(1 << 30)
	require.False(t, ok)
}

func TestPercentiles(t *testing.T) {
	var took []time.Duration
	for i := range 100 {
		took = append(took, time.Duration(100-i)*time.Second)
	}
	got := map[string]float64{}
	percentiles(got, "x", took, 50, 95)
	require.Equal(t, map[string]float64{"x p50": 51, "x p95": 96, "x max": 100}, got)
}

// TestPacing: the halves of the rows do not meet, and no transaction is lost.
func TestPacing(t *testing.T) {
	r := &rig{tables: layout{3, 1001, padding}}
	flows := r.flows(pacing{twoWay: true, txns: 7}, nil, nil)
	require.Len(t, flows[0].committed, 4)
	require.Len(t, flows[1].committed, 3)
	lower, upper := flows[0].ids, flows[1].ids
	require.Len(t, lower, 3)
	require.LessOrEqual(t, lower[0].first+lower[0].n, upper[0].first)
	require.LessOrEqual(t, upper[0].first+upper[0].n-1, 1001)
	require.Equal(t, []string{"bench.item", "bench.item2", "bench.item3"}, r.tables.names())
}

func TestFiguresOf(t *testing.T) {
	got, err := figuresOf("goos: linux\nBenchmarkWholeLog/duplex \t 30\t 38.5 ns/op\t 0.50 allocs/row\t 1200 rows\nPASS\n")
	require.NoError(t, err)
	require.Equal(t, map[string]float64{"ns/op": 38.5, "allocs/row": 0.5, "rows": 1200}, got)
	_, err = figuresOf("PASS\n")
	require.ErrorContains(t, err, "no figures")
}

// TestWorks: every kind of backlog writes SQL that ends where a batch may.
func TestWorks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, w := range works() {
		text := string(w.append(nil, r, layout{1, 1000, padding}.all()[0]))
		require.Equal(t, w.statements, strings.Count(text, table), w.name)
		_, err := findWork(w.name)
		require.NoError(t, err)
	}
	_, err := findWork("none")
	require.ErrorContains(t, err, "update, oltp, hot, load, bulk")
}

// TestWire: a wire of a given length delays a round trip by so much.
func TestWire(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	go func() { // an echo
		conn, err := l.Accept()
		if err == nil {
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
		}
	}()
	wire, err := fault.Lay(l.Addr().String())
	require.NoError(t, err)
	defer wire.Stop()
	require.NoError(t, wire.Lengthen(15))
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", wire.Listen)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	for range 3 {
		began := time.Now()
		_, err = conn.Write([]byte("x"))
		require.NoError(t, err)
		_, err = io.ReadFull(conn, make([]byte, 1))
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(began), 29*time.Millisecond)
	}
}
