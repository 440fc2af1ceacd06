package binlog

import (
	"duplex/internal/change"
	"duplex/internal/conflict"
)

// Of nearly all rows that the peer has written only the hash of the key counts.
// What is here finds it in the raw row images and passes over all else. Of whatever
// is rare or looks wrong it says that it does not know, and the row is decoded.

// A keyScan reads events for the keys of their rows. It belongs to one
// goroutine.
type keyScan struct {
	unpacker
	hashes []uint64
	key    []byte // what is hashed
	value  [1]change.Value
	room   []byte // of a value that has to be built
}

// rows gives the hashes of the keys of an event's row images, in their order but
// without repetition of the last; they are valid until the next call. table is
// its name as keys have it, and l looks for the identity. It is false where the keys
// have to be decoded.
func (s *keyScan) rows(l *layout, table string, e *event, op change.Op, im *images) ([]uint64, bool) {
	if l == nil {
		return nil, false
	}
	b, ok := s.images(e, im)
	if !ok {
		return nil, false
	}
	s.hashes = s.hashes[:0]
	s.key = conflict.AppendTable(s.key[:0], table)
	for i := 0; len(b) > 0; i++ {
		n, ok := l.find(b, im.lacking(op, i))
		if !ok {
			return nil, false
		}
		b = b[n:]
		hash, ok := s.hash(l)
		if !ok {
			return nil, false
		}
		if k := len(s.hashes); k == 0 || s.hashes[k-1] != hash {
			s.hashes = append(s.hashes, hash)
		}
		if op == change.Update && i%2 == 0 && len(b) == 0 {
			return nil, false
		}
	}
	return s.hashes, true
}

// hash is that of the key which find has found.
func (s *keyScan) hash(l *layout) (uint64, bool) {
	key := s.key
	for i := range l.cells {
		v := &s.value[0]
		*v = change.Value{}
		if raw := l.raw[i]; raw != nil {
			s.room = s.room[:0]
			if !l.cells[i].value(v, raw, &s.room) {
				return 0, false
			}
			*v = l.cells[i].column.Identity(*v)
		}
		key = change.AppendImage(key, s.value[:])
	}
	s.key = key[:len(s.key)]
	return conflict.HashKey(key), true
}
