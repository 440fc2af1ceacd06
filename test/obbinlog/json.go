package obbinlog

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// MySQL's binary JSON: a byte of type, then the value; objects and arrays are
// tables of offsets before their members.
const (
	jsonSmallObject = 0x00
	jsonLargeObject = 0x01
	jsonSmallArray  = 0x02
	jsonLargeArray  = 0x03
	jsonLiteral     = 0x04
	jsonInt16       = 0x05
	jsonUint16      = 0x06
	jsonInt32       = 0x07
	jsonUint32      = 0x08
	jsonInt64       = 0x09
	jsonUint64      = 0x0a
	jsonDouble      = 0x0b
	jsonString      = 0x0c
	jsonOpaque      = 0x0f
)

// appendJSON turns the text of a document into the log's form, behind a length
// of four bytes.
func appendJSON(dst, text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	node, err := jsonNode(d)
	if err != nil {
		return dst, fmt.Errorf("JSON document: %w", err)
	}
	kind, value := encodeJSON(node)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(1+len(value)))
	return append(append(dst, kind), value...), nil
}

// A member of an object.
type jsonMember struct {
	key   string
	value any
}

// jsonNode reads a value: nil, bool, json.Number, string, []any or []jsonMember.
func jsonNode(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if delim == '[' {
		list := []any{}
		for d.More() {
			v, err := jsonNode(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	}
	object := []jsonMember{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("key %v is no string", key)
		}
		v, err := jsonNode(d)
		if err != nil {
			return nil, err
		}
		object = append(object, jsonMember{name, v})
	}
	_, err = d.Token()
	return object, err
}

func encodeJSON(node any) (kind byte, value []byte) {
	switch v := node.(type) {
	case nil:
		return jsonLiteral, []byte{0}
	case bool:
		if v {
			return jsonLiteral, []byte{1}
		}
		return jsonLiteral, []byte{2}
	case string:
		return jsonString, append(appendJSONLength(nil, len(v)), v...)
	case json.Number:
		return jsonNumber(string(v))
	case []any:
		values := make([]jsonMember, len(v))
		for i := range v {
			values[i].value = v[i]
		}
		b, large := jsonTable(values, false)
		if large {
			return jsonLargeArray, b
		}
		return jsonSmallArray, b
	case []jsonMember:
		slices.SortStableFunc(v, func(a, b jsonMember) int { // as MySQL looks keys up
			return cmp.Or(cmp.Compare(len(a.key), len(b.key)), strings.Compare(a.key, b.key))
		})
		b, large := jsonTable(v, true)
		if large {
			return jsonLargeObject, b
		}
		return jsonSmallObject, b
	}
	panic(fmt.Sprintf("JSON node of type %T", node))
}

// jsonTable lays out members with offsets of two bytes, or of four where two
// have no room.
func jsonTable(members []jsonMember, keys bool) (b []byte, large bool) {
	type packed struct {
		kind  byte
		value []byte
	}
	values := make([]packed, len(members))
	for i := range members {
		values[i].kind, values[i].value = encodeJSON(members[i].value)
	}
	for _, width := range []int{2, 4} {
		put := func(b []byte, v int) []byte { return binary.LittleEndian.AppendUint32(b, uint32(v))[:len(b)+width] }
		offset := 2*width + len(members)*(1+width) // behind count, size and the entries
		if keys {
			offset += len(members) * (width + 2)
		}
		var entries, body []byte
		if keys {
			for i := range members {
				key := members[i].key
				entries = binary.LittleEndian.AppendUint16(put(entries, offset+len(body)), uint16(len(key)))
				body = append(body, key...)
			}
		}
		for _, v := range values {
			if inlined(v.kind, width) {
				entries = append(append(append(entries, v.kind), v.value...), make([]byte, width-len(v.value))...)
				continue
			}
			entries = put(append(entries, v.kind), offset+len(body))
			body = append(body, v.value...)
		}
		size := offset + len(body)
		b, large = append(append(put(put(nil, len(members)), size), entries...), body...), width == 4
		if size <= math.MaxUint16 {
			break
		}
	}
	return b, large
}

func inlined(kind byte, width int) bool {
	switch kind {
	case jsonLiteral, jsonInt16, jsonUint16:
		return true
	case jsonInt32, jsonUint32:
		return width == 4
	}
	return false
}

// appendJSONLength writes a length in groups of seven bits.
func appendJSONLength(b []byte, n int) []byte {
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

// jsonNumber gives a number its type. The kernel prints a double as few digits
// as tell it apart; what is printed otherwise is a decimal.
func jsonNumber(s string) (kind byte, value []byte) {
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		switch {
		case v == int64(int16(v)):
			return jsonInt16, binary.LittleEndian.AppendUint16(nil, uint16(v))
		case v >= 0 && v <= math.MaxUint16:
			return jsonUint16, binary.LittleEndian.AppendUint16(nil, uint16(v))
		case v == int64(int32(v)):
			return jsonInt32, binary.LittleEndian.AppendUint32(nil, uint32(v))
		case v >= 0 && v <= math.MaxUint32:
			return jsonUint32, binary.LittleEndian.AppendUint32(nil, uint32(v))
		}
		return jsonInt64, binary.LittleEndian.AppendUint64(nil, uint64(v))
	}
	if v, err := strconv.ParseUint(s, 10, 64); err == nil {
		return jsonUint64, binary.LittleEndian.AppendUint64(nil, v)
	}
	f, err := strconv.ParseFloat(s, 64)
	if !strings.ContainsAny(s, "eE") && (err != nil || strconv.FormatFloat(f, 'f', -1, 64) != s && strconv.FormatFloat(f, 'f', 1, 64) != s) {
		if b, ok := jsonDecimal(s); ok {
			return jsonOpaque, b
		}
	}
	return jsonDouble, binary.LittleEndian.AppendUint64(nil, math.Float64bits(f))
}

// jsonDecimal is an opaque value of MySQL's type NEWDECIMAL.
func jsonDecimal(s string) ([]byte, bool) {
	whole, fraction, _ := strings.Cut(strings.TrimLeft(s, "-"), ".")
	precision, scale := len(whole)+len(fraction), len(fraction)
	if precision > 65 || scale > 30 {
		return nil, false
	}
	packed, err := appendDecimal([]byte{byte(precision), byte(scale)}, []byte(s), precision, scale)
	if err != nil {
		return nil, false
	}
	return append(appendJSONLength([]byte{246}, len(packed)), packed...), true
}
