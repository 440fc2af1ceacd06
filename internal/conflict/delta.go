package conflict

import (
	"math"
	"math/big"
	"strings"

	"duplex/internal/change"
)

// addDifference is v + (after − before), of a column of one definition. ok is
// false if that is no number, or none that the column's kind can hold. NULL
// counts as nothing before, and stays where the change is from or to it.
func addDifference(v, before, after change.Value) (sum change.Value, ok bool) {
	if v.IsNull() || before.IsNull() || after.IsNull() {
		return after, true
	}
	if v.Kind != before.Kind || v.Kind != after.Kind {
		return v, false
	}
	switch v.Kind {
	case change.Int:
		d, over1 := subtract(int64(after.Bits), int64(before.Bits))
		s := int64(v.Bits) + d
		over2 := d > 0 && s < int64(v.Bits) || d < 0 && s > int64(v.Bits)
		return change.OfInt(s), !over1 && !over2
	case change.Uint:
		s := v.Bits + after.Bits - before.Bits
		down := after.Bits < before.Bits
		return change.OfUint(s), down == (s < v.Bits) || after.Bits == before.Bits
	case change.Float32:
		return change.OfFloat32(float(v) + float(after) - float(before)), true
	case change.Float64:
		f := func(x change.Value) float64 { return math.Float64frombits(x.Bits) }
		return change.OfFloat64(f(v) + f(after) - f(before)), true
	case change.Decimal:
		return addDecimal(v, before, after)
	}
	return v, false
}

func float(v change.Value) float32 { return math.Float32frombits(uint32(v.Bits)) }

func subtract(a, b int64) (d int64, overflow bool) {
	d = a - b
	return d, b > 0 && d > a || b < 0 && d < a
}

// addDecimal works on the canonical text of a DECIMAL: all three have the same
// number of fractional digits.
func addDecimal(v, before, after change.Value) (change.Value, bool) {
	scale := 0
	number := func(x change.Value) *big.Int {
		whole, frac, _ := strings.Cut(string(x.Bytes), ".")
		scale = len(frac)
		n, _ := new(big.Int).SetString(whole+frac, 10)
		return n
	}
	a, b, c := number(v), number(before), number(after)
	if a == nil || b == nil || c == nil {
		return v, false
	}
	sum := a.Add(a, c.Sub(c, b))
	digits := new(big.Int).Abs(sum).String()
	if n := scale + 1 - len(digits); n > 0 {
		digits = strings.Repeat("0", n) + digits
	}
	text := digits
	if scale > 0 {
		text = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if sum.Sign() < 0 {
		text = "-" + text
	}
	return change.Value{Kind: change.Decimal, Bytes: []byte(text)}, true
}
