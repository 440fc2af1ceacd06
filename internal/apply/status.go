package apply

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/conflict"
)

// lagSamples is how many transactions the lag's percentiles look back on.
const lagSamples = 1024

type counters struct {
	transactions, rows, bytes, passed, retries, groups, proven, unproven atomic.Uint64
	waits, conflicts, drifts, ambiguous, parks                           atomic.Uint64

	mu    sync.Mutex
	lags  [lagSamples]time.Duration
	n     int
	since time.Time // source commit time of what was applied last
}

// applied notes that txn is in the target since now. A commit time in whole
// seconds says nothing about lag: from such a log only the heartbeats count,
// which hold their own time.
func (c *counters) applied(txn *change.Txn, now time.Time) {
	at := txn.Committed
	if txn.Beat != nil {
		at = txn.Beat.Time()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = txn.Committed
	if txn.Beat != nil || at.Nanosecond() != 0 {
		c.lags[c.n%lagSamples] = now.Sub(at)
		c.n++
	}
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
	Lag          time.Duration // source commit to target commit, by the source's clock and ours; of whole-second logs the heartbeats'
	LagP99       time.Duration
	Conflicts    uint64 // rows of the conflict log written, drift and parked rows among them
	Drifts       uint64
	Ambiguous    uint64 // decided by versions that are nearer than the clocks
	Parks        uint64
	Pause        time.Duration // by which each lane holds itself back, for want of the target's memory
	Memory       float64       // share of what the target has between freeze trigger and limit that is taken; 0 where it cannot be seen
	Waits        uint64        // times that a row's lock was held for the target's reader
}

// decided counts what has come into the conflict log.
func (c *counters) decided(all []checkpoint.Conflict) {
	for i := range all {
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
	a.count.mu.Lock()
	defer a.count.mu.Unlock()
	s.Committed = a.count.since
	if n := min(a.count.n, lagSamples); n > 0 {
		lags := slices.Clone(a.count.lags[:n])
		s.Lag = lags[(a.count.n-1)%lagSamples]
		slices.Sort(lags)
		s.LagP99 = lags[(n-1)*99/100]
	}
	return s
}
