package change

import (
	"encoding/hex"
	"unicode/utf8"
)

// AppendKeyLiteral appends v as an SQL literal for a comparison with a column
// of an index. Unlike AppendLiteral it keeps the column's own character set and
// collation in force, so that the index is used.
func (c *Column) AppendKeyLiteral(dst []byte, v Value) []byte {
	if v.Kind != Text || c.Charset == "" || c.Charset == "utf8mb4" && utf8.Valid(v.Bytes) {
		return c.AppendLiteral(dst, v)
	}
	dst = append(append(append(dst, '_'), c.Charset...), " x'"...)
	return append(hex.AppendEncode(dst, v.Bytes), '\'')
}

// RowID is the identity of a row: the exact bytes of its key columns. Two images
// of one table are of the same row if and only if it is the same.
func RowID(key []int, image []Value) string {
	var buf [64]byte
	b := buf[:0]
	for _, i := range key {
		b = AppendImage(b, image[i:i+1])
	}
	return string(b)
}
