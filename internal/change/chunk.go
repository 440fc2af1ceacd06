package change

import "errors"

// A Watermark is a point of a site's log that its reader has reached: every
// transaction with a smaller seq was committed, and visible, before it.
type Watermark struct {
	Seq     uint64 // of the next local transaction
	Version int64  // the version clock
	Seen    Seqs
}

// Before reports whether w is lower than o, of two watermarks of one log. What has
// come from the other site can move one on where no transaction of its own does.
func (w *Watermark) Before(o *Watermark) bool {
	return w.Seq < o.Seq || w.Seq == o.Seq && w.Seen.Low < o.Seen.Low
}

// ErrReread says that a chunk has to be read again: a transaction too large to
// remember its rows touched the table since the chunk's low watermark.
var ErrReread = errors.New("the chunk was overtaken by a large transaction")

// A Chunk is a range of rows that a copy has read at the source. It is an
// applied transaction like any other, and the weakest of all: what is there
// already stays, and keys that the link touched since Low are left to the link.
type Chunk struct {
	Table  *Table // as the rows were read
	Rows   [][]Value
	Low    Watermark // of the source, taken before the rows were read
	Oldest Watermark // the lowest Low of any chunk of the table that is not written yet
	Note   string    // a statement of the copy's own, run in the same transaction

	Written int // set by the applier: rows that were inserted
}

// chunkVersion is older than the version of any write: a copied row loses to
// every write that it has not seen.
const chunkVersion = -1 << 40

// Stamp is what the chunk's transaction carries.
func (c *Chunk) Stamp() Stamp {
	return Stamp{Seq: NoSeq, Version: chunkVersion, Seen: c.Low.Seen}
}
