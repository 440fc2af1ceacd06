package fault_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/test/e2e"
	"duplex/test/fault"
	"duplex/test/tenant"
)

// TestKill ends the program 30 times and the databases ten times with SIGKILL,
// and cuts, stalls and delays what lies between them, while both sides are
// written, during the copy and after it. In the end both sides are equal, each
// counter is what its history adds up to, both logs hold each transaction
// once, and the program has always gone on by itself. DUPLEX_ROUNDS is how
// often the program is killed; the rest goes with it.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	kills := e2e.Number(t, "DUPLEX_ROUNDS", 30)
	for i, kinds := range e2e.Pairs() {
		share := func(total int) int { return (total*(i+1)+1)/len(e2e.Pairs()) - (total*i+1)/len(e2e.Pairs()) }
		t.Run(fmt.Sprintf("%s-%s", kinds[0], kinds[1]), func(t *testing.T) {
			testKill(t, kinds, share(kills), share((kills+2)/3), share((kills+1)/2))
		})
	}
}

// A drill is one pair while things are done to it.
type drill struct {
	*e2e.Pair
	t       *testing.T
	wires   [2]*fault.Wire
	run     *e2e.Run
	rng     *rand.Rand
	now     string          // what is being done
	resumed []time.Duration // from the end of a fault to the first applied transaction of each link
	worst   string          // what took longest to resume from
	copying int             // faults while the copy was under way
}

func testKill(t *testing.T, kinds [2]tenant.Kind, kills, deaths, breaks int) {
	d := &drill{t: t}
	w := e2e.NewWorkload(kinds, 120*time.Millisecond)
	d.Pair = e2e.NewPair(t, program, kinds, w, 2500, func(s *tenant.Server) string {
		wire := fault.NewWire(t, s)
		if d.wires[0] == nil {
			d.wires[0] = wire
		} else {
			d.wires[1] = wire
		}
		return wire.Listen
	})
	d.rng = rand.New(rand.NewPCG(w.Seed, uint64(kills)))
	t.Cleanup(func() {
		if t.Failed() && d.run != nil {
			t.Logf("the last duplex run:\n%s", d.run.Log())
		}
	})
	d.run = d.Started(t, "--skip-check")
	e2e.WaitFor(t, d.run, "tables", 4*time.Minute, d.Made)
	require.NoError(t, w.Start(1, d.Servers[1]))

	plan := d.plan(kills, deaths, breaks)
	d.suffer(plan[:len(plan)/2])
	e2e.WaitFor(t, d.run, "copy", 4*time.Minute, d.Copied)
	d.suffer(plan[len(plan)/2:])
	require.NotZero(t, d.copying, "faults while copying")
	require.NoError(t, w.Stop())
	d.Settle(t, d.run)
	require.NoError(t, d.run.Interrupt())
	d.Prove(t)
	slices.Sort(d.resumed)
	t.Logf("%d kills of duplex, %d of a database, %d broken connections, %d of them while copying; "+
		"both links applied again after %v median, %v at worst (%s), of %d", kills, deaths, breaks, d.copying,
		d.resumed[len(d.resumed)/2].Round(time.Millisecond), d.resumed[len(d.resumed)-1].Round(time.Millisecond), d.worst, len(d.resumed))
}

func (d *drill) suffer(faults []blow) {
	for _, f := range faults {
		if !d.Copied(d.t.Context()) {
			d.copying++
		}
		d.now = f.name
		f.do()
		if d.run.Ended() {
			d.t.Fatalf("duplex run ended by itself after %s\n%s", f.name, d.run.Log())
		}
	}
}

// A blow is one thing that is done to a drill.
type blow struct {
	name string
	do   func()
}

// plan puts the faults in a random order.
func (d *drill) plan(kills, deaths, breaks int) []blow {
	var all []blow
	for i := range kills {
		all = append(all, blow{"kill", func() { d.kill(i%2 == 0) }})
	}
	for i := range deaths {
		of := fault.Deaths(d.Servers[i%2])
		death := of[i/2%len(of)]
		all = append(all, blow{"death of " + death.Of + " at " + string("ab"[i%2]), func() { d.death(death) }})
	}
	for i := range breaks {
		all = append(all, []blow{
			{"cut", func() { d.between(func(w *fault.Wire) func() { w.Cut(); return func() { w.Mend(d.t) } }) }},
			{"stall", func() { d.between(func(w *fault.Wire) func() { return w.Stall(d.t) }) }},
			{"delay", func() { d.between(func(w *fault.Wire) func() { return w.Delay(d.t, 40) }) }},
		}[i%3])
	}
	d.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// pause waits for a random time below limit, which is the schedule of faults.
func (d *drill) pause(limit time.Duration) { fault.Pause(d.t, d.rng, limit) }

// kill ends the program at a random moment, and starts it again. Half of the
// times it may go on undisturbed until both links have applied something.
func (d *drill) kill(rest bool) {
	d.pause(1200 * time.Millisecond)
	require.NoError(d.t, d.run.Kill())
	d.run = d.Started(d.t, "--skip-check")
	if rest {
		d.resume(d.run.Began)
	}
}

// death kills a database while the program and the writers use it.
func (d *drill) death(of fault.Death) {
	d.pause(500 * time.Millisecond)
	require.NoError(d.t, of.Kill(d.t.Context()))
	d.pause(300 * time.Millisecond)
	require.NoError(d.t, of.Restart(d.t.Context()))
	d.resume(time.Now())
}

// between does something to the connections of one side or of both for a while.
func (d *drill) between(begin func(w *fault.Wire) (end func())) {
	d.pause(500 * time.Millisecond)
	var ends []func()
	which := 1 + d.rng.IntN(3)
	for i, w := range d.wires {
		if which&(1<<i) != 0 {
			ends = append(ends, begin(w))
		}
	}
	d.pause(1500 * time.Millisecond)
	for _, end := range ends {
		end()
	}
	d.resume(time.Now())
}

// resume waits until both links have applied something again, and notes how
// long that took since a moment.
func (d *drill) resume(since time.Time) {
	d.t.Helper()
	var before [2]uint64
	for i := range before {
		before[i] = d.beat(i)
	}
	e2e.WaitFor(d.t, d.run, "resumed", 2*time.Minute, func(context.Context) bool {
		return d.beat(0) > before[0] && d.beat(1) > before[1]
	})
	took := time.Since(since)
	if len(d.resumed) == 0 || took > slices.Max(d.resumed) {
		d.worst = d.now
	}
	d.resumed = append(d.resumed, took)
}

// beat is the newest heartbeat of a side that has been applied at the other.
func (d *drill) beat(side int) uint64 {
	var n sql.NullInt64
	err := d.DBs[1-side].QueryRowContext(d.t.Context(), "SELECT MAX(beat) FROM duplex.heartbeat WHERE site = ?", string("ab"[side])).Scan(&n)
	if err != nil && !strings.Contains(err.Error(), "doesn't exist") {
		require.NoError(d.t, err)
	}
	return uint64(n.Int64)
}
