package apply

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/conflict"
	"duplex/internal/lag"
)

type counters struct {
	transactions, rows, bytes, passed, retries, groups, proven, unproven atomic.Uint64
	waits, conflicts, drifts, ambiguous, parks                           atomic.Uint64
	ops                                                                  [change.Delete + 1]atomic.Uint64

	mu      sync.Mutex
	since   time.Time // source commit time of what was applied last
	told    change.Moment
	figures lag.Figures // that were written last
	verdict map[Decision]uint64
}

// A Decision is what the conflict log says of one.
type Decision struct{ Kind, Policy, Winner string }

// measure notes that a group is in the target now, which a lane took at a moment.
func (a *Applier) measure(group []*node, taken change.Moment) {
	trip := lag.Trip{Taken: taken, Done: change.Now(), At: time.Now()}
	a.cfg.Lag.Group(trip.Done.Sub(taken))
	for _, n := range group {
		if n.txn == nil {
			continue
		}
		trip.Txn, trip.Fetched = n.txn, n.fetched
		a.cfg.Lag.Add(&trip)
		for op, rows := range n.ops {
			a.count.ops[op].Add(uint64(rows))
		}
	}
	if trip.Txn != nil {
		a.count.mu.Lock()
		defer a.count.mu.Unlock()
		a.count.since = trip.Txn.Committed
	}
}

// tellEvery is how often the figures go into the target, at most.
const tellEvery = change.Moment(time.Second)

// lagStatement is what brings the lag's figures into the target along with a
// heartbeat; empty if they are there.
func (a *Applier) lagStatement() []string {
	now := change.Now()
	a.count.mu.Lock()
	defer a.count.mu.Unlock()
	if a.count.told > 0 && now-a.count.told < tellEvery {
		return nil
	}
	f := a.cfg.Lag.Figures(now)
	if f.From == "" || a.count.told > 0 && f == a.count.figures {
		return nil
	}
	a.count.told, a.count.figures = now, f
	return []string{string(a.store.AppendLag(nil, f))}
}

// Status is what an applier has done since it was made.
type Status struct {
	Low          uint64 // every source transaction below it is in the target
	Position     change.Position
	Transactions uint64
	Rows         uint64
	Bytes        uint64 // of row images
	Passed       uint64 // transactions that an earlier run had applied
	Retries      uint64 // target transactions tried again: deadlocks, lock waits
	Groups       uint64 // target transactions
	Proven       uint64 // of them written without looking at their rows first
	Unproven     uint64 // target transactions begun anew, with a look, as some row was not as expected
	Held         int64  // bytes of transactions waiting or being applied
	Committed    time.Time
	Ops          [change.Delete + 1]uint64 // rows of transactions by what the source did to them, change.Op
	Decided      map[Decision]uint64       // the rows of the conflict log
	Conflicts    uint64                    // rows of the conflict log written, drift and parked rows among them
	Drifts       uint64
	Ambiguous    uint64 // decided by versions that are nearer than the clocks
	Parks        uint64
	Pause        time.Duration // by which each lane holds itself back, for want of the target's memory
	Memory       float64       // share of what the target has between freeze trigger and limit that is taken; 0 where it cannot be seen
	Waits        uint64        // times that a row's lock was held for the target's reader
}

// decided counts what has come into the conflict log.
func (c *counters) decided(all []checkpoint.Conflict) {
	if len(all) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range all {
		c.verdict[Decision{all[i].Kind, all[i].Policy, all[i].Winner}]++
		c.conflicts.Add(1)
		switch conflict.Kind(all[i].Kind) {
		case conflict.Drift:
			c.drifts.Add(1)
		case conflict.UniqueKey:
			c.parks.Add(1)
		}
		if all[i].Ambiguous {
			c.ambiguous.Add(1)
		}
	}
}

// Status may be called from any goroutine.
func (a *Applier) Status() Status {
	s := Status{
		Transactions: a.count.transactions.Load(), Rows: a.count.rows.Load(), Bytes: a.count.bytes.Load(),
		Passed: a.count.passed.Load(), Retries: a.count.retries.Load(), Groups: a.count.groups.Load(),
	}
	s.Conflicts, s.Drifts, s.Ambiguous = a.count.conflicts.Load(), a.count.drifts.Load(), a.count.ambiguous.Load()
	s.Pause, s.Memory = a.brake.state()
	s.Proven, s.Unproven = a.count.proven.Load(), a.count.unproven.Load()
	s.Parks, s.Waits = a.count.parks.Load(), a.count.waits.Load()
	a.window.mu.Lock()
	s.Low, s.Position, s.Held = a.window.low, a.window.position, a.window.bytes
	a.window.mu.Unlock()
	for op := range s.Ops {
		s.Ops[op] = a.count.ops[op].Load()
	}
	a.count.mu.Lock()
	defer a.count.mu.Unlock()
	s.Committed, s.Decided = a.count.since, maps.Clone(a.count.verdict)
	return s
}
