package change

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Database is the database of our own tables in every tenant.
const Database = "duplex"

// A Mark is what makes a transaction an applied one: the link's checkpoint row
// in it. The site's reader finds it there.
type Mark struct {
	Project string
	Link    string // "from>to", site names
	Lane    int
	Epoch   uint64
	Version int64   // the highest version that what it carries has seen: raises the clock
	Carried []Stamp // of the source transactions in it, in source order; a chunk of a copy has one with NoSeq
}

// stampSize is the bytes that a stamp takes at least.
const stampSize = 4

// carriedFormat is the first byte of the checkpoint's carried column.
const carriedFormat = 1

// errCarried says that a carried column holds something else.
var errCarried = errors.New("carried stamps are malformed")

// AppendCarried appends stamps in the form of the checkpoint's carried column.
// write is a number that the row did not have before: a server logs no row that
// a statement leaves as it was, and a transaction without its row is no applied
// one. The form:
// a format byte, write, then per stamp seq, version, seen, each as a difference to the
// stamp before, as varints.
func AppendCarried(dst []byte, write uint64, stamps []Stamp) []byte {
	dst = append(dst, carriedFormat)
	dst = binary.AppendUvarint(dst, write)
	dst = binary.AppendUvarint(dst, uint64(len(stamps)))
	var prev Stamp
	for _, s := range stamps {
		dst = binary.AppendVarint(dst, int64(s.Seq-prev.Seq))
		dst = binary.AppendVarint(dst, s.Version-prev.Version)
		dst = appendSeqs(dst, s.Seen)
		prev = s
	}
	return dst
}

func appendSeqs(dst []byte, s Seqs) []byte {
	dst = binary.AppendUvarint(dst, s.Low)
	dst = binary.AppendUvarint(dst, uint64(len(s.Above)))
	at := s.Low
	for _, r := range s.Above {
		dst = binary.AppendUvarint(dst, r.From-at)
		dst = binary.AppendUvarint(dst, r.To-r.From)
		at = r.To
	}
	return dst
}

// decoder reads varints until one fails; then all that follow are zero.
type decoder struct {
	raw []byte
	err error
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.raw)
	if n <= 0 {
		d.err, d.raw = errCarried, nil
		return 0
	}
	d.raw = d.raw[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.raw)
	if n <= 0 {
		d.err, d.raw = errCarried, nil
		return 0
	}
	d.raw = d.raw[n:]
	return v
}

// ParseCarried reads what AppendCarried wrote.
func ParseCarried(raw []byte) ([]Stamp, error) {
	if len(raw) == 0 || raw[0] != carriedFormat {
		return nil, fmt.Errorf("%w: unknown format", errCarried)
	}
	d := &decoder{raw: raw[1:]}
	d.uvarint() // write
	n := d.uvarint()
	if n > uint64(len(d.raw)/stampSize) {
		return nil, fmt.Errorf("%w: %d stamps in %d bytes", errCarried, n, len(d.raw))
	}
	out := make([]Stamp, 0, n)
	var prev Stamp
	for range n {
		s := Stamp{Seq: prev.Seq + uint64(d.varint()), Version: prev.Version + d.varint()}
		s.Seen = d.seqs()
		out, prev = append(out, s), s
	}
	if d.err != nil {
		return nil, d.err
	}
	if len(d.raw) > 0 {
		return nil, fmt.Errorf("%w: %d bytes too many", errCarried, len(d.raw))
	}
	return out, nil
}

func (d *decoder) seqs() Seqs {
	s := Seqs{Low: d.uvarint()}
	n := d.uvarint()
	at := s.Low
	for range n {
		r := Range{From: at + d.uvarint()}
		r.To = r.From + d.uvarint()
		if d.err == nil && (r.From <= at || r.To <= r.From) { // ranges touch, are empty or end beyond 64 bits
			d.err, d.raw = errCarried, nil
		}
		if d.err != nil {
			return Seqs{}
		}
		s.Above = append(s.Above, r)
		at = r.To
	}
	return s
}
