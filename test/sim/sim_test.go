package sim

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/conflict"
)

// schedules is how many are run: 20,000 unless SCHEDULES says otherwise.
func schedules() int {
	if n, err := strconv.Atoi(os.Getenv("SCHEDULES")); err == nil {
		return n
	}
	return 20000
}

// hold runs n schedules, on all processors, and tells the story of the first
// that fails.
func hold(t *testing.T, o Options, n int) {
	t.Helper()
	workers := runtime.GOMAXPROCS(0)
	all := make([]Stats, workers)
	first := make([]uint64, workers)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for seed := uint64(i); seed < uint64(n) && all[i].Failed == 0; seed += uint64(workers) {
				first[i] = seed
				o.Run(o.Make(seed), nil, &all[i])
			}
		})
	}
	wg.Wait()
	var sum Stats
	for i, s := range all {
		if s.Failed > 0 {
			require.FailNow(t, "a schedule failed", "seed %d:\n%s", first[i], o.Story(o.Make(first[i])))
		}
		sum.Schedules += s.Schedules
		sum.Groups += s.Groups
		sum.Conflicts += s.Conflicts
		sum.Late += s.Late
		sum.Parked += s.Parked
	}
	t.Logf("%d schedules, 0 failed: %d groups, %d conflicts logged, %d mended late, %d rows parked",
		sum.Schedules, sum.Groups, sum.Conflicts, sum.Late, sum.Parked)
}

// TestHolds: with all rules every schedule ends equal, with nothing lost.
func TestHolds(t *testing.T) {
	plain, bySite, byColumn, sums, mixed := Dense(), Dense(), Dense(), Dense(), Unique(2)
	uniqueSite, uniqueColumn := Unique(2), Unique(1)
	uniqueSite.Tables[0].Policy, uniqueColumn.Tables[0].Policy = conflict.Site, conflict.NewestByColumn
	plain.Copy, sums.Copy = false, false // rows of a table that is summed up are there from the start, and stay
	bySite.Tables[0].Policy = conflict.Site
	byColumn.Tables[0].Policy = conflict.NewestByColumn
	sums.Tables[0].Policy = conflict.Delta
	mixed.Tables = append(mixed.Tables, Table{Name: "b", Policy: conflict.Newest}, Table{Name: "c", Policy: conflict.Newest, Unique: 1})
	mixed.Keys = 3
	for _, x := range []struct {
		name  string
		share int // of the schedules, in hundredths
		o     Options
	}{
		{"copy into a live pair", 10, Dense()},
		{"without a copy", 10, plain},
		{"site", 5, bySite},
		{"site, two unique keys", 5, uniqueSite},
		{"newest by column, a unique key", 10, uniqueColumn},
		{"newest by column", 10, byColumn},
		{"delta", 10, sums},
		{"one unique key", 10, Unique(1)},
		{"two unique keys", 10, Unique(2)},
		{"three unique keys", 10, Unique(3)},
		{"tables of several kinds", 10, mixed},
	} {
		t.Run(x.name, func(t *testing.T) { hold(t, x.o, schedules()*x.share/100) })
	}
}

// TestAblation takes out one rule after the other. Each has to be missed: else
// the simulation proves nothing about it.
func TestAblation(t *testing.T) {
	plain, unique := Dense(), Unique(1)
	unique.Copy = false
	bySite := Dense()
	bySite.Tables = []Table{{Name: "a", Policy: conflict.Site}, {Name: "b", Policy: conflict.Site}}
	chunks := Dense()
	chunks.Tables, chunks.Values, chunks.Ops, chunks.Chunks, chunks.Restart = chunks.Tables[:1], 1, 8, 8, false
	few := Dense()
	few.Values, few.Copy = 2, false
	for _, x := range []struct {
		name    string
		without uint
		o       Options
	}{
		{"late check", LateCheck, plain},
		{"monotone versions", Monotone, plain},
		{"exact seen set", ExactSeen, bySite},
		{"a stamp per key", StampPerKey, plain},
		{"silent keys named", Silent, few},
		{"copy: touched keys dropped", CopyTouched, plain},
		{"copy: a chunk holds settling back", CopyHold, plain},
		{"copy: read again after a restore at the source", CopyReread, chunks},
		{"unique: park instead of skip", Park, unique},
		{"unique: a local write replaces the parked row", Replaced, unique},
		{"unique: stamps of recent writes", Recent, unique},
		{"unique: a clash is decided at the end of the log", ClashAtEnd, unique},
		{"unique: a value given up brings rows back", Revisit, unique},
		{"unique: late check", LateCheck, unique},
	} {
		t.Run(x.name, func(t *testing.T) {
			x.o.Without = x.without
			for seed := range uint64(200000) {
				if wrong := x.o.Run(x.o.Make(seed), nil, &Stats{}); strings.HasPrefix(wrong, "the sites differ") {
					t.Logf("left out: after %d schedules %s", seed+1, wrong)
					return
				}
			}
			require.Fail(t, "the rule is not missed")
		})
	}
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
