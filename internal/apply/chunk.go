package apply

import (
	"context"
	"fmt"
	"slices"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// A touch is a row of a table in copy that a transaction of the link changed. Of
// a transaction too large to remember its rows the key is empty.
type touch struct{ table, key string }

// comes notes what comes in with n, for the chunks of tables in copy. The window
// is locked.
func (w *window) comes(n *node) {
	if n.txn != nil && n.txn.DDL != nil {
		for _, h := range w.wholes {
			h.meets(n)
		}
	}
	for _, t := range n.touch {
		if h := w.wholes[t.table]; h != nil {
			if !h.meets(n) {
				n.pass(t.table)
			}
			continue
		}
		switch came := w.copies[t.table]; {
		case came == nil: // the copy of the table ended meanwhile
		case t.key == "":
			came.AddLarge(n.seq)
		default:
			came.Add(t.key, n.seq)
		}
	}
	n.touch = nil
}

// pushChunk puts a chunk's node at the end, less the rows that the link
// touched. From here on the window orders the chunk against every transaction
// that shares a key with it, in the window or still to come.
func (w *window) pushChunk(ctx context.Context, n *node, p *plan) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.eager++
	err := w.wait(ctx, func() bool { return w.room(n) })
	w.eager--
	w.change.Broadcast()
	if err != nil {
		return err
	}
	c := n.chunk
	if came := w.copies[p.name]; came != nil {
		if came.Reread(&c.Low) {
			return change.ErrReread
		}
		c.Rows = slices.DeleteFunc(c.Rows, func(image []change.Value) bool { return came.Since(&c.Low, p.rowKey(image)) })
		came.Forget(c.Oldest.Seq)
	}
	n.rows = len(c.Rows)
	n.deps, n.alone = p.chunkDeps(c.Rows)
	w.insert(n)
	return nil
}

func (p *plan) chunkDeps(rows [][]change.Value) (deps []dep, alone bool) {
	var scratch []byte
	for _, image := range rows {
		var exact bool
		if deps, exact = p.deps(deps, image, scratch); !exact {
			return nil, true
		}
	}
	return deps, false
}

// waitDone waits until n is durable.
func (w *window) waitDone(ctx context.Context, n *node) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wait(ctx, func() bool { return n.done })
}

// Copy writes a chunk and returns when it is durable. It fails with change.ErrReread
// if the chunk has to be read again, and with the link's error when the link
// fails: whether the chunk is in is then to be read from what Note wrote.
// It changes Rows.
func (a *Applier) Copy(ctx context.Context, c *change.Chunk) error {
	stamp := c.Stamp()
	p, err := a.plan(ctx, c.Table, &stamp)
	if err != nil {
		return err
	}
	if p.gone { // the next attempt does not copy it
		return fmt.Errorf("%w: %s was dropped at the target while it was copied", ErrTable, c.Table)
	}
	n := &node{chunk: c}
	for i, image := range c.Rows {
		c.Rows[i] = p.image(image)
		for j := range image {
			n.bytes += int64(image[j].Size())
		}
	}
	if a.window.whole(p.name) != nil {
		a.window.pushWhole(n)
	} else if err := a.window.pushChunk(ctx, n, p); err != nil {
		return err
	}
	if err := a.window.waitDone(ctx, n); err != nil {
		return err
	}
	return n.err
}

// Copying says that rows of the target table may still come by chunks: until
// Copied an update or delete whose row is not there is no mismatch. It is
// called before Serve and Run.
func (a *Applier) Copying(database, table string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := change.Table{Database: database, Name: table}
	a.window.copies[string(t.AppendName(nil))] = conflict.NewCame()
}

// Copied says that all chunks of the target table are written.
func (a *Applier) Copied(database, table string) {
	t := change.Table{Database: database, Name: table}
	name := string(t.AppendName(nil))
	a.window.mu.Lock()
	delete(a.window.copies, name)
	a.window.release(name)
	a.window.mu.Unlock()
	if a.site != nil {
		a.site.Observe(func(o *conflict.Observer) { o.Copied(name) })
	}
}

// inCopy reports whether a table, named as plans name it, is being copied.
func (w *window) inCopy(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.copies[name] != nil
}

// copying reports whether any table is being copied.
func (w *window) copying() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.copies)+len(w.wholes) > 0
}
