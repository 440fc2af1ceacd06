package conflict

import (
	"github.com/cespare/xxhash/v2"

	"duplex/internal/change"
)

// lately remembers rows as writes left them that have lost: local ones that are
// settled, and the peer's. The peer's application may have seen such a row before
// the peer's reader found that it has lost, and have written on top of it: that
// comes as a change of a row that is not here, and is no drift.
type lately struct {
	rows map[uint64]struct{} // a hash of key and image
	ring []uint64            // the same in order, around
	next int
}

// latelyRows is how many rows are remembered, in about 3 MiB.
const latelyRows = 1 << 16

func (l *lately) add(row uint64) {
	if _, ok := l.rows[row]; ok {
		return
	}
	if l.rows == nil {
		l.rows = map[uint64]struct{}{}
	}
	if len(l.ring) < latelyRows {
		l.ring = append(l.ring, row)
	} else {
		delete(l.rows, l.ring[l.next])
		l.ring[l.next] = row
		l.next = (l.next + 1) % latelyRows
	}
	l.rows[row] = struct{}{}
}

// rowHash is of a key's hash and the bytes of its image, nil for no row.
func rowHash(hash uint64, image []byte) uint64 {
	return hash*0x9e3779b97f4a7c15 ^ xxhash.Sum64(image)
}

func (x *Index) rowHash(key Key, image []change.Value) uint64 {
	x.buf = x.buf[:0]
	if image != nil {
		x.buf = change.AppendImage(x.buf, image)
	}
	return rowHash(key.Hash(), x.buf)
}

// Lost says that a write of the peer has lost which left image in its row.
func (x *Index) Lost(key Key, image []change.Value) { x.past.add(x.rowHash(key, image)) }

// Lately reports whether image is a row as a write left it that has lost.
func (x *Index) Lately(key Key, image []change.Value) bool {
	if len(x.past.rows) == 0 {
		return false
	}
	_, ok := x.past.rows[x.rowHash(key, image)]
	return ok
}
