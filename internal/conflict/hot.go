package conflict

import (
	"bytes"

	"duplex/internal/change"
)

// hot holds the entries that are in memory, in the order of their seqs. They have
// no pointers and lie in large pieces: a collector that looks at a few hundred
// thousand entries each time takes more than all that is done with them. They are
// found by a table of their own, since it is the way through memory that counts: a
// key that is not there, as of most rows, takes one step.
type hot struct {
	places []seat   // by the low bits of a hash, or behind: open addressing, as many as a power of two
	taken  int      // places, one for each hash
	slabs  [][]slot // slot n is slabs[n >> slabBits][n & (slabSize-1)]; number 0 is none
	used   uint32   // slots that were ever used
	unused uint32   // of those the first that is free, by their next
	oldest uint32
	latest uint32
	count  int
	bytes  int64
	blobs  blobs
	over   map[uint32][]Write // by slot: see entry
	tables []string
	number map[string]uint32
}

// A seat is where the first slot of a hash is found; slot 0: it is empty.
type seat struct{ low, slot uint32 } // low: 32 bits of the hash

// A slot is one entry.
type slot struct {
	hash, seq          uint64
	version, committed int64
	at                 blob // the key's ID, and the image behind it
	id, image          uint32
	rank               int32
	table              uint32
	next               uint32 // of the same hash, or of those that are free
	older, newer       uint32
	flags              byte // as in a record
}

const slabBits, slabSize = 10, 1 << 10

// slotSize is what an entry in memory occupies besides its id, image and earlier
// writes: a slot of 72 bytes, and 8 in a table that is three eighths to three quarters full.
const slotSize = 88

func newHot() hot { return hot{places: make([]seat, slabSize), used: 1} }

// place gives the number of a hash's place, or of the empty one where it would be.
func (h *hot) place(hash uint64) uint32 {
	last := uint32(len(h.places) - 1)
	for i := uint32(hash) & last; ; i = (i + 1) & last {
		if p := h.places[i]; p.slot == 0 || p.low == uint32(hash) && h.slot(p.slot).hash == hash {
			return i
		}
	}
}

// first gives the first slot of a hash, 0 if there is none.
func (h *hot) first(hash uint64) uint32 { return h.places[h.place(hash)].slot }

// vacate empties a place, and moves those behind it that had found theirs taken.
func (h *hot) vacate(i uint32) {
	last := uint32(len(h.places) - 1)
	for j := (i + 1) & last; h.places[j].slot != 0; j = (j + 1) & last {
		if home := h.places[j].low & last; (j-home)&last >= (j-i)&last {
			h.places[i] = h.places[j]
			i = j
		}
	}
	h.places[i] = seat{}
	h.taken--
}

// spread makes twice as many places.
func (h *hot) spread() {
	old := h.places
	h.places = make([]seat, 2*len(old))
	for _, p := range old {
		if p.slot != 0 {
			h.places[h.place(h.slot(p.slot).hash)] = p
		}
	}
}

func (h *hot) slot(n uint32) *slot { return &h.slabs[n>>slabBits][n&(slabSize-1)] }

// find gives the slot of a key, 0 if it is not in memory.
func (h *hot) find(hash uint64, key Key) uint32 {
	for n := h.first(hash); n != 0; n = h.slot(n).next {
		s := h.slot(n)
		if h.tables[s.table] == key.Table && string(h.blobs.get(s.at, s.id)) == key.ID {
			return n
		}
	}
	return 0
}

// add makes a slot for a key that has none, in no order yet.
func (h *hot) add(hash uint64, key Key) uint32 {
	n := h.unused
	if n != 0 {
		h.unused = h.slot(n).next
	} else {
		n = h.used
		if h.used++; int(n>>slabBits) >= len(h.slabs) {
			h.slabs = append(h.slabs, make([]slot, slabSize))
		}
	}
	table, ok := h.number[key.Table]
	if !ok {
		if h.number == nil {
			h.number = map[string]uint32{}
		}
		table = uint32(len(h.tables))
		h.tables, h.number[key.Table] = append(h.tables, key.Table), table
	}
	i := h.place(hash)
	*h.slot(n) = slot{hash: hash, seq: change.NoSeq, table: table, next: h.places[i].slot}
	if h.places[i].slot == 0 {
		h.taken++
	}
	if h.places[i] = (seat{uint32(hash), n}); h.taken > len(h.places)/4*3 {
		h.spread()
	}
	return n
}

// write puts a write, and its image, nil for a deleted row, into a slot that is in
// no order.
func (h *hot) write(n uint32, id string, w *Write, image []byte) {
	s := h.slot(n)
	h.blobs.free(s.at)
	s.at = h.blobs.put(id, image)
	s.id, s.image = uint32(len(id)), uint32(len(image))
	s.seq, s.version, s.committed, s.rank, s.flags = w.Seq, w.Version, w.Committed, int32(w.Rank), 0
	if image != nil {
		s.flags |= flagImage
	}
	if w.Fresh {
		s.flags |= flagFresh
	}
}

// judge says whether a transaction of the peer has replaced the write.
func (h *hot) judge(n uint32, lost, told bool) {
	s := h.slot(n)
	s.flags &^= flagLost | flagTold
	if lost {
		s.flags |= flagLost
	}
	if told {
		s.flags |= flagTold
	}
}

// follow says which earlier writes may outrank the one in a slot, which is in no
// order.
func (h *hot) follow(n uint32, over []Write) {
	if len(over) == 0 {
		delete(h.over, n)
		return
	}
	if h.over == nil {
		h.over = map[uint32][]Write{}
	}
	h.over[n] = over
}

// entry gives what a slot holds, in memory of its own.
func (h *hot) entry(n uint32) *entry {
	s := h.slot(n)
	e := &entry{
		key: Key{h.tables[s.table], string(h.blobs.get(s.at, s.id))}, hash: s.hash, over: h.over[n],
		lost: s.flags&flagLost != 0, told: s.flags&flagTold != 0,
	}
	e.write = Write{Seq: s.seq, Version: s.version, Rank: int(s.rank), Committed: s.committed, Fresh: s.flags&flagFresh != 0}
	e.image = bytes.Clone(h.image(s))
	return e
}

// image gives a slot's image, nil if there is none, valid until the next write.
func (h *hot) image(s *slot) []byte {
	if s.flags&flagImage == 0 {
		return nil
	}
	return h.blobs.get(s.at, s.id+s.image)[s.id:]
}

// attach puts a slot behind all others in order of seq.
func (h *hot) attach(n uint32) {
	s := h.slot(n)
	h.count++
	h.bytes += h.size(n)
	if s.older, s.newer = h.latest, 0; s.older == 0 {
		h.oldest = n
	} else {
		h.slot(s.older).newer = n
	}
	h.latest = n
}

// detach takes a slot out of the order, and leaves it with its hash.
func (h *hot) detach(n uint32) {
	s := h.slot(n)
	h.count--
	h.bytes -= h.size(n)
	if s.older == 0 {
		h.oldest = s.newer
	} else {
		h.slot(s.older).newer = s.newer
	}
	if s.newer == 0 {
		h.latest = s.older
	} else {
		h.slot(s.newer).older = s.older
	}
}

// remove takes an entry out.
func (h *hot) remove(n uint32) {
	h.detach(n)
	s := h.slot(n)
	if i := h.place(s.hash); h.places[i].slot != n {
		p := h.slot(h.places[i].slot)
		for p.next != n {
			p = h.slot(p.next)
		}
		p.next = s.next
	} else if s.next != 0 {
		h.places[i].slot = s.next
	} else {
		h.vacate(i)
	}
	h.blobs.free(s.at)
	delete(h.over, n)
	s.at, s.next = blob{}, h.unused
	h.unused = n
	if h.count == 0 {
		h.clear()
	}
}

// clear gives back what many entries took, and keeps what few take.
func (h *hot) clear() {
	if len(h.slabs) > 1 {
		h.places, h.slabs = make([]seat, slabSize), [][]slot{h.slabs[0]}
	}
	h.used, h.unused = 1, 0
	h.blobs.clear()
}

func (h *hot) size(n uint32) int64 {
	s := h.slot(n)
	size := slotSize + int(s.id) + int(s.image)
	if len(h.over) > 0 {
		for _, w := range h.over[n] {
			size += w.size()
		}
	}
	return int64(size)
}

// blobs holds bytes of many lengths in large pieces. A piece is given back when
// nothing of it is needed; since what is written first is mostly let go of first,
// that is soon.
type blobs struct {
	pieces []piece
	last   uint32 // the piece that is written to
	bytes  int64  // of all pieces
}

type piece struct {
	data []byte
	live int // blobs that are needed
}

// A blob is the place of one: zero is none.
type blob struct{ piece, offset uint32 } // the piece's number and one

const pieceSize = 64 << 10

func (b *blobs) put(id string, image []byte) blob {
	n := len(id) + len(image)
	if len(b.pieces) == 0 || cap(b.pieces[b.last].data)-len(b.pieces[b.last].data) < n {
		b.open(n)
	}
	p := &b.pieces[b.last]
	at := blob{b.last + 1, uint32(len(p.data))}
	p.data = append(append(p.data, id...), image...)
	p.live++
	return at
}

// open begins a piece that has room for n bytes.
func (b *blobs) open(n int) {
	for b.last = 0; int(b.last) < len(b.pieces) && b.pieces[b.last].live > 0; b.last++ {
	}
	if int(b.last) == len(b.pieces) {
		b.pieces = append(b.pieces, piece{})
	}
	p := &b.pieces[b.last]
	if n = max(n, pieceSize); cap(p.data) != n {
		b.bytes += int64(n - cap(p.data))
		p.data = make([]byte, 0, n)
	}
	p.data = p.data[:0]
}

// get gives n bytes of a blob, valid until the next put.
func (b *blobs) get(at blob, n uint32) []byte {
	if at.piece == 0 {
		return nil
	}
	return b.pieces[at.piece-1].data[at.offset : at.offset+n]
}

// clear keeps one piece. Nothing is needed.
func (b *blobs) clear() {
	if p := b.pieces[b.last]; len(b.pieces) > 1 {
		*b = blobs{pieces: []piece{p}, bytes: int64(cap(p.data))}
	}
}

func (b *blobs) free(at blob) {
	if at.piece == 0 {
		return
	}
	p := &b.pieces[at.piece-1]
	if p.live--; p.live > 0 {
		return
	}
	if at.piece-1 == b.last && cap(p.data) == pieceSize {
		p.data = p.data[:0]
		return
	}
	b.bytes -= int64(cap(p.data))
	p.data = nil
}

// excess reports whether much more is held than is needed, by what is left in each
// piece.
func (b *blobs) excess(budget int64) bool { return b.bytes > 2*budget+4*pieceSize }
