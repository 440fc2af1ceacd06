// Package link is one direction of replication on its way from reader to
// applier: it pulls committed transactions and holds them until the applier
// takes them, a bounded number of bytes in memory; the rest on disk, or not yet pulled.
package link

import (
	"context"
	"errors"
	"sync"

	"duplex/internal/change"
)

// A Source gives the local transactions of a site in log order. It is used by
// one goroutine.
type Source interface {
	Next(ctx context.Context) (*change.Txn, error)
}

// A Link is a queue between a Source and whoever calls Next. While it is full the
// source waits, and a backlog stays where it is, in the source's log. But where both
// sites are written, the source's reader has at times to come to the end of its log
// for the other direction to go on, so that two full links would wait for each other:
// in a Hurry what memory has no room for goes to disk.
type Link struct {
	source Source
	limit  int64

	mu     sync.Mutex
	wake   *sync.Cond
	queue  []*change.Txn // older than what is in the spool
	bytes  int64
	files  map[*change.Rows]int64 // bytes of those that have a file of their own
	filed  int64                  // the sum of files
	pulled uint64
	err    error
	stop   context.CancelCauseFunc // ends Run's wait for the source

	spool *spool
	hurry int  // how many want the source not to wait
	full  bool // it waits
}

// overhead is what a transaction occupies besides its rows, in bytes.
const overhead = 256

// New makes a link that holds at most limit bytes in memory, and at least one
// transaction. What is more, in a Hurry, goes to unnamed files in the folder dir (""
// is the system's place), and all that follows until these are read.
func New(source Source, limit int64, dir string) *Link {
	l := &Link{source: source, limit: limit, files: map[*change.Rows]int64{}, spool: newSpool(dir)}
	l.wake = sync.NewCond(&l.mu)
	return l
}

// Hurry lets nothing wait for room until the function that it gives is called.
func (l *Link) Hurry() (done func()) {
	l.add(1)
	return func() { l.add(-1) }
}

func (l *Link) add(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hurry += n
	l.wake.Broadcast()
}

// Run pulls until ctx ends, the source fails, or the disk does. Then Next gives
// the same error once the queue is empty.
func (l *Link) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.mu.Lock()
	l.stop = cancel
	l.mu.Unlock()
	for {
		txn, err := l.source.Next(ctx)
		if err == nil {
			err = l.put(ctx, txn)
		}
		if err != nil {
			return l.fail(err)
		}
	}
}

func (l *Link) broadcast() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wake.Broadcast()
}

// fail ends the link with err, unless it has ended before, and says with what.
func (l *Link) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
	if l.stop != nil {
		l.stop(l.err)
	}
	l.wake.Broadcast()
	return l.err
}

// put takes over txn, also when it fails.
func (l *Link) put(ctx context.Context, txn *change.Txn) error {
	txn.Queued = change.Now()
	var err error
	var filed int64
	if txn.Rows.Spooled() { // nothing else of it stays in memory
		if filed, err = txn.Rows.Rest(); err != nil {
			err = l.spool.trouble("write", err, freeSpace)
		}
	}
	if err == nil {
		var kept bool
		if kept, err = l.keep(ctx, txn, filed); kept {
			return nil
		}
	}
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = l.spool.put(txn)
	}
	if err != nil {
		return errors.Join(err, txn.Rows.Close())
	}
	l.broadcast()
	return nil
}

// keep counts txn and puts it into memory, if there is room and nothing older
// on disk.
func (l *Link) keep(ctx context.Context, txn *change.Txn, filed int64) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pulled++
	if filed > 0 {
		l.files[txn.Rows] = filed
		l.filed += filed
	}
	size := txn.Rows.Size() + overhead
	if err := l.wait(ctx, size); err != nil {
		return false, err
	}
	if l.spool.count.Load() > 0 {
		return false, nil
	}
	if err := l.spool.empty(); err != nil { // all of it was taken, and nobody takes now
		return false, err
	}
	if len(l.queue) > 0 && l.bytes+size > l.limit {
		return false, nil
	}
	l.queue = append(l.queue, txn)
	l.bytes += size
	l.wake.Broadcast()
	return true, nil
}

// wait blocks until there is room for size bytes, or a Hurry. mu is held, before
// and after.
func (l *Link) wait(ctx context.Context, size int64) error {
	if l.hurry > 0 || l.held() == 0 || l.held()+size <= l.limit {
		return nil
	}
	defer context.AfterFunc(ctx, l.broadcast)()
	// Half of it has to go, so that source and applier do not wake each other for
	// every transaction.
	for l.full = true; l.hurry == 0 && l.held() > 0 && l.held()+size > l.limit/2; {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		l.wake.Wait()
	}
	l.full = false
	return nil
}

// held is how many bytes wait, in memory and on disk.
func (l *Link) held() int64 { return l.bytes + l.spool.bytes.Load() }

// taken lets a source that waits look for room. mu is held.
func (l *Link) taken() {
	if l.full && l.held() <= l.limit/2 {
		l.wake.Broadcast()
	}
}

// Next gives the oldest transaction; it waits for one. One goroutine calls it.
func (l *Link) Next(ctx context.Context) (*change.Txn, error) {
	txn, err := l.oldest(ctx)
	if txn != nil || err != nil {
		return txn, err
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if txn, err = l.spool.take(); err != nil {
		_ = l.fail(err) // Run ends as well
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken()
	if txn.Rows.Spooled() {
		l.leave(txn)
	}
	return txn, nil
}

// oldest waits for a transaction and gives it, or nil if it is on disk.
func (l *Link) oldest(ctx context.Context) (*change.Txn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for asleep := false; len(l.queue) == 0; asleep = true {
		if l.spool.count.Load() > 0 {
			return nil, nil
		}
		if l.err != nil {
			return nil, l.err
		}
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if !asleep { // not before it has to: a backlog comes without any waiting
			defer context.AfterFunc(ctx, l.broadcast)()
		}
		l.wake.Wait()
	}
	txn := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	l.bytes -= txn.Rows.Size() + overhead
	l.taken()
	if txn.Rows.Spooled() {
		l.leave(txn)
	}
	return txn, nil
}

// leave forgets the file of txn; mu is held.
func (l *Link) leave(txn *change.Txn) {
	l.filed -= l.files[txn.Rows]
	delete(l.files, txn.Rows)
}

// Close closes the transactions that are still queued and gives their disk back. It is called once Run
// and Next have returned.
func (l *Link) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	errs := []error{l.spool.empty()}
	for _, txn := range l.queue {
		errs = append(errs, txn.Rows.Close())
	}
	l.queue = nil
	return errors.Join(errs...)
}

// Status is what a link holds now.
type Status struct {
	Queued  int   // transactions, in memory and on disk
	Bytes   int64 // of the rows in memory
	Spooled int64 // bytes on disk that wait; a file goes once it is read, so that up to 64 MiB more are taken
	Pulled  uint64
}

// Status may be called from any goroutine.
func (l *Link) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Status{
		Queued: len(l.queue) + int(l.spool.count.Load()), Bytes: l.bytes,
		Spooled: l.filed + l.spool.bytes.Load(), Pulled: l.pulled,
	}
}
