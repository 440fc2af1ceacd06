package change

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// jsonDigits is how many digits of a decimal every reader of JSON keeps: most
// read numbers as binary64.
const jsonDigits = 15

// AppendJSON appends a row image as a JSON object, column by column, from which
// ParseJSON makes the same values again. nil, no row, appends nothing, and a
// column whose value is unknown is left out. The object is valid UTF-8.
//
// Numbers are JSON numbers, of ENUM, SET and BIT too; a decimal of many digits
// is a string. Times are strings as SQL writes them, TIMESTAMP in UTC. Text and
// JSON are strings where their bytes are UTF-8; all other bytes are
// {"base64":"…"}.
func AppendJSON(dst []byte, columns []Column, image []Value) []byte {
	if image == nil {
		return dst
	}
	dst = append(dst, '{')
	first := len(dst)
	for i := range columns {
		if image[i].Kind == Unknown {
			continue
		}
		if len(dst) > first {
			dst = append(dst, ',')
		}
		dst = append(appendJSONString(dst, []byte(columns[i].Name)), ':')
		dst = columns[i].appendJSON(dst, image[i])
	}
	return append(dst, '}')
}

func (c *Column) appendJSON(dst []byte, v Value) []byte {
	switch v.Kind {
	case Null:
		return append(dst, "null"...)
	case Float32:
		return appendJSONFloat(dst, float64(math.Float32frombits(uint32(v.Bits))), 32)
	case Float64:
		return appendJSONFloat(dst, math.Float64frombits(v.Bits), 64)
	case Decimal:
		if len(v.Bytes) > jsonDigits {
			return appendJSONString(dst, v.Bytes)
		}
		return append(dst, v.Bytes...)
	case Date, Datetime, Timestamp, Time:
		at := len(dst)
		dst = c.AppendLiteral(dst, v)
		dst[at], dst[len(dst)-1] = '"', '"'
		return dst
	case Text, JSON:
		if c.isUTF8(v) {
			return appendJSONString(dst, v.Bytes)
		}
		return appendBase64(dst, v.Bytes)
	case Binary, Fixed, Geometry:
		return appendBase64(dst, v.Bytes)
	default:
		return c.AppendLiteral(dst, v)
	}
}

// isUTF8 reports whether the bytes of a text are what people would read if they
// were shown as UTF-8.
func (c *Column) isUTF8(v Value) bool {
	switch {
	case v.Kind == JSON, c.Charset == "utf8mb4", c.Charset == "utf8", c.Charset == "utf8mb3":
		return utf8.Valid(v.Bytes)
	case c.Charset == "utf16", c.Charset == "utf16le", c.Charset == "utf32", c.Charset == "ucs2":
		return false
	}
	for _, b := range v.Bytes { // the others hold ASCII as it is
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func appendJSONFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) { // no server stores these; the object stays JSON even so
		return append(strconv.AppendFloat(append(dst, '"'), f, 'g', -1, bits), '"')
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}

func appendBase64(dst, b []byte) []byte {
	dst = base64.StdEncoding.AppendEncode(append(dst, `{"base64":"`...), b)
	return append(dst, `"}`...)
}

// appendJSONString appends valid UTF-8 as a JSON string, with no more escapes
// than it takes.
func appendJSONString(dst, b []byte) []byte {
	dst = append(dst, '"')
	for _, c := range b {
		switch {
		case c == '"', c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c < ' ', c == 0x7f:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// ParseJSON reads an image of AppendJSON. Columns are found by their names: one
// that the image lacks is NULL, and what the image has beyond them is passed
// over. No text is no row: nil.
func ParseJSON(columns []Column, raw []byte) ([]Value, error) {
	image, _, err := ParseJSONKnown(columns, raw)
	return image, err
}

// ParseJSONKnown is ParseJSON that also says which columns the image has.
func ParseJSONKnown(columns []Column, raw []byte) (image []Value, known []bool, err error) {
	if len(raw) == 0 {
		return nil, nil, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, nil, fmt.Errorf("row image: %w", err)
	}
	image, known = make([]Value, len(columns)), make([]bool, len(columns))
	for i := range columns {
		text, ok := fields[columns[i].Name]
		if !ok {
			continue
		}
		known[i] = true
		if image[i], err = columns[i].parseJSON(text); err != nil {
			return nil, nil, fmt.Errorf("row image: %w", err)
		}
	}
	return image, known, nil
}

func (c *Column) parseJSON(raw []byte) (Value, error) {
	text := raw
	switch {
	case string(raw) == "null":
		return Value{}, nil
	case raw[0] == '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return Value{}, fmt.Errorf("column %s: %w", c.Name, err)
		}
		text = []byte(s)
	case raw[0] == '{':
		b, err := parseBase64(raw)
		if err != nil {
			return Value{}, fmt.Errorf("column %s: %w", c.Name, err)
		}
		text = b
	}
	if c.Kind == Float32 { // by way of binary64 it would be rounded twice
		f, err := strconv.ParseFloat(string(text), 32)
		if err != nil {
			return Value{}, fmt.Errorf("column %s: %w", c.Name, err)
		}
		return OfFloat32(float32(f)), nil
	}
	return c.ParseText(text)
}

func parseBase64(raw []byte) ([]byte, error) {
	var field struct {
		Base64 *string `json:"base64"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&field); err != nil {
		return nil, err
	}
	if field.Base64 == nil {
		return nil, fmt.Errorf("no base64 in %.40s", raw)
	}
	b, err := base64.StdEncoding.AppendDecode([]byte{}, []byte(*field.Base64))
	if err != nil {
		return nil, err
	}
	return b, nil
}
