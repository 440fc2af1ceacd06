package conflict

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
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
	// Moved takes the place of Placed where a transaction is too large for all its
	// keys to be named: hashes of rows that were moved and not written.
	Moved []uint64
	// Emptied names tables that the one transaction which is carried has emptied: of
	// those rows the ones are gone that it was to take away, and the others are as
	// they were.
	Emptied []string
}

// A KeyNote names the transaction that wrote a key last.
type KeyNote struct {
	Hash   uint64
	Short  bool // of Hash only the low 32 bits are known, which is enough for a key that the log shows
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

// named finds the note of a key that the log shows.
type named struct {
	keys  map[uint64]KeyNote
	short map[uint32]KeyNote
	moved map[uint64]bool
}

func (n *Notes) named() (*named, error) {
	out := &named{map[uint64]KeyNote{}, map[uint32]KeyNote{}, map[uint64]bool{}}
	for _, hash := range n.Moved {
		out.moved[hash] = true
	}
	for _, k := range n.Keys {
		if !k.Short {
			out.keys[k.Hash] = k
			continue
		}
		if _, twice := out.short[uint32(k.Hash)]; twice {
			return nil, fmt.Errorf("%w: two keys are not told apart", errNotes)
		}
		out.short[uint32(k.Hash)] = k
	}
	return out, nil
}

func (n *named) find(hash uint64) (KeyNote, bool) {
	if k, ok := n.keys[hash]; ok {
		return k, true
	}
	k, ok := n.short[uint32(hash)]
	return k, ok
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
const notesFormat, notesPlaced, notesMoved = 5, 6, 7

var errNotes = errors.New("notes of a mark are malformed")

// AppendNotes appends n in a form that ParseNotes reads; nothing for empty
// notes, as most are.
func AppendNotes(dst []byte, n *Notes) []byte {
	if len(n.Keys)+len(n.Judged)+len(n.Restored)+len(n.Moved)+len(n.Emptied) == 0 && !n.Placed {
		return dst
	}
	format := byte(notesFormat)
	switch {
	case n.Placed:
		format = notesPlaced
	case len(n.Moved) > 0:
		format = notesMoved
	}
	dst = appendKeys(append(dst, format), n)
	dst = appendJudged(dst, n.Judged)
	dst = binary.AppendUvarint(dst, uint64(len(n.Restored)))
	for _, r := range n.Restored {
		dst = binary.AppendUvarint(binary.LittleEndian.AppendUint64(dst, r.Hash), r.Seq)
		dst = binary.AppendVarint(dst, r.Version)
	}
	if format == notesMoved {
		dst = binary.AppendUvarint(dst, uint64(len(n.Moved)))
		for _, hash := range n.Moved {
			dst = binary.LittleEndian.AppendUint64(dst, hash)
		}
	}
	for _, table := range n.Emptied {
		dst = appendBytes(dst, table)
	}
	return dst
}

// appendKeys writes those of which nothing but the transaction is said behind the
// others, in the short form: a mark of many has hardly anything else in it, and the
// log holds it twice.
func appendKeys(dst []byte, n *Notes) []byte {
	distinct := !n.Placed && len(n.Moved) == 0 && shortsDiffer(n.Keys)
	short := func(k *KeyNote) bool { return k.Short || distinct && !k.Silent && !k.Doubt && !k.Lost }
	shorts := 0
	for i := range n.Keys {
		if short(&n.Keys[i]) {
			shorts++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(n.Keys)-shorts))
	for i := range n.Keys {
		if k := &n.Keys[i]; !short(k) {
			dst = binary.AppendUvarint(binary.LittleEndian.AppendUint64(dst, k.Hash), uint64(k.Txn)<<4|k.flags())
		}
	}
	dst = binary.AppendUvarint(dst, uint64(shorts))
	for i := range n.Keys {
		if k := &n.Keys[i]; short(k) {
			dst = binary.AppendUvarint(binary.LittleEndian.AppendUint32(dst, uint32(k.Hash)), uint64(k.Txn))
		}
	}
	return dst
}

// shortsDiffer reports whether the low 32 bits tell the keys apart.
func shortsDiffer(keys []KeyNote) bool {
	all := make([]uint32, len(keys))
	for i := range keys {
		all[i] = uint32(keys[i].Hash)
	}
	slices.Sort(all)
	return len(slices.Compact(all)) == len(keys)
}

func (k *KeyNote) flags() (x uint64) {
	for i, is := range [...]bool{k.Silent, k.Doubt, k.Lost, k.Gone} {
		if is {
			x |= 1 << i
		}
	}
	return x
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
	if raw[0] < notesFormat || raw[0] > notesMoved {
		return n, fmt.Errorf("%w: unknown format", errNotes)
	}
	n.Placed = raw[0] == notesPlaced
	d := &parser{b: raw[1:]}
	n.Keys = d.keys(txns)
	n.Judged = d.judged()
	for range d.count(10) {
		n.Restored = append(n.Restored, Restored{Hash: d.hash(), Seq: d.uvarint(), Version: d.varint()})
	}
	if raw[0] == notesMoved {
		for range d.count(8) {
			n.Moved = append(n.Moved, d.hash())
		}
		if len(n.Moved) == 0 || txns != 1 { // it is written for a transaction that is alone
			d.fail()
		}
	}
	for len(d.b) > 0 {
		n.Emptied = append(n.Emptied, string(d.bytes()))
	}
	if d.bad || len(n.Emptied) > 0 && txns != 1 {
		return Notes{}, errNotes
	}
	return n, nil
}
