package conflict_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

func newestRule(string) *conflict.Rule { return &conflict.Rule{Policy: conflict.Newest} }

// TestIndex holds the index against a plain map through random writes and
// settling, and sees it give everything back.
func TestIndex(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := conflict.NewIndex(newestRule)
	want := map[conflict.Key]conflict.Write{}
	bound := uint64(0)
	for seq := range uint64(5000) {
		for range rng.IntN(4) {
			key := conflict.Key{Table: "t", ID: fmt.Sprint(rng.IntN(50))}
			w := conflict.Write{Seq: seq, Version: int64(seq), Fresh: rng.IntN(2) == 0}
			if rng.IntN(4) > 0 {
				w.After = row(int64(seq), 0)
			}
			x.Put(key, w)
			if old, ok := want[key]; ok && old.Seq == seq {
				w.Fresh = old.Fresh // of one transaction the first says whether there was a row
			}
			want[key] = w
		}
		if rng.IntN(10) == 0 {
			bound = max(bound, seq-min(seq, rng.Uint64N(40)))
			x.Settle(bound)
			for k, w := range want {
				if w.Seq < bound {
					delete(want, k)
				}
			}
		}
		require.Equal(t, len(want), x.Len())
		for k, w := range want {
			have := x.Find(k)
			require.NotNil(t, have)
			require.Equal(t, w, have.Write)
		}
	}
	x.Settle(1 << 60)
	require.Zero(t, x.Len())
	require.Zero(t, x.Bytes())
	require.Nil(t, x.Find(conflict.Key{Table: "t", ID: "1"}))
}

// TestRival: concurrent is what the peer's transaction has not seen, whatever
// the versions say.
func TestRival(t *testing.T) {
	x := conflict.NewIndex(newestRule)
	key := conflict.Key{Table: "t", ID: "1"}
	require.Nil(t, x.Find(key).Rival(change.Seqs{}), "nothing is known")
	x.Put(key, conflict.Write{Seq: 4, Version: 9, After: row(1, 1)})
	x.Put(key, conflict.Write{Seq: 7, Version: 12, After: row(2, 2)})
	l := x.Find(key)
	require.Equal(t, uint64(7), l.Rival(change.Seqs{Low: 5}).Seq)
	require.Equal(t, uint64(7), l.Rival(change.Seqs{Low: 5, Above: []change.Range{{From: 6, To: 7}}}).Seq)
	require.Nil(t, l.Rival(change.Seqs{Low: 5, Above: []change.Range{{From: 7, To: 8}}}))
	require.Nil(t, l.Rival(change.Seqs{Low: 8}))
}

// BenchmarkPut is a backlog of 100,000 rows that the peer has not seen: each that
// comes lets another one go.
func BenchmarkPut(b *testing.B) {
	x := conflict.NewIndex(newestRule)
	image := []change.Value{change.OfInt(1), change.OfText([]byte("some words that stand in a row of the application")), change.OfInt(7)}
	b.ReportAllocs()
	for seq := uint64(0); b.Loop(); seq++ {
		x.Put(largeKey(seq), conflict.Write{Seq: seq, Version: int64(seq), After: image})
		if seq%64 == 0 && seq > 100_000 {
			x.Settle(seq - 100_000)
		}
	}
}

// BenchmarkWrote is transactions of four rows, in a backlog of 80,000 rows of 50,000
// keys.
func BenchmarkWrote(b *testing.B) {
	o := conflict.NewObserver(conflict.ObserverConfig{Rules: newestRule}, conflict.Point{})
	image := []change.Value{change.OfInt(1), change.OfText([]byte("some words that stand in a row of the application")), change.OfInt(7)}
	dice := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	rows := make([]conflict.Row, 4)
	for n := uint64(0); b.Loop(); n++ {
		for i := range rows {
			rows[i] = conflict.Row{Key: largeKey(dice.Uint64N(50_000)), Before: image, After: image}
		}
		s := o.Stamp(0)
		o.WroteAll(&s, 0, rows)
		if n%64 == 0 && n > 20_000 {
			o.Index().Settle(n - 20_000)
		}
	}
}
