package main

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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

// TestWorks: every kind of backlog writes SQL that ends where a batch may.
func TestWorks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, w := range works() {
		text := string(w.append(nil, r, span{1, 1000}))
		require.Equal(t, w.rows, strings.Count(text, table), w.name)
		_, err := findWork(w.name)
		require.NoError(t, err)
	}
	_, err := findWork("none")
	require.ErrorContains(t, err, "update, oltp, hot")
}
