package change_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
)

// filler gives every field a value of its own that is not zero.
type filler struct {
	n     uint64
	table *change.Table
}

func (f *filler) fill(t *testing.T, v reflect.Value, path string) {
	f.n += 1000
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.UnixMicro(int64(f.n))))
		return
	case *change.Table:
		v.Set(reflect.ValueOf(f.table))
		return
	case []change.Value:
		v.Set(reflect.ValueOf([]change.Value{change.OfUint(f.n), change.OfText([]byte(path))}))
		return
	case *change.Rows:
		var row change.Row
		f.fill(t, reflect.ValueOf(&row).Elem(), "Row")
		rows := change.NewRows(math.MaxInt64, "")
		require.NoError(t, rows.Append(row))
		v.Set(reflect.ValueOf(rows))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(t, v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(t, v.Elem(), path)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			f.fill(t, v.Index(i), path+"[]")
		}
	case reflect.String:
		v.SetString(path + strconv.FormatUint(f.n, 10))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(200)
	case reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(f.n)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(-int64(f.n % 128))
	default:
		t.Fatalf("%s is a %s: say here how it is filled, and encode it", path, v.Type())
	}
}

// sameTxn compares all fields, tables by address.
func sameTxn(t *testing.T, want, got *change.Txn) {
	t.Helper()
	a, b := *want, *got
	require.Equal(t, a.Rows.Len(), b.Rows.Len())
	require.Equal(t, a.Rows.Size(), b.Rows.Size())
	require.Equal(t, rowTexts(t, a.Rows), rowTexts(t, b.Rows))
	a.Rows, b.Rows = nil, nil
	require.Equal(t, a, b)
}

// TestTxnCodecHasEveryField fails when a field is added that the codec leaves out.
func TestTxnCodecHasEveryField(t *testing.T) {
	require.Equal(t, 4, reflect.TypeFor[change.Row]().NumField(), "rowTexts compares these")
	require.Equal(t, 3, reflect.TypeFor[change.Value]().NumField(), "AppendImage writes these")
	var txn change.Txn
	f := &filler{table: &change.Table{Name: "t"}}
	f.fill(t, reflect.ValueOf(&txn).Elem(), "Txn")
	var c change.TxnCodec
	raw, err := c.Append(nil, &txn)
	require.NoError(t, err)
	got, err := c.Parse(raw)
	require.NoError(t, err)
	sameTxn(t, &txn, got)
}

func randomTxn(t testing.TB, rng *rand.Rand, tables []*change.Table) *change.Txn {
	txn := &change.Txn{
		Stamp:    change.Stamp{Seq: rng.Uint64(), Version: int64(rng.Uint64())},
		Position: change.Position(fmt.Sprintf("log.%d", rng.IntN(1000))),
		ID:       strconv.Itoa(rng.IntN(1000)),
		Rows:     change.NewRows(math.MaxInt64, ""),
	}
	for range rng.IntN(4) {
		txn.Stamp.Seen = txn.Stamp.Seen.With(rng.Uint64N(100))
	}
	txn.Coarse, txn.Read, txn.Queued = rng.IntN(2) == 0, change.Moment(rng.Int64()), change.Moment(rng.Int64())
	switch rng.IntN(4) {
	case 0:
		txn.Committed = time.UnixMicro(rng.Int64N(1 << 50))
	case 1:
		txn.Committed = time.UnixMicro(rng.Int64N(1 << 50)).UTC()
		txn.DDL = &change.DDL{Text: "ALTER"}
		return txn
	case 2:
		txn.Beat = &change.Beat{Site: "a", Count: rng.Uint64(), At: rng.Uint64()}
	}
	for range rng.IntN(5) {
		row := change.Row{Table: tables[rng.IntN(len(tables))], Op: change.Op(1 + rng.IntN(3))}
		if row.Op != change.Insert {
			row.Before = randomImage(rng, 1+rng.IntN(5))
		}
		if row.Op != change.Delete {
			row.After = randomImage(rng, 1+rng.IntN(5))
		}
		require.NoError(t, txn.Rows.Append(row))
	}
	return txn
}

func TestTxnCodecRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	tables := []*change.Table{{Name: "a"}, {Name: "b"}, {Name: "a"}, nil}
	var c change.TxnCodec
	var want []*change.Txn
	var raw [][]byte
	for range 1000 {
		txn := randomTxn(t, rng, tables)
		b, err := c.Append([]byte("head"), txn)
		require.NoError(t, err)
		require.Equal(t, "head", string(b[:4]))
		want, raw = append(want, txn), append(raw, b[4:])
	}
	for i := range want {
		for n := range raw[i] {
			_, err := c.Parse(raw[i][:n])
			require.Error(t, err, "cut to %d bytes", n)
		}
		_, err := c.Parse(append(bytes.Clone(raw[i]), 0))
		require.Error(t, err, "a byte too many")
		got, err := c.Parse(raw[i])
		require.NoError(t, err)
		sameTxn(t, want[i], got)
	}
	require.NoError(t, c.Close())
}

// TestTxnCodecKeepsFiles sends rows through that are in a file already.
func TestTxnCodecKeepsFiles(t *testing.T) {
	var c change.TxnCodec
	var txns []*change.Txn
	var raw [][]byte
	for i := range 3 {
		rows := change.NewRows(10, t.TempDir())
		for j := range int64(100) {
			require.NoError(t, rows.Append(change.Row{Op: change.Insert, After: []change.Value{change.OfInt(j)}}))
		}
		size, err := rows.Rest()
		require.NoError(t, err)
		require.Positive(t, size)
		require.NoError(t, rows.Append(change.Row{Op: change.Insert, After: []change.Value{change.OfInt(100)}}), "it may go on")
		more, err := rows.Rest()
		require.NoError(t, err)
		require.Greater(t, more, size)
		txns = append(txns, &change.Txn{ID: strconv.Itoa(i), Rows: rows})
		b, err := c.Append(nil, txns[i])
		require.NoError(t, err)
		raw = append(raw, b)
	}
	got, err := c.Parse(raw[1])
	require.NoError(t, err)
	require.Same(t, txns[1].Rows, got.Rows)
	require.Len(t, rowTexts(t, got.Rows), 101)
	_, err = c.Parse(raw[1])
	require.Error(t, err, "it is given once")
	require.NoError(t, c.Close())
	require.Len(t, rowTexts(t, got.Rows), 101, "it is not the codec's any more")
	require.NoError(t, got.Rows.Close())
	require.Error(t, txns[0].Rows.Each(func(*change.Row) error { return nil }), "the others are closed")
	_, err = change.NewRows(10, "").Rest()
	require.NoError(t, err)
}

func FuzzTxnCodec(f *testing.F) {
	rng := rand.New(rand.NewPCG(5, 6))
	tables := []*change.Table{{Name: "a"}, {Name: "b"}}
	var c change.TxnCodec
	for range 20 {
		raw, err := c.Append(nil, randomTxn(f, rng, tables))
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var c change.TxnCodec
		first := &change.Txn{Rows: change.NewRows(math.MaxInt64, "")}
		for _, table := range tables {
			require.NoError(t, first.Rows.Append(change.Row{Table: table}))
		}
		_, err := c.Append(nil, first)
		require.NoError(t, err)
		txn, err := c.Parse(raw)
		if err != nil {
			return
		}
		again, err := c.Append(nil, txn)
		require.NoError(t, err)
		got, err := c.Parse(again)
		require.NoError(t, err)
		require.True(t, txn.Committed.Equal(got.Committed))
		got.Committed = txn.Committed
		sameTxn(t, txn, got)
	})
}
