package binlog

import (
	"bytes"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/stretchr/testify/require"
)

// object makes a large object with one key for each value, whose bytes follow
// the keys. A value without bytes stands in its entry.
func object(kinds []byte, values ...[]byte) []byte {
	n := len(kinds)
	head := 8 + 11*n
	at := head
	var keys, entries, rest []byte
	for range kinds {
		keys = append(append(keys, i32(at)...), 1, 0)
		rest, at = append(rest, 'k'), at+1
	}
	for i, v := range values {
		entries = append(append(entries, kinds[i]), i32(at)...)
		rest, at = append(rest, v...), at+len(v)
	}
	b := append(append(append(i32(n), i32(at)...), keys...), entries...)
	return append(b, rest...)
}

func TestCheckDocument(t *testing.T) {
	nested := object([]byte{0x0c, 1}, []byte("\x05hello"), object([]byte{5}, []byte{}))
	itself := bytes.Clone(nested)
	copy(itself[8+12+5+1:], i32(0)) // the second value
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"nested", append([]byte{1}, nested...), nil},
		{"text", []byte("\x0c\x03abc"), nil},
		{"date", []byte("\x0f\x0a\x02ab"), nil},
		{"number", []byte("\x05\x01\x00"), nil},
		{"points to itself", append([]byte{1}, itself...), errDocument},
		{"cut", append([]byte{1}, nested[:20]...), errDocument},
		{"no length", []byte{0x0c}, errDocument},
		{"opaque of nothing", []byte{0x0f}, errDocument},
		{"longer than it is", []byte("\x0c\xff\x7fabc"), errDocument},
		{"length without end", []byte("\x0c\xff\xff\xff\xff\xff\xff"), errDocument},
		{"many entries", append([]byte{3}, append(i32(1<<30), i32(8)...)...), errDocument},
	} {
		require.ErrorIs(t, checkDocument(c.b), c.want, c.name)
	}
	deep := []byte{5, 1, 0}
	for range deepest + 1 {
		deep = append([]byte{1}, object(deep[:1], deep[1:])...)
	}
	require.ErrorIs(t, checkDocument(deep), errDocument)
}

// TestDocumentBomb has values that share their bytes: a little input that
// stands for a lot.
func TestDocumentBomb(t *testing.T) {
	b := object([]byte{0x0c}, append([]byte{0xe8, 0x07}, bytes.Repeat([]byte("x"), 1000)...))
	for range 12 {
		inner := object([]byte{1, 1, 1, 1}, b, nil, nil, nil)
		entry := inner[8+4*6+1:][:4]
		for i := 1; i < 4; i++ { // all four are the first
			copy(inner[8+4*6+i*5+1:], entry)
		}
		b = inner
	}
	require.ErrorIs(t, checkDocument(append([]byte{1}, b...)), errDocument)
}

// TestPartialUpdate takes one whose documents are whole.
func TestPartialUpdate(t *testing.T) {
	row := [][]byte{i32(1), sized(2, "t"), sized(3, "b"), document(1)}
	write := func(options []byte) *stream {
		return newStream().begin().txn(obCommit, 1, func(s *stream) {
			s.tableMap(obDocs)
			b := append(appendID(nil, s.id(obDocs)), 1, 0, 2, 0, 4, 0xff, 0xff)
			b = append(appendImage(b, row), options...)
			s.event(replication.PARTIAL_UPDATE_ROWS_EVENT, 1, true, appendImage(b, row))
		})
	}
	for _, options := range [][]byte{{0}, {1, 0}} {
		s := serve(t, write(options).bytes)
		s.end = "eof"
		require.Len(t, ended(t, openService(t, s, obStart)), 1)
	}
	_, err := all(t, openService(t, serve(t, write([]byte{1, 1}).bytes), obStart))
	require.ErrorIs(t, err, errPartJSON)
	require.ErrorContains(t, err, "shop.docs: the log has only a part of a JSON document")
}
