package copy

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
)

func TestEdge(t *testing.T) {
	text := func(s string) change.Value { return change.OfText([]byte(s)) }
	for _, c := range []struct {
		name   string
		column change.Column
		value  change.Value
		json   string
	}{
		{"int", change.Column{Kind: change.Int}, change.OfInt(math.MinInt64), `[-9223372036854775808]`},
		{"unsigned", change.Column{Kind: change.Uint}, change.OfUint(math.MaxUint64), `[18446744073709551615]`},
		{"float", change.Column{Kind: change.Float32}, change.OfFloat32(1.1), `[1.100000023841858]`},
		{"double", change.Column{Kind: change.Float64}, change.OfFloat64(-1e-300), `[-1e-300]`},
		{"minus zero", change.Column{Kind: change.Float64}, change.OfFloat64(math.Copysign(0, -1)), `[-0]`},
		{"decimal", change.Column{Kind: change.Decimal, Scale: 3}, change.Value{Kind: change.Decimal, Bytes: []byte("-0.500")}, `[-0.500]`},
		{"text", change.Column{Kind: change.Text}, text("<Zoë> \"\\\n\x00🍣"), `["<Zoë> \"\\\n\u0000🍣"]`},
		{"empty text", change.Column{Kind: change.Text}, text(""), `[""]`},
		{"other character set", change.Column{Kind: change.Text, Charset: "latin1"}, text("Zo\xeb"), `[{"base64":"Wm/r"}]`},
		{"bytes", change.Column{Kind: change.Binary, Length: 4}, change.OfBinary([]byte{'a', 0, 0, 0}), `[{"base64":"YQAAAA=="}]`},
		{"no bytes", change.Column{Kind: change.Binary}, change.OfBinary([]byte{}), `[{"base64":""}]`},
		{"fixed", change.Column{Kind: change.Fixed, Length: 4}, change.Value{Kind: change.Fixed, Bytes: []byte{1, 2, 3, 4}}, `[{"base64":"AQIDBA=="}]`},
		{"date", change.Column{Kind: change.Date}, change.Value{Kind: change.Date, Bits: change.PackDate(0, 0, 0)}, `["0000-00-00"]`},
		{"datetime", change.Column{Kind: change.Datetime}, change.Value{Kind: change.Datetime, Bits: change.PackDatetime(2024, 2, 29, 23, 59, 59, 5)}, `["2024-02-29 23:59:59.000005"]`},
		{"timestamp", change.Column{Kind: change.Timestamp}, change.Value{Kind: change.Timestamp, Bits: 1_500_000}, `["1970-01-01 00:00:01.500000"]`},
		{"time", change.Column{Kind: change.Time}, change.Value{Kind: change.Time, Bits: ^uint64(0)}, `["-00:00:00.000001"]`},
		{"year", change.Column{Kind: change.Year}, change.Value{Kind: change.Year}, `[0]`},
		{"enum", change.Column{Kind: change.Enum}, change.Value{Kind: change.Enum, Bits: 2}, `[2]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			columns := []change.Column{c.column}
			e, err := newEdge(columns, []change.Value{c.value})
			require.NoError(t, err)
			require.Equal(t, c.json, e.text)
			back, err := parseEdge(columns, e.text)
			require.NoError(t, err)
			require.True(t, back.key[0].Equal(c.value), "%v", back.key)
		})
	}
	for _, bad := range []string{"", "{}", "[]", "[1,2]", `["x"]`, `[{"base64":"AQ=="}]`, "[null]", "[true]"} {
		_, err := parseEdge([]change.Column{{Name: "id", Kind: change.Int}}, bad)
		require.ErrorIs(t, err, errEdge, bad)
	}
}
