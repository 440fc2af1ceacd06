package conflict_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/conflict"
)

func TestNotes(t *testing.T) {
	require.Empty(t, conflict.AppendNotes(nil, &conflict.Notes{}), "a mark with nothing to say pays nothing")
	for _, n := range []conflict.Notes{
		{},
		{Placed: true},
		{Keys: []conflict.KeyNote{{Hash: 1<<64 - 1, Txn: 2, Silent: true, Gone: true}, {Hash: 5, Txn: 1, Doubt: true}, {Hash: 6, Lost: true}, {Hash: 1, Short: true}}},
		{Keys: []conflict.KeyNote{{Hash: 1 << 40}, {Hash: 1 << 50, Txn: 2}}}, // not told apart by the short form
		{Keys: []conflict.KeyNote{{Hash: 1 << 40, Txn: 2}}, Placed: true},    // the log shows rows that the notes do not name
		{Judged: []conflict.Judged{{Hash: 7, Seq: 1 << 40}}, Restored: []conflict.Restored{{Hash: 8, Seq: 3, Version: -5}}, Placed: true},
	} {
		raw := conflict.AppendNotes(nil, &n)
		back, err := conflict.ParseNotes(raw, 3)
		require.NoError(t, err)
		require.Equal(t, n, back)
		require.Equal(t, raw, conflict.AppendNotes(nil, &back))
		for i := 1; i < len(raw); i++ {
			_, err := conflict.ParseNotes(raw[:i], 3)
			require.Error(t, err, "cut at %d", i)
		}
		if len(n.Keys) > 0 {
			_, err := conflict.ParseNotes(raw, 2)
			require.Error(t, err, "a transaction that the mark does not carry")
		}
	}
}

// TestMovedNotes: a transaction that is too large for all its keys to be named is
// alone in its mark.
func TestMovedNotes(t *testing.T) {
	n := conflict.Notes{Keys: []conflict.KeyNote{{Hash: 1, Silent: true}}, Moved: []uint64{7, 1 << 60}, Emptied: []string{"`d`.`t`"}}
	raw := conflict.AppendNotes(nil, &n)
	back, err := conflict.ParseNotes(raw, 1)
	require.NoError(t, err)
	require.Equal(t, n, back)
	_, err = conflict.ParseNotes(raw, 2)
	require.Error(t, err)
	_, err = conflict.ParseNotes([]byte{7, 0, 0, 0, 0, 0}, 1)
	require.Error(t, err, "none is moved")
}

// TestShortNotes: what only says which transaction wrote a key takes five bytes,
// and is found by the key's whole hash.
func TestShortNotes(t *testing.T) {
	n := conflict.Notes{Keys: []conflict.KeyNote{{Hash: 1<<40 | 7, Txn: 2}, {Hash: 1<<50 | 8, Silent: true}, {Hash: 1<<60 | 9}}}
	raw := conflict.AppendNotes(nil, &n)
	require.Len(t, raw, 1+1+9+1+2*5+2)
	back, err := conflict.ParseNotes(raw, 3)
	require.NoError(t, err)
	require.Equal(t, []conflict.KeyNote{{Hash: 1<<50 | 8, Silent: true}, {Hash: 7, Short: true, Txn: 2}, {Hash: 9, Short: true}}, back.Keys)
}

func FuzzParseNotes(f *testing.F) {
	f.Add(conflict.AppendNotes(nil, &conflict.Notes{Keys: []conflict.KeyNote{{Hash: 9, Txn: 1, Silent: true}}, Judged: []conflict.Judged{{Hash: 1, Seq: 2}}}), 3)
	f.Add([]byte{2, 0, 0, 0}, 0)
	f.Fuzz(func(t *testing.T, raw []byte, txns int) {
		n, err := conflict.ParseNotes(raw, max(txns, 0))
		if err != nil {
			return
		}
		out := conflict.AppendNotes(nil, &n)
		back, err := conflict.ParseNotes(out, max(txns, 0))
		require.NoError(t, err)
		require.Len(t, back.Keys, len(n.Keys))
		require.Equal(t, out, conflict.AppendNotes(nil, &back))
	})
}
