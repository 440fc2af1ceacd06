package sim

import (
	"math/rand/v2"
	"slices"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// The states of a chunk, as internal/copy and internal/apply go through them.
const (
	chunkNew     = iota
	chunkLow     // the low watermark is taken
	chunkRead    // the rows are read
	chunkHigh    // the high watermark is taken
	chunkEntered // it is in the window
	chunkWritten
)

// A chunk is some rows of one table of site 0 on their way to site 1 by copy.
type chunk struct {
	table string
	keys  []conflict.Key
	state int
	low   change.Watermark
	high  uint64
	rows  map[conflict.Key][]change.Value
	wrote map[conflict.Key]writeID // whose write each row is
	wait  []*txn                   // those before it in the window that share values with it
}

// drop begins the chunk again: who copied was killed.
func (c *chunk) drop() {
	if c.state < chunkWritten {
		c.state = chunkNew
	}
}

// step moves the chunk on; a is the source, b the target.
func (c *chunk) step(w *world, a, b *site, dice *rand.Rand) {
	switch c.state {
	case chunkNew:
		if w.mark == nil || dice.IntN(2) == 0 {
			if w.takeMark(a, dice); w.mark == nil {
				return
			}
		}
		c.low, c.state = *w.mark, chunkLow
		w.say("copy takes the low watermark of %s: seq %d, seen %s", keysText(c.keys), c.low.Seq, seqs(c.low.Seen))
	case chunkLow:
		c.read(a)
		w.say("copy reads %s", keysText(c.keys))
	case chunkRead:
		if w.takeMark(a, dice) {
			c.high, c.state = w.mark.Seq, chunkHigh
		}
	case chunkHigh:
		if b.applied.Low >= c.high || w.Without&CopyHigh != 0 {
			c.enter(w, b)
		}
	case chunkEntered:
		c.write(w, b)
		if c.state == chunkWritten {
			b.unacknowledged(dice)
		}
	}
}

// takeMark takes a watermark of the source, at the end of its log with nothing
// left to be put back. Later chunks have it for their low one.
func (w *world) takeMark(a *site, dice *rand.Rand) bool {
	a.readAll()
	if w.Without&CopyMended == 0 {
		if !a.mendAll(dice) {
			return false
		}
		if a.readAll(); a.observer.Task() != nil {
			return false
		}
	}
	mark := a.observer.Watermark()
	w.mark = &mark
	return true
}

func (c *chunk) read(a *site) {
	c.rows, c.wrote = map[conflict.Key][]change.Value{}, map[conflict.Key]writeID{}
	for _, k := range c.keys {
		if row := a.union(k); row != nil {
			c.rows[k], c.wrote[k] = row, nobody
			if by, ok := a.held[k]; ok {
				c.wrote[k] = by
			}
		}
	}
	c.state = chunkRead
}

// oldest is the lowest low watermark of the table's chunks in work.
func (w *world) oldest(c *chunk) change.Watermark {
	low := c.low
	for _, o := range w.chunks {
		if o.table == c.table && o.state > chunkNew && o.state < chunkWritten && w.Without&CopyOldest == 0 {
			if o.low.Before(&low) {
				low = o.low
			}
		}
	}
	return low
}

// enter brings the chunk into the window.
func (c *chunk) enter(w *world, b *site) {
	came := b.came[c.table]
	if w.Without&CopyCame == 0 {
		if came.Reread(&c.low) {
			c.again(w)
			return
		}
		for _, k := range c.keys {
			if came.Since(&c.low, k.ID) {
				delete(c.rows, k)
			}
		}
	}
	came.Forget(w.oldest(c).Seq)
	c.wait = nil
	for _, t := range b.window() {
		if c.meets(w, t) {
			c.wait = append(c.wait, t)
		}
	}
	c.state = chunkEntered
	w.say("the chunk of %s comes into the window", keysText(c.keys))
}

// meets reports whether the window orders the chunk and a transaction.
func (c *chunk) meets(w *world, t *txn) bool {
	var mine txn
	for k, row := range c.rows {
		mine.rows = append(mine.rows, rowChange{k, nil, row})
	}
	return w.overlap(&mine, t)
}

// holds reports whether a transaction that came later waits for the chunk.
func (c *chunk) holds(w *world, t *txn) bool {
	return c.state == chunkEntered && !slices.Contains(c.wait, t) && c.meets(w, t)
}

// again begins the chunk once more behind a new watermark.
func (c *chunk) again(w *world) {
	c.state, w.mark = chunkNew, nil
	w.say("the chunk of %s is read again", keysText(c.keys))
}

func (c *chunk) write(w *world, b *site) {
	for _, t := range b.window() {
		if slices.Contains(c.wait, t) {
			return
		}
	}
	if w.Without&CopyEnd == 0 {
		b.readAll()
	}
	if b.observer.Reread(c.table, &c.low) {
		c.again(w)
		return
	}
	var writes []placed
	for _, k := range c.keys {
		row, ok := c.rows[k]
		if !ok || b.rows[k] != nil || b.parked[k] != nil || b.observer.Yields(&c.low, k) {
			continue
		}
		in := conflict.Write{Seq: change.NoSeq}
		writes = append(writes, placed{k, nil, row, in.Order()})
	}
	oldest := w.oldest(c)
	b.observer.Forget(c.table, &oldest)
	r := &record{version: c.low.Version + 1, carried: []change.Stamp{noSeq(c.low.Seen)}, rows: changes(writes)}
	if b.refused(writes, false) || w.Without&CopyDisputed == 0 && b.disputed(writes) {
		notes := conflict.Notes{Placed: true}
		for _, x := range writes {
			notes.Keys = append(notes.Keys, conflict.KeyNote{Hash: x.key.Hash()})
		}
		moves, ok := b.place(nil, writes, nil, nil)
		if !ok {
			return
		}
		b.move(moves, r)
		r.notes = conflict.AppendNotes(nil, &notes)
	} else {
		b.write(writes)
	}
	for _, x := range writes {
		b.writtenBy(x.key, c.wrote[x.key], false)
	}
	b.log = append(b.log, r)
	c.state = chunkWritten
	w.say("copy writes %s: %s", keysText(c.keys), rowsText(r.rows))
}
