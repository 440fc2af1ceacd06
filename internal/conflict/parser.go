package conflict

import (
	"encoding/binary"

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

func (p *parser) hash() uint64 {
	if len(p.b) < 8 {
		p.fail()
		return 0
	}
	x := binary.LittleEndian.Uint64(p.b)
	p.b = p.b[8:]
	return x
}

// count reads the length of a list of notes: each takes nine bytes at least.
func (p *parser) count() uint64 {
	n := p.uvarint()
	if n > uint64(len(p.b)/9) {
		p.fail()
		return 0
	}
	return n
}

func (p *parser) judged() []Judged {
	var out []Judged
	for range p.count() {
		out = append(out, Judged{Hash: p.hash(), Seq: p.uvarint()})
	}
	return out
}
