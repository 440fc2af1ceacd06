package change

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// AppendIdent appends name as a quoted identifier.
func AppendIdent(dst []byte, name string) []byte {
	dst = append(dst, '`')
	for i := range len(name) {
		if name[i] == '`' {
			dst = append(dst, '`')
		}
		dst = append(dst, name[i])
	}
	return append(dst, '`')
}

// AppendName appends `database`.`table`.
func (t *Table) AppendName(dst []byte) []byte {
	return AppendIdent(append(AppendIdent(dst, t.Database), '.'), t.Name)
}

// AppendSelect appends the expression whose text ParseText understands. The
// session reads with character_set_results NULL and time_zone '+00:00'
// (tenant.Session sets both), so that text arrives as it is stored.
func (c *Column) AppendSelect(dst []byte) []byte {
	switch c.Kind {
	case Float32, Float64: // a FLOAT prints six digits, a DOUBLE(M,D) D of them; the product prints all, and the sign of zero
		return append(AppendIdent(append(dst, '('), c.Name), "*1e0)"...)
	case Enum, Set, Bit:
		return append(AppendIdent(append(dst, "CAST("...), c.Name), " AS UNSIGNED)"...)
	case Fixed:
		dst = append(AppendIdent(append(dst, "CAST("...), c.Name), " AS BINARY("...)
		return append(strconv.AppendInt(dst, int64(c.Length), 10), "))"...)
	default:
		return AppendIdent(dst, c.Name)
	}
}

// ParseText turns the text of a SELECT of AppendSelect into a Value; nil is
// NULL. Bytes of the result point into raw where the kind allows it.
func (c *Column) ParseText(raw []byte) (Value, error) {
	if raw == nil {
		return Value{}, nil
	}
	v := Value{Kind: c.Kind}
	var err error
	switch c.Kind {
	case Int:
		var i int64
		i, err = strconv.ParseInt(string(raw), 10, 64)
		v.Bits = uint64(i)
	case Uint, Year, Bit, Enum, Set:
		v.Bits, err = strconv.ParseUint(string(raw), 10, 64)
	case Float32:
		var f float64
		f, err = strconv.ParseFloat(string(raw), 64)
		v.Bits = uint64(math.Float32bits(float32(f)))
	case Float64:
		var f float64
		f, err = strconv.ParseFloat(string(raw), 64)
		v.Bits = math.Float64bits(f)
	case Decimal:
		v.Bytes, err = CanonicalDecimal(raw, c.Scale)
	case Date:
		v.Bits, err = ParseDate(raw)
	case Datetime:
		v.Bits, err = ParseDatetime(raw)
	case Timestamp:
		v.Bits, err = ParseTimestamp(raw)
	case Time:
		var us int64
		us, err = ParseTime(raw)
		v.Bits = uint64(us)
	case Binary:
		v.Bytes = c.Pad(raw)
	default:
		v.Bytes = raw
	}
	if err != nil {
		return Value{}, fmt.Errorf("column %s: %w", c.Name, err)
	}
	return v, nil
}

// ParseColumn is ParseText for what a database driver gives for a column of a
// text result: nil, bytes, or a number that it has parsed already.
func (c *Column) ParseColumn(x any) (Value, error) {
	switch x := x.(type) {
	case nil:
		return Value{}, nil
	case []byte:
		return c.ParseText(x)
	case string:
		return c.ParseText([]byte(x))
	case int64:
		switch c.Kind {
		case Int, Uint, Year, Bit, Enum, Set:
			return Value{Kind: c.Kind, Bits: uint64(x)}, nil
		}
		return c.ParseText(strconv.AppendInt(nil, x, 10))
	case uint64:
		switch c.Kind {
		case Uint, Year, Bit, Enum, Set:
			return Value{Kind: c.Kind, Bits: x}, nil
		}
		return c.ParseText(strconv.AppendUint(nil, x, 10))
	case float32:
		return c.ParseText(strconv.AppendFloat(nil, float64(x), 'g', -1, 32))
	case float64:
		return c.ParseText(strconv.AppendFloat(nil, x, 'g', -1, 64))
	}
	return Value{}, fmt.Errorf("column %s: unexpected %T from the driver", c.Name, x)
}

// Pad fills the short value of a BINARY(n) column with zeros to its length; a
// change log leaves trailing zeros out.
func (c *Column) Pad(raw []byte) []byte {
	if len(raw) >= c.Length {
		return raw
	}
	p := make([]byte, c.Length)
	copy(p, raw)
	return p
}

// CanonicalDecimal writes a decimal text with scale fractional digits, no
// leading zeros but one before the point, no plus sign, and no negative zero.
func CanonicalDecimal(raw []byte, scale int) ([]byte, error) {
	body, negative := after(raw, '-')
	body, _ = after(body, '+')
	whole, frac, _ := bytes.Cut(body, []byte{'.'})
	if len(whole)+len(frac) == 0 || !allDigits(whole) || !allDigits(frac) {
		return nil, fmt.Errorf("decimal %q is malformed", raw)
	}
	whole = bytes.TrimLeft(whole, "0")
	out := make([]byte, 0, len(whole)+scale+3)
	out = append(out, '-')
	if len(whole) == 0 {
		out = append(out, '0')
	}
	out = append(out, whole...)
	if scale > 0 {
		out = append(out, '.')
		out = append(out, frac[:min(len(frac), scale)]...)
		for i := len(frac); i < scale; i++ {
			out = append(out, '0')
		}
	}
	zero := true
	for _, b := range out[1:] {
		zero = zero && (b == '0' || b == '.')
	}
	if len(frac) > scale && len(bytes.TrimRight(frac[scale:], "0")) > 0 {
		return nil, fmt.Errorf("decimal %q does not fit %d fractional digits", raw, scale)
	}
	if negative && !zero {
		return out, nil
	}
	return out[1:], nil
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// AppendLiteral appends v as an SQL literal that gives exactly v when it is
// assigned to the column or compared with it. The session speaks utf8mb4, has
// time_zone '+00:00' and a sql_mode without NO_BACKSLASH_ESCAPES and
// ANSI_QUOTES (tenant.Session sets all three).
func (c *Column) AppendLiteral(dst []byte, v Value) []byte {
	switch v.Kind {
	case Null:
		return append(dst, "NULL"...)
	case Unknown: // is nowhere to be written: no server takes this
		return append(dst, "`(unknown)`"...)
	case Int:
		return strconv.AppendInt(dst, int64(v.Bits), 10)
	case Uint, Year, Bit, Enum, Set:
		return strconv.AppendUint(dst, v.Bits, 10)
	case Float32:
		return strconv.AppendFloat(dst, float64(math.Float32frombits(uint32(v.Bits))), 'e', -1, 64)
	case Float64:
		return strconv.AppendFloat(dst, math.Float64frombits(v.Bits), 'e', -1, 64)
	case Decimal:
		return append(dst, v.Bytes...)
	case Date:
		return append(appendDate(append(dst, '\''), v.Bits), '\'')
	case Datetime:
		return append(appendDatetime(append(dst, '\''), v.Bits), '\'')
	case Timestamp:
		return append(appendTimestamp(append(dst, '\''), v.Bits), '\'')
	case Time:
		return append(appendTime(append(dst, '\''), int64(v.Bits)), '\'')
	case Text:
		if (c.Charset == "utf8mb4" || c.Charset == "utf8" || c.Charset == "utf8mb3") && utf8.Valid(v.Bytes) {
			return appendQuoted(dst, v.Bytes)
		}
		return appendQuoted(append(dst, "_binary"...), v.Bytes)
	case JSON:
		return appendQuoted(dst, v.Bytes)
	default:
		return appendQuoted(append(dst, "_binary"...), v.Bytes)
	}
}

// appendQuoted appends b between quotes, escaped for a server without
// NO_BACKSLASH_ESCAPES.
func appendQuoted(dst, b []byte) []byte {
	dst = append(dst, '\'')
	// Mostly nothing is to be escaped; four looks for one byte each take a quarter of the
	// time of one for any of four.
	if bytes.IndexByte(b, '\'') < 0 && bytes.IndexByte(b, '\\') < 0 && bytes.IndexByte(b, 0) < 0 && bytes.IndexByte(b, 0x1a) < 0 {
		return append(append(dst, b...), '\'')
	}
	for len(b) > 0 {
		i := bytes.IndexAny(b, "\x00'\\\x1a")
		if i < 0 {
			break
		}
		dst = append(dst, b[:i]...)
		switch b[i] {
		case 0:
			dst = append(dst, '\\', '0')
		case 0x1a:
			dst = append(dst, '\\', 'Z')
		default:
			dst = append(dst, '\\', b[i])
		}
		b = b[i+1:]
	}
	return append(append(dst, b...), '\'')
}

// AppendString appends s, UTF-8, as a quoted SQL string.
func AppendString(dst []byte, s string) []byte { return appendQuoted(dst, []byte(s)) }

// Format writes v for people: messages, reports, images of conflicts. Bytes
// that are no text are shown as hexadecimal.
func (c *Column) Format(v Value) string {
	switch v.Kind {
	case Text, JSON:
		if utf8.Valid(v.Bytes) {
			return strconv.Quote(string(v.Bytes))
		}
		return "0x" + hex.EncodeToString(v.Bytes)
	case Binary, Fixed, Geometry:
		return "0x" + hex.EncodeToString(v.Bytes)
	case Unknown:
		return "(unknown)"
	default:
		return string(c.AppendLiteral(nil, v))
	}
}
