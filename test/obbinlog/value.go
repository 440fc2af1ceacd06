package obbinlog

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// digitBytes is how many bytes so many decimal digits take.
var digitBytes = [...]int{0, 1, 1, 2, 2, 3, 3, 4, 4, 4}

// appendDecimal writes MySQL's binary decimal: groups of nine digits, the
// highest bit turned, and all bits of a negative one.
func appendDecimal(dst, text []byte, precision, scale int) ([]byte, error) {
	s := string(text)
	negative := strings.HasPrefix(s, "-")
	s = strings.TrimLeft(s, "+-")
	whole, fraction, _ := strings.Cut(s, ".")
	whole = strings.TrimLeft(whole, "0")
	places := precision - scale
	if len(whole) > places || len(fraction) > scale || precision == 0 {
		return dst, fmt.Errorf("decimal %q has no room in (%d,%d)", text, precision, scale)
	}
	whole = strings.Repeat("0", places-len(whole)) + whole
	fraction += strings.Repeat("0", scale-len(fraction))
	at := len(dst)
	first := places % 9
	groups := []string{whole[:first]}
	for i := first; i < places; i += 9 {
		groups = append(groups, whole[i:i+9])
	}
	for i := 0; i < scale; i += 9 {
		groups = append(groups, fraction[i:min(i+9, scale)])
	}
	for _, g := range groups {
		if g == "" {
			continue
		}
		v, err := strconv.ParseUint(g, 10, 32)
		if err != nil {
			return dst, fmt.Errorf("decimal %q: %w", text, err)
		}
		dst = appendBig(dst, v, digitBytes[len(g)])
	}
	dst[at] ^= 0x80
	if negative {
		for i := at; i < len(dst); i++ {
			dst[i] ^= 0xff
		}
	}
	return dst, nil
}

// numbers reads the numbers of a date or time: at most n, a fraction last as
// microseconds.
func numbers(text string, n int) (out [7]int, micros int, err error) {
	body, fraction, _ := strings.Cut(text, ".")
	parts := strings.FieldsFunc(body, func(r rune) bool { return r == '-' || r == ':' || r == ' ' })
	if len(parts) != n {
		return out, 0, fmt.Errorf("%q has %d numbers, want %d", text, len(parts), n)
	}
	for i, p := range parts {
		if out[i], err = strconv.Atoi(p); err != nil {
			return out, 0, fmt.Errorf("%q: %w", text, err)
		}
	}
	if fraction != "" {
		micros, err = strconv.Atoi((fraction + "000000")[:6])
	}
	return out, micros, err
}

func appendDate(dst, text []byte) ([]byte, error) {
	n, _, err := numbers(string(text), 3)
	v := n[2] | n[1]<<5 | n[0]<<9
	return append(dst, byte(v), byte(v>>8), byte(v>>16)), err
}

func appendYear(dst, text []byte) ([]byte, error) {
	y, err := strconv.Atoi(string(text))
	if y != 0 {
		y -= 1900
	}
	return append(dst, byte(y)), err
}

// fractionBytes is how many bytes a fraction of fsp digits takes.
func fractionBytes(fsp int) int { return (fsp + 1) / 2 }

// fractionValue is the fraction in its unit: hundredths, ten thousandths or
// millionths.
func fractionValue(micros, fsp int) int {
	for range 3 - fractionBytes(fsp) {
		micros /= 100
	}
	return micros
}

func appendDatetime(dst, text []byte, fsp int) ([]byte, error) {
	n, micros, err := numbers(string(text), 6)
	date := uint64(n[0]*13+n[1])<<5 | uint64(n[2])
	clock := uint64(n[3])<<12 | uint64(n[4])<<6 | uint64(n[5])
	dst = appendBig(dst, 1<<39|date<<17|clock, 5)
	return appendBig(dst, uint64(fractionValue(micros, fsp)), fractionBytes(fsp)), err
}

func appendTimestamp(dst, text []byte, fsp int) ([]byte, error) {
	n, micros, err := numbers(string(text), 6)
	seconds := int64(0)
	if n[0] != 0 {
		seconds = time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.UTC).Unix()
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(seconds))
	return appendBig(dst, uint64(fractionValue(micros, fsp)), fractionBytes(fsp)), err
}

// appendTime writes a TIME: of a negative one the whole, fraction included, is
// the complement.
func appendTime(dst, text []byte, fsp int) ([]byte, error) {
	s, negative := strings.CutPrefix(string(text), "-")
	n, micros, err := numbers(s, 3)
	width := fractionBytes(fsp)
	v := int64(n[0]<<12|n[1]<<6|n[2])<<(8*width) | int64(fractionValue(micros, fsp))
	if negative {
		v = -v
	}
	return appendBig(dst, uint64(v+1<<(23+8*width)), 3+width), err
}
