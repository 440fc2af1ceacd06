package conflict

import "github.com/cespare/xxhash/v2"

// A Key is a row's identity: its table as the site names it, and the exact
// bytes of its identity columns. Two rows of one table are the same row if and
// only if their keys are equal.
type Key struct {
	Table string // database.table
	ID    string
}

// Hash is the form in which a mark names the key.
func (k Key) Hash() uint64 {
	var buf [128]byte
	b := append(append(append(buf[:0], k.Table...), 0), k.ID...)
	return xxhash.Sum64(b)
}
