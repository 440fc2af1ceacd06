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
	p, err := t.plan(ctx, c.Table)
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
	if t.tried(c) { // what stood in the way may be told by now
		if err := t.locals.wait(ctx); err != nil {
			return 0, err
		}
	}
	if c.Rows, err = t.locals.keep(p, c); err != nil {
		return 0, err
	}
	rows := c.Rows
	if t.careful || t.tried(c) {
		if rows, err = t.absent(ctx, p, c.Rows); err != nil {
			return 0, err
		}
	}
	if len(t.head) > 0 {
		if err := t.send(ctx); err != nil {
			return 0, err
		}
	}
	if t.clash && p.unique && t.tried(c) && len(rows) > 0 {
		return t.fillPlaced(ctx, p, c, rows)
	}
	s := t.newScript(ctx)
	t.mark(s, true)
	for _, image := range rows {
		s.insert(p, image, nil)
	}
	if t.locals.end != nil && len(rows) > 0 {
		if err := t.undisturbed(s, p, c); err != nil {
			return 0, err
		}
	}
	s.commit()
	return len(rows), s.send()
}

// undisturbed writes what the script holds, and then finds out whether the
// target's application had taken one of the rows away before. From here on it
// cannot: the rows are locked.
func (t *target) undisturbed(s *script, p *plan, c *change.Chunk) error {
	if err := s.send(); err != nil {
		return err
	}
	if err := t.locals.wait(s.ctx); err != nil {
		return err
	}
	kept, err := t.locals.keep(p, c)
	if err == nil && len(kept) < len(c.Rows) {
		err = errOvertaken
	}
	return err
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

// fillPlaced writes rows of a chunk of which another row holds a unique value:
// a copied row is the weakest of all, and waits aside.
func (t *target) fillPlaced(ctx context.Context, own *plan, c *change.Chunk, rows [][]change.Value) (int, error) {
	p := t.newPlacer()
	keys := make([]conflict.Key, len(rows))
	for i, image := range rows {
		keys[i] = conflict.Key{Table: own.name, ID: own.rowKey(image)}
	}
	copied := conflict.Write{Seq: change.NoSeq}
	written := 0
	moves, err := p.place(ctx, keys, func() ([]writing, error) {
		if kept, err := t.locals.keep(own, c); err != nil || len(kept) < len(c.Rows) {
			return nil, errors.Join(err, errOvertaken)
		}
		var out []writing
		t.site.Observe(func(o *conflict.Observer) {
			for i, k := range keys {
				if h := p.held[k]; h.table == nil && h.parked == nil && o.Absent(k) {
					out = append(out, writing{k, rows[i], copied.Order()})
				}
			}
		})
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
