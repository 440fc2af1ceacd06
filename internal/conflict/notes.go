package conflict

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Notes is what a mark says beyond the stamps that it carries. Keys stand in
// it by their hash.
type Notes struct {
	// Keys says which carried transaction wrote a key last: of every key where
	// more than one is carried, else of those only that were written without
	// leaving a row in the log, or in doubt.
	Keys []KeyNote
	// Judged are local writes that were found overridden, with their row in the
	// conflict log: nobody has to log them again.
	Judged []Judged
	// Restored are local writes that a late check has put back. A mark with any
	// carries no stamps.
	Restored []Restored
	// Placed says that rows were moved between their table and the parked ones:
	// Keys then holds every key that was written, and what else the log shows was
	// only moved.
	Placed bool
}

// A KeyNote names the transaction that wrote a key last.
type KeyNote struct {
	Hash   uint64
	Txn    int  // which of the carried stamps
	Silent bool // without a row in the log
	// Gone, of a silent one: there was no row, and nothing kept the application from
	// inserting one before the commit.
	Gone bool
	// Doubt: the row was not what it should have been, and the reader was not at
	// the end of the log: it will know whether that was drift.
	Doubt bool
	// Lost: a sum was written by a transaction that lost its other columns, and is
	// in the conflict log for that.
	Lost bool
}

// Judged is one local write of one key.
type Judged struct {
	Hash uint64
	Seq  uint64
}

// Add takes in what was decided about a row. many says that the transaction
// carries more than one source transaction.
func (n *Notes) Add(c *Case, o *Outcome, many bool) {
	hash := c.Key.Hash()
	if silent := o.Wrote && c.Unchanged(o); silent || o.Doubt || o.Lost || o.Wrote && many {
		n.Keys = append(n.Keys, KeyNote{
			Hash: hash, Txn: o.Txn, Silent: silent, Gone: silent && o.After == nil, Doubt: o.Doubt, Lost: o.Lost,
		})
	}
	for i := range o.Decisions {
		if d := &o.Decisions[i]; d.Verdict.Winner == Incoming && d.Verdict.Kind != Drift {
			n.Judged = append(n.Judged, Judged{Hash: hash, Seq: d.Local.Seq})
		}
	}
}

// Restored is a local write that was put back.
type Restored struct {
	Hash    uint64
	Seq     uint64
	Version int64
}

// notesFormat is the first byte of notes.
const notesFormat, notesPlaced = 3, 4

var errNotes = errors.New("notes of a mark are malformed")

// AppendNotes appends n in a form that ParseNotes reads; nothing for empty
// notes, as most are.
func AppendNotes(dst []byte, n *Notes) []byte {
	if len(n.Keys)+len(n.Judged)+len(n.Restored) == 0 && !n.Placed {
		return dst
	}
	format := byte(notesFormat)
	if n.Placed {
		format = notesPlaced
	}
	dst = append(dst, format)
	dst = binary.AppendUvarint(dst, uint64(len(n.Keys)))
	for _, k := range n.Keys {
		dst = binary.LittleEndian.AppendUint64(dst, k.Hash)
		x := uint64(k.Txn) << 4
		if k.Silent {
			x |= 1
		}
		if k.Doubt {
			x |= 2
		}
		if k.Lost {
			x |= 4
		}
		if k.Gone {
			x |= 8
		}
		dst = binary.AppendUvarint(dst, x)
	}
	dst = appendJudged(dst, n.Judged)
	dst = binary.AppendUvarint(dst, uint64(len(n.Restored)))
	for _, r := range n.Restored {
		dst = binary.AppendUvarint(binary.LittleEndian.AppendUint64(dst, r.Hash), r.Seq)
		dst = binary.AppendVarint(dst, r.Version)
	}
	return dst
}

func appendJudged(dst []byte, js []Judged) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(js)))
	for _, j := range js {
		dst = binary.AppendUvarint(binary.LittleEndian.AppendUint64(dst, j.Hash), j.Seq)
	}
	return dst
}

// ParseNotes reads what AppendNotes wrote in a mark of txns stamps.
func ParseNotes(raw []byte, txns int) (Notes, error) {
	var n Notes
	if len(raw) == 0 {
		return n, nil
	}
	if raw[0] != notesFormat && raw[0] != notesPlaced {
		return n, fmt.Errorf("%w: unknown format", errNotes)
	}
	n.Placed = raw[0] == notesPlaced
	d := &parser{b: raw[1:]}
	keys := d.count()
	if keys > 0 {
		n.Keys = make([]KeyNote, 0, keys)
	}
	for range keys {
		k := KeyNote{Hash: d.hash()}
		x := d.uvarint()
		k.Txn, k.Silent, k.Doubt, k.Lost, k.Gone = int(x>>4), x&1 != 0, x&2 != 0, x&4 != 0, x&8 != 0
		if x>>4 >= uint64(txns) {
			d.fail()
		}
		n.Keys = append(n.Keys, k)
	}
	n.Judged = d.judged()
	for range d.count() {
		n.Restored = append(n.Restored, Restored{Hash: d.hash(), Seq: d.uvarint(), Version: d.varint()})
	}
	if d.bad || len(d.b) > 0 {
		return Notes{}, errNotes
	}
	return n, nil
}
