package change_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
)

// checkSeqs compares a set with a map, and looks at its form.
func checkSeqs(t *testing.T, want map[uint64]bool, got change.Seqs) {
	t.Helper()
	at := got.Low
	for _, r := range got.Above {
		require.Greater(t, r.From, at, "%+v", got)
		require.Greater(t, r.To, r.From, "%+v", got)
		at = r.To
	}
	if len(got.Above) == 0 {
		require.Nil(t, got.Above) // sets that are equal are DeepEqual
	}
	for q := range uint64(64) {
		require.Equal(t, want[q], got.Has(q), "%d in %+v", q, got)
	}
	require.False(t, got.Has(change.NoSeq))
}

// TestSeqs adds and unites at random, and compares with maps. Older values
// must stay what they were.
func TestSeqs(t *testing.T) {
	type pair struct {
		set  change.Seqs
		want map[uint64]bool
	}
	copyOf := func(m map[uint64]bool) map[uint64]bool {
		out := map[uint64]bool{}
		for q := range m {
			out[q] = true
		}
		return out
	}
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		all := []pair{{want: map[uint64]bool{}}}
		for range 60 {
			p := all[rng.IntN(len(all))]
			next := pair{want: copyOf(p.want)}
			switch rng.IntN(4) {
			case 0:
				q := uint64(rng.IntN(60))
				next.set, next.want[q] = p.set.With(q), true
			case 1:
				var rs []change.Range
				for range rng.IntN(4) {
					r := change.Range{From: uint64(rng.IntN(50))}
					r.To = r.From + 1 + uint64(rng.IntN(9))
					rs = append(rs, r)
					for q := r.From; q < r.To; q++ {
						next.want[q] = true
					}
				}
				next.set = p.set.WithRanges(rs...)
			case 2: // in order
				q := p.set.Low
				if q >= 60 {
					continue
				}
				next.set, next.want[q] = p.set.With(q), true
			default:
				o := all[rng.IntN(len(all))]
				next.set = p.set.Union(o.set)
				for q := range o.want {
					next.want[q] = true
				}
			}
			all = append(all, next)
		}
		for _, p := range all {
			checkSeqs(t, p.want, p.set)
			back, err := change.ParseRanges(change.FormatRanges(p.set.Above))
			require.NoError(t, err)
			require.Equal(t, p.set.Above, back)
		}
	}
}

// TestSeqsAnyOrder adds the same numbers in any order: the set is one.
func TestSeqsAnyOrder(t *testing.T) {
	want := change.Seqs{Low: 40, Above: []change.Range{{From: 50, To: 53}}}
	numbers := []uint64{50, 51, 52}
	for q := range uint64(40) {
		numbers = append(numbers, q)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		rng.Shuffle(len(numbers), func(i, j int) { numbers[i], numbers[j] = numbers[j], numbers[i] })
		var s change.Seqs
		for _, q := range numbers {
			s = s.With(q)
		}
		require.Equal(t, want, s)
	}
}

// TestSeqsUnionRanges unites with ranges that are in no order, touch or overlap, as they
// are when several lanes' ranges meet.
func TestSeqsUnionRanges(t *testing.T) {
	s := change.Seqs{Low: 5}
	for _, r := range []change.Range{{From: 20, To: 22}, {From: 3, To: 6}, {From: 8, To: 9}, {From: 22, To: 23}, {From: 6, To: 7}, {From: 8, To: 10}} {
		s = s.Union(change.Seqs{Above: []change.Range{r}})
	}
	require.Equal(t, change.Seqs{Low: 7, Above: []change.Range{{From: 8, To: 10}, {From: 20, To: 23}}}, s)
	require.Equal(t, change.Seqs{Low: 30}, s.Union(change.Seqs{Low: 30}))
	require.Equal(t, s, change.Seqs{}.Union(s))
	require.Equal(t, s, s.With(change.NoSeq), "no set holds NoSeq")
}

func TestRangesText(t *testing.T) {
	require.Equal(t, "", change.FormatRanges(nil))
	require.Equal(t, "7,9-12", change.FormatRanges([]change.Range{{From: 7, To: 8}, {From: 9, To: 13}}))
	for _, s := range []string{"x", "5-", "-5", "5-4", "5,", ",5", "7,6", "5-9,8", "5--6", "1-2-3", " 5", "18446744073709551615", "18446744073709551616", "+5"} {
		_, err := change.ParseRanges(s)
		require.Error(t, err, s)
	}
}

func FuzzParseRanges(f *testing.F) {
	f.Add("7,9-12")
	f.Add("0-18446744073709551614")
	f.Fuzz(func(t *testing.T, s string) {
		rs, err := change.ParseRanges(s)
		if err != nil {
			return
		}
		again, err := change.ParseRanges(change.FormatRanges(rs))
		require.NoError(t, err)
		require.True(t, slices.Equal(rs, again))
	})
}
