package apply

import (
	"context"
	"errors"
	"fmt"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// copy writes a chunk: what is not there yet, and was not taken away by the
// target's application.
func (t *target) copy(ctx context.Context, c *change.Chunk) error {
	stamp := c.Stamp()
	p, err := t.plan(ctx, c.Table, &stamp)
	if err != nil {
		return err
	}
	n, err := t.fill(ctx, p, c)
	if err != nil {
		c.Written = -1
		return fmt.Errorf("copy of %s: %w", p.target, err)
	}
	c.Written = n
	return nil
}

func (t *target) fill(ctx context.Context, p *plan, c *change.Chunk) (written int, err error) {
	t.tail = append(t.tail, c.Note)
	if t.site != nil && t.tried(c) { // what stood in the way may be told by now
		if err := t.site.End(ctx); err != nil {
			return 0, err
		}
	}
	if err := t.yield(p, c); err != nil {
		return 0, err
	}
	rows := c.Rows
	if (t.careful || t.tried(c)) && !p.keyless() {
		if rows, err = t.absent(ctx, p, c.Rows); err != nil {
			return 0, err
		}
	}
	if len(t.head) > 0 {
		if err := t.send(ctx); err != nil {
			return 0, err
		}
	}
	if len(rows) > 0 && (t.clash && t.tried(c) && p.unique || t.disputed(p, rows)) {
		return t.fillPlaced(ctx, p, c, rows)
	}
	s := t.newScript(ctx)
	t.mark(s, true)
	n := &net{plan: p, last: change.Insert, txn: "of the copy"} // the row, for errors
	for _, image := range rows {
		n.after = image
		s.insert(p, image, n)
	}
	if t.site != nil && len(rows) > 0 {
		if err := t.undisturbed(s, p, c); err != nil {
			return 0, err
		}
	}
	s.commit()
	return len(rows), s.send()
}

// errOvertaken says that the target's application changed a row of a chunk
// while the chunk was being written.
var errOvertaken = errors.New("the target's application was there first")

// undisturbed writes what the script holds, and then finds out whether the
// target's application had taken one of the rows away before. From here on it
// cannot: the rows are locked.
func (t *target) undisturbed(s *script, p *plan, c *change.Chunk) error {
	if err := s.send(); err != nil {
		return err
	}
	if err := t.endHeld(s.ctx); err != nil {
		return err
	}
	return t.unyielding(p, c)
}

// unyielding fails with errOvertaken if a row of the chunk has to yield.
func (t *target) unyielding(p *plan, c *change.Chunk) error {
	n := len(c.Rows)
	err := t.yield(p, c)
	if err == nil && len(c.Rows) < n {
		err = errOvertaken
	}
	return err
}

// yield drops the rows of a chunk that have to yield to what the target's
// application did, as far as the target's reader has read. It fails with
// change.ErrReread if that cannot be told.
func (t *target) yield(p *plan, c *change.Chunk) (err error) {
	if t.site == nil {
		return nil
	}
	keys := p.keysOf(c.Rows)
	kept := make([][]change.Value, 0, len(c.Rows))
	t.site.Observe(func(o *conflict.Observer) {
		if len(c.Rows) > 0 && o.Reread(p.id, &c.Low) {
			err = change.ErrReread
			return
		}
		for i, image := range c.Rows {
			if !o.Yields(&c.Low, keys[i]) {
				kept = append(kept, image)
			}
		}
		o.Forget(p.id, &c.Oldest)
		err = o.Index().Err()
	})
	if err == nil {
		c.Rows = kept
	}
	return err
}

// keysOf names rows as the target's own reader does.
func (p *plan) keysOf(rows [][]change.Value) []conflict.Key {
	keys := make([]conflict.Key, len(rows))
	for i, image := range rows {
		keys[i] = conflict.Key{Table: p.id, ID: p.rowKey(image)}
	}
	return keys
}

// disputed reports whether rows of a chunk may be parked already, or have values
// that parked rows wait for: the server would let them in all the same.
func (t *target) disputed(p *plan, rows [][]change.Value) bool {
	if t.site == nil || !p.touches || t.parked.Len() == 0 {
		return false
	}
	for i, key := range p.keysOf(rows) {
		if t.parked.Has(key) || t.wants(key, rows[i]) {
			return true
		}
	}
	return false
}

// tried reports whether the chunk was tried before: then some row may be there.
func (t *target) tried(c *change.Chunk) bool { return c.Written < 0 }

// absent locks the keys of rows and gives those that are not there.
func (t *target) absent(ctx context.Context, p *plan, rows [][]change.Value) ([][]change.Value, error) {
	b := newBatch(false)
	for _, image := range rows {
		b.merge(p, nil, image, change.Insert, origin{0, "copy"})
	}
	if err := t.lock(ctx, b); err != nil {
		return nil, err
	}
	var out [][]change.Value
	for _, n := range b.nets {
		if !n.locked {
			out = append(out, n.after)
		}
	}
	return out, nil
}

// fillPlaced writes rows of a chunk of which another row holds, or waits for, a
// unique value: a copied row is the weakest of all, and waits aside.
func (t *target) fillPlaced(ctx context.Context, own *plan, c *change.Chunk, rows [][]change.Value) (int, error) {
	p := t.newPlacer()
	keys := own.keysOf(rows)
	copied := conflict.Write{Seq: change.NoSeq}
	written := 0
	moves, err := p.place(ctx, keys, func() ([]writing, error) {
		if err := t.unyielding(own, c); err != nil {
			return nil, err
		}
		var out []writing
		for i, k := range keys {
			if h := p.held[k]; h.table == nil && h.parked == nil {
				out = append(out, writing{k, rows[i], copied.Order()})
			}
		}
		written = len(out)
		return out, nil
	}, nil)
	if err != nil {
		return 0, err
	}
	t.notes.Placed = true
	for k := range p.writes {
		t.notes.Keys = append(t.notes.Keys, conflict.KeyNote{Hash: k.Hash()})
	}
	s := t.newScript(ctx)
	t.mark(s, true)
	p.moves(s, moves)
	if err := t.finish(s, true); err != nil {
		return 0, err
	}
	p.settled(moves)
	return written, nil
}
