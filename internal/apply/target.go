package apply

import (
	"context"
	"database/sql/driver"
	"fmt"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/tenant"
)

// A target is one target transaction in the making. Its first round trip
// begins it, proves that this run still owns the link, and locks and reads the
// rows of the first batch; its second writes the mark and the rows and commits.
type target struct {
	*lane
	careful bool
	head    []byte   // BEGIN and the fence; empty once sent
	mark    []byte   // the checkpoint row: first among the writes; empty once sent
	tail    []string // statements before COMMIT
}

func (t *target) begin(r checkpoint.Record) {
	t.head = t.store.AppendFence([]byte("BEGIN; "), t.no)
	t.mark = t.store.AppendUpdate(nil, r)
}

// write locks the batch's rows, compares them, writes what has to be written,
// and commits if it is the last batch.
func (t *target) write(ctx context.Context, b *batch, last bool) error {
	if err := t.lock(ctx, b); err != nil {
		return err
	}
	for _, n := range b.nets {
		if err := t.decide(n); err != nil {
			return err
		}
	}
	s := t.newScript(ctx)
	s.statement(nil, string(t.mark))
	t.mark = nil
	for _, p := range b.plans {
		s.rows(p, keysOf(b.nets, p))
	}
	if last {
		s.commit()
	}
	return s.send()
}

// lockKeys is how many rows one SELECT locks: with one key column, with more.
const lockKeys, lockComposite = 500, 100

// lock reads the rows of the batch FOR UPDATE and notes in each net what is
// there.
func (t *target) lock(ctx context.Context, b *batch) error {
	text := t.head
	fence := len(text) > 0
	t.head = nil
	var sets []*plan
	for _, p := range b.plans {
		nets := keysOf(b.nets, p)
		step := lockKeys
		if len(p.key) > 1 {
			step = lockComposite
		}
		for len(nets) > 0 {
			n := min(step, len(nets))
			if len(text) > 0 {
				text = append(text, "; "...)
			}
			text = p.appendLock(text, nets[:n])
			sets, nets = append(sets, p), nets[n:]
		}
	}
	if len(text) == 0 {
		return nil
	}
	return t.session.Each(ctx, string(text), func(set int, row []driver.Value) error {
		if fence {
			if set == 0 {
				return t.fenced(row)
			}
			set--
		}
		return b.found(sets[set], row)
	})
}

// found notes a locked row in its net. A row that is what the source's log
// says needs no copy of its own.
func (b *batch) found(p *plan, row []driver.Value) error {
	image := make([]change.Value, len(row))
	for i := range row {
		var err error
		if image[i], err = p.target.Columns[i].ParseColumn(row[i]); err != nil {
			return fmt.Errorf("read %s: %w", p.target, err)
		}
	}
	n := b.byKey[p][p.rowKey(image)]
	if n == nil {
		return nil // equal in the index's eyes, but not this row: it stays out of the way
	}
	n.locked = true
	if p.equal(n.before, image) {
		n.current = n.before
	} else {
		n.current = change.CloneImage(image)
	}
	return nil
}

// decide says what becomes of a row once it is locked. A row that is not what
// the source's log says it was stops the link; one that a copy has not brought
// yet is written whole.
func (t *target) decide(n *net) error {
	switch {
	case n.plan.equal(n.before, n.current):
		return nil
	case n.current == nil && t.window.inCopy(n.plan.name):
		return nil
	}
	return &Mismatch{Table: n.plan.target, Key: n.plan.formatKey(n.image()), Op: n.last, Txn: n.txn, Expected: n.before, Found: n.current}
}

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
	s := t.newScript(ctx)
	if len(t.head) > 0 {
		if err := t.session.Each(ctx, string(t.head), func(_ int, row []driver.Value) error { return t.fenced(row) }); err != nil {
			return 0, err
		}
	}
	s.statement(nil, string(t.mark))
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
		b.merge(p, nil, image, change.Insert, "copy")
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

// duplicate turns the server's word on a row written alone into a mismatch.
func (t *target) duplicate(n *net, err error) error {
	if tenant.Classify(err) != tenant.Duplicate || n == nil {
		return err
	}
	return &Mismatch{Table: n.plan.target, Key: n.plan.formatKey(n.image()), Op: n.last, Txn: n.txn, Cause: err}
}
