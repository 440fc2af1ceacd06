package binlog

import (
	"errors"

	"duplex/internal/change"
	"duplex/internal/conflict"
	"duplex/internal/schema"
)

// Conflicts is what a reader needs to judge what the peer writes here. Tables
// are told by their identity, see History.Identity. The reader calls the functions while it holds its memory: they do not wait.
type Conflicts struct {
	Rank, Peer int // of this site, and of the other one
	Rules      func(table string) *conflict.Rule
	Now        func(table string) *schema.Table // the table in whose layout rows are remembered; nil or nil: in that of the log
	Carries    func(version int64) bool         // whether the peer is to follow a statement of this site; nil: none
	Memory     int64                            // bytes that what the peer has not seen yet may take before it goes to files; 0: conflict.SpillBudget

	// Of tables with unique keys besides their identity; nil where there are none.
	Claims func(key conflict.Key, row []change.Value) []conflict.Claim // what a row claims; of any other table nothing
	Gives  func(key conflict.Key, row []change.Value) []conflict.Claim // by which values others refer to a row; nil: there are no foreign keys
	Parked conflict.ParkedView
	Unique func(table string) bool // whether rows of the table may be parked
}

func (c *Conflicts) check() error {
	switch {
	case c == nil:
		return nil
	case c.Rules == nil:
		return errors.New("reader: Conflicts.Rules is missing")
	case (c.Claims == nil) != (c.Parked == nil) || (c.Claims == nil) != (c.Unique == nil):
		return errors.New("reader: of Conflicts Claims, Parked and Unique go together")
	}
	return nil
}

func (c *Conflicts) mayPark(table string) bool { return c.Unique != nil && c.Unique(table) }

// newObserver makes the memory. What of it has no room goes to files in dir.
func newObserver(c *Conflicts, from conflict.Point, dir string) *conflict.Observer {
	if c == nil {
		return conflict.NewObserver(conflict.ObserverConfig{}, from)
	}
	o := conflict.NewObserver(conflict.ObserverConfig{Rank: c.Rank, Peer: c.Peer, Rules: c.Rules}, from)
	o.Index().Spill(dir, c.Memory)
	if c.Claims != nil {
		o.Unique(c.Claims, c.Parked)
		o.UniqueTables(c.Unique)
		if c.Gives != nil {
			o.Relations(c.Gives)
		}
	}
	return o
}

// Observe runs fn with the reader's memory, which nobody else uses meanwhile.
// fn does not wait for anything, and calls no method of the reader. It may be
// called from any goroutine.
func (r *Reader) Observe(fn func(*conflict.Observer)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn(r.observer)
}

// Tasks gives a signal when there may be a new task of the observer. One signal
// may stand for several tasks.
func (r *Reader) Tasks() <-chan struct{} { return r.tasks }

// signal tells of tasks, if there are any; mu is held.
func (r *Reader) signal() {
	if r.observer.Task() == nil {
		return
	}
	select {
	case r.tasks <- struct{}{}:
	default:
	}
}

// tellRows is how many rows the observer is told at once, where they stay in memory.
const tellRows = 64

// wrote tells the observer the rows of a local transaction; mu is held.
func (r *Reader) wrote(t *change.Txn, committed int64) error {
	var table *change.Table // of the last row, and its name
	var name string
	most := tellRows
	if t.Rows.Spooled() {
		most = 1
	}
	told := r.told[:0]
	tell := func() {
		r.observer.WroteAll(&t.Stamp, committed, told)
		clear(told)
		told = told[:0]
	}
	err := t.Rows.Each(func(row *change.Row) error {
		if len(row.Table.Key) == 0 {
			return nil
		}
		if row.Table != table {
			table, name = row.Table, r.nameOf(row.Table)
		}
		l := r.layoutNow(row.Table, name)
		if l.gone {
			return nil
		}
		eachRow(name, row.Table, row.Before, row.After, func(key conflict.Key, before, after []change.Value) {
			told = append(told, conflict.Row{Key: key, Before: l.to.Image(before), After: l.to.Image(after)})
		})
		if len(told) >= most {
			tell()
		}
		return nil
	})
	tell()
	r.told = told
	return errors.Join(err, r.observer.Index().Err())
}

// A nowadays says how rows of a definition come into the layout in which they are
// remembered.
type nowadays struct {
	to   *schema.Mapping
	gone bool // the table was dropped since, also if there is one of its name again: the rows are not remembered
}

func (r *Reader) layoutNow(t *change.Table, name string) nowadays {
	l, known := r.layouts[t]
	if !known && r.cfg.Conflicts.Now != nil {
		if now := r.cfg.Conflicts.Now(name); now != nil {
			l.to, l.gone = r.history.current(t, now)
		}
		r.layouts[t] = l
	}
	return l
}

// eachRow calls fn with each row that a change concerns: they are two where it
// changes the identity.
func eachRow(name string, t *change.Table, before, after []change.Value, fn func(key conflict.Key, before, after []change.Value)) {
	of := func(image []change.Value) conflict.Key {
		return conflict.Key{Table: name, ID: change.RowID(t.Columns, t.Key, image)}
	}
	switch {
	case before == nil:
		fn(of(after), nil, after)
	case after == nil || sameRow(t.Key, before, after):
		fn(of(before), before, after)
	default:
		was, is := of(before), of(after)
		if was == is {
			fn(is, before, after)
			return
		}
		fn(was, before, nil)
		fn(is, nil, after)
	}
}

func sameRow(columns []int, a, b []change.Value) bool {
	for _, i := range columns {
		if !a[i].Identical(b[i]) {
			return false
		}
	}
	return true
}

// nameOf tells a table as keys do.
func (r *Reader) nameOf(t *change.Table) string {
	name, ok := r.names[t]
	if !ok {
		name = r.history.identityOf(t)
		r.names[t] = name
	}
	return name
}
