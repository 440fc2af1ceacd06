package sim

import (
	"duplex/internal/change"
	"duplex/internal/conflict"
)

// A rowChange is one row of a transaction in a log.
type rowChange struct {
	key           conflict.Key
	before, after []change.Value
}

// A record is a committed transaction in a server's log.
type record struct {
	local     bool
	committed int64
	rows      []rowChange
	id        int    // of a local transaction: which of the site's, in order
	empties   string // the table that it takes all rows out of
	names     naming // what it makes tables be called

	version int64 // of a mark
	carried []change.Stamp
	notes   []byte
	parked  []conflict.Key // whose parked row was written or taken out
}

// A verdict is a row of the conflict table.
type verdict struct {
	key   conflict.Key
	loser writeID
	kind  conflict.Kind
}

// writeID names a local transaction of the pair.
type writeID struct{ site, seq int }

// nobody wrote a row that was there at first.
var nobody = writeID{-1, 0}

// A rowWrite is what one transaction did to one row.
type rowWrite struct {
	key conflict.Key
	by  writeID
}

// A server is one tenant: what a crash of ours does not take away.
type server struct {
	rows      map[conflict.Key][]change.Value
	parked    map[conflict.Key]*conflict.Parked
	log       []*record
	locks     map[conflict.Key]*work
	clock     int64
	locals    int
	conflicts []verdict
	wrote     map[conflict.Key]bool    // by the application
	held      map[conflict.Key]writeID // whose write the row is, in the table or parked; a deletion is one too
	over      map[rowWrite]bool        // the application has written over it
	names     naming

	// What the history says of names, and up to which record.
	known   naming
	learned int

	// What the checkpoint says.
	applied change.Seqs
	settled conflict.Point
}

func newServer(clock int64) *server {
	return &server{
		rows: map[conflict.Key][]change.Value{}, parked: map[conflict.Key]*conflict.Parked{}, locks: map[conflict.Key]*work{},
		wrote: map[conflict.Key]bool{}, held: map[conflict.Key]writeID{}, over: map[rowWrite]bool{}, clock: clock,
	}
}

// set writes a row, and tells whether the log shows it.
func (s *server) set(key conflict.Key, after []change.Value) (rowChange, bool) {
	c := rowChange{key, s.rows[key], after}
	if same(c.before, after) {
		return c, false
	}
	if after == nil {
		delete(s.rows, key)
	} else {
		s.rows[key] = after
	}
	return c, true
}

// writtenBy notes that the row is somebody's write now.
func (s *server) writtenBy(key conflict.Key, by writeID, application bool) {
	if was, ok := s.held[key]; ok && application && was != by {
		s.over[rowWrite{key, was}] = true
	}
	s.held[key] = by
}

// same compares images as a server does: nil is no row.
func same(a, b []change.Value) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	for i := range a {
		if a[i].Kind != b[i].Kind || a[i].Bits != b[i].Bits {
			return false
		}
	}
	return true
}
