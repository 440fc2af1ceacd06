package binlog

import (
	"errors"
	"fmt"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"duplex/internal/change"
)

// The library follows the offsets of a JSON document wherever they lead: one
// that points to itself never ends, and no recover helps against a stack that
// is used up. So documents are looked at before.

var (
	errDocument = errors.New("a JSON document of the log is malformed")
	errPartJSON = errors.New("the log has only a part of a JSON document: a session wrote with binlog_row_value_options," +
		" on OceanBase log_row_value_options, other than empty")
)

// deepest is how deep a document may be; servers take 100 levels.
const deepest = 200

// checkDocuments looks at the JSON columns of an event's images.
func (t *logTable) checkDocuments(e *event, op change.Op, im *images) error {
	l := t.documents()
	if l == nil {
		return nil
	}
	b := e.body[im.at:]
	for i := 0; len(b) > 0; i++ {
		present := im.present(op, i)
		if e.kind == replication.PARTIAL_UPDATE_ROWS_EVENT && i%2 == 1 {
			var err error
			if b, err = l.wholeDocuments(b); err != nil {
				return fmt.Errorf("%s: %w", t, err)
			}
		}
		clear(l.raw)
		n, ok := l.find(b, present)
		if !ok {
			return fmt.Errorf("%s: %s is malformed", t, e.kind)
		}
		b = b[n:]
		for _, raw := range l.raw {
			if len(raw) == 0 {
				continue
			}
			if err := checkDocument(raw); err != nil {
				return fmt.Errorf("%s: %w", t, err)
			}
		}
	}
	return nil
}

// documents describes the table's images, with the JSON columns as if they were
// the identity; nil: there are none.
func (t *logTable) documents() *layout {
	if t.json != nil || t.plain {
		return t.json
	}
	l := &layout{fields: make([]field, len(t.types)), any: true}
	for i, k := range t.types {
		f, _, _ := fieldOf(t.logged.ColumnType[i], t.logged.ColumnMeta[i]) // of one that is not known no value is found
		if k == gomysql.MYSQL_TYPE_JSON {
			l.raw = append(l.raw, nil)
			f.nth = len(l.raw)
		}
		l.fields[i] = f
	}
	if t.plain = len(l.raw) == 0; !t.plain {
		t.json = l
	}
	return t.json
}

// wholeDocuments passes over what a partial update says of its after image, and
// refuses one that has parts of documents.
// https://dev.mysql.com/doc/dev/mysql-server/latest/classmysql_1_1binlog_1_1event_1_1Rows__event.html
func (l *layout) wholeDocuments(b []byte) (rest []byte, err error) {
	size := (len(l.raw) + 7) / 8
	if len(b) == 0 || b[0] == 0 {
		return b[min(1, len(b)):], nil
	}
	if b[0] != 1 || len(b) < 1+size {
		return nil, errDocument
	}
	for i := range l.raw {
		if b[1+i/8]>>(i%8)&1 != 0 {
			return nil, errPartJSON
		}
	}
	return b[1+size:], nil
}

// checkDocument refuses a document whose values lie in each other.
// https://dev.mysql.com/doc/dev/mysql-server/latest/json__binary_8h.html
func checkDocument(b []byte) error {
	left := len(b)
	return checkJSON(b[0], b[1:], deepest, &left)
}

// checkJSON looks at a value. left is how many bytes of the document nothing has
// accounted for yet: each entry, key and text has some of its own.
func checkJSON(kind byte, b []byte, depth int, left *int) error {
	const (
		largeObject, array, largeArray = 1, 2, 3
		text, opaque                   = 0x0c, 0x0f
	)
	if depth == 0 {
		return errDocument
	}
	switch kind {
	case text:
		return takeText(b, left)
	case opaque:
		if len(b) == 0 {
			return errDocument
		}
		return takeText(b[1:], left)
	}
	if kind > largeArray {
		return nil
	}
	width := 2
	if kind == largeObject || kind == largeArray {
		width = 4
	}
	if len(b) < 2*width {
		return errDocument
	}
	count, size := length(b, width), length(b[width:], width)
	keys, values := 2*width, 2*width
	if kind < array {
		values += count * (width + 2)
	}
	head := values + count*(width+1)
	if size > len(b) || head > size || count > *left {
		return errDocument
	}
	*left -= count
	for at := keys; at < values; at += width + 2 {
		if *left -= length(b[at+width:], 2); *left < 0 {
			return errDocument
		}
	}
	for at := values; at < head; at += width + 1 {
		kind := b[at]
		if kind >= 4 && kind <= 6 || width == 4 && kind <= 8 && kind >= 7 { // the value stands in its place
			continue
		}
		offset := length(b[at+1:], width)
		if offset < head || offset >= len(b) {
			return errDocument
		}
		if err := checkJSON(kind, b[offset:], depth-1, left); err != nil {
			return err
		}
	}
	return nil
}

// takeText accounts for a text: a length, seven bits a byte, and so many bytes.
func takeText(b []byte, left *int) error {
	n := 0
	for i := range 5 {
		if i >= len(b) {
			break
		}
		n |= int(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			if *left -= n; *left < 0 {
				return errDocument
			}
			return nil
		}
	}
	return errDocument
}
