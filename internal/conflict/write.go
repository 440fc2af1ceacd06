package conflict

import "duplex/internal/change"

// A Write is what one transaction did to one row, from the row before the
// transaction to the row after it.
type Write struct {
	Seq       uint64
	Version   int64
	Rank      int   // of the site that wrote
	Committed int64 // microseconds since 1970, as the log says
	Fresh     bool  // there was no row before
	After     []change.Value
	added     []addend // Delta, a rival: what its site has added and the other has not seen
}

// deleted reports whether the write took the row away.
func (w *Write) deleted() bool { return w.After == nil }

// copied reports whether the row came by a chunk of a copy.
func (w *Write) copied() bool { return w.Seq == change.NoSeq }

// newer orders writes by version, then by site. It extends causality: a write
// is newer than every write that it has seen.
func (w *Write) newer(o *Write) bool {
	if w.Version != o.Version {
		return w.Version > o.Version
	}
	return w.Rank > o.Rank
}

// size is the memory that a write with its image occupies, about.
func (w *Write) size() int {
	n := 72 + 40*len(w.After)
	for i := range w.After {
		n += len(w.After[i].Bytes)
	}
	return n
}
