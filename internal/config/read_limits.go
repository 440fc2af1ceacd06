package config

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// The defaults and bounds of Limits.
const (
	defaultMemory = 512 << 20 // bytes
	leastMemory   = 64 << 20  // bytes
	mostWorkers   = 1024
)

func (r *reader) limits(f field) Limits {
	limits := Limits{Memory: defaultMemory}
	fields, ok := r.keys(f, "rows_per_second", "bytes_per_second", "workers", "memory")
	if !ok {
		return limits
	}
	if f, ok := fields["rows_per_second"]; ok {
		limits.RowsPerSecond, _ = r.amount(f, false)
	}
	if f, ok := fields["bytes_per_second"]; ok {
		limits.BytesPerSecond, _ = r.amount(f, true)
	}
	if f, ok := fields["workers"]; ok {
		workers, _ := r.amount(f, false)
		if workers > mostWorkers {
			r.problem(f.content(), "", "%s is above %d", f.path, mostWorkers)
			workers = 0
		}
		limits.Workers = int(workers)
	}
	if f, ok := fields["memory"]; ok {
		if limits.Memory, ok = r.amount(f, true); ok && limits.Memory < leastMemory {
			r.problem(f.content(), "", "%s is below 64MiB", f.path)
		}
	}
	return limits
}

// amount reads a number that is not negative, or, when sized, a size with its unit. A plain number may come as text
// from the environment only: in the file itself it needs no quotes.
func (r *reader) amount(f field, sized bool) (int64, bool) {
	switch n := f.value.(type) {
	case *ast.IntegerNode:
		var value int64
		switch number := n.Value.(type) {
		case int64:
			value = number
		case uint64:
			value = -1
			if number <= math.MaxInt64 {
				value = int64(number)
			}
		}
		if value < 0 {
			r.problem(f.content(), "", "%s is negative or too large", f.path)
			return 0, false
		}
		return value, true
	case *ast.StringNode, *ast.LiteralNode:
		read := size
		if raw, _ := rawText(f.value); !sized {
			if read = wholeNumber; !strings.Contains(raw, "${") {
				break
			}
		}
		text, ok := r.text(f)
		if !ok {
			return 0, false
		}
		value, err := read(text)
		if err != nil {
			r.problem(f.content(), "", "%s %s: %v", f.path, f.shown(), err)
			return 0, false
		}
		return value, true
	}
	r.wrongKind(f, "a whole number", "")
	return 0, false
}

func wholeNumber(text string) (int64, error) {
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil || value < 0 {
		return 0, errors.New("not a whole number")
	}
	return value, nil
}

// size reads a number of bytes with its unit; a number without one is bytes.
func size(text string) (int64, error) {
	digits := strings.IndexFunc(text, func(c rune) bool { return c < '0' || c > '9' })
	if digits < 0 {
		digits = len(text)
	}
	value, err := strconv.ParseInt(text[:digits], 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, errors.New("too large")
	case err != nil:
		return 0, errors.New("not a size such as 512MiB")
	}
	var unit int64
	switch strings.ToLower(strings.TrimSpace(text[digits:])) {
	case "", "b":
		unit = 1
	case "kib":
		unit = 1 << 10
	case "mib":
		unit = 1 << 20
	case "gib":
		unit = 1 << 30
	case "tib":
		unit = 1 << 40
	case "kb":
		unit = 1e3
	case "mb":
		unit = 1e6
	case "gb":
		unit = 1e9
	case "tb":
		unit = 1e12
	default:
		return 0, errors.New("not a size: the units are KiB, MiB, GiB, TiB (and kB, MB, GB, TB of a thousand)")
	}
	if value > math.MaxInt64/unit {
		return 0, errors.New("too large")
	}
	return value * unit, nil
}
