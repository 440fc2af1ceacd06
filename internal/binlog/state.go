package binlog

import (
	"context"
	"fmt"
	"time"

	"duplex/internal/change"
)

// A State is where a reader stands: behind the last whole transaction that it
// read, whether or not that one came out of Next.
type State struct {
	Seq       uint64      // of the next local transaction
	Version   int64       // the clock: the highest version given or met so far
	Seen      change.Seqs // the peer's seqs whose marks were read
	Position  change.Position
	Committed time.Time // of the last transaction read; zero before the first
	Idle      time.Time // when the server last sent a heartbeat: it has nothing more, or, of the Binlog Service, is alive; zero: not yet
	Beat      uint64    // the last count of this site's own heartbeat, 0 before the first

	// What is remembered for the conflicts with what the peer writes here.
	IndexKeys  int   // rows written here of which the peer may not know yet
	IndexBytes int64 // the memory of these, about
	Tasks      int   // what the late check has found and nobody has mended yet

	// Counters of transactions since Open.
	Local    uint64 // given out by Next
	Applied  uint64 // written by our own inbound link
	Skipped  uint64 // of no concern to the project
	Unmarked uint64 // local, though written by a session with an origin id of ours
	Unsigned uint64 // applied, though the log has no origin id of ours with them; on OceanBase only
	Echo     uint64 // events with rows of applied transactions, which were kept from going back
	Asked    uint64 // not of transactions: row images whose missing values the tenant was asked for
}

// A waiter waits for a heartbeat.
type waiter struct {
	count uint64
	state chan State // holds one
}

// State tells where the reader stands. It may be called from any goroutine.
func (r *Reader) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state()
}

// state is State with mu held.
func (r *Reader) state() State {
	s := r.counts
	w, index := r.observer.Watermark(), r.observer.Index()
	s.Seq, s.Version, s.Seen = w.Seq, w.Version, w.Seen
	s.IndexKeys, s.IndexBytes, s.Tasks = index.Len(), index.Bytes(), r.observer.Pending()
	s.Position = r.position(&r.at)
	return s
}

// WaitBeat waits until Next has read this site's own heartbeat with at least
// count, and gives the state right behind it; everything that was committed
// before that heartbeat was written has come out of Next by then, or is the
// heartbeat itself. Somebody must be calling Next meanwhile. It fails when ctx
// ends and when the reader has failed or is closed. It may be called from any
// goroutine.
func (r *Reader) WaitBeat(ctx context.Context, count uint64) (State, error) {
	r.mu.Lock()
	if r.lastBeat.Beat >= count && r.lastBeat.Beat > 0 {
		defer r.mu.Unlock()
		return r.lastBeat, nil
	}
	if r.err != nil {
		defer r.mu.Unlock()
		return State{}, r.err
	}
	w := &waiter{count: count, state: make(chan State, 1)}
	r.waiters[w] = true
	r.mu.Unlock()

	defer func() {
		r.mu.Lock()
		delete(r.waiters, w)
		r.mu.Unlock()
	}()
	select {
	case s := <-w.state:
		return s, nil
	case <-r.done:
		r.mu.Lock()
		defer r.mu.Unlock()
		return State{}, r.err
	case <-ctx.Done():
		return State{}, fmt.Errorf("wait for heartbeat %d of site %s: %w", count, r.cfg.Site, context.Cause(ctx))
	}
}

// heard tells the waiters of a heartbeat, right behind it; mu is held.
func (r *Reader) heard(b *change.Beat) {
	r.counts.Beat = b.Count
	r.lastBeat = r.state()
	for w := range r.waiters {
		if b.Count >= w.count {
			w.state <- r.lastBeat
			delete(r.waiters, w)
		}
	}
}

// fail ends the reader with err, once, and gives the error that ended it.
func (r *Reader) fail(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
		close(r.done)
	}
	return r.err
}

func (r *Reader) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// position writes down the state at cursor at; mu is held.
func (r *Reader) position(at *cursor) change.Position {
	w := r.observer.Watermark()
	p := position{cursor: *at, seq: w.Seq, version: w.Version, seen: w.Seen}
	return p.text()
}
