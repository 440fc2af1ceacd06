package change_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
)

// TestTemporalText reads texts as a server prints them, and writes them again.
func TestTemporalText(t *testing.T) {
	for _, tc := range []struct {
		kind change.Kind
		in   string
		out  string // "" = in
		bad  bool
	}{
		{kind: change.Date, in: "2024-02-29"},
		{kind: change.Date, in: "0000-00-00"},
		{kind: change.Date, in: "2024-00-00"},
		{kind: change.Date, in: "2024-02-31"}, // with ALLOW_INVALID_DATES
		{kind: change.Date, in: "9999-12-31"},
		{kind: change.Date, in: "", bad: true},
		{kind: change.Date, in: "2024-02", bad: true},
		{kind: change.Date, in: "2024-13-01", bad: true},
		{kind: change.Date, in: "2024-01-32", bad: true},
		{kind: change.Date, in: "10000-01-01", bad: true},
		{kind: change.Date, in: "2024-01-01 ", bad: true},
		{kind: change.Date, in: "-024-01-01", bad: true},
		{kind: change.Datetime, in: "2024-02-29 23:59:59"},
		{kind: change.Datetime, in: "2024-02-29 23:59:59.000001"},
		{kind: change.Datetime, in: "2024-02-29 23:59:59.5", out: "2024-02-29 23:59:59.500000"},
		{kind: change.Datetime, in: "2024-02-29 23:59:59.000", out: "2024-02-29 23:59:59"},
		{kind: change.Datetime, in: "0000-00-00 00:00:00"},
		{kind: change.Datetime, in: "0000-00-00 00:00:00.000000", out: "0000-00-00 00:00:00"},
		{kind: change.Datetime, in: "9999-12-31 23:59:59.999999"},
		{kind: change.Datetime, in: "2024-02-29", bad: true},
		{kind: change.Datetime, in: "2024-02-29 24:00:00", bad: true},
		{kind: change.Datetime, in: "2024-02-29 23:60:00", bad: true},
		{kind: change.Datetime, in: "2024-02-29 23:59:60", bad: true},
		{kind: change.Datetime, in: "2024-02-29 23:59:59.", bad: true},
		{kind: change.Datetime, in: "2024-02-29T23:59:59", bad: true},
		{kind: change.Timestamp, in: "1970-01-01 00:00:01"},
		{kind: change.Timestamp, in: "2038-01-19 03:14:07.999999"},
		{kind: change.Timestamp, in: "2106-02-07 06:28:15"},
		{kind: change.Timestamp, in: "0000-00-00 00:00:00"},
		{kind: change.Timestamp, in: "yesterday", bad: true},
		{kind: change.Time, in: "00:00:00"},
		{kind: change.Time, in: "-00:00:00.000001"},
		{kind: change.Time, in: "-00:00:00", out: "00:00:00"},
		{kind: change.Time, in: "838:59:59"},
		{kind: change.Time, in: "-838:59:59.999999"},
		{kind: change.Time, in: "100:00:00.25", out: "100:00:00.250000"},
		{kind: change.Time, in: "839:00:00", bad: true},
		{kind: change.Time, in: "--1:00:00", bad: true},
		{kind: change.Time, in: "1:00", bad: true},
		{kind: change.Time, in: "", bad: true},
	} {
		c := change.Column{Name: "c", Kind: tc.kind}
		v, err := c.ParseText([]byte(tc.in))
		if tc.bad {
			require.Error(t, err, tc.in)
			continue
		}
		require.NoError(t, err, tc.in)
		if tc.out == "" {
			tc.out = tc.in
		}
		require.Equal(t, "'"+tc.out+"'", c.Format(v))
		again, err := c.ParseText([]byte(tc.out))
		require.NoError(t, err)
		require.True(t, v.Equal(again), tc.in)
	}
}

// TestTemporalOrder packs random moments and finds their order kept.
func TestTemporalOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	moment := func() [7]int {
		return [7]int{rng.IntN(10000), rng.IntN(13), rng.IntN(32), rng.IntN(24), rng.IntN(60), rng.IntN(60), rng.IntN(1_000_000)}
	}
	pack := func(m [7]int) uint64 { return change.PackDatetime(m[0], m[1], m[2], m[3], m[4], m[5], m[6]) }
	less := func(a, b [7]int) bool {
		for i := range a {
			if a[i] != b[i] {
				return a[i] < b[i]
			}
		}
		return false
	}
	for range 10000 {
		a, b := moment(), moment()
		copy(b[:], a[:rng.IntN(8)]) // alike up to some place
		require.Equal(t, less(a, b), pack(a) < pack(b), "%v %v", a, b)
		y, mo, d, h, mi, s, us := change.UnpackDatetime(pack(a))
		require.Equal(t, a, [7]int{y, mo, d, h, mi, s, us})
		y, mo, d = change.UnpackDate(change.PackDate(a[0], a[1], a[2]))
		require.Equal(t, a[:3], []int{y, mo, d})
	}
}

func TestParseTimestampIsUTC(t *testing.T) {
	local := time.Local
	time.Local = time.FixedZone("east", 8*3600)
	defer func() { time.Local = local }()
	us, err := change.ParseTimestamp([]byte("2024-01-02 03:04:05.678901"))
	require.NoError(t, err)
	require.Equal(t, time.Date(2024, 1, 2, 3, 4, 5, 678901000, time.UTC).UnixMicro(), int64(us))
}

// FuzzParseText reads hostile texts as each kind: what can be read comes back
// the same from its own text.
func FuzzParseText(f *testing.F) {
	for _, s := range []string{"", "0", "-1", "1.5e300", "2024-02-29", "0000-00-00 00:00:00.000001", "-838:59:59.999999", "12.340", "-0", "1.2.3"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for k := change.Int; k <= change.Geometry; k++ {
			c := change.Column{Name: "c", Kind: k, Scale: 3, Length: 4, Charset: "utf8mb4"}
			v, err := c.ParseText(raw)
			if err != nil {
				continue
			}
			_ = c.Format(v)
			_, _ = c.AppendKey(nil, v)
			switch k {
			case change.Decimal:
				again, err := c.ParseText(v.Bytes)
				require.NoError(t, err)
				require.True(t, v.Equal(again))
			case change.Date, change.Datetime, change.Time:
				text := c.Format(v)
				again, err := c.ParseText([]byte(text[1 : len(text)-1]))
				require.NoError(t, err)
				require.True(t, v.Equal(again), text)
			}
		}
	})
}
