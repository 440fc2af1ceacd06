package conflict

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
)

// pages is a file in memory. It fails when left is used up, and counts.
type pages struct {
	b    []byte
	disk *disk
}

// disk is what pages are on.
type disk struct {
	left       int // bytes that may be written
	unreadable bool
	made, open int
}

func (d *disk) create() (file, error) {
	d.made++
	d.open++
	return &pages{disk: d}, nil
}

func (p *pages) Write(b []byte) (int, error) {
	n := min(len(b), p.disk.left)
	p.disk.left -= n
	p.b = append(p.b, b[:n]...)
	if n < len(b) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func (p *pages) ReadAt(b []byte, off int64) (int, error) {
	if p.disk.unreadable {
		return 0, syscall.EIO
	}
	return bytes.NewReader(p.b).ReadAt(b, off)
}

func (p *pages) Close() error {
	p.b = nil
	p.disk.open--
	return nil
}

// spilling makes an index that spills to d, in segments of limit bytes.
func spilling(d *disk, rule *Rule, budget, limit int64) *Index {
	x := NewIndex(func(string) *Rule { return rule })
	x.Spill("somewhere", budget)
	x.cold = &cold{open: d.create, limit: limit}
	return x
}

func number(n int) []change.Value {
	return []change.Value{{Kind: change.Int, Bits: uint64(n)}, {Kind: change.Text, Bytes: bytes.Repeat([]byte("x"), n%40)}}
}

// TestSpill does the same to an index that is all in memory and to ones that
// have next to nothing there, and sees that they answer the same.
func TestSpill(t *testing.T) {
	for _, policy := range []Policy{Newest, NewestByColumn} {
		for _, budget := range []int64{1, 1200, 5000} {
			for _, limit := range []int64{1, 300, 1500} {
				t.Run(fmt.Sprintf("%s, budget %d, segments of %d", policy, budget, limit), func(t *testing.T) {
					d := &disk{left: 1 << 30}
					rule := &Rule{Policy: policy, Columns: []int{0}}
					compareSpilled(t, NewIndex(func(string) *Rule { return rule }), spilling(d, rule, budget, limit), 1500)
					require.Zero(t, d.open, "files left")
					require.Greater(t, d.made, 1)
				})
			}
		}
	}
}

func compareSpilled(t *testing.T, plain, x *Index, steps int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(steps), uint64(x.budget)))
	key := func() Key { return Key{Table: []string{"a.t", "b.t"}[rng.IntN(2)], ID: fmt.Sprint(rng.IntN(25))} }
	bound, dirty := uint64(0), 0
	for seq := range uint64(steps) {
		for range rng.IntN(5) {
			w := Write{Seq: seq, Version: int64(seq) - 20, Rank: 1, Committed: rng.Int64N(99), Fresh: rng.IntN(2) == 0}
			if rng.IntN(4) > 0 {
				w.After = number(rng.IntN(1000))
			}
			k := key()
			plain.Put(k, w)
			x.Put(k, w)
		}
		if k := key(); rng.IntN(3) == 0 {
			told := rng.IntN(2) == 0
			for _, i := range []*Index{plain, x} {
				for e := range i.each(k.Hash()) {
					e.lost, e.told = true, told
				}
			}
		}
		if rng.IntN(20) == 0 {
			bound = max(bound, seq-min(seq, rng.Uint64N(100)))
			plain.Settle(bound)
			x.Settle(bound)
		}
		k := key()
		require.Equal(t, plain.Find(k), x.Find(k), "%v at seq %d", k, seq)
		require.False(t, plain.has(k.Hash()) && !x.has(k.Hash()))
		require.GreaterOrEqual(t, x.Len(), plain.Len())
		require.LessOrEqual(t, x.hot.bytes, x.budget)
		if x.cold.disk > 2*x.cold.live+4*x.cold.limit+2000 {
			dirty++
		}
	}
	require.NoError(t, x.Err())
	require.Less(t, dirty, steps/20, "the files are not cleaned")
	for _, table := range []string{"a.t", "b.t"} {
		for id := range 25 {
			k := Key{Table: table, ID: fmt.Sprint(id)}
			require.Equal(t, plain.Find(k), x.Find(k))
		}
	}
	x.Settle(uint64(steps))
	require.Zero(t, x.Len())
	require.Zero(t, x.Bytes())
	require.Zero(t, x.Disk())
}

// TestSpillSameHash: two keys of one hash do not hide each other, wherever
// they are.
func TestSpillSameHash(t *testing.T) {
	d := &disk{left: 1 << 20}
	c := &cold{open: d.create, limit: 100}
	rng := rand.New(rand.NewPCG(3, 4))
	want := map[string]uint64{}
	for seq := range uint64(400) {
		id := fmt.Sprint(rng.IntN(6))
		all, err := c.chain(7)
		require.NoError(t, err)
		var rest []stored
		for _, s := range all {
			require.Equal(t, want[s.key.ID], s.write.Seq)
			if s.key.ID != id {
				rest = append(rest, s)
			}
		}
		require.Len(t, all, len(want))
		require.NoError(t, c.replace(7, all, rest))
		require.NoError(t, c.add(&entry{key: Key{ID: id}, hash: 7, write: Write{Seq: seq}}))
		want[id] = seq
		if rng.IntN(30) == 0 {
			c.settle(seq - 3)
			for id, q := range want {
				if q+3 < seq {
					delete(want, id)
				}
			}
		}
	}
}

// TestSpillClean: a key that is written again and again does not fill the disk,
// even if one that is not keeps the first files.
func TestSpillClean(t *testing.T) {
	d := &disk{left: 1 << 30}
	x := spilling(d, &Rule{Policy: Newest}, 1, 1000)
	for seq := range uint64(5000) {
		id := seq % 20
		if seq%50 == 0 {
			id = 1000 + seq
		}
		x.Put(Key{"t", fmt.Sprint(id)}, Write{Seq: seq, After: number(int(seq))})
		require.LessOrEqual(t, x.Disk(), 2*x.cold.live+6*x.cold.limit)
	}
	require.NoError(t, x.Err())
	require.Equal(t, 100+20, x.Len())
	for seq := uint64(0); seq < 5000; seq += 50 {
		l := x.Find(Key{"t", fmt.Sprint(1000 + seq)})
		require.NotNil(t, l)
		require.Equal(t, number(int(seq)), l.After)
	}
	x.Close()
	require.Zero(t, d.open)
}

// TestSpillGivesBack: places of settled keys do not stay for ever.
func TestSpillGivesBack(t *testing.T) {
	x := spilling(&disk{left: 1 << 30}, &Rule{Policy: Newest}, 1, 10000)
	for seq := range uint64(100_000) {
		x.Put(Key{"t", fmt.Sprint(seq)}, Write{Seq: seq})
		if seq%10 == 0 {
			x.Settle(seq - min(seq, 5000))
		}
	}
	require.Less(t, x.Len(), 6000)
	require.Less(t, x.cold.places.n, 20_000)
}

// TestSpillFails: a disk that is full or unreadable is told, with the folder,
// and breaks nothing else.
func TestSpillFails(t *testing.T) {
	put := func(x *Index, n int) {
		for seq := range uint64(n) {
			x.Put(Key{"t", fmt.Sprint(seq % 3000)}, Write{Seq: seq, After: number(39)})
		}
	}
	t.Run("full", func(t *testing.T) {
		x := spilling(&disk{left: 400 << 10}, &Rule{Policy: Newest}, 1000, 100<<10)
		put(x, 60_000)
		require.ErrorIs(t, x.Err(), syscall.ENOSPC)
		require.ErrorContains(t, x.Err(), "somewhere")
		put(x, 10)
		x.Settle(60_000)
		x.Close()
	})
	t.Run("unreadable", func(t *testing.T) {
		d := &disk{left: 1 << 30}
		x := spilling(d, &Rule{Policy: Newest}, 1000, 100<<10)
		put(x, 6000)
		require.NoError(t, x.Err())
		d.unreadable = true
		require.Nil(t, x.Find(Key{"t", "1"}))
		require.ErrorIs(t, x.Err(), syscall.EIO)
	})
	t.Run("damaged", func(t *testing.T) {
		x := spilling(&disk{left: 1 << 30}, &Rule{Policy: Newest}, 1000, 100<<10)
		put(x, 3000)
		clear(x.cold.segments[0].file.(*pages).b)
		require.Nil(t, x.Find(Key{"t", "1"}))
		require.ErrorIs(t, x.Err(), errRecord)
	})
	t.Run("no folder", func(t *testing.T) {
		x := NewIndex(func(string) *Rule { return &Rule{Policy: Newest} })
		x.Spill(filepath.Join(t.TempDir(), "none"), 1)
		put(x, 1)
		require.ErrorIs(t, x.Err(), os.ErrNotExist)
		require.ErrorContains(t, x.Err(), "none")
	})
}

// TestSpillFiles: real files have no name and hold what was put.
func TestSpillFiles(t *testing.T) {
	dir := t.TempDir()
	x := NewIndex(func(string) *Rule { return &Rule{Policy: Newest} })
	x.Spill(dir, 1)
	for seq := range uint64(20_000) {
		x.Put(Key{"t", fmt.Sprint(seq)}, Write{Seq: seq, After: number(int(seq))})
	}
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, names)
	for seq := uint64(0); seq < 20_000; seq += 111 {
		require.Equal(t, number(int(seq)), x.Find(Key{"t", fmt.Sprint(seq)}).After)
	}
	big := []change.Value{{Kind: change.Binary, Bytes: bytes.Repeat([]byte{7}, 3<<20)}}
	x.Put(Key{"t", "big"}, Write{Seq: 20_000, After: big})
	require.Equal(t, big, x.Find(Key{"t", "big"}).After)
	require.NoError(t, x.Err())
	x.Close()
}

// FuzzRecord: what is read was written so, whatever the bytes are.
func FuzzRecord(f *testing.F) {
	f.Add(appendRecord(nil, &entry{key: Key{"a.t", "1"}, write: Write{Seq: 3, Version: -4, Rank: 1, Committed: 5, Fresh: true}}, 0))
	f.Add(appendRecord(nil, &entry{
		key: Key{"a.t", "12"}, lost: true, told: true, image: change.AppendImage(nil, number(7)),
		over: []Write{{Seq: 1, After: number(3)}, {Seq: 2, Fresh: true}},
	}, 1<<40))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, before, err := parseRecord(b)
		if err != nil {
			require.True(t, errors.Is(err, errRecord))
			return
		}
		again, at, err := parseRecord(appendRecord(nil, e, before))
		require.NoError(t, err)
		require.Equal(t, before, at)
		require.Equal(t, e, again)
	})
}
