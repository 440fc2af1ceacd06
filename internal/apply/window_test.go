package apply

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

func pending(w *window, seq uint64, deps ...dep) *node {
	n := &node{seq: seq, position: change.Position(fmt.Sprint(seq + 1)), txn: &change.Txn{Rows: change.NewRows(0, "")}, deps: deps, rows: 1, bytes: 100}
	if err := w.push(context.Background(), n); err != nil {
		panic(err)
	}
	return n
}

func seqs(group []*node) []uint64 {
	var out []uint64
	for _, n := range group {
		out = append(out, n.seq)
	}
	return out
}

func write(h uint64) dep { return dep{hash: h} }
func refer(h uint64) dep { return dep{hash: h, read: true} }

func TestGroupHoldsWhatNothingOutsideBlocks(t *testing.T) {
	w := newWindow(1<<20, 0, "0", change.Seqs{})
	pending(w, 0, write(1))
	pending(w, 1, write(1))
	first := w.group()
	require.Equal(t, []uint64{0, 1}, seqs(first), "a chain of one key goes together, in order")
	pending(w, 2, write(1))
	pending(w, 3, write(2))
	require.Equal(t, []uint64{3}, seqs(w.group()), "2 waits for what another lane has taken")
	require.Empty(t, w.group())
	w.finish(first)
	require.Equal(t, []uint64{2}, seqs(w.group()))
}

func TestApartGoesBehindWhatItWaitsFor(t *testing.T) {
	w := newWindow(1<<20, 0, "0", change.Seqs{})
	pending(w, 0, write(1))
	pending(w, 1, write(1)).apart = true
	pending(w, 2, write(2)).apart = true
	first := w.group()
	require.Equal(t, []uint64{0, 2}, seqs(first), "it goes together with others")
	w.finish(first)
	require.Equal(t, []uint64{1}, seqs(w.group()))
}

func TestReadersOfOneKeyDoNotBlockEachOther(t *testing.T) {
	w := newWindow(1<<20, 0, "0", change.Seqs{})
	pending(w, 0, refer(1))
	a := w.group()
	pending(w, 1, refer(1))
	b := w.group()
	require.Equal(t, []uint64{1}, seqs(b))
	pending(w, 2, write(1))
	require.Empty(t, w.group(), "the parent waits for both children")
	w.finish(a)
	require.Empty(t, w.group())
	w.finish(b)
	require.Equal(t, []uint64{2}, seqs(w.group()))
}

func TestAloneWaitsForAllAndBlocksAll(t *testing.T) {
	w := newWindow(1<<20, 0, "0", change.Seqs{})
	pending(w, 0, write(1))
	n := &node{seq: 1, txn: &change.Txn{Rows: change.NewRows(0, "")}, alone: true, bytes: 1}
	require.NoError(t, w.push(t.Context(), n))
	pending(w, 2, write(9))
	first := w.group()
	require.Equal(t, []uint64{0}, seqs(first))
	require.Empty(t, w.group())
	w.finish(first)
	second := w.group()
	require.Equal(t, []uint64{1}, seqs(second))
	require.Empty(t, w.group())
	w.finish(second)
	require.Equal(t, []uint64{2}, seqs(w.group()))
}

func TestDoneByAnEarlierRunIsPassedOver(t *testing.T) {
	w := newWindow(1<<20, 5, "5", change.Seqs{Low: 6, Above: []change.Range{{From: 7, To: 8}}})
	for seq := uint64(5); seq < 9; seq++ {
		pending(w, seq, write(seq))
	}
	require.Equal(t, uint64(6), w.low)
	g := w.group()
	require.Equal(t, []uint64{6, 8}, seqs(g))
	low, position := w.with(g[:1])
	require.Equal(t, uint64(8), low, "6 and the 7 of before")
	require.Equal(t, change.Position("8"), position)
}

func TestPushWaitsForRoom(t *testing.T) {
	w := newWindow(150, 0, "0", change.Seqs{})
	pending(w, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n := &node{seq: 1, txn: &change.Txn{Rows: change.NewRows(0, "")}, bytes: 100}
	require.ErrorIs(t, w.push(ctx, n), context.Canceled)
	w.finish(w.group())
	require.NoError(t, w.push(t.Context(), n))
	w.close(errors.New("over"))
	require.EqualError(t, w.waitLow(t.Context(), 5), "over")
}

// TestWindowOrder lets random lanes finish random groups and checks, of every
// transaction, that all that it shares a key with came before it, and that no
// low watermark ever covers what is not done.
func TestWindowOrder(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := newWindow(1<<30, 0, "0", change.Seqs{})
		const total = 80
		keys := make([][]dep, total)
		done := map[uint64]bool{}
		var open [][]*node
		pushed := uint64(0)
		for len(done) < total {
			switch r.IntN(3) {
			case 0:
				if pushed == total {
					continue
				}
				for range r.IntN(4) {
					keys[pushed] = append(keys[pushed], dep{hash: uint64(r.IntN(6)), read: r.IntN(3) == 0})
				}
				n := pending0(pushed, keys[pushed], r.IntN(15) == 0)
				require.NoError(t, w.push(t.Context(), n))
				pushed++
			case 1:
				if g := w.group(); len(g) > 0 {
					checkGroup(t, seed, g, keys, done)
					low, _ := w.with(g)
					for s := range low {
						require.True(t, done[s] || slices.ContainsFunc(g, func(n *node) bool { return n.seq == s }), "seed %d: low %d covers %d", seed, low, s)
					}
					open = append(open, g)
				}
			default:
				if len(open) == 0 {
					continue
				}
				i := r.IntN(len(open))
				for _, n := range open[i] {
					done[n.seq] = true
				}
				w.finish(open[i])
				open = slices.Delete(open, i, i+1)
			}
		}
		require.Equal(t, uint64(total), w.low)
		require.Zero(t, w.bytes)
		require.Empty(t, w.uses, "nothing is remembered of what is done")
	}
}

func pending0(seq uint64, deps []dep, alone bool) *node {
	n := &node{seq: seq, txn: &change.Txn{Rows: change.NewRows(0, "")}, deps: deps, alone: alone, rows: 1, bytes: 10}
	if alone {
		n.deps = nil
	}
	return n
}

// checkGroup demands that of all earlier transactions that share a key with one
// of g, each is done or stands before it in g.
func checkGroup(t *testing.T, seed uint64, g []*node, keys [][]dep, done map[uint64]bool) {
	before := map[uint64]bool{}
	for _, n := range g {
		for s := range n.seq {
			if shares(keys[s], keys[n.seq]) || n.alone {
				require.True(t, done[s] || before[s], "seed %d: %d went before %d", seed, n.seq, s)
			}
		}
		before[n.seq] = true
	}
}

func shares(a, b []dep) bool {
	for _, x := range a {
		for _, y := range b {
			if x.hash == y.hash && (!x.read || !y.read) {
				return true
			}
		}
	}
	return false
}

func TestChunkAndTouchedKeys(t *testing.T) {
	tbl := &change.Table{Database: "d", Name: "t", Key: []int{0}, Columns: []change.Column{{Name: "id", Kind: change.Int}}}
	p := &plan{target: tbl, key: []int{0}, name: string(tbl.AppendName(nil)), from: []int{0}, same: true, write: []int{0}, indexes: []index{{tag: 1, cols: []int{0}, prefix: []int{0}}}}
	w := newWindow(1<<20, 10, "", change.Seqs{})
	w.copies[p.name] = conflict.NewCame()
	row := func(id int64) []change.Value { return []change.Value{change.OfInt(id)} }
	touched := func(seq uint64, id int64) {
		n := &node{seq: seq, txn: &change.Txn{Rows: change.NewRows(0, "")}, touch: []touch{{p.name, p.rowKey(row(id))}}}
		require.NoError(t, w.push(t.Context(), n))
	}
	touched(10, 1)
	touched(11, 2)
	chunk := func(low uint64, ids ...int64) (*node, error) {
		c := &change.Chunk{Table: tbl, Low: change.Watermark{Seq: low}}
		for _, id := range ids {
			c.Rows = append(c.Rows, row(id))
		}
		n := &node{chunk: c}
		return n, w.pushChunk(t.Context(), n, p)
	}
	n, err := chunk(11, 1, 2, 3)
	require.NoError(t, err)
	require.Equal(t, [][]change.Value{row(1), row(3)}, n.chunk.Rows, "2 was touched since the low watermark: it comes by the link")

	large := &node{seq: 12, txn: &change.Txn{Rows: change.NewRows(0, "")}, touch: []touch{{table: p.name}}}
	require.NoError(t, w.push(t.Context(), large))
	_, err = chunk(12, 7)
	require.ErrorIs(t, err, change.ErrReread)
	_, err = chunk(13, 7)
	require.NoError(t, err)
}

// TestChunkFindsRoom: small transactions would take each bit of room as it
// comes free, and a chunk wait for ever.
func TestChunkFindsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tbl := &change.Table{Database: "d", Name: "t", Key: []int{0}, Columns: []change.Column{{Name: "id", Kind: change.Int}}}
		p := &plan{target: tbl, key: []int{0}, name: "`d`.`t`"}
		w := newWindow(150, 0, "0", change.Seqs{})
		pending(w, 0)
		came := make(chan string, 2)
		go func() {
			require.NoError(t, w.pushChunk(t.Context(), &node{chunk: &change.Chunk{Table: tbl}, bytes: 100}, p))
			came <- "chunk"
		}()
		synctest.Wait()
		go func() {
			require.NoError(t, w.push(t.Context(), &node{seq: 1, txn: &change.Txn{Rows: change.NewRows(0, "")}, bytes: 40}))
			came <- "transaction"
		}()
		synctest.Wait()
		require.Empty(t, came)
		w.finish(w.group())
		synctest.Wait()
		require.Len(t, came, 2)
		require.Equal(t, int64(140), w.bytes)
	})
}

// TestLanesFor: a far target gets more lanes.
func TestLanesFor(t *testing.T) {
	for ms, want := range map[time.Duration]int{0: 4, 1: 4, 10: 7, 30: 14, 100: 16} {
		require.Equal(t, want, lanesFor(ms*time.Millisecond), "%d ms", ms)
	}
}

// TestPatience: while a lane is at work another one takes what has waited, or what is
// much, and not each transaction as it comes.
func TestPatience(t *testing.T) {
	w := newWindow(1<<20, 0, "", change.Seqs{})
	seq := uint64(0)
	push := func() {
		require.NoError(t, w.push(t.Context(), &node{seq: seq, txn: &change.Txn{}, bytes: 1, rows: 1}))
		seq++
	}
	take := func() []*node {
		group, err := w.take(t.Context())
		require.NoError(t, err)
		return group
	}
	push()
	first := take()
	require.Len(t, first, 1, "nobody is at work")
	push()
	w.order[1].fetched = change.Now() + change.Moment(time.Hour) // it never has waited
	taken := make(chan []*node, 1)
	go func() { taken <- take() }()
	for range eagerTxns - 1 {
		require.Empty(t, taken)
		push()
	}
	second := <-taken
	require.Len(t, second, eagerTxns, "it is much")
	w.mu.Lock()
	if w.alarm != nil { // of a transaction that is taken
		w.alarm.Stop()
		w.alarm = nil
	}
	w.mu.Unlock()
	push()
	third := take()
	require.Len(t, third, 1, "it has waited")
	for _, group := range [][]*node{first, second, third} {
		w.finish(group)
	}
	require.Equal(t, seq, w.low)
	require.Zero(t, w.busy+w.pending)
}
