package change

import (
	"bytes"
	"math"
)

// Kind says how a Value holds its content. The zero Kind is SQL NULL.
type Kind uint8

// The kinds, each with what Bits or Bytes hold.
const (
	Null      Kind = iota
	Int            // Bits: int64, any signed integer type
	Uint           // Bits: uint64, any unsigned integer type
	Float32        // Bits: IEEE 754 bits of a FLOAT, in the low 32
	Float64        // Bits: IEEE 754 bits of a DOUBLE
	Decimal        // Bytes: canonical text, see CanonicalDecimal
	Text           // Bytes: as stored, in the column's own character set
	Binary         // Bytes: as stored; BINARY(n) padded with zeros to n
	Fixed          // Bytes: binary form of a type that clients see as text (INET4, INET6, UUID)
	Date           // Bits: PackDate
	Datetime       // Bits: PackDatetime
	Timestamp      // Bits: microseconds since 1970-01-01 UTC; 0 is the zero date
	Time           // Bits: int64 microseconds
	Year           // Bits: the year, 0 for the zero year
	Bit            // Bits
	Enum           // Bits: the label's number, from 1; 0 is the empty error value
	Set            // Bits: one bit a label
	JSON           // Bytes: text; two texts are equal when they mean the same document
	Geometry       // Bytes: SRID (4 bytes, little endian) and WKB
	Unknown        // of a before image only: the log does not say what the column held, nor whether it was NULL
)

// A Value is one column of one row image. Bytes may point into a packet or a
// read buffer: whoever keeps a Value longer than its row clones it.
type Value struct {
	Kind  Kind
	Bits  uint64
	Bytes []byte
}

// IsNull reports whether v is SQL NULL.
func (v Value) IsNull() bool { return v.Kind == Null }

// Whole reports whether all of a row image is known. nil, no row, is.
func Whole(image []Value) bool {
	for i := range image {
		if image[i].Kind == Unknown {
			return false
		}
	}
	return true
}

// Clone returns v with bytes of its own.
func (v Value) Clone() Value {
	v.Bytes = bytes.Clone(v.Bytes)
	return v
}

// CloneImage returns a row image with bytes of its own; nil stays nil.
func CloneImage(image []Value) []Value {
	if image == nil {
		return nil
	}
	total := 0
	for i := range image {
		total += len(image[i].Bytes)
	}
	arena := make([]byte, 0, total)
	out := make([]Value, len(image))
	for i, v := range image {
		out[i] = v
		if v.Bytes != nil {
			at := len(arena)
			arena = append(arena, v.Bytes...)
			out[i].Bytes = arena[at:len(arena):len(arena)]
		}
	}
	return out
}

// Size is the memory that v occupies, in bytes.
func (v *Value) Size() int { return 40 + len(v.Bytes) }

// Equal reports whether a and b are the same value of one column, byte for
// byte: collations play no part. JSON is compared by meaning, and zero is equal
// to minus zero, which MariaDB does not keep. What is unknown is equal to
// anything: it cannot say that a value has changed.
func (v Value) Equal(o Value) bool {
	switch {
	case v.Kind == Unknown || o.Kind == Unknown:
		return true
	case v.Kind != o.Kind:
		return false
	case v.Kind == JSON:
		return equalJSON(v.Bytes, o.Bytes)
	case v.Kind == Float32 && uint32(v.Bits|o.Bits)<<1 == 0, v.Kind == Float64 && (v.Bits|o.Bits)<<1 == 0:
		return true
	}
	return v.Identical(o)
}

// Identical reports whether a and b are held by the same bits and bytes: what
// is Equal and not Identical is still worth writing.
func (v Value) Identical(o Value) bool {
	return v.Kind == o.Kind && v.Bits == o.Bits && bytes.Equal(v.Bytes, o.Bytes)
}

// OfInt makes an Int.
func OfInt(i int64) Value { return Value{Kind: Int, Bits: uint64(i)} }

// OfUint makes a Uint.
func OfUint(u uint64) Value { return Value{Kind: Uint, Bits: u} }

// OfFloat32 makes a Float32.
func OfFloat32(f float32) Value { return Value{Kind: Float32, Bits: uint64(math.Float32bits(f))} }

// OfFloat64 makes a Float64.
func OfFloat64(f float64) Value { return Value{Kind: Float64, Bits: math.Float64bits(f)} }

// OfText makes a Text of bytes in the column's character set.
func OfText(b []byte) Value { return Value{Kind: Text, Bytes: b} }

// OfBinary makes a Binary.
func OfBinary(b []byte) Value { return Value{Kind: Binary, Bytes: b} }

// A Column is what the codec has to know of a column.
type Column struct {
	Name      string
	Kind      Kind   // never Null
	Charset   string // of Text, Enum and Set, as the server names it; empty elsewhere
	Collation string
	Length    int  // Binary: short values are padded with zeros to it (0: VARBINARY, BLOB); Fixed: bytes; Bit: bits
	Scale     int  // fractional digits of Decimal and of the temporal kinds
	Generated bool // computed by the server: read and compared, never written
}

// A Table is a table as the change log or the catalogue knew it when a row was
// read. It is never changed after its first use; a new definition is a new
// Table, so that its address tells definitions apart.
type Table struct {
	Database string
	Name     string
	Columns  []Column
	Key      []int // columns of the identity: the primary key, or the not-null unique key that stands for it
}

// String is database.table.
func (t *Table) String() string { return t.Database + "." + t.Name }
