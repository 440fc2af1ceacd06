package change

import (
	"fmt"
	"time"
)

// PackDate holds a date, zero parts included, so that order is kept.
func PackDate(year, month, day int) uint64 {
	return uint64(year)<<9 | uint64(month)<<5 | uint64(day)
}

// UnpackDate is the inverse of PackDate.
func UnpackDate(b uint64) (year, month, day int) {
	return int(b >> 9), int(b >> 5 & 15), int(b & 31)
}

// PackDatetime holds a date and a time of day with microseconds, zero parts
// included, so that order is kept.
func PackDatetime(year, month, day, hour, minute, second, micro int) uint64 {
	return PackDate(year, month, day)<<37 | uint64(hour)<<32 | uint64(minute)<<26 | uint64(second)<<20 | uint64(micro)
}

// UnpackDatetime is the inverse of PackDatetime.
func UnpackDatetime(b uint64) (year, month, day, hour, minute, second, micro int) {
	year, month, day = UnpackDate(b >> 37)
	return year, month, day, int(b >> 32 & 31), int(b >> 26 & 63), int(b >> 20 & 63), int(b & (1<<20 - 1))
}

// errTemporal says that a text is no value of the kind it should be.
func errTemporal(what string, raw []byte) error {
	return fmt.Errorf("%s %q is malformed", what, raw)
}

// digits reads an unsigned number of at least one digit from the head of raw.
func digits(raw []byte) (n int, rest []byte, ok bool) {
	i := 0
	for i < len(raw) && i < 9 && raw[i] >= '0' && raw[i] <= '9' {
		n = n*10 + int(raw[i]-'0')
		i++
	}
	return n, raw[i:], i > 0
}

// after takes c from the head of raw.
func after(raw []byte, c byte) ([]byte, bool) {
	if len(raw) == 0 || raw[0] != c {
		return raw, false
	}
	return raw[1:], true
}

// parts reads numbers with the given separators between them.
func parts(raw []byte, seps string) (n [3]int, rest []byte, ok bool) {
	for i := range len(seps) + 1 {
		if i > 0 {
			if raw, ok = after(raw, seps[i-1]); !ok {
				return n, raw, false
			}
		}
		if n[i], raw, ok = digits(raw); !ok {
			return n, raw, false
		}
	}
	return n, raw, true
}

// fraction reads an optional .dddddd as microseconds.
func fraction(raw []byte) (micro int, rest []byte, ok bool) {
	f, has := after(raw, '.')
	if !has {
		return 0, raw, true
	}
	n, rest, ok := digits(f)
	if !ok {
		return 0, raw, false
	}
	for i := len(f) - len(rest); i < 6; i++ {
		n *= 10
	}
	for i := len(f) - len(rest); i > 6; i-- {
		n /= 10
	}
	return n, rest, true
}

// ParseDate reads YYYY-MM-DD.
func ParseDate(raw []byte) (uint64, error) {
	n, rest, ok := parts(raw, "--")
	if !ok || len(rest) > 0 || n[0] > 9999 || n[1] > 12 || n[2] > 31 {
		return 0, errTemporal("date", raw)
	}
	return PackDate(n[0], n[1], n[2]), nil
}

// ParseDatetime reads YYYY-MM-DD HH:MM:SS[.ffffff].
func ParseDatetime(raw []byte) (uint64, error) {
	d, rest, ok := parts(raw, "--")
	if ok {
		rest, ok = after(rest, ' ')
	}
	if !ok {
		return 0, errTemporal("datetime", raw)
	}
	t, rest, ok := parts(rest, "::")
	if !ok {
		return 0, errTemporal("datetime", raw)
	}
	micro, rest, ok := fraction(rest)
	if !ok || len(rest) > 0 || d[0] > 9999 || d[1] > 12 || d[2] > 31 || t[0] > 23 || t[1] > 59 || t[2] > 59 {
		return 0, errTemporal("datetime", raw)
	}
	return PackDatetime(d[0], d[1], d[2], t[0], t[1], t[2], micro), nil
}

// ParseTimestamp reads a datetime text in UTC as microseconds since 1970, the
// zero date as 0.
func ParseTimestamp(raw []byte) (uint64, error) {
	b, err := ParseDatetime(raw)
	if err != nil || b == 0 {
		return 0, err
	}
	y, mo, d, h, mi, s, us := UnpackDatetime(b)
	return uint64(time.Date(y, time.Month(mo), d, h, mi, s, us*1000, time.UTC).UnixMicro()), nil
}

// ParseTime reads [-]HHH:MM:SS[.ffffff] as signed microseconds.
func ParseTime(raw []byte) (int64, error) {
	body, negative := after(raw, '-')
	n, rest, ok := parts(body, "::")
	if !ok {
		return 0, errTemporal("time", raw)
	}
	micro, rest, ok := fraction(rest)
	if !ok || len(rest) > 0 || n[0] > 838 || n[1] > 59 || n[2] > 59 {
		return 0, errTemporal("time", raw)
	}
	us := int64(n[0]*3600+n[1]*60+n[2])*1_000_000 + int64(micro)
	if negative {
		us = -us
	}
	return us, nil
}

// appendPadded appends n with at least width digits.
func appendPadded(dst []byte, n, width int) []byte {
	var buf [20]byte
	i := len(buf)
	for n > 0 || width > 0 {
		i--
		buf[i] = byte('0' + n%10)
		n /= 10
		width--
	}
	return append(dst, buf[i:]...)
}

func appendDate(dst []byte, b uint64) []byte {
	y, m, d := UnpackDate(b)
	dst = append(appendPadded(dst, y, 4), '-')
	dst = append(appendPadded(dst, m, 2), '-')
	return appendPadded(dst, d, 2)
}

func appendClock(dst []byte, h, m, s, micro int) []byte {
	dst = append(appendPadded(dst, h, 2), ':')
	dst = append(appendPadded(dst, m, 2), ':')
	dst = appendPadded(dst, s, 2)
	if micro != 0 {
		dst = appendPadded(append(dst, '.'), micro, 6)
	}
	return dst
}

func appendDatetime(dst []byte, b uint64) []byte {
	_, _, _, h, m, s, us := UnpackDatetime(b)
	return appendClock(append(appendDate(dst, b>>37), ' '), h, m, s, us)
}

func appendTimestamp(dst []byte, b uint64) []byte {
	if b == 0 {
		return appendDatetime(dst, 0)
	}
	t := time.UnixMicro(int64(b)).UTC()
	y, m, d := t.Date()
	return appendDatetime(dst, PackDatetime(y, int(m), d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond()/1000))
}

func appendTime(dst []byte, us int64) []byte {
	if us < 0 {
		dst, us = append(dst, '-'), -us
	}
	s := int(us / 1_000_000)
	return appendClock(dst, s/3600, s/60%60, s%60, int(us%1_000_000))
}
