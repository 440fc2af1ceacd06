package apply

import (
	"context"
	"errors"
	"sync"

	"duplex/internal/change"
)

// errOvertaken says that the target's application changed a row of a chunk
// while the chunk was being written.
var errOvertaken = errors.New("the target's application was there first")

// locals remembers what the target's own application does to tables in copy.
// A row that a chunk brings may be one of the target's own, sent over a while
// ago and gone or moved since: it is not there, and must not come back.
type locals struct {
	end func(ctx context.Context) error // nil: nobody else writes the target

	mu     sync.Mutex
	tables map[string]*localTable
}

type localTable struct {
	keys   map[string]uint64 // key → the highest seq of the target that touched it
	large  []uint64          // transactions too large to remember their keys
	pruned int               // keys left by the last pruning
}

// Locally says how the target's own transactions are told: each goes through
// Observe before end, called after its commit, returns. It is called before
// Run. Without it nobody else writes the target.
func (a *Applier) Locally(end func(ctx context.Context) error) { a.locals.end = end }

// Observe takes in a transaction of the target's own log, in log order.
func (a *Applier) Observe(txn *change.Txn) error {
	if !a.window.copying() {
		return nil
	}
	last := ""
	return txn.Rows.Each(func(row *change.Row) error {
		name := string(row.Table.AppendName(nil))
		if !a.window.inCopy(name) {
			return nil
		}
		a.locals.mu.Lock()
		defer a.locals.mu.Unlock()
		t := a.locals.table(name)
		if txn.Rows.Spooled() {
			if last != name {
				t.large, last = append(t.large, txn.Stamp.Seq), name
			}
			return nil
		}
		for _, image := range [][]change.Value{row.Before, row.After} {
			if image != nil {
				t.keys[change.RowID(row.Table.Columns, row.Table.Key, image)] = txn.Stamp.Seq
			}
		}
		return nil
	})
}

// table gives a table's memory; mu is held.
func (l *locals) table(name string) *localTable {
	t := l.tables[name]
	if t == nil {
		if l.tables == nil {
			l.tables = map[string]*localTable{}
		}
		t = &localTable{keys: map[string]uint64{}}
		l.tables[name] = t
	}
	return t
}

func (l *locals) forget(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.tables, name)
}

// keep gives the rows of a chunk that the target's application has not touched
// in a transaction which the source had not seen when the chunk was read. It
// fails with change.ErrReread if that cannot be told.
func (l *locals) keep(p *plan, c *change.Chunk) ([][]change.Value, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tables[p.name]
	if t == nil {
		return c.Rows, nil
	}
	for _, seq := range t.large {
		if !c.Low.Seen.Has(seq) && len(c.Rows) > 0 {
			return nil, change.ErrReread
		}
	}
	var kept [][]change.Value
	for _, image := range c.Rows {
		if seq, ok := t.keys[p.rowKey(image)]; !ok || c.Low.Seen.Has(seq) {
			kept = append(kept, image)
		}
	}
	if c.Low.Seq == c.Oldest {
		t.prune(c.Low.Seen.Low)
	}
	return kept, nil
}

// prune forgets what every chunk to come has seen.
func (t *localTable) prune(low uint64) {
	if len(t.keys) < 2*t.pruned+4096 {
		return
	}
	for k, seq := range t.keys {
		if seq < low {
			delete(t.keys, k)
		}
	}
	t.pruned = len(t.keys)
}

// wait waits until all that the target has committed is observed.
func (l *locals) wait(ctx context.Context) error {
	if l.end == nil {
		return nil
	}
	return l.end(ctx)
}
