package sim

import (
	"os"
	"strconv"
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

// hold runs n schedules and stops at the first that fails.
func hold(t *testing.T, o Options, n int) {
	t.Helper()
	var stats Stats
	for seed := range uint64(n) {
		if s := o.Make(seed); o.Run(s, nil, &stats) != "" {
			require.FailNow(t, "a schedule failed", "seed %d:\n%s", seed, o.Story(s))
		}
	}
	t.Logf("%d schedules, 0 failed: %d groups, %d conflicts logged, %d mended late", n, stats.Groups, stats.Conflicts, stats.Late)
}

func TestDense(t *testing.T) { hold(t, Dense(), schedules()) }

func TestWithoutCopy(t *testing.T) {
	o := Dense()
	o.Copy = false
	hold(t, o, schedules())
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
		{"unique: silent keys named", Silent, unique},
	} {
		t.Run(x.name, func(t *testing.T) {
			x.o.Without = x.without
			var stats Stats
			for seed := uint64(0); seed < 200000 && stats.Failed < 3; seed++ {
				x.o.Run(x.o.Make(seed), nil, &stats)
			}
			t.Logf("left out: %d of %d fail", stats.Failed, stats.Schedules)
			require.NotZero(t, stats.Failed)
		})
	}
}

// TestPolicies: every policy that promises that the sites end equal.
func TestPolicies(t *testing.T) {
	for _, p := range []conflict.Policy{conflict.Site, conflict.NewestByColumn, conflict.Delta} {
		t.Run(string(p), func(t *testing.T) {
			o := Dense()
			o.Tables = []Table{{Name: "a", Policy: p}, {Name: "b", Policy: conflict.Newest}}
			if p != conflict.Delta { // its rows are there from the start, and stay
				hold(t, o, schedules()/4)
			}
			o.Copy = false
			hold(t, o, schedules()/4)
		})
	}
}

func TestUnique(t *testing.T) {
	for keys := 1; keys <= 3; keys++ {
		o := Unique(keys)
		o.Copy = false
		hold(t, o, schedules()/4)
		o.Copy = true
		hold(t, o, schedules()/4)
	}
}
