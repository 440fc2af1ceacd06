package binlog

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-mysql-org/go-mysql/replication"

	"duplex/internal/change"
	"duplex/internal/conflict"
	"duplex/internal/schema"
)

// An applied is a group with a mark of our inbound link while it is being read:
// what the mark says, and of the rows those that the observer has to know. These
// are few and have images only where the index has one too, so that memory is
// bounded by the index and not by what the peer sends; of tables whose rows may
// be parked there is the key of each.
type applied struct {
	conflict.Applied
	doubt map[uint64]bool // hashes of the keys that the notes name in doubt
	kept  []*kept
	byKey map[conflict.Key]*kept
}

// A kept is what a group did to one row, in its table and among the parked ones.
type kept struct {
	key           conflict.Key
	table, parked span
}

// A span is from before the first change of a row to after its last.
type span struct {
	begun         bool
	before, after []change.Value
}

// add takes in an image: one of before a change, or of after it.
func (s *span) add(image []change.Value, old bool) {
	image = change.CloneImage(image)
	if !s.begun && old {
		s.before = image
	}
	if s.after = image; old {
		s.after = nil
	}
	s.begun = true
}

// mark takes in the columns of a checkpoint row.
func (a *applied) mark(version int64, carried, notes []byte) error {
	var stamps []change.Stamp
	var err error
	if len(carried) > 0 {
		if stamps, err = change.ParseCarried(carried); err != nil {
			return err
		}
	}
	n, err := conflict.ParseNotes(notes, len(stamps))
	if err != nil {
		return err
	}
	if len(stamps) > 0 && slices.EqualFunc(a.Carried, stamps, func(x, y change.Stamp) bool { return x.Seq == y.Seq }) {
		a.Carried, a.Notes = nil, conflict.Notes{} // the lane says it anew at the end of a large transaction, with all that it has to say
	}
	for i := range n.Keys {
		k := &n.Keys[i]
		k.Txn += len(a.Carried)
		if k.Doubt {
			if a.doubt == nil {
				a.doubt = map[uint64]bool{}
			}
			a.doubt[k.Hash] = true
		}
	}
	if a.Notes.Keys == nil { // mostly a group has one mark
		a.Notes.Keys = n.Keys
	} else {
		a.Notes.Keys = append(a.Notes.Keys, n.Keys...)
	}
	a.Notes.Judged = append(a.Notes.Judged, n.Judged...)
	a.Notes.Restored = append(a.Notes.Restored, n.Restored...)
	a.Notes.Placed = a.Notes.Placed || n.Placed
	a.Notes.Moved = append(a.Notes.Moved, n.Moved...)
	a.Notes.Emptied = append(a.Notes.Emptied, n.Emptied...)
	a.Version = max(a.Version, version)
	for _, s := range stamps {
		a.Version = max(a.Version, s.Version)
	}
	a.Carried = append(a.Carried, stamps...)
	return nil
}

// wrote takes in rows of which only the keys count, those of one event.
func (a *applied) wrote(table string, hashes ...uint64) {
	n := len(a.Keys)
	if n == 0 || a.Keys[n-1].Table != table {
		a.Keys = append(a.Keys, conflict.AppliedKeys{Table: table})
		n++
	}
	k := &a.Keys[n-1]
	for _, h := range hashes {
		if n := len(k.Hashes); n == 0 || k.Hashes[n-1] != h { // an update has two images
			k.Hashes = append(k.Hashes, h)
		}
	}
}

// whole is what the group says at its end.
func (a *applied) whole() *conflict.Applied {
	for _, k := range a.kept {
		row := conflict.Row{Key: k.key, Before: k.table.before, After: k.table.after}
		if row.Before == nil {
			row.Before = k.parked.before
		}
		if row.After == nil {
			row.After = k.parked.after
		}
		a.Rows = append(a.Rows, row)
	}
	return &a.Applied
}

// looksAt reports whether a row of t in the group may be one that the observer
// has to know: if not, it need not be decoded.
func (r *Reader) looksAt(a *applied, t *logTable) bool {
	if r.cfg.Conflicts == nil || len(a.Carried) == 0 { // a mark that carries nothing has put rows back, or moved them
		return false
	}
	if len(a.doubt) > 0 || r.cfg.Conflicts.mayPark(r.identityOf(t)) {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.observer.Quiet()
}

// identityOf tells the table of a project's rows as keys do.
func (r *Reader) identityOf(t *logTable) string {
	if t.identity == "" {
		t.identity = r.history.identity(schema.Name{Database: t.database, Name: t.name}, r.place())
	}
	return t.identity
}

// keepRow takes in a row that stood in the group before its mark.
func (r *Reader) keepRow(row *change.Row) error {
	t := row.Table
	if r.cfg.Conflicts == nil || len(t.Key) == 0 {
		return nil
	}
	name := r.nameOf(t)
	unique := r.cfg.Conflicts.mayPark(name)
	layout := r.layoutNow(t, name)
	if layout.gone {
		return nil
	}
	for i, image := range [...][]change.Value{row.Before, row.After} {
		if image == nil {
			continue
		}
		if k := r.keepKey(conflict.Key{Table: name, ID: change.RowID(t.Columns, t.Key, image)}, unique); k != nil {
			k.table.add(layout.to.Image(image), i == 0)
		}
	}
	return nil
}

// passOver takes in the rows of an event of a project's table in an applied group
// unless the observer has to know one of them with its images.
func (r *Reader) passOver(t *logTable, e *event, op change.Op, im *images) bool {
	if len(t.table.Key) == 0 {
		return true
	}
	t.scannable()
	name := r.nameOf(t.table)
	hashes, ok := r.keys.rows(t.keyed, name, e, op, im)
	if !ok || r.concerned(hashes) {
		return false
	}
	if r.cfg.Conflicts.mayPark(name) {
		r.group.applied.wrote(name, hashes...)
	}
	return true
}

// concerned reports whether the observer has to know a row with one of the hashes
// with its images.
func (r *Reader) concerned(hashes []uint64) bool {
	doubt := r.group.applied.doubt
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range hashes {
		if r.observer.Concerned(h) || doubt[h] {
			return true
		}
	}
	return false
}

// keepRows takes in the row images of an event of a project's table in an applied
// group.
func (r *Reader) keepRows(ctx context.Context, t *logTable, op change.Op, list [][]change.Value) error {
	name := r.nameOf(t.table)
	unique := r.cfg.Conflicts.mayPark(name)
	layout := r.layoutNow(t.table, name)
	if layout.gone {
		return nil
	}
	for i, image := range list {
		k := r.keepKey(conflict.Key{Table: name, ID: change.RowID(t.table.Columns, t.table.Key, image)}, unique)
		if k == nil {
			continue
		}
		if err := r.complete(ctx, t, op, list, i); err != nil {
			return err
		}
		k.table.add(layout.to.Image(image), before(op, i))
	}
	return nil
}

// before reports whether image i of an event is one of before the change.
func before(op change.Op, i int) bool {
	return op == change.Delete || op == change.Update && i%2 == 0
}

// keepKey gives where the images of a row go; nil if only the key counts, as of
// a row that may be parked, or not even that.
func (r *Reader) keepKey(key conflict.Key, unique bool) *kept {
	a, hash := r.group.applied, [...]uint64{key.Hash()}
	if !r.concerned(hash[:]) {
		if unique {
			a.wrote(key.Table, hash[:]...)
		}
		return nil
	}
	k := a.byKey[key]
	if k == nil {
		if a.byKey == nil {
			a.byKey = map[conflict.Key]*kept{}
		}
		k = &kept{key: key}
		a.byKey[key], a.kept = k, append(a.kept, k)
	}
	return k
}

// parkedRows takes in rows of duplex.parked in an applied group. Each stands for
// a row of the table that it belongs to.
func (r *Reader) parkedRows(t *logTable, op change.Op, e *replication.RowsEvent) error {
	for i, row := range e.Rows {
		if string(bytesOf(row[parkedProject])) != r.cfg.Project {
			continue
		}
		key := conflict.Key{Table: string(bytesOf(row[parkedTable])), ID: string(bytesOf(row[parkedID]))}
		image, _, err := change.ParseImage(bytesOf(row[parkedImage]))
		if err != nil {
			return fmt.Errorf("%s: image of a row of %s: %w", t, key.Table, err)
		}
		a := r.group.applied
		a.Parked = append(a.Parked, key)
		if k := r.keepKey(key, true); k != nil {
			if r.cfg.Conflicts.Now != nil {
				if now := r.cfg.Conflicts.Now(key.Table); now != nil {
					image = r.history.Counted(image, now)
				}
			}
			k.parked.add(image, before(op, i))
		}
	}
	return nil
}
