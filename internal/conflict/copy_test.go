package conflict_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

func TestCame(t *testing.T) {
	c := conflict.NewCame()
	low := func(seq uint64) *change.Watermark { return &change.Watermark{Seq: seq} }
	c.Add("1", 10)
	c.Add("2", 11)
	require.False(t, c.Since(low(11), "1"))
	require.True(t, c.Since(low(11), "2"))
	require.False(t, c.Since(low(11), "3"))
	require.False(t, c.Reread(low(0)))

	c.AddLarge(12)
	c.AddLarge(12)
	require.True(t, c.Reread(low(12)))
	require.False(t, c.Reread(low(13)))

	c.Forget(11)
	require.False(t, c.Since(low(0), "1"), "no chunk asks so any more")
	require.True(t, c.Since(low(11), "2"))
	require.True(t, c.Reread(low(12)))
	c.Forget(13)
	require.False(t, c.Reread(low(0)))
}

func TestYields(t *testing.T) {
	rule := &conflict.Rule{Policy: conflict.Newest}
	o := conflict.NewObserver(conflict.ObserverConfig{Peer: 1, Large: 2, Rules: func(string) *conflict.Rule { return rule }}, conflict.Point{})
	o.CaughtUp()
	o.Copying("t")
	key := func(id string) conflict.Key { return conflict.Key{Table: "t", ID: id} }
	row := []change.Value{change.OfInt(1)}
	write := func(keys ...string) {
		s := o.Stamp(5)
		for _, k := range keys {
			o.Wrote(&s, 5, key(k), row, nil)
		}
		o.Behind(&s, "")
	}
	seen := func(low uint64) *change.Watermark { return &change.Watermark{Seen: change.Seqs{Low: low}} }
	write("1")
	write("2")
	require.True(t, o.Yields(seen(1), key("2")))
	require.False(t, o.Yields(seen(1), key("1")), "the source had seen that")
	require.False(t, o.Yields(seen(0), key("3")))

	// The index lets go of it, a chunk that was read before does not.
	require.NoError(t, o.Applied(&conflict.Applied{Carried: []change.Stamp{{Seq: 0, Version: 9, Seen: change.Seqs{Low: 2}}}}))
	require.Zero(t, o.Index().Len())
	require.True(t, o.Yields(seen(1), key("2")))

	write("4", "5", "6")
	require.True(t, o.Reread("t", seen(2)), "of a large transaction not every row is known")
	require.False(t, o.Reread("t", seen(3)))
	require.False(t, o.Reread("other", seen(0)))

	o.Forget("t", seen(3))
	require.False(t, o.Yields(seen(0), key("2")))
	o.Copied("t")
	require.False(t, o.Reread("t", seen(0)))
}

// TestYieldsToARestore: the row that is about to be put back has the order of its
// write, which a copied row, the oldest of all, would hide from the placement.
func TestYieldsToARestore(t *testing.T) {
	rule := &conflict.Rule{Policy: conflict.Newest}
	o := conflict.NewObserver(conflict.ObserverConfig{Peer: 1, Rules: func(string) *conflict.Rule { return rule }}, conflict.Point{})
	o.Copying("t")
	key, row := conflict.Key{Table: "t", ID: "1"}, []change.Value{change.OfInt(1)}
	s := o.Stamp(50)
	o.Wrote(&s, 50, key, nil, row)
	o.Behind(&s, "")
	low := &change.Watermark{Seen: change.Seqs{Low: 1}}
	require.False(t, o.Yields(low, key))
	require.NoError(t, o.Applied(&conflict.Applied{
		Carried: []change.Stamp{{Seq: 0, Version: 9}}, Rows: []conflict.Row{{Key: key, Before: row}},
	}))
	require.True(t, o.Task().Restore)
	require.True(t, o.Yields(low, key))
	o.Done(o.Task())
	require.False(t, o.Yields(low, key))
}
