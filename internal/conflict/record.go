package conflict

import (
	"encoding/binary"
	"errors"

	"duplex/internal/change"
)

// What the first byte of a record or of an earlier write says.
const (
	flagLost = 1 << iota
	flagTold
	flagFresh
	flagImage // there is a row after the write
	flagOver  // earlier writes follow
)

var errRecord = errors.New("a record of the file is damaged")

// appendRecord writes an entry as it lies in a file. before is the place of the
// next record of the same hash, zero if there is none.
func appendRecord(dst []byte, e *entry, before place) []byte {
	flags := e.write.flags(e.image != nil)
	if e.lost {
		flags |= flagLost
	}
	if e.told {
		flags |= flagTold
	}
	if len(e.over) > 0 {
		flags |= flagOver
	}
	dst = binary.AppendUvarint(append(dst, flags), uint64(before))
	dst = appendBytes(appendBytes(dst, e.key.Table), e.key.ID)
	dst = appendWrite(dst, &e.write)
	if e.image != nil {
		dst = appendBytes(dst, e.image)
	}
	if len(e.over) == 0 {
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(len(e.over)))
	for i := range e.over {
		w := &e.over[i]
		dst = appendWrite(append(dst, w.flags(w.After != nil)), w)
		if w.After != nil {
			dst = change.AppendImage(dst, w.After)
		}
	}
	return dst
}

func (w *Write) flags(image bool) (flags byte) {
	if w.Fresh {
		flags |= flagFresh
	}
	if image {
		flags |= flagImage
	}
	return flags
}

func appendWrite(dst []byte, w *Write) []byte {
	dst = binary.AppendVarint(binary.AppendUvarint(dst, w.Seq), w.Version)
	return binary.AppendVarint(binary.AppendVarint(dst, int64(w.Rank)), w.Committed)
}

func appendBytes[B string | []byte](dst []byte, b B) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// parseRecord reads what appendRecord wrote. The images point into b.
func parseRecord(b []byte) (e *entry, before place, err error) {
	p := parser{b: b}
	flags := p.byte()
	before = place(p.uvarint())
	e = &entry{lost: flags&flagLost != 0, told: flags&flagTold != 0}
	e.key.Table = string(p.bytes())
	e.key.ID = string(p.bytes())
	e.write = p.write(flags)
	if flags&flagImage != 0 {
		e.image = p.bytes()
		if _, rest, err := change.ParseImage(e.image); err != nil || len(rest) > 0 {
			p.bad = true
		}
	}
	if flags&flagOver != 0 {
		for n := p.uvarint(); n > 0 && !p.bad; n-- {
			flags := p.byte()
			w := p.write(flags)
			if flags&flagImage != 0 {
				w.After = p.image()
			}
			e.over = append(e.over, w)
		}
	}
	if p.bad || len(p.b) > 0 {
		return nil, 0, errRecord
	}
	return e, before, nil
}
