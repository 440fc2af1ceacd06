package apply

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/conflict"
	"duplex/internal/tenant"
)

// A target is one target transaction in the making. Its first round trip
// begins it, proves that this run still owns the link, and locks and reads the
// rows of the first batch; its second writes the mark and the rows and commits.
type target struct {
	*lane
	careful bool
	clash   bool // rows are placed by their unique values
	spooled bool // the source transaction comes in several batches

	carried   []conflict.Carried
	record    checkpoint.Record
	notes     conflict.Notes
	conflicts []checkpoint.Conflict // decided; the first logged ones are written
	logged    int
	parks     []parkedVersion

	wrote     map[uint64]bool // of a large transaction, by hash of their key: rows of tables with unique keys that it wrote, false: only moved
	claimed   claimed         // names that are to be proved
	emptied   *plan           // its rows go, whatever they hold; nil: of no table
	redefined bool            // a statement was run that changes what tables are

	head   []byte   // BEGIN and the fence; empty once sent
	marked bool     // the checkpoint row, first among the writes, is sent
	tail   []string // statements before COMMIT
}

func (t *target) begin(r checkpoint.Record) {
	head := "BEGIN; "
	if t.gaps {
		head = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; BEGIN; "
	}
	if t.checks != t.related() {
		head = t.settings() + "; " + head
	}
	t.head = t.store.AppendFence([]byte(head), t.no)
	t.record = r
}

// write locks the batch's rows, decides what becomes of them, writes that, and
// commits if it is the last batch.
func (t *target) write(ctx context.Context, b *batch, last bool) error {
	// A row that is brought back between the two looks is in neither place when
	// it is locked: it was parked before, or is missed behind.
	placed := t.clash || t.waiting(b)
	if err := t.lock(ctx, b); err != nil {
		return err
	}
	if placed || t.waiting(b) || t.missing(b) {
		return t.writePlaced(ctx, b, last)
	}
	if err := t.decide(ctx, b); err != nil {
		return err
	}
	if t.gap(b, false) {
		return errGap
	}
	if t.wanted(b) {
		return t.writePlaced(ctx, b, last)
	}
	t.note(b, len(t.carried) > 1)
	s := t.newScript(ctx)
	t.mark(s, last)
	s.rows(b)
	if err := s.count(b); err != nil {
		return err
	}
	return t.finish(s, last)
}

// errGap asks for the group once more, with locks on what is not there.
var errGap = errors.New("a row that sums are added to is not there")

// gap reports whether a row of a table that is added up was not found, and is not
// going to be inserted either. Who reads such a row does not lock it: the target's
// application could insert it before the commit. Under other policies the late
// check finds that; sums are decided once. REPEATABLE READ locks the gap, which
// OceanBase does not know.
func (t *target) gap(b *batch, placed bool) bool {
	return t.site != nil && !t.gaps && t.cfg.Target.Kind != tenant.OceanBase &&
		slices.ContainsFunc(b.nets, func(n *net) bool {
			return n.exact(t.carried) && !n.locked && (placed || n.final == nil)
		})
}

// writePlaced is write where unique values are disputed.
func (t *target) writePlaced(ctx context.Context, b *batch, last bool) error {
	p := t.newPlacer()
	keys := make([]conflict.Key, len(b.nets))
	for i, n := range b.nets {
		keys[i] = n.row()
	}
	moves, err := p.place(ctx, keys, func() ([]writing, error) {
		p.unions(b)
		if _, _, err := t.resolve(b, conflict.AtEnd); err != nil {
			return nil, err
		}
		return t.writings(b), nil
	}, nil)
	if err != nil {
		return err
	}
	if err := p.stopped(moves); err != nil {
		return err
	}
	if t.gap(b, true) {
		return errGap
	}
	if t.spooled {
		t.moves(moves)
	} else {
		t.notes.Placed = true
	}
	t.note(b, !t.spooled)
	s := t.newScript(ctx)
	t.mark(s, last)
	p.moves(s, moves)
	if err := t.finish(s, last); err != nil {
		return err
	}
	p.settled(moves)
	return nil
}

// moves remembers which rows a large transaction has moved. Those that one of its
// batches writes, before that or later, are not only moved: see keep.
func (t *target) moves(moves []conflict.Move) {
	if t.wrote == nil {
		t.wrote = map[uint64]bool{}
	}
	for _, m := range moves {
		if hash := m.Key.Hash(); !t.wrote[hash] {
			t.wrote[hash] = false
		}
	}
}

// moved gives the hashes of the rows that were only moved.
func (t *target) moved() []uint64 {
	var out []uint64
	for hash, wrote := range t.wrote {
		if !wrote {
			out = append(out, hash)
		}
	}
	slices.Sort(out)
	return out
}

// writings gives the rows that were decided to be written.
func (t *target) writings(b *batch) []writing {
	var out []writing
	for _, n := range b.nets {
		if n.out.Wrote {
			out = append(out, writing{n.row(), n.out.After, t.caseOf(n).Order(&n.out, t.carried)})
		}
	}
	return out
}

// mark adds the checkpoint row, once, and again at the end of a transaction of
// several batches if there is something else to say by then.
func (t *target) mark(s *script, last bool) {
	if t.marked && (!last || !t.spooled) {
		return
	}
	t.notes.Moved = t.moved()
	notes := conflict.AppendNotes(nil, &t.notes)
	if t.marked {
		if bytes.Equal(notes, t.record.Notes) {
			return
		}
		t.writes++
		t.record.Write = t.writes
	}
	t.record.Notes = notes
	s.statement(nil, string(t.store.AppendUpdate(nil, t.state.Epoch, t.record)))
	t.marked = true
}

// finish adds what was decided to the conflict log, ends the transaction if
// this is its last batch, and sends what was collected.
func (t *target) finish(s *script, last bool) error {
	for ; t.logged < len(t.conflicts); t.logged++ {
		c := &t.conflicts[t.logged]
		s.join(nil, checkpoint.ConflictInsert, "", func(dst []byte) []byte { return t.store.AppendConflictRow(dst, c) })
	}
	if last {
		s.commit()
	}
	return s.send()
}

// waiting reports whether a row of the batch may be parked.
func (t *target) waiting(b *batch) bool {
	if t.site == nil || t.parked.Len() == 0 {
		return false
	}
	for _, n := range b.nets {
		if n.plan.unique && t.parked.Has(n.row()) {
			return true
		}
	}
	return false
}

// missing reports whether a row of the batch that may be parked is not where the
// source's log has it.
func (t *target) missing(b *batch) bool {
	if t.site == nil {
		return false
	}
	return slices.ContainsFunc(b.nets, func(n *net) bool {
		return n.plan.unique && n.before != nil && n.current == nil && !t.window.inCopy(n.plan.name)
	})
}

// wanted reports whether a parked row may wait for a value that the batch gives
// up or takes.
func (t *target) wanted(b *batch) bool {
	if t.site == nil || t.parked.Len() == 0 {
		return false
	}
	for _, n := range b.nets {
		if !n.plan.touches || !n.out.Wrote {
			continue
		}
		for _, image := range [][]change.Value{n.current, n.final} {
			if t.wants(n.row(), image) {
				return true
			}
		}
	}
	return false
}

// wants reports whether a parked row may wait for a value of a row.
func (t *target) wants(key conflict.Key, image []change.Value) bool {
	return t.parked.any(t.relations.Claims(key, image)) || t.parked.any(t.relations.Gives(key, image))
}

// lockKeys is how many rows one SELECT locks: with one key column, with more.
const lockKeys, lockComposite = 500, 100

// lock reads the rows of the batch FOR UPDATE and notes in each net what is
// there. Until the transaction ends their tables keep their names.
func (t *target) lock(ctx context.Context, b *batch) error {
	text := t.head
	fence := len(text) > 0
	t.head = nil
	var sets []*plan
	for _, p := range b.plans {
		nets := t.looked(b.nets, p)
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
	t.claimed = claimed{}
	if t.cfg.DDL.Renames && len(sets) > 0 {
		text = t.appendNames(text, sets)
	}
	err := t.session.Each(ctx, string(text), func(set int, row []driver.Value) error {
		if fence {
			if set == 0 {
				return t.fenced(row)
			}
			set--
		}
		if set == len(sets) {
			return t.claimed.told(row)
		}
		return b.found(sets[set], row)
	})
	if err != nil {
		return err
	}
	return t.sure(ctx)
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
	if p.equal(n.before, image) && change.Whole(n.before) {
		n.current = n.before
	} else {
		n.current = change.CloneImage(image)
	}
	return nil
}

// duplicate turns the server's word on a row written alone into a mismatch.
func (t *target) duplicate(n *net, err error) error {
	if tenant.Classify(err) != tenant.Duplicate || n == nil {
		return err
	}
	return &Mismatch{Table: n.plan.target, Key: n.plan.formatKey(n.image()), Op: n.last, Txn: n.txn, Cause: err}
}
