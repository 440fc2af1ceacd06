package copy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"duplex/internal/change"
)

// An edge is the key of a row, where a range begins or ends.
type edge struct {
	key  []change.Value
	text string // as copy_chunk has it: a JSON array of the key's values
}

// errEdge says that a text of copy_chunk does not fit the key.
var errEdge = errors.New("not a key of this table")

// opaque is how JSON has a value that is no text.
type opaque struct {
	Base64 []byte `json:"base64"`
}

// newEdge takes the values over.
func newEdge(columns []change.Column, key []change.Value) (*edge, error) {
	text := []byte{'['}
	for i, v := range key {
		if i > 0 {
			text = append(text, ',')
		}
		var err error
		if text, err = appendJSON(text, &columns[i], v); err != nil {
			return nil, err
		}
	}
	return &edge{key: key, text: string(append(text, ']'))}, nil
}

// appendJSON appends one value: numbers as they are, dates and texts as
// strings, bytes in base64.
func appendJSON(dst []byte, c *change.Column, v change.Value) ([]byte, error) {
	switch v.Kind {
	case change.Int, change.Uint, change.Year, change.Bit, change.Enum, change.Set, change.Decimal:
		return c.AppendLiteral(dst, v), nil
	case change.Float32, change.Float64:
		literal := c.AppendLiteral(nil, v)
		f, err := strconv.ParseFloat(string(literal), 64)
		return strconv.AppendFloat(dst, f, 'g', -1, 64), err
	case change.Date, change.Datetime, change.Timestamp, change.Time:
		return append(append(append(dst, '"'), bytes.Trim(c.AppendLiteral(nil, v), "'")...), '"'), nil
	case change.Text:
		if utf8.Valid(v.Bytes) {
			return encode(dst, string(v.Bytes))
		}
		return encode(dst, opaque{v.Bytes})
	case change.Binary, change.Fixed:
		return encode(dst, opaque{v.Bytes})
	}
	return nil, fmt.Errorf("key column %s: %w", c.Name, errEdge)
}

func encode(dst []byte, x any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(x)
	return append(dst, bytes.TrimRight(b.Bytes(), "\n")...), err
}

// parseEdge restores what newEdge wrote, each value exactly.
func parseEdge(columns []change.Column, text string) (*edge, error) {
	var parts []json.RawMessage
	if err := json.Unmarshal([]byte(text), &parts); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errEdge, text, err)
	}
	if len(parts) != len(columns) {
		return nil, fmt.Errorf("%w: %s has %d values, the key %d columns", errEdge, text, len(parts), len(columns))
	}
	e := &edge{text: text, key: make([]change.Value, len(parts))}
	for i, part := range parts {
		v, err := parseJSON(&columns[i], part)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", errEdge, text, err)
		}
		e.key[i] = v
	}
	return e, nil
}

func parseJSON(c *change.Column, part []byte) (change.Value, error) {
	switch part[0] {
	case '{':
		var o opaque
		if err := json.Unmarshal(part, &o); err != nil {
			return change.Value{}, err
		}
		if c.Kind != change.Text && c.Kind != change.Binary && c.Kind != change.Fixed {
			return change.Value{}, fmt.Errorf("column %s holds no bytes", c.Name)
		}
		return change.Value{Kind: c.Kind, Bytes: o.Base64}, nil
	case '"':
		var s string
		if err := json.Unmarshal(part, &s); err != nil {
			return change.Value{}, err
		}
		return c.ParseText([]byte(s))
	}
	return c.ParseText(part)
}
