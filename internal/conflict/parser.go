package conflict

import (
	"encoding/binary"
	"slices"

	"duplex/internal/change"
)

// A parser reads a record or notes; bad is set by what is not there.
type parser struct {
	b   []byte
	bad bool
}

func (p *parser) fail() { p.b, p.bad = nil, true }

func (p *parser) byte() byte {
	if len(p.b) == 0 {
		p.fail()
		return 0
	}
	x := p.b[0]
	p.b = p.b[1:]
	return x
}

func (p *parser) uvarint() uint64 {
	x, n := binary.Uvarint(p.b)
	if n <= 0 {
		p.fail()
		return 0
	}
	p.b = p.b[n:]
	return x
}

func (p *parser) varint() int64 {
	x, n := binary.Varint(p.b)
	if n <= 0 {
		p.fail()
		return 0
	}
	p.b = p.b[n:]
	return x
}

func (p *parser) bytes() []byte {
	n := p.uvarint()
	if n > uint64(len(p.b)) {
		p.fail()
		return nil
	}
	x := p.b[:n:n]
	p.b = p.b[n:]
	return x
}

func (p *parser) write(flags byte) Write {
	return Write{Seq: p.uvarint(), Version: p.varint(), Rank: int(p.varint()), Committed: p.varint(), Fresh: flags&flagFresh != 0}
}

func (p *parser) image() []change.Value {
	image, rest, err := change.ParseImage(p.b)
	if err != nil {
		p.fail()
		return nil
	}
	p.b = rest
	return image
}

// low reads a number of n bytes, the lowest first.
func (p *parser) low(n int) uint64 {
	if len(p.b) < n {
		p.fail()
		return 0
	}
	var b [8]byte
	copy(b[:], p.b[:n])
	p.b = p.b[n:]
	return binary.LittleEndian.Uint64(b[:])
}

func (p *parser) hash() uint64 { return p.low(8) }

// count reads the length of a list, each of which takes size bytes at least.
func (p *parser) count(size int) int {
	n := p.uvarint()
	if n > uint64(len(p.b)/size) {
		p.fail()
		return 0
	}
	return int(n)
}

// keys reads the notes of a mark of txns stamps.
func (p *parser) keys(txns int) []KeyNote {
	long := p.count(9)
	out := make([]KeyNote, 0, long)
	for range long {
		k := KeyNote{Hash: p.hash()}
		x := p.uvarint()
		k.Silent, k.Doubt, k.Lost, k.Gone = x&1 != 0, x&2 != 0, x&4 != 0, x&8 != 0
		k.Txn = p.txn(x>>4, txns)
		out = append(out, k)
	}
	short := p.count(5)
	out = slices.Grow(out, short)
	for range short {
		k := KeyNote{Hash: p.low(4), Short: true}
		k.Txn = p.txn(p.uvarint(), txns)
		out = append(out, k)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (p *parser) txn(n uint64, txns int) int {
	if n >= uint64(txns) {
		p.fail()
		return 0
	}
	return int(n)
}

func (p *parser) judged() []Judged {
	var out []Judged
	for range p.count(9) {
		out = append(out, Judged{Hash: p.hash(), Seq: p.uvarint()})
	}
	return out
}
