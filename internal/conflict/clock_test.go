package conflict_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// TestClock runs through commit times that step back and marks from ahead:
// versions rise strictly, and none is below what was seen.
func TestClock(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	c := conflict.NewClock(1000)
	require.Equal(t, int64(1000), c.Last())
	now, floor := int64(1000), int64(1000)
	for range 10000 {
		now += rng.Int64N(20) - 8
		if rng.IntN(3) == 0 {
			v := now + rng.Int64N(60) - 30
			c.Raise(v)
			floor = max(floor, v)
			require.Equal(t, floor, c.Last(), "a mark raises and never lowers")
			continue
		}
		v := c.Next(now)
		require.Greater(t, v, floor)
		require.True(t, v == now || v == floor+1, "as near to the commit time as can be")
		require.Equal(t, v, c.Last())
		floor = v
	}
}

// TestClockRecomputes: from a stored version on, the same log gives the same.
func TestClockRecomputes(t *testing.T) {
	commits := []int64{5, 5, 3, 9, 9, 1, 20}
	c := conflict.NewClock(0)
	var all []int64
	for _, at := range commits {
		all = append(all, c.Next(at))
	}
	require.Equal(t, []int64{5, 6, 7, 9, 10, 11, 20}, all)
	for i := 1; i < len(commits); i++ {
		again := conflict.NewClock(all[i-1])
		for j, at := range commits[i:] {
			require.Equal(t, all[i+j], again.Next(at))
		}
	}
}

func TestSeen(t *testing.T) {
	s := conflict.NewSeen(change.Seqs{Low: 10})
	before := s.Set()
	s.Add([]change.Stamp{{Seq: 12}, {Seq: change.NoSeq}, {Seq: 11}, {Seq: 20}, {Seq: 21}, {Seq: 22}, {Seq: 24}})
	middle := s.Set()
	s.Add([]change.Stamp{{Seq: change.NoSeq}}) // a chunk of a copy
	require.Equal(t, middle, s.Set())
	s.Add([]change.Stamp{{Seq: 10}, {Seq: 3}})
	require.Equal(t, change.Seqs{Low: 10}, before, "a set taken stays as it was")
	require.Equal(t, change.Seqs{Low: 10, Above: []change.Range{{From: 11, To: 13}, {From: 20, To: 23}, {From: 24, To: 25}}}, middle)
	want := change.Seqs{Low: 13, Above: middle.Above[1:]}
	require.Equal(t, want, s.Set())
	s.Add(nil)
	require.Equal(t, want, s.Set())
}
