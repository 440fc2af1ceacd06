package conflict

import (
	"bytes"
	"encoding/binary"

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
	head   []byte   // of the last blob
	way    []uint32 // of walk, and its
	end    uint64
	over   map[uint32][]Write // by slot: see entry
	tables []string
	number map[string]uint32
}

// A seat is where the first slot of a hash is found; slot 0: it is empty.
type seat struct{ low, slot uint32 } // low: 32 bits of the hash

// A slot is one entry: a line of memory, in which a key with a short ID is known.
type slot struct {
	hash, seq    uint64
	at           blob   // version, time of commit, the key's ID if it is long, and the image
	id, image    uint32 // their lengths
	table        uint32
	next         uint32 // of the same hash, or of those that are free
	older, newer uint32
	rank         int16
	flags        byte     // as in a record
	short        [13]byte // the ID, if it has room
}

const slabBits, slabSize = 10, 1 << 10

// slotSize is what an entry in memory occupies besides a long id, its image and
// earlier writes: a slot of 64 bytes, two times, and 8 in a table that is three
// eighths to three quarters full.
const slotSize = 96

// times is the bytes of a version and a time of commit.
const times = 16

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
		if h.tables[s.table] == key.Table && string(h.id(s)) == key.ID {
			return n
		}
	}
	return 0
}

// walk goes the way through memory to the entries of some hashes, and to those
// beside them: steps that do not wait for each other take hardly longer together than
// one does.
func (h *hot) walk(hashes []uint64) {
	last := uint32(len(h.places) - 1)
	h.way = h.way[:0]
	for _, hash := range hashes {
		h.way = append(h.way, h.places[uint32(hash)&last].slot)
	}
	for _, n := range h.way {
		if n != 0 {
			s := h.slot(n)
			h.way = append(h.way, s.older, s.newer)
		}
	}
	for _, n := range h.way[len(hashes):] {
		if n != 0 {
			h.end = h.slot(n).seq // a load that nobody needs is left out
		}
	}
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
	s.id, s.image = uint32(len(id)), uint32(len(image))
	s.seq, s.rank, s.flags = w.Seq, int16(w.Rank), 0
	h.head = binary.LittleEndian.AppendUint64(h.head[:0], uint64(w.Version))
	h.head = binary.LittleEndian.AppendUint64(h.head, uint64(w.Committed))
	if copy(s.short[:], id) < len(id) {
		h.head = append(h.head, id...)
	}
	s.at = h.blobs.put(h.head, image)
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
		key: Key{h.tables[s.table], string(h.id(s))}, hash: s.hash, over: h.over[n],
		lost: s.flags&flagLost != 0, told: s.flags&flagTold != 0,
	}
	e.write = Write{Seq: s.seq, Rank: int(s.rank), Fresh: s.flags&flagFresh != 0}
	if b := h.blobs.get(s.at, times); b != nil { // there is none of a slot that nothing was written into
		e.write.Version, e.write.Committed = int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))
	}
	e.image = bytes.Clone(h.image(s))
	return e
}

// long is the length of an ID for which the slot has no room.
func (s *slot) long() uint32 {
	if s.id > uint32(len(s.short)) {
		return s.id
	}
	return 0
}

// id gives the ID of a slot's key, valid until the next write.
func (h *hot) id(s *slot) []byte {
	if n := s.long(); n > 0 {
		return h.blobs.get(s.at, times+n)[times:]
	}
	return s.short[:s.id]
}

// image gives a slot's image, nil if there is none, valid until the next write.
func (h *hot) image(s *slot) []byte {
	if s.flags&flagImage == 0 {
		return nil
	}
	at := times + s.long()
	return h.blobs.get(s.at, at+s.image)[at:]
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
	size := slotSize + int(s.long()) + int(s.image)
	if len(h.over) > 0 {
		for _, w := range h.over[n] {
			size += w.size()
		}
	}
	return int64(size)
}
