package change

import (
	"bytes"
	"encoding/hex"
	"strings"
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

// Comparable reports whether AppendEqual finds values of the column exactly.
func (c *Column) Comparable() bool { return c.Kind != JSON && c.Kind != Geometry }

// AppendEqual appends the condition that holds where the column's value is
// Equal to v, bit for bit: no collation plays a part, and NULL is NULL.
func (c *Column) AppendEqual(dst []byte, v Value) []byte {
	switch v.Kind {
	case Null:
		return append(AppendIdent(dst, c.Name), " IS NULL"...)
	case Text:
		dst = append(AppendIdent(append(dst, "CAST("...), c.Name), " AS BINARY)=_binary"...)
		return appendQuoted(dst, v.Bytes)
	}
	return c.AppendLiteral(append(AppendIdent(dst, c.Name), '='), v)
}

// AppendEqualKey appends bytes for some columns of an image, by which a map finds
// it: the same for values that are Equal.
func AppendEqualKey(dst []byte, image []Value, columns []int) []byte {
	for _, i := range columns {
		v := image[i]
		if v.Equal(Value{Kind: v.Kind}) {
			v.Bits = 0 // of minus zero
		}
		dst = AppendImage(dst, []Value{v})
	}
	return dst
}

// RowID is the identity of a row: the bytes of its key columns, each as
// Identity gives it. Two images of one table with the same are of the same row.
// The reverse holds but for texts that only the server knows to be equal.
func RowID(columns []Column, key []int, image []Value) string {
	var buf [64]byte
	b := buf[:0]
	for _, i := range key {
		v := [1]Value{columns[i].Identity(image[i])}
		b = AppendImage(b, v[:])
	}
	return string(b)
}

// Identity gives the form of v by which rows are told apart: a plain ASCII text
// in lower case where the column's collation takes both cases for equal, any
// other value as it is. Values of one form are equal to the column's index; of
// other texts that it holds for equal (accents, blanks at the end) it is not known here.
func (c *Column) Identity(v Value) Value {
	if v.Kind != Text || !c.caseless() {
		return v
	}
	upper := false
	for _, b := range v.Bytes {
		if b < ' ' || b > '~' {
			return v
		}
		upper = upper || b >= 'A' && b <= 'Z'
	}
	if upper {
		v.Bytes = bytes.ToLower(v.Bytes)
	}
	return v
}

// caseless reports whether an index on the column holds an ASCII letter and its
// other case for equal. In Turkish i and I are two letters.
func (c *Column) caseless() bool {
	switch c.Charset {
	case "ucs2", "utf16", "utf16le", "utf32":
		return false
	}
	return strings.HasSuffix(c.Collation, "_ci") && !strings.Contains(c.Collation, "turkish") && !strings.Contains(c.Collation, "_tr_")
}
