package change

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// equalJSON compares two documents by meaning: spaces, escapes and the order of
// members do not count, of members with one name the last counts, and numbers
// are compared by value, exactly. Texts that are no JSON, or nested deeper than
// any server lets them be, are equal only to themselves.
func equalJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, err := parseJSON(a)
	if err != nil {
		return false
	}
	y, err := parseJSON(b)
	return err == nil && equalNodes(x, y)
}

// errJSON says that package json would read a text, but not as it is written.
var errJSON = errors.New("JSON with a broken character or with more after its end")

func parseJSON(raw []byte) (any, error) {
	if !utf8.Valid(raw) || brokenEscape(raw) {
		return nil, errJSON // all broken characters would become U+FFFD
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errJSON
	}
	return doc, nil
}

// brokenEscape reports whether raw has half of a surrogate pair in \u escapes.
func brokenEscape(raw []byte) bool {
	open := false // the escape right before is the first half of a pair
	for i := 0; i < len(raw); i++ {
		half := 0
		if raw[i] == '\\' {
			if i+5 < len(raw) && raw[i+1] == 'u' {
				if n, err := strconv.ParseUint(string(raw[i+2:i+6]), 16, 16); err == nil && n>>11 == 0xd800>>11 {
					half = 1 + int(n>>10&1)
				}
				i += 5
			} else {
				i++
			}
		}
		if open != (half == 2) {
			return true
		}
		open = half == 1
	}
	return open
}

func equalNodes(x, y any) bool {
	switch x := x.(type) {
	case map[string]any:
		y, ok := y.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for name, v := range x {
			if w, ok := y[name]; !ok || !equalNodes(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := y.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !equalNodes(x[i], y[i]) {
				return false
			}
		}
		return true
	case json.Number:
		y, ok := y.(json.Number)
		return ok && (x == y || normalNumber(string(x)) == normalNumber(string(y)))
	default:
		return x == y
	}
}

// number is a JSON number in a form that each value has once: minus, digits
// without zeros at either end, and the power of ten that they are multiplied
// with. Zero has no digits.
type number struct {
	minus  bool
	digits string
	power  int64
}

// normalNumber reads a number. One whose power of ten is beyond all reason
// stands for itself.
func normalNumber(s string) number {
	var n number
	rest, minus := strings.CutPrefix(s, "-")
	rest, power, scientific := cutPower(rest)
	if scientific {
		var err error
		if n.power, err = strconv.ParseInt(power, 10, 64); err != nil || n.power > math.MaxInt32 || n.power < math.MinInt32 {
			return number{digits: s}
		}
	}
	whole, frac, _ := strings.Cut(rest, ".")
	n.power -= int64(len(frac))
	digits := strings.TrimLeft(whole+frac, "0")
	n.digits = strings.TrimRight(digits, "0")
	if n.digits == "" {
		return number{}
	}
	n.minus = minus
	n.power += int64(len(digits) - len(n.digits))
	return n
}

func cutPower(s string) (mantissa, power string, found bool) {
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
