package apply

import "duplex/internal/change"

// A whole is a table without a key on its way. What the link brings and what the
// copy brings cannot be told apart row by row, so the log is cut for it: the copy
// reads one state of the source, which holds exactly what was committed before a
// place of the log. Rows from before that place are passed over, those behind it
// wait until the copy is complete.
type whole struct {
	passed    uint64 // behind the newest transaction whose rows of the table were passed over
	low, high uint64 // the state was taken between them
	gate      *node  // what waits for the copy waits for it; nil: there is no state yet
}

// meets lets a transaction come in that writes the table, or a statement that may
// change it. It is false if the table's rows are to be passed over.
func (h *whole) meets(n *node) bool {
	if h.gate != nil && n.seq >= h.high {
		n.blockers = append(n.blockers, h.gate)
		return true
	}
	if h.gate != nil && n.seq >= h.low { // in the state or not: nobody knows
		h.gate = nil
	}
	h.passed = n.seq + 1
	return false
}

// pass says that rows of the table are not written with n.
func (n *node) pass(table string) {
	if n.passed == nil {
		n.passed = map[string]bool{}
	}
	n.passed[table] = true
}

// whole gives what is known of a table without a key that is being copied; nil:
// it is not.
func (w *window) whole(table string) *whole {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wholes[table]
}

// pushWhole lets a chunk of a table without a key go at once: nothing else writes
// the table. It takes no room that transactions may have: they may be waiting for it.
func (w *window) pushWhole(n *node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n.rows = len(n.chunk.Rows)
	w.bytes += n.bytes
	w.chunks = append(w.chunks, n)
	w.change.Broadcast()
}

// release lets go on what waited for the copy of a table. The window is locked.
func (w *window) release(table string) {
	h := w.wholes[table]
	if h == nil {
		return
	}
	if h.gate != nil {
		h.gate.done = true
	}
	delete(w.wholes, table)
	w.change.Broadcast()
}

// CopyingWhole is Copying for a table without a key. Its rows are passed over
// until Hold.
func (a *Applier) CopyingWhole(database, table string) {
	t := change.Table{Database: database, Name: table}
	a.window.mu.Lock()
	defer a.window.mu.Unlock()
	a.window.wholes[string(t.AppendName(nil))] = &whole{}
}

// Hold says that the copy of a table without a key reads a state of the source
// that was taken between two places of its log, low and high: what writes the
// table from high on waits until Copied. It fails with change.ErrReread if some
// transaction has written the table between the two, or was passed over behind
// low: then another state is to be taken. Once all below high is in the target a
// second call of the same says whether one came since the first.
func (a *Applier) Hold(database, table string, low, high uint64) error {
	t := change.Table{Database: database, Name: table}
	a.window.mu.Lock()
	defer a.window.mu.Unlock()
	h := a.window.wholes[string(t.AppendName(nil))]
	if h == nil || h.passed > low {
		return change.ErrReread
	}
	if h.gate == nil {
		h.low, h.high, h.gate = low, high, &node{}
	}
	return nil
}
