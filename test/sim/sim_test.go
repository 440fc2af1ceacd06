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

func TestAblation(t *testing.T) {
	for _, x := range []struct {
		name    string
		without uint
		n       int
	}{
		{"late check", LateCheck, 2000},
		{"monotone versions", Monotone, 2000},
		{"exact seen set", ExactSeen, 5000},
		{"a stamp per key", StampPerKey, 2000},
		{"silent keys named", Silent, 20000},
		{"copy: touched keys dropped", CopyTouched, 2000},
		{"copy: a chunk holds settling back", CopyHold, 20000},
	} {
		t.Run(x.name, func(t *testing.T) {
			o := Dense()
			o.Without = x.without
			var stats Stats
			for seed := range uint64(x.n) {
				o.Run(o.Make(seed), nil, &stats)
			}
			t.Logf("left out: %d of %d diverge", stats.Failed, stats.Schedules)
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
