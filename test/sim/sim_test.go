package sim

import (
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// schedules is how many are run: 20,000 unless SCHEDULES says otherwise.
func schedules() int {
	if n, err := strconv.Atoi(os.Getenv("SCHEDULES")); err == nil {
		return n
	}
	return 20000
}

func always(string) bool { return true }

// TestHolds: with all rules every schedule ends equal, with nothing lost.
func TestHolds(t *testing.T) {
	share := 0
	for _, w := range Worlds() {
		share += w.Share
		t.Run(w.Name, func(t *testing.T) {
			var done atomic.Int64
			r := w.Try(schedules()*w.Share/100, always, &done)
			if r.Failed > 0 {
				require.FailNow(t, "a schedule failed", "seed %d:\n%s", r.First, w.Story(w.Make(r.First)))
			}
			t.Logf("%d schedules, 0 failed: %d groups, %d conflicts logged, %d mended late, %d rows parked, %d stopped",
				r.Schedules, r.Groups, r.Conflicts, r.Late, r.Parked, r.Stopped)
		})
	}
	require.Equal(t, 100, share)
}

// TestAblation takes out one rule after the other. Each has to be missed: else
// the simulation proves nothing about it.
func TestAblation(t *testing.T) {
	for _, a := range Ablations() {
		t.Run(a.Name, func(t *testing.T) {
			if a.Rare {
				t.Skip("make soak shows it")
			}
			if a.Harmless {
				var done atomic.Int64
				require.Zero(t, a.Try(1000, always, &done).Differ)
				return
			}
			for seed := range uint64(200000) {
				var stats Stats
				if wrong := a.Run(a.Make(seed), nil, &stats); stats.Differ > 0 {
					t.Logf("left out: after %d schedules %s", seed+1, wrong)
					return
				}
			}
			require.Fail(t, "the rule is not missed")
		})
	}
}

// TestSoak is "make soak": many schedules, and how often each rule is missed.
func TestSoak(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("SOAK"))
	if err != nil {
		t.Skip("SOAK says how many schedules")
	}
	s := Soak{Schedules: n, Only: os.Getenv("SOAK_WORLDS"), Each: max(200, min(20000, n/10)), Every: 10 * time.Second, Tables: os.Stdout, Progress: os.Stderr}
	story, pointless := s.Run()
	require.Empty(t, story)
	if s.Each == 20000 {
		require.Empty(t, pointless, "rules that nobody misses")
	}
}

// TestRate: what the tables say.
func TestRate(t *testing.T) {
	require.Equal(t, "0", rate(0, 10))
	require.Equal(t, "7.5 %", rate(1500, 20000))
	require.Equal(t, "12 %", rate(2400, 20000))
	require.Equal(t, "0.005 %", rate(1, 20000))
}

// TestStory: a failing schedule is cut down to what a person can follow.
func TestStory(t *testing.T) {
	o := Unique(1)
	o.Copy, o.Without = false, Park
	for seed := uint64(0); ; seed++ {
		s := o.Make(seed)
		if o.Run(s, nil, &Stats{}) == "" {
			continue
		}
		less := o.Shrink(s)
		require.NotEmpty(t, o.Run(less, nil, &Stats{}), "it still fails")
		require.Less(t, len(less.Steps), 16)
		story := o.Story(s)
		require.Contains(t, story, "WRONG")
		t.Logf("seed %d: %d steps of %d\n%s", seed, len(less.Steps), len(s.Steps), story)
		return
	}
}
