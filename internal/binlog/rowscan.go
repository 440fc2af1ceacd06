package binlog

import (
	"bytes"

	"duplex/internal/change"
)

// A rowScan makes values of the rows of events in which every column is read
// here: the library, which makes an object of each value, has the others. It
// belongs to one goroutine.
type rowScan struct {
	unpacker
	list  [][]change.Value
	spare []change.Value // room for images to come
	room  []byte         // of values that have to be built
}

// rows gives the row images of an event, in their order; a column that an image
// lacks is NULL. The list is valid until the next call. Its images are the
// caller's, and their bytes those of the event. l looks for all columns. It is false where the
// library has to decode the event, or to say what is wrong with it.
func (s *rowScan) rows(l *layout, e *event, op change.Op, im *images) ([][]change.Value, bool) {
	if l == nil {
		return nil, false
	}
	b, ok := s.images(e, im)
	if !ok {
		return nil, false
	}
	if e.packed() {
		b = bytes.Clone(b)
	}
	clear(s.list)
	s.list = s.list[:0]
	// Images that lie together keep each other's events in memory: those of small
	// events may, those of a larger one are by themselves.
	const small = 1 << 10
	large := len(b) > small
	if large {
		s.spare = nil
		defer func() { s.spare = nil }()
	}
	for i := 0; len(b) > 0; i++ {
		lacking := im.lacking(op, i)
		if lacking != nil {
			clear(l.raw)
		}
		n, ok := l.find(b, lacking)
		if !ok || n == 0 {
			return nil, false
		}
		b = b[n:]
		about := 0
		if large {
			about = 1 + len(b)/n
		}
		image, ok := s.image(l, about)
		if !ok {
			return nil, false
		}
		s.list = append(s.list, image)
	}
	return s.list, op != change.Update || len(s.list)%2 == 0
}

// image makes the values of what find has found. about is how many images of a
// large event are left.
func (s *rowScan) image(l *layout, about int) ([]change.Value, bool) {
	const few, most = 512, 4096 // values
	n := len(l.cells)
	if len(s.spare) < n {
		room := few
		if about > 0 {
			room = min(about*n, most)
		}
		s.spare = make([]change.Value, max(n, room))
	}
	image := s.spare[:n:n]
	s.spare = s.spare[n:]
	for i, raw := range l.raw {
		if raw != nil && !l.cells[i].value(&image[i], raw, &s.room) {
			return nil, false
		}
	}
	return image, true
}
