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
	return HashKey(append(AppendTable(buf[:0], k.Table), k.ID...))
}

// AppendTable appends what the keys of a table begin with in HashKey.
func AppendTable(dst []byte, table string) []byte { return append(append(dst, table...), 0) }

// HashKey is Key.Hash of the bytes of AppendTable with those of the key's ID
// behind them.
func HashKey(b []byte) uint64 { return xxhash.Sum64(b) }
