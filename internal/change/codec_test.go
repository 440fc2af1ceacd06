package change_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
)

func TestCanonicalDecimal(t *testing.T) {
	for _, tc := range []struct {
		in    string
		scale int
		out   string // "" = an error
	}{
		{"0", 0, "0"}, {"0", 2, "0.00"}, {"-0", 2, "0.00"}, {"-0.00", 2, "0.00"}, {"+1", 0, "1"},
		{"007.5", 2, "7.50"}, {".5", 1, "0.5"}, {"5.", 1, "5.0"}, {"-.5", 1, "-0.5"}, {"1.500", 1, "1.5"},
		{"-12345678901234567890123456789012345.123456789012345678901234567890", 30, "-12345678901234567890123456789012345.123456789012345678901234567890"},
		{"1.25", 1, ""}, {"", 2, ""}, {"-", 2, ""}, {".", 2, ""}, {"1.2.3", 3, ""}, {"1e5", 2, ""}, {"1.0x", 1, ""},
		{"x", 0, ""}, {" 1", 0, ""}, {"1,5", 1, ""}, {"--1", 0, ""}, {"NaN", 0, ""},
	} {
		got, err := change.CanonicalDecimal([]byte(tc.in), tc.scale)
		if tc.out == "" {
			require.Error(t, err, "%q gave %q", tc.in, got)
			continue
		}
		require.NoError(t, err, tc.in)
		require.Equal(t, tc.out, string(got), tc.in)
	}
}

func TestParseText(t *testing.T) {
	text := func(k change.Kind, s string) change.Value { return change.Value{Kind: k, Bytes: []byte(s)} }
	for _, tc := range []struct {
		c    change.Column
		in   string
		want change.Value
	}{
		{change.Column{Kind: change.Int}, "-9223372036854775808", change.OfInt(math.MinInt64)},
		{change.Column{Kind: change.Uint}, "18446744073709551615", change.OfUint(math.MaxUint64)},
		{change.Column{Kind: change.Year}, "2155", change.Value{Kind: change.Year, Bits: 2155}},
		{change.Column{Kind: change.Float32}, "0.10000000149011612", change.OfFloat32(0.1)},
		{change.Column{Kind: change.Float64}, "1.7976931348623157e308", change.OfFloat64(math.MaxFloat64)},
		{change.Column{Kind: change.Float64}, "-0", change.OfFloat64(math.Copysign(0, -1))},
		{change.Column{Kind: change.Decimal, Scale: 2}, "1.5", text(change.Decimal, "1.50")},
		{change.Column{Kind: change.Binary, Length: 4}, "ab", change.OfBinary([]byte("ab\x00\x00"))},
		{change.Column{Kind: change.Binary}, "ab", change.OfBinary([]byte("ab"))},
		{change.Column{Kind: change.Binary, Length: 2}, "", change.OfBinary([]byte("\x00\x00"))},
		{change.Column{Kind: change.Text}, "", change.OfText(nil)},
	} {
		got, err := tc.c.ParseText([]byte(tc.in))
		require.NoError(t, err, tc.in)
		require.True(t, tc.want.Equal(got), "%q: %+v", tc.in, got)
	}
	for k := change.Int; k <= change.Geometry; k++ {
		c := change.Column{Kind: k}
		v, err := c.ParseText(nil)
		require.NoError(t, err)
		require.True(t, v.IsNull())
	}
	for _, tc := range []struct {
		kind change.Kind
		in   string
	}{
		{change.Int, "9223372036854775808"}, {change.Uint, "-1"}, {change.Bit, "x"}, {change.Float64, "1e999"}, {change.Float32, ""},
	} {
		c := change.Column{Name: "price", Kind: tc.kind}
		_, err := c.ParseText([]byte(tc.in))
		require.ErrorContains(t, err, "price")
	}
}

func TestAppendLiteral(t *testing.T) {
	utf8, gbk := change.Column{Charset: "utf8mb4"}, change.Column{Charset: "gbk"}
	for _, tc := range []struct {
		c    change.Column
		v    change.Value
		want string
	}{
		{utf8, change.Value{}, "NULL"},
		{utf8, change.OfInt(math.MinInt64), "-9223372036854775808"},
		{utf8, change.OfUint(math.MaxUint64), "18446744073709551615"},
		{utf8, change.OfFloat32(0.1), "1.0000000149011612e-01"},
		{utf8, change.OfFloat64(0.1), "1e-01"},
		{utf8, change.OfFloat64(math.Copysign(0, -1)), "-0e+00"},
		{utf8, change.OfText([]byte("it's \\ \x00\x1a \"é\"\n")), `'it\'s \\ \0\Z "é"` + "\n'"},
		{utf8, change.OfText([]byte("\xff'")), "_binary'\xff\\''"},
		{gbk, change.OfText([]byte("\xd6\x5c'")), "_binary'\xd6\\\\\\''"}, // a character whose second byte is a backslash
		{utf8, change.OfText(nil), "''"},
		{utf8, change.OfBinary([]byte{0, 39}), `_binary'\0\''`},
		{utf8, change.Value{Kind: change.JSON, Bytes: []byte(`{"a":"\n"}`)}, `'{"a":"\\n"}'`},
		{utf8, change.Value{Kind: change.Bit, Bits: 5}, "5"},
		{utf8, change.Value{Kind: change.Year}, "0"},
	} {
		require.Equal(t, tc.want, string(tc.c.AppendLiteral(nil, tc.v)))
	}
	require.Equal(t, "`a``b`", string(change.AppendIdent(nil, "a`b")))
	tab := change.Table{Database: "d`", Name: "t"}
	require.Equal(t, "`d```.`t`", string(tab.AppendName(nil)))
	require.Equal(t, `"é"`, utf8.Format(change.OfText([]byte("é"))))
	require.Equal(t, "0xff", utf8.Format(change.OfText([]byte("\xff"))))
}

func TestEqual(t *testing.T) {
	require.True(t, change.Value{}.Equal(change.Value{}))
	require.False(t, change.OfInt(1).Equal(change.OfUint(1)), "kinds differ")
	require.False(t, change.OfText([]byte("a")).Equal(change.OfText([]byte("A"))))
	require.False(t, change.OfText([]byte("a")).Equal(change.OfText([]byte("a "))))
	for _, zeros := range [][2]change.Value{
		{change.OfFloat64(0), change.OfFloat64(math.Copysign(0, -1))}, {change.OfFloat32(0), change.OfFloat32(float32(math.Copysign(0, -1)))},
	} {
		require.True(t, zeros[0].Equal(zeros[1]), "MariaDB makes a minus zero zero")
		require.False(t, zeros[0].Identical(zeros[1]))
	}
	require.False(t, change.OfFloat64(0).Equal(change.OfFloat64(5e-324)))
	require.False(t, change.OfFloat32(0).Equal(change.OfFloat32(1e-45)))
	raw := []byte("ab")
	v := change.OfText(raw)
	kept := v.Clone()
	raw[0] = 'x'
	require.Equal(t, "xb", string(v.Bytes))
	require.Equal(t, "ab", string(kept.Bytes))
	require.Equal(t, 42, v.Size())
}

func jsonEqual(a, b string) bool {
	return change.Value{Kind: change.JSON, Bytes: []byte(a)}.Equal(change.Value{Kind: change.JSON, Bytes: []byte(b)})
}

func TestEqualJSON(t *testing.T) {
	deep := func(n int, s string) string { return strings.Repeat("[", n) + s + strings.Repeat("]", n) }
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{`{"a": 1, "b": [true, null]}`, `{"b":[true,null],"a":1}`, true},
		{`[1,2]`, `[2,1]`, false},
		{`{"a":1}`, `{"a":1,"b":null}`, false},
		{`{"a":1}`, `{"b":1}`, false},
		{`"\u00e9\/"`, `"é/"`, true},
		{`"😀"`, `"\ud83d\ude00"`, true},
		{`"a"`, `"A"`, false},
		{`9007199254740993`, `9007199254740992`, false},
		{`18446744073709551615`, `18446744073709551616`, false},
		{`0.1`, `0.10000000000000001`, false},
		{`1`, `1.0`, true},
		{`100`, `1e2`, true},
		{`100`, `1E+2`, true},
		{`0.001`, `1e-3`, true},
		{`-0.0`, `0`, true},
		{`0e5`, `0`, true},
		{`-1`, `1`, false},
		{`10`, `1`, false},
		{`1e999999999999999999999`, `1e999999999999999999998`, false},
		{`[1e999999999999999999999]`, `[1e999999999999999999999 ]`, true},
		{`1`, `"1"`, false},
		{`{"a":1,"a":2}`, `{"a":2}`, true},
		{`{"a":1,"a":2}`, `{"a":1}`, false},
		{`null`, ` null`, true},
		{`null`, `false`, false},
		{`{}`, `[]`, false},
		{deep(100, "1"), deep(100, " 1"), true},
		{deep(100_000, "1"), deep(100_000, " 1"), false}, // deeper than any server allows
		{deep(100_000, "1"), deep(100_000, "1"), true},   // the same bytes
		{`1 2`, `1`, false},
		{`1`, `1 x`, false},
		{`{`, `{ `, false},
		{"\"\xff\"", "\"\xfe\"", false},
		{`"\ud800"`, `"\ud801"`, false},
		{`["\ud800"]`, `["\ud801"]`, false},
		{`["\ud83dx\ude00"]`, `["\ud83dx\ude01"]`, false},
		{`["\\ud800"]`, `[ "\\ud800"]`, true},
		{``, ``, true},
		{``, ` `, false},
	} {
		require.Equal(t, tc.want, jsonEqual(tc.a, tc.b), "%.60s %.60s", tc.a, tc.b)
		require.Equal(t, tc.want, jsonEqual(tc.b, tc.a), "%.60s %.60s", tc.b, tc.a)
	}
}

// TestEqualJSONNumbers compares random numbers as math/big does.
func TestEqualJSONNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	number := func() string {
		return pick("", "-") + pick("0", "1", "10", "100", "12", "9007199254740993") + pick("", ".0", ".5", ".05", ".50", ".120") +
			pick("", "e0", "e1", "E+1", "e-1", "e2", "e-02")
	}
	equal := 0
	for range 20000 {
		a, b := number(), number()
		x, ok := new(big.Rat).SetString(a)
		require.True(t, ok)
		y, ok := new(big.Rat).SetString(b)
		require.True(t, ok)
		want := x.Cmp(y) == 0
		require.Equal(t, want, jsonEqual(a, b), "%s %s", a, b)
		if want && a != b {
			equal++
		}
	}
	require.Greater(t, equal, 100)
}

func FuzzEqualJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.50,"x"]}`), []byte(` {"a":[1.0,2.5,"\u0078"]}`))
	f.Add([]byte(`1e9999999999`), []byte(`"\ud800"`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, y := change.Value{Kind: change.JSON, Bytes: a}, change.Value{Kind: change.JSON, Bytes: b}
		require.Equal(t, x.Equal(y), y.Equal(x))
		require.True(t, x.Equal(x.Clone()))
	})
}

func BenchmarkAppendString(b *testing.B) {
	text := strings.Repeat("84739201837-", 10)
	var dst []byte
	for range b.N {
		dst = change.AppendString(dst[:0], text)
	}
}
