package change_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
)

func randomImage(rng *rand.Rand, n int) []change.Value {
	image := make([]change.Value, n)
	for i := range image {
		v := change.Value{Kind: change.Kind(rng.IntN(int(change.Unknown) + 1))}
		switch v.Kind {
		case change.Null, change.Unknown:
		case change.Decimal, change.Text, change.Binary, change.Fixed, change.JSON, change.Geometry:
			v.Bytes = make([]byte, rng.IntN(40))
			for j := range v.Bytes {
				v.Bytes[j] = byte(rng.Uint32())
			}
		default:
			v.Bits = rng.Uint64() >> uint(rng.IntN(64))
		}
		image[i] = v
	}
	return image
}

func TestImageRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		a, b := randomImage(rng, 1+rng.IntN(6)), randomImage(rng, rng.IntN(3))
		raw := change.AppendImage(change.AppendImage(nil, a), b)
		gotA, rest, err := change.ParseImage(raw)
		require.NoError(t, err)
		gotB, rest, err := change.ParseImage(rest)
		require.NoError(t, err)
		require.Empty(t, rest)
		require.Equal(t, a, gotA)
		require.Len(t, gotB, len(b))
		for n := range len(raw) - len(change.AppendImage(nil, b)) {
			_, _, err := change.ParseImage(raw[:n])
			require.Error(t, err, "cut to %d bytes", n)
		}
	}
	image, rest, err := change.ParseImage([]byte("\x00tail"))
	require.NoError(t, err)
	require.Nil(t, image)
	require.Equal(t, "tail", string(rest))
	_, _, err = change.ParseImage([]byte{1, byte(change.Unknown) + 1, 0})
	require.Error(t, err, "a kind that there is not")
}

func FuzzParseImage(f *testing.F) {
	f.Add(change.AppendImage(nil, []change.Value{{}, change.OfInt(-1), change.OfText([]byte("é")), change.OfFloat64(math.Pi)}))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Add([]byte("\x01\x06\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		image, rest, err := change.ParseImage(raw)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(image), len(raw)-len(rest))
		again, _, err := change.ParseImage(change.AppendImage(nil, image))
		require.NoError(t, err)
		require.Equal(t, len(image), len(again))
		for i := range image {
			require.Equal(t, image[i].Kind, again[i].Kind)
			require.Equal(t, image[i].Bits, again[i].Bits)
			require.True(t, bytes.Equal(image[i].Bytes, again[i].Bytes))
			_ = (&change.Column{Charset: "utf8mb4"}).Format(image[i])
		}
	})
}

// rowTexts reads all rows as texts: a spooled row is valid until its pass goes on.
func rowTexts(t *testing.T, rows *change.Rows) (out []string) {
	t.Helper()
	require.NoError(t, rows.Each(func(r *change.Row) error {
		out = append(out, fmt.Sprintf("%p %s %v %v", r.Table, r.Op, r.Before, r.After))
		return nil
	}))
	return out
}

// TestRows fills two lists with the same rows, one in memory and one that
// spools along the way, and reads both several times.
func TestRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	tables := []*change.Table{{Name: "a"}, {Name: "b"}, {Name: "a"}} // tell them apart by address
	dir := t.TempDir()
	mem, spooled := change.NewRows(math.MaxInt64, dir), change.NewRows(2000, dir)
	var want int64
	add := func(n int) {
		for range n {
			row := change.Row{Table: tables[rng.IntN(len(tables))], Op: change.Op(1 + rng.IntN(3))}
			if row.Op != change.Insert {
				row.Before = randomImage(rng, 5)
			}
			if row.Op != change.Delete {
				row.After = randomImage(rng, 5)
			}
			want += row.Size()
			require.NoError(t, mem.Append(row))
			require.NoError(t, spooled.Append(row))
		}
	}
	add(2)
	require.False(t, spooled.Spooled())
	require.Equal(t, want, spooled.Size())
	require.Equal(t, rowTexts(t, mem), rowTexts(t, spooled))
	add(200)
	require.True(t, spooled.Spooled())
	require.Zero(t, spooled.Size())
	require.Equal(t, want, mem.Size())
	require.Equal(t, 202, spooled.Len())
	for range 2 {
		require.Equal(t, rowTexts(t, mem), rowTexts(t, spooled))
	}
	add(10) // after a pass
	require.Equal(t, rowTexts(t, mem), rowTexts(t, spooled))

	stop := errors.New("stop")
	for _, rows := range []*change.Rows{mem, spooled} {
		n := 0
		err := rows.Each(func(*change.Row) error {
			if n++; n == 3 {
				return stop
			}
			return nil
		})
		require.ErrorIs(t, err, stop)
		require.Equal(t, 3, n)
		require.Len(t, rowTexts(t, rows), 212, "a pass begins at the beginning")
	}

	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, files, "the file has no name")
	for _, rows := range []*change.Rows{mem, spooled} {
		require.NoError(t, rows.Close())
		require.NoError(t, rows.Close())
	}
	require.Error(t, spooled.Each(func(*change.Row) error { return nil }))
}

func TestRowsNoPlaceToSpool(t *testing.T) {
	rows := change.NewRows(0, t.TempDir()+"/missing")
	err := rows.Append(change.Row{Table: &change.Table{}, Op: change.Insert, After: []change.Value{change.OfInt(1)}})
	require.ErrorContains(t, err, "spool")
	require.NoError(t, rows.Close())
}

// TestRowsLarge spools a row that is larger than any buffer on its way.
func TestRowsLarge(t *testing.T) {
	rows := change.NewRows(1<<20, t.TempDir())
	defer func() { require.NoError(t, rows.Close()) }()
	big := bytes.Repeat([]byte("0123456789abcdef"), 300_000)
	tab := &change.Table{Name: "t"}
	for i := range int64(3) {
		require.NoError(t, rows.Append(change.Row{Table: tab, Op: change.Insert, After: []change.Value{change.OfInt(i), change.OfBinary(big)}}))
	}
	require.True(t, rows.Spooled())
	i := int64(0)
	require.NoError(t, rows.Each(func(r *change.Row) error {
		require.Equal(t, change.OfInt(i), r.After[0])
		require.True(t, bytes.Equal(big, r.After[1].Bytes))
		require.Equal(t, int64(64+2*40+len(big)), r.Size())
		i++
		return nil
	}))
	require.Equal(t, int64(3), i)
}

func TestOpString(t *testing.T) {
	for o, want := range map[change.Op]string{0: "none", change.Insert: "insert", change.Update: "update", change.Delete: "delete", 9: "delete"} {
		require.Equal(t, want, o.String())
	}
}
