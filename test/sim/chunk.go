package sim

import (
	"math/rand/v2"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// A chunk is some rows of site 0 on their way to site 1 by copy.
type chunk struct {
	keys  []conflict.Key
	state int // 0 new, 1 low watermark taken, 2 rows read, 3 written
	hold  *conflict.Hold
	watch *conflict.Watch
	low   change.Watermark
	high  uint64
	rows  [][]change.Value
	wrote map[conflict.Key]writeID // whose write each row is
}

// drop begins the chunk again: who copied was killed.
func (c *chunk) drop() {
	if c.state < 3 {
		c.state = 0
		if c.hold != nil {
			c.hold.Release()
			c.watch.Close()
			c.hold = nil
		}
	}
}

// step moves the chunk on; a is the source, b the target.
func (c *chunk) step(w *world, a, b *site, dice *rand.Rand) {
	switch c.state {
	case 0:
		c.begin(w, a, b, dice)
	case 1:
		c.rows, c.wrote = c.rows[:0], map[conflict.Key]writeID{}
		for _, k := range c.keys {
			c.rows = append(c.rows, a.union(k))
			if by, ok := a.held[k]; ok {
				c.wrote[k] = by
			} else {
				c.wrote[k] = nobody
			}
		}
		c.high = uint64(a.locals)
		c.state = 2
		w.say("copy reads %s", keysText(c.keys))
	case 2:
		a.readAll()
		if !a.mendAll(dice) {
			return
		}
		if c.watch.Reread(c.keys) && w.Without&CopyReread == 0 {
			c.drop()
			return
		}
		if b.applied.Low < c.high {
			return
		}
		c.write(w, b)
	}
}

func (c *chunk) begin(w *world, a, b *site, dice *rand.Rand) {
	hold := b.observer.Hold()
	a.readAll()
	if !a.mendAll(dice) {
		hold.Release()
		return
	}
	c.low = a.observer.Watermark()
	hold.Set(c.low)
	if w.Without&CopyHold != 0 {
		hold.Release()
	}
	c.hold, c.watch, c.state = hold, a.observer.Watch(), 1
	w.say("copy takes the low watermark of %s: seq %d, seen %s", keysText(c.keys), c.low.Seq, seqs(c.low.Seen))
}

func (c *chunk) write(w *world, b *site) {
	b.readAll()
	r := &record{version: c.low.Version + 1, carried: []change.Stamp{noSeq(c.low.Seen)}}
	notes := conflict.Notes{Placed: true}
	var writes []placed
	for i, k := range c.keys {
		if b.locks[k] != nil {
			return // the window orders a chunk behind them
		}
		seq, touched := b.touched[k]
		if touched && seq >= c.low.Seq && w.Without&CopyTouched == 0 || c.rows[i] == nil || b.rows[k] != nil || b.parked[k] != nil ||
			(w.tables[k.Table].parks() || w.rules[k.Table].Policy == conflict.Delta) && !b.observer.Absent(k) {
			continue
		}
		in := conflict.Write{Seq: change.NoSeq}
		writes = append(writes, placed{k, nil, c.rows[i], in.Order()})
		notes.Keys = append(notes.Keys, conflict.KeyNote{Hash: k.Hash()})
	}
	moves, ok := b.place(nil, writes, nil, nil)
	if !ok {
		return
	}
	b.move(moves, r)
	for _, x := range writes {
		b.writtenBy(x.key, c.wrote[x.key], false)
	}
	r.rows, r.notes = changes(writes), conflict.AppendNotes(nil, &notes)
	b.log = append(b.log, r)
	c.state = 3
	c.watch.Close()
	w.say("copy writes %s: %s", keysText(c.keys), rowsText(r.rows))
}
