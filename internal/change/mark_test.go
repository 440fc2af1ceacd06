package change_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
)

func randomSeqs(rng *rand.Rand) change.Seqs {
	s := change.Seqs{Low: rng.Uint64N(1 << uint(1+rng.IntN(40)))}
	for range rng.IntN(5) {
		s = s.With(s.Low + rng.Uint64N(20))
	}
	return s
}

func TestCarriedRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		stamps := make([]change.Stamp, rng.IntN(6))
		for i := range stamps {
			stamps[i] = change.Stamp{Seq: rng.Uint64N(1 << uint(1+rng.IntN(63))), Version: rng.Int64() - rng.Int64(), Seen: randomSeqs(rng)}
		}
		if len(stamps) > 0 && rng.IntN(4) == 0 {
			stamps[0].Seq, stamps[0].Version = change.NoSeq, math.MinInt64
		}
		raw := change.AppendCarried([]byte("x"), rng.Uint64(), stamps)
		back, err := change.ParseCarried(raw[1:])
		require.NoError(t, err)
		require.Equal(t, stamps, back)
		for n := range len(raw) - 1 {
			_, err := change.ParseCarried(raw[1 : 1+n])
			require.Error(t, err, "cut to %d of %d bytes", n, len(raw)-1)
		}
		_, err = change.ParseCarried(append(raw[1:], 0))
		require.Error(t, err)
	}
}

// TestCarriedIsSmall holds the size of the usual case: transactions in order.
func TestCarriedIsSmall(t *testing.T) {
	var stamps []change.Stamp
	for i := range uint64(100) {
		stamps = append(stamps, change.Stamp{Seq: 1e9 + i, Version: 1.7e15 + 300*int64(i), Seen: change.Seqs{Low: 1e9}})
	}
	require.Less(t, len(change.AppendCarried(nil, 1, stamps)), 1000)
}

// TestParseCarriedHostile gives counts that no bytes back up, and sets that no
// set would be written as.
func TestParseCarriedHostile(t *testing.T) {
	const huge = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
	for name, raw := range map[string]string{
		"empty":          "",
		"other format":   "\x02\x00\x00",
		"stamps":         "\x01\x00" + huge,
		"ranges":         "\x01\x00\x01\x00\x00\x00" + huge,
		"touching range": "\x01\x00\x01\x00\x00\x05\x01\x00\x01",
		"empty range":    "\x01\x00\x01\x00\x00\x05\x01\x01\x00",
		"end beyond":     "\x01\x00\x01\x00\x00\x05\x01\x01" + huge,
		"start beyond":   "\x01\x00\x01\x00\x00\x05\x01" + huge + "\x01",
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			stamps, err := change.ParseCarried([]byte(raw))
			runtime.ReadMemStats(&after)
			require.Error(t, err)
			require.Nil(t, stamps)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<10))
		})
	}
}

func FuzzParseCarried(f *testing.F) {
	f.Add(change.AppendCarried(nil, 0, nil))
	f.Add(change.AppendCarried(nil, 1<<40, []change.Stamp{
		{Seq: 7, Version: 5, Seen: change.Seqs{Low: 3, Above: []change.Range{{From: 5, To: 9}}}},
		{Seq: change.NoSeq, Version: -1},
	}))
	f.Add([]byte("\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		stamps, err := change.ParseCarried(raw)
		if err != nil {
			return
		}
		require.LessOrEqual(t, 4*len(stamps), len(raw))
		for _, s := range stamps {
			at := s.Seen.Low
			for _, r := range s.Seen.Above {
				require.True(t, r.From > at && r.To > r.From)
				at = r.To
			}
		}
		again, err := change.ParseCarried(change.AppendCarried(nil, 1, stamps))
		require.NoError(t, err)
		require.Equal(t, stamps, again)
	})
}
