package obbinlog

import (
	"sync"
	"time"
)

// Faults are what a rig does wrong on demand. All methods may be called from
// any goroutine.
type Faults struct {
	mu     sync.Mutex
	tear   int           // so many dumps yet are cut in the midst of an event
	repeat int           // transactions that the next dump sends although the client has them
	omit   int           // statements that are not written into the log
	slow   time.Duration // before each event
	stale  *state        // what SHOW MASTER STATUS says; nil: the truth
	stall  bool          // the stream stands still
	lobs   bool          // before images lack large objects
	cuts   chan struct{} // closed, and made anew, to end the dumps that are open
}

func newFaults() *Faults { return &Faults{cuts: make(chan struct{})} }

// Tear cuts the next n dumps' connections in the midst of an event.
func (f *Faults) Tear(n int) { f.set(func() { f.tear = n }) }

// Repeat has the next dump begin so many transactions too early: they come
// again, under the numbers that they had.
func (f *Faults) Repeat(n int) { f.set(func() { f.repeat = n }) }

// Omit leaves the next n statements that change definitions out of the log, as
// the service does with what it cannot convert and is told to ignore.
func (f *Faults) Omit(n int) { f.set(func() { f.omit = n }) }

// Slow waits so long before each event.
func (f *Faults) Slow(d time.Duration) { f.set(func() { f.slow = d }) }

// Stall has the stream stand still, or go on.
func (f *Faults) Stall(on bool) { f.set(func() { f.stall = on }) }

// HideLOBs leaves large objects and JSON documents out of before images.
func (f *Faults) HideLOBs(on bool) { f.set(func() { f.lobs = on }) }

// Cut ends the connections of all dumps.
func (f *Faults) Cut() {
	f.set(func() {
		close(f.cuts)
		f.cuts = make(chan struct{})
	})
}

// freeze has SHOW MASTER STATUS tell s from now on; nil: the truth.
func (f *Faults) freeze(s *state) { f.set(func() { f.stale = s }) }

func (f *Faults) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *Faults) hidesLOBs() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lobs
}

func (f *Faults) stalled() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stall
}

func (f *Faults) frozen() *state {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stale
}

// takeRepeat gives how many transactions a dump that begins sends again.
func (f *Faults) takeRepeat() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.repeat
	f.repeat = 0
	return n
}

// takeTear reports whether the event that a dump is about to send is torn.
func (f *Faults) takeTear() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tear == 0 {
		return false
	}
	f.tear--
	return true
}

// takeOmit reports whether the statement that was carried out is left out.
func (f *Faults) takeOmit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.omit == 0 {
		return false
	}
	f.omit--
	return true
}

func (f *Faults) pace() (slow time.Duration, cut <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.slow, f.cuts
}
