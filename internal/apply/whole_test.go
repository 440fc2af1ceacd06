package apply

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
)

// TestLogIsCutForATableWithoutKey: what stands before the copied state is passed
// over, what stands behind it waits, and a state that was written meanwhile is of
// no use.
func TestLogIsCutForATableWithoutKey(t *testing.T) {
	w := newWindow(1<<20, 0, "0", change.Seqs{})
	a := &Applier{window: w}
	a.CopyingWhole("d", "t")
	come := func(seq uint64) *node {
		n := &node{seq: seq, txn: &change.Txn{Rows: change.NewRows(0, "")}, touch: []touch{{table: "`d`.`t`"}}, deps: []dep{write(1)}, bytes: 100}
		require.NoError(t, w.push(t.Context(), n))
		return n
	}
	passed := func(n *node) bool { return n.passed["`d`.`t`"] }

	require.True(t, passed(come(0)), "there is no state yet")
	require.ErrorIs(t, a.Hold("d", "t", 0, 1), change.ErrReread, "0 may be in the state, and was passed over")
	require.NoError(t, a.Hold("d", "t", 2, 4))
	require.True(t, passed(come(1)), "it is in the state")
	require.NoError(t, a.Hold("d", "t", 2, 4))
	require.True(t, passed(come(3)), "it may be in the state")
	require.ErrorIs(t, a.Hold("d", "t", 2, 4), change.ErrReread)
	require.True(t, passed(come(4)), "there is no state any more")

	require.NoError(t, a.Hold("d", "t", 5, 6))
	held := come(6)
	require.False(t, passed(held))
	pending(w, 7, write(2))
	statement := &node{seq: 8, txn: &change.Txn{DDL: &change.DDL{}, Rows: change.NewRows(0, "")}, alone: true}
	require.NoError(t, w.push(t.Context(), statement))
	first := w.group()
	require.Equal(t, []uint64{0, 1, 3, 4, 7}, seqs(first))
	w.finish(first)
	require.Empty(t, w.group())
	chunk := &node{chunk: &change.Chunk{}, bytes: 1 << 30}
	w.pushWhole(chunk)
	require.Equal(t, []*node{chunk}, w.group(), "nothing holds the copy up")
	w.finish([]*node{chunk})
	a.Copied("d", "t")
	require.Equal(t, []uint64{6}, seqs(w.group()))
	w.finish([]*node{held})
	require.Equal(t, []uint64{8}, seqs(w.group()))
}
