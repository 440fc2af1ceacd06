package conflict

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

func (b *blobs) put(head, image []byte) blob {
	n := len(head) + len(image)
	if len(b.pieces) == 0 || cap(b.pieces[b.last].data)-len(b.pieces[b.last].data) < n {
		b.open(n)
	}
	p := &b.pieces[b.last]
	at := blob{b.last + 1, uint32(len(p.data))}
	p.data = append(append(p.data, head...), image...)
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
