// Package link is one direction of replication on its way from reader to
// applier: it pulls committed transactions and holds a bounded number of bytes
// of them until the applier takes them.
package link

import (
	"context"
	"sync"

	"duplex/internal/change"
)

// A Source gives the local transactions of a site in log order. It is used by
// one goroutine.
type Source interface {
	Next(ctx context.Context) (*change.Txn, error)
}

// A Link is a queue bounded in bytes between a Source and whoever calls Next.
type Link struct {
	source Source
	limit  int64

	mu     sync.Mutex
	wake   *sync.Cond
	queue  []*change.Txn
	bytes  int64
	pulled uint64
	err    error
}

// overhead is what a transaction occupies besides its rows, in bytes.
const overhead = 256

// New makes a link that holds at most limit bytes, and at least one transaction.
func New(source Source, limit int64) *Link {
	l := &Link{source: source, limit: limit}
	l.wake = sync.NewCond(&l.mu)
	return l
}

// Run pulls until ctx ends or the source fails. Then Next gives the same error
// once the queue is empty. Transactions that nobody took are closed.
func (l *Link) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, l.broadcast)
	defer stop()
	for {
		txn, err := l.source.Next(ctx)
		if err == nil {
			err = l.put(ctx, txn)
		}
		if err != nil {
			l.fail(err)
			return err
		}
	}
}

func (l *Link) broadcast() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wake.Broadcast()
}

func (l *Link) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
	l.wake.Broadcast()
}

func (l *Link) put(ctx context.Context, txn *change.Txn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := txn.Rows.Size() + overhead
	for len(l.queue) > 0 && l.bytes+size > l.limit {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		l.wake.Wait()
	}
	l.queue = append(l.queue, txn)
	l.bytes += size
	l.pulled++
	l.wake.Broadcast()
	return nil
}

// Next gives the oldest transaction of the queue; it waits for one.
func (l *Link) Next(ctx context.Context) (*change.Txn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for asleep := false; len(l.queue) == 0; asleep = true {
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
	l.wake.Broadcast()
	return txn, nil
}

// Close closes the transactions that are still queued. It is called once Run
// and Next have returned.
func (l *Link) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var first error
	for _, txn := range l.queue {
		if err := txn.Rows.Close(); err != nil && first == nil {
			first = err
		}
	}
	l.queue = nil
	return first
}

// Status is what a link holds now.
type Status struct {
	Queued int   // transactions
	Bytes  int64 // of their rows
	Pulled uint64
}

// Status may be called from any goroutine.
func (l *Link) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Status{Queued: len(l.queue), Bytes: l.bytes, Pulled: l.pulled}
}
