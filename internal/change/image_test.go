package change_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
)

func TestAppendJSON(t *testing.T) {
	columns := []change.Column{
		{Name: "id", Kind: change.Int}, {Name: "name", Kind: change.Text, Charset: "utf8mb4"}, {Name: "raw", Kind: change.Binary},
		{Name: "price", Kind: change.Decimal, Scale: 2}, {Name: "at", Kind: change.Timestamp}, {Name: "a\"b", Kind: change.Text, Charset: "gbk"},
		{Name: "doc", Kind: change.JSON}, {Name: "f", Kind: change.Float32}, {Name: "none", Kind: change.Text},
	}
	image := []change.Value{
		change.OfInt(-7), change.OfText([]byte("it's \"李\"\n\x00")), change.OfBinary([]byte{0, 0xff}),
		{Kind: change.Decimal, Bytes: []byte("12.50")}, {Kind: change.Timestamp, Bits: 1_500_000}, change.OfText([]byte("\xd6\x5c")),
		{Kind: change.JSON, Bytes: []byte(`{"x": null}`)}, change.OfFloat32(0.1), {},
	}
	got := change.AppendJSON([]byte("x"), columns, image)
	require.Equal(t, `x{"id":-7,"name":"it's \"李\"\n\u0000","raw":{"base64":"AP8="},"price":12.50,"at":"1970-01-01 00:00:01.500000",`+
		`"a\"b":{"base64":"1lw="},"doc":"{\"x\": null}","f":0.1,"none":null}`, string(got))
	require.Empty(t, change.AppendJSON(nil, columns, nil), "no row")

	back, err := change.ParseJSON(columns, got[1:])
	require.NoError(t, err)
	require.Equal(t, image, back)
	back, err = change.ParseJSON(columns, nil)
	require.NoError(t, err)
	require.Nil(t, back)
}

// TestParseJSONByName reads an image after the table's columns have changed.
func TestParseJSONByName(t *testing.T) {
	now := []change.Column{{Name: "added", Kind: change.Int}, {Name: "b", Kind: change.Text}, {Name: "a", Kind: change.Int}}
	image, known, err := change.ParseJSONKnown(now, []byte(`{"a":1,"b":null,"dropped":{"base64":""}}`))
	require.NoError(t, err)
	require.Equal(t, []change.Value{{}, {}, change.OfInt(1)}, image)
	require.Equal(t, []bool{false, true, true}, known)

	image, err = change.ParseJSON([]change.Column{{Name: "a", Kind: change.Text}}, []byte(`{"a":1}`))
	require.NoError(t, err)
	require.Equal(t, "1", string(image[0].Bytes), "the column was a number")

	for _, broken := range []string{`[]`, `{`, `{"a":"x"}`, `{"a":{}}`, `{"a":{"base64":"?"}}`, `{"a":{"base64":"","b":1}}`, `{"a":true}`, `{"a":[1]}`} {
		_, err := change.ParseJSON(now, []byte(broken))
		require.Error(t, err, broken)
	}
}

// TestJSONRoundTrip keeps random values of all kinds exactly.
func TestJSONRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var columns []change.Column
	for kind := change.Int; kind <= change.Geometry; kind++ {
		for _, charset := range []string{"utf8mb4", "utf8", "gbk", "latin1", "utf16", "ascii"} {
			if kind == change.Text || charset == "utf8mb4" {
				columns = append(columns, change.Column{Name: strconv.Itoa(len(columns)) + "列\"\\", Kind: kind, Charset: charset, Scale: rng.IntN(20)})
			}
		}
	}
	for range 20_000 {
		image := make([]change.Value, len(columns))
		for i := range columns {
			image[i] = randomValue(t, rng, &columns[i])
		}
		text := change.AppendJSON(nil, columns, image)
		require.True(t, json.Valid(text), "%q", text)
		require.True(t, utf8.Valid(text), "%q", text)
		back, err := change.ParseJSON(columns, text)
		require.NoError(t, err, "%s", text)
		for i := range columns {
			require.True(t, image[i].Identical(back[i]), "%+v\n%+v\n%+v", columns[i], image[i], back[i])
		}
	}
}

func randomValue(t *testing.T, rng *rand.Rand, c *change.Column) change.Value {
	v := change.Value{Kind: c.Kind}
	edges := []uint64{0, 1, math.MaxInt64, 1 << 63, math.MaxUint64, 1<<53 + 1}
	switch c.Kind {
	case change.Int, change.Uint, change.Bit, change.Set, change.Enum, change.Year:
		v.Bits = rng.Uint64() >> rng.IntN(64)
		if rng.IntN(4) == 0 {
			v.Bits = edges[rng.IntN(len(edges))]
		}
	case change.Float32:
		if v.Bits = uint64(rng.Uint32()); v.Bits>>23&0xff == 0xff { // infinite, or no number
			v.Bits = 0x15ae43fd // 7.038531e-26: rounded twice it is another
		}
	case change.Float64:
		if v.Bits = rng.Uint64(); v.Bits>>52&0x7ff == 0x7ff {
			v.Bits = 1 << 63 // minus zero
		}
	case change.Decimal:
		digits := strconv.AppendInt(nil, rng.Int64()>>rng.IntN(63), 10)
		if c.Scale > 0 {
			digits = strconv.AppendUint(append(digits, '.'), rng.Uint64()%10, 10)
		}
		var err error
		v.Bytes, err = change.CanonicalDecimal(digits, c.Scale)
		require.NoError(t, err)
	case change.Date:
		v.Bits = change.PackDate(rng.IntN(10000), rng.IntN(13), rng.IntN(32))
	case change.Datetime:
		v.Bits = change.PackDatetime(rng.IntN(10000), rng.IntN(13), rng.IntN(32), rng.IntN(24), rng.IntN(60), rng.IntN(60), rng.IntN(2)*rng.IntN(1e6))
	case change.Timestamp:
		v.Bits = uint64(rng.Int64N(time.Date(2106, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro())) * uint64(rng.IntN(2))
	case change.Time:
		v.Bits = uint64(rng.Int64N(838*3600*1e6*2) - 838*3600*1e6)
	default:
		v.Bytes = make([]byte, rng.IntN(12))
		for i := range v.Bytes {
			v.Bytes[i] = byte(rng.Uint32()) >> rng.IntN(3)
		}
		if rng.IntN(2) == 0 {
			v.Bytes = append(v.Bytes[:0], "\x00\x1f\x7f\"'\\/李😀\u2028<&>\ufffd"[rng.IntN(4):]...)
		}
	}
	if rng.IntN(8) == 0 {
		return change.Value{}
	}
	return v
}

// TestUnknown keeps what a before image does not say apart from NULL.
func TestUnknown(t *testing.T) {
	columns := []change.Column{{Name: "id", Kind: change.Int}, {Name: "doc", Kind: change.Text, Charset: "utf8mb4"}, {Name: "n", Kind: change.Int}}
	image := []change.Value{change.OfInt(1), {Kind: change.Unknown}, {}}
	require.Equal(t, `{"id":1,"n":null}`, string(change.AppendJSON(nil, columns, image)))
	_, known, err := change.ParseJSONKnown(columns, change.AppendJSON(nil, columns, image))
	require.NoError(t, err)
	require.Equal(t, []bool{true, false, true}, known)
	back, rest, err := change.ParseImage(change.AppendImage(nil, image))
	require.NoError(t, err)
	require.Empty(t, rest)
	require.Equal(t, image, back)

	require.False(t, change.Whole(image))
	require.True(t, change.Whole(image[:1]))
	require.True(t, change.Whole(nil))
	for _, v := range []change.Value{{}, change.OfText([]byte("x")), image[1]} {
		require.True(t, image[1].Equal(v))
		require.True(t, v.Equal(image[1]))
	}
	require.False(t, image[1].Identical(change.Value{}))
	require.False(t, image[1].IsNull())
	require.Equal(t, "(unknown)", columns[1].Format(image[1]))
	require.Equal(t, "`(unknown)`", string(columns[1].AppendLiteral(nil, image[1])), "a column that is nowhere")
}
