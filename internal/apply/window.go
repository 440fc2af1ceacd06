package apply

import (
	"context"
	"slices"
	"sync"
	"time"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// A node is a transaction in the window, or a chunk of a copy.
type node struct {
	seq      uint64
	position change.Position
	txn      *change.Txn   // nil for a chunk, and once done
	chunk    *change.Chunk // nil for a transaction
	deps     []dep
	alone    bool // waits for all before it, and all after it wait for it
	apart    bool // does not go together with what it waits for
	rows     int
	ops      [change.Delete + 1]int // rows of a transaction by what was done to them
	fetched  change.Moment          // it came into the window
	bytes    int64
	blockers []*node // not done when the node came in, and sharing a key with it
	taken    bool
	done     bool
	err      error           // of a chunk that is done without being written
	touch    []touch         // rows of tables that are being copied
	passed   map[string]bool // tables whose rows are not written: a copy brings them
}

// A use is who last wrote a key, and who referred to it since.
type use struct {
	writer  *node
	readers []*node
}

// The bounds of a group: what one target transaction carries at most, when
// there are several source transactions in it. They keep its locks short.
const (
	groupTxns  = 256
	groupRows  = 512
	groupBytes = 1 << 20
	groupScan  = 8192 // nodes looked at for one group
)

// A lane does not take what is there while others are at work, unless that is much or
// has waited: what comes little by little goes in fewer and larger target transactions,
// which leaves the target to its application.
const (
	eagerTxns = 32 // for each lane at work
	patience  = 2 * time.Millisecond
)

// A window holds the transactions that are not applied yet, in source order.
// It decides which may go next, and what is done. It has no database.
type window struct {
	mu     sync.Mutex
	change *sync.Cond // something was pushed, done, or failed
	limit  int64      // bytes of transactions held
	err    error      // why it is closed

	order []*node // in source order; done ones are taken off the head
	bytes int64
	eager int // chunks that wait for room; transactions, which need less and so find it first, let them go before
	uses  map[uint64]*use
	last  *node // the last one that goes alone, while it is not done

	pending int         // neither taken nor done
	busy    int         // groups that are taken and not done
	alarm   *time.Timer // ends the patience; nil: it is not set

	skip     change.Seqs // done before this run
	low      uint64      // every seq below it is done
	position change.Position
	next     uint64 // the seq after the newest one pushed

	copies map[string]*conflict.Came // tables that are being copied, by their name in the target
	wholes map[string]*whole         // those of them without a key
	chunks []*node                   // chunks of these: they wait for nothing in order
}

func newWindow(limit int64, from uint64, position change.Position, done change.Seqs) *window {
	w := &window{limit: limit, uses: map[uint64]*use{}, skip: done, low: from, position: position, next: from, copies: map[string]*conflict.Came{}, wholes: map[string]*whole{}}
	w.change = sync.NewCond(&w.mu)
	return w
}

// close makes every waiting call return err.
func (w *window) close(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	w.change.Broadcast()
}

// failure is why the window is closed; nil: it is not.
func (w *window) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// wait blocks until ready says so. The window is locked, before and after.
func (w *window) wait(ctx context.Context, ready func() bool) error {
	for asleep := false; !ready(); asleep = true {
		if w.err != nil {
			return w.err
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if !asleep { // not before it has to: this costs more than the rest of a push
			defer context.AfterFunc(ctx, func() {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.change.Broadcast()
			})()
		}
		w.change.Wait()
	}
	return w.err
}

// push puts a transaction at the end, when there is room for it.
func (w *window) push(ctx context.Context, n *node) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.wait(ctx, func() bool { return w.eager == 0 && w.room(n) }); err != nil {
		return err
	}
	w.next, n.fetched = n.seq+1, change.Now()
	n.done = w.skip.Has(n.seq)
	w.comes(n)
	w.insert(n)
	return nil
}

// room reports whether n may come in. What is larger than the window comes in
// alone.
func (w *window) room(n *node) bool { return w.bytes == 0 || w.bytes+n.bytes <= w.limit }

// insert puts n at the end and finds what it has to wait for. The window is
// locked.
func (w *window) insert(n *node) {
	w.order = append(w.order, n)
	if n.done {
		w.advance()
		return
	}
	w.bytes += n.bytes
	w.pending++
	if w.last != nil {
		n.blockers = append(n.blockers, w.last)
	}
	if n.alone {
		w.last = n
	}
	for _, d := range n.deps {
		u := w.uses[d.hash]
		if u == nil {
			u = &use{}
			w.uses[d.hash] = u
		}
		n.blockedBy(u.writer)
		if d.read {
			u.readers = append(u.readers, n)
			continue
		}
		for _, r := range u.readers {
			n.blockedBy(r)
		}
		u.writer, u.readers = n, nil
	}
	w.change.Broadcast()
}

func (n *node) blockedBy(o *node) {
	if o != nil && o != n && !o.done {
		n.blockers = append(n.blockers, o)
	}
}

// free reports whether nothing earlier blocks n but what the group holds.
func (n *node) free(group map[*node]bool) bool {
	kept := n.blockers[:0]
	ok := true
	for _, b := range n.blockers {
		if !b.done {
			kept = append(kept, b)
			ok = ok && group[b]
		}
	}
	n.blockers = kept
	return ok
}

// take gives the oldest transactions that may go together now, in source order.
func (w *window) take(ctx context.Context) ([]*node, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var group []*node
	err := w.wait(ctx, func() bool {
		if !w.due() {
			return false
		}
		group = w.group()
		return len(group) > 0
	})
	if err == nil {
		w.busy++
	}
	return group, err
}

// due reports whether one more lane is to take what is there.
func (w *window) due() bool {
	if w.busy == 0 || len(w.chunks) > 0 || w.pending >= eagerTxns*w.busy {
		return true
	}
	i := slices.IndexFunc(w.order, func(n *node) bool { return !n.taken && !n.done })
	if i < 0 {
		return false
	}
	left := patience - change.Now().Sub(w.order[i].fetched)
	if left > 0 && w.alarm == nil {
		w.alarm = time.AfterFunc(left, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.alarm = nil
			w.change.Broadcast()
		})
	}
	return left <= 0
}

func (w *window) group() []*node {
	if len(w.chunks) > 0 {
		n := w.chunks[0]
		w.chunks, n.taken = w.chunks[1:], true
		return []*node{n}
	}
	var out []*node
	var in map[*node]bool
	rows, bytes := 0, int64(0)
	for i, n := range w.order {
		if i >= groupScan {
			break
		}
		if n.done || n.taken {
			continue
		}
		if n.alone || n.chunk != nil {
			if len(out) == 0 && n.free(nil) && (!n.alone || w.first() == n) {
				n.taken = true
				w.pending--
				return []*node{n}
			}
			if n.alone {
				break // nothing behind it may go before it
			}
			continue
		}
		full := len(out) >= groupTxns || rows+n.rows > groupRows || bytes+n.bytes > groupBytes
		if len(out) > 0 && full {
			break
		}
		if n.apart && !n.free(nil) || !n.free(in) {
			continue
		}
		if in == nil {
			in = map[*node]bool{}
		}
		n.taken, in[n] = true, true
		w.pending--
		out = append(out, n)
		rows, bytes = rows+n.rows, bytes+n.bytes
	}
	return out
}

// first is the oldest that is not done.
func (w *window) first() *node {
	for _, n := range w.order {
		if !n.done {
			return n
		}
	}
	return nil
}

// with gives the low watermark, and the position that belongs to it, as they
// are once group is done too.
func (w *window) with(group []*node) (low uint64, position change.Position) {
	in := make(map[*node]bool, len(group))
	for _, n := range group {
		in[n] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	low, position = w.low, w.position
	for _, n := range w.order {
		if n.chunk != nil {
			continue // holds no place in the source's order
		}
		if !n.done && !in[n] {
			break
		}
		low, position = n.seq+1, n.position
	}
	return low, position
}

// finish marks a group as done: it is durable.
func (w *window) finish(group []*node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy--
	for _, n := range group {
		n.done = true
		w.bytes -= n.bytes
		w.forget(n)
		n.txn, n.blockers, n.deps = nil, nil, nil // a chain of done nodes would keep all of them
		if w.last == n {
			w.last = nil
		}
	}
	w.advance()
	w.change.Broadcast()
}

// forget takes a done node out of the uses.
func (w *window) forget(n *node) {
	for _, d := range n.deps {
		u := w.uses[d.hash]
		if u == nil {
			continue
		}
		if u.writer == n {
			u.writer = nil
		}
		kept := u.readers[:0]
		for _, r := range u.readers {
			if r != n {
				kept = append(kept, r)
			}
		}
		u.readers = kept
		if u.writer == nil && len(u.readers) == 0 {
			delete(w.uses, d.hash)
		}
	}
}

// advance takes what is done off the head.
func (w *window) advance() {
	i := 0
	for ; i < len(w.order) && w.order[i].done; i++ {
		if n := w.order[i]; n.chunk == nil {
			w.low, w.position = n.seq+1, n.position
		}
		w.order[i] = nil
	}
	w.order = w.order[i:]
}

// waitLow waits until every seq below seq is done.
func (w *window) waitLow(ctx context.Context, seq uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wait(ctx, func() bool { return w.low >= seq })
}
