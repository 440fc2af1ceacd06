package change

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBefore: a watermark moves on without a transaction of its own log, by what
// came in. Two chunks with one Seq were taken for equally old once, and a row that
// the target had deleted came back.
func TestBefore(t *testing.T) {
	old, younger := Watermark{Seq: 3, Seen: Seqs{Low: 1}}, Watermark{Seq: 3, Seen: Seqs{Low: 2}}
	require.True(t, old.Before(&younger))
	require.False(t, younger.Before(&old))
	require.False(t, old.Before(&old))
	require.True(t, younger.Before(&Watermark{Seq: 4}))
}
