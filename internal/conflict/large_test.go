package conflict_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// TestIndexLarge: what the peer has not seen for hours costs little memory. In
// full (make index) it is 20 million keys under 1 GiB.
func TestIndexLarge(t *testing.T) {
	n, most := uint64(600_000), uint64(1<<30)
	if os.Getenv("DUPLEX_LARGE") != "" {
		n = 20_000_000
	}
	// As the product does: without it the collector lets garbage double the heap.
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(int64(most) - 64<<20))
	before := heap()
	x := conflict.NewIndex(newestRule)
	x.Spill(t.TempDir(), 0)
	defer x.Close()
	began, peak := time.Now(), uint64(0)
	for seq := range n {
		x.Put(largeKey(seq), conflict.Write{Seq: seq, Version: 1_790_000_000_000_000 + int64(seq), Rank: 1, Committed: 1_790_000_000_000_000, After: largeRow(seq)})
		if seq%(n/100) == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.Sys-m.HeapReleased)
		}
	}
	put := time.Since(began)
	require.NoError(t, x.Err())
	require.Equal(t, int(n), x.Len())
	held := heap() - before
	t.Logf("%d keys: heap %d MiB (%d bytes a key beside the budget), index says %d MiB, taken from the system %d MiB at most, disk %d MiB, Put %v",
		n, held>>20, (held-min(held, conflict.SpillBudget))/n, x.Bytes()>>20, peak>>20, x.Disk()>>20, put/time.Duration(n))
	require.Less(t, held, conflict.SpillBudget+n*48)
	require.Less(t, peak, most)

	rng := rand.New(rand.NewPCG(5, 6))
	find := func(what string, seq func() uint64, found bool) {
		const times = 100_000
		began := time.Now()
		for range times {
			q := seq()
			l := x.Find(largeKey(q))
			if (l != nil) != found || found && l.Seq != q {
				require.FailNow(t, what, "%d: %v", q, l)
			}
		}
		t.Logf("Find, %s: %v", what, time.Since(began)/times)
	}
	find("in memory", func() uint64 { return n - 1 - rng.Uint64N(50_000) }, true)
	find("in a file", func() uint64 { return rng.Uint64N(n / 2) }, true)
	find("not there", func() uint64 { return n + rng.Uint64N(n) }, false)

	for _, share := range []uint64{2, 3, 4} {
		began = time.Now()
		x.Settle(n * (share - 1) / share)
		t.Logf("%d/%d settled in %v: %d keys, heap %d MiB, disk %d MiB", share-1, share, time.Since(began), x.Len(), (heap()-before)>>20, x.Disk()>>20)
	}
	x.Settle(n)
	require.Zero(t, x.Len())
	require.NoError(t, x.Err())
	require.Less(t, heap(), before+4<<20)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func largeKey(n uint64) conflict.Key {
	return conflict.Key{Table: "shop.orders", ID: string(binary.BigEndian.AppendUint64(nil, n*0x9e3779b97f4a7c15))}
}

// largeRow is a row of about 100 bytes.
func largeRow(n uint64) []change.Value {
	return []change.Value{
		{Kind: change.Int, Bits: n},
		{Kind: change.Text, Bytes: fmt.Appendf(nil, "%080d", n)},
		{Kind: change.Int, Bits: n % 100},
	}
}
