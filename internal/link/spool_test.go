package link

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
)

var errEnd = errors.New("log has ended")

// list gives its transactions, then err, or waits if there is none.
type list struct {
	txns []*change.Txn
	err  error
}

func (l *list) Next(ctx context.Context) (*change.Txn, error) {
	if len(l.txns) == 0 {
		if l.err == nil {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, l.err
	}
	txn := l.txns[0]
	l.txns = l.txns[1:]
	return txn, nil
}

// random makes n transactions, some with rows in a file of their own.
func random(t *testing.T, rng *rand.Rand, n int) []*change.Txn {
	t.Helper()
	tables := []*change.Table{{Name: "a"}, {Name: "b"}, {Name: "a"}}
	txns, dir := make([]*change.Txn, n), t.TempDir()
	for i := range txns {
		budget := int64(1 << 20)
		if rng.IntN(30) == 0 {
			budget = 10
		}
		txns[i] = &change.Txn{
			Stamp:    change.Stamp{Seq: uint64(i), Version: rng.Int64(), Seen: change.Seqs{Low: rng.Uint64()}},
			Position: change.Position(fmt.Sprint("at ", i)), ID: fmt.Sprint("txn ", i),
			Committed: time.UnixMicro(rng.Int64N(1 << 50)), Rows: change.NewRows(budget, dir),
		}
		switch rng.IntN(20) {
		case 0:
			txns[i].DDL = &change.DDL{Database: "d", Text: "ALTER"}
			continue
		case 1:
			txns[i].Beat = &change.Beat{Site: "a", Count: rng.Uint64(), At: rng.Uint64()}
		}
		for range rng.IntN(4) {
			text := make([]byte, rng.IntN(300))
			for j := range text {
				text[j] = byte(rng.Uint32())
			}
			require.NoError(t, txns[i].Rows.Append(change.Row{
				Table: tables[rng.IntN(len(tables))], Op: change.Update,
				Before: []change.Value{change.OfInt(rng.Int64()), {}}, After: []change.Value{change.OfInt(rng.Int64()), change.OfText(text)},
			}))
		}
	}
	return txns
}

// print is all of a transaction as a text, tables by their address.
func print(t *testing.T, txn *change.Txn) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprint(&b, txn.Stamp, txn.Position, txn.Committed, txn.ID, txn.DDL, txn.Beat)
	require.NoError(t, txn.Rows.Each(func(r *change.Row) error {
		fmt.Fprintf(&b, "\n%p %s %v %v", r.Table, r.Op, r.Before, r.After)
		return nil
	}))
	return b.String()
}

// open counts the files of spools that this process has open.
func open(t *testing.T) (n int) {
	t.Helper()
	fds, err := filepath.Glob("/proc/self/fd/*")
	require.NoError(t, err)
	for _, fd := range fds {
		if name, err := os.Readlink(fd); err == nil && strings.Contains(name, "duplex-") {
			n++
		}
	}
	return n
}

// TestSameInSameOrder sends random transactions through links of all sizes,
// while they are read: everything on disk, part of it, nothing.
func TestSameInSameOrder(t *testing.T) {
	for _, limit := range []int64{1, 3000, 30_000, 1 << 30} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(limit), 1))
			txns := random(t, rng, 2000)
			want := make([]string, len(txns))
			for i, txn := range txns {
				want[i] = print(t, txn)
			}
			l := New(&list{txns, errEnd}, limit, t.TempDir())
			l.Hurry()
			l.spool.limit = 2000
			done := make(chan error, 1)
			go func() { done <- l.Run(t.Context()) }()
			ahead := uint64(0)
			var got []*change.Txn
			for i := range want {
				if uint64(i) == ahead { // now and then the reader is late
					ahead = uint64(min(i+1+rng.IntN(200), len(want)))
					require.Eventually(t, func() bool { return l.Status().Pulled >= ahead }, 10*time.Second, 100*time.Microsecond)
				}
				txn, err := l.Next(t.Context())
				require.NoError(t, err)
				got = append(got, txn)
				require.LessOrEqual(t, l.Status().Bytes, max(limit, 3000))
			}
			for i, txn := range got { // only now: what comes from disk stays valid
				require.Equal(t, want[i], print(t, txn))
				require.NoError(t, txn.Rows.Close())
			}
			_, err := l.Next(t.Context())
			require.ErrorIs(t, err, errEnd)
			require.ErrorIs(t, <-done, errEnd)
			require.Equal(t, Status{Pulled: 2000}, l.Status())
			require.LessOrEqual(t, open(t), 1, "files that are read are given back")
			require.NoError(t, l.Close())
			require.Zero(t, open(t))
		})
	}
}

// TestCloseGivesTheDiskBack leaves all that there is in the link.
func TestCloseGivesTheDiskBack(t *testing.T) {
	txns := random(t, rand.New(rand.NewPCG(1, 1)), 500)
	l := New(&list{txns, errEnd}, 1000, t.TempDir())
	l.Hurry()
	l.spool.limit = 10_000
	require.ErrorIs(t, l.Run(t.Context()), errEnd)
	require.Greater(t, open(t), 10)
	require.NoError(t, l.Close())
	require.Zero(t, open(t))
	require.Zero(t, l.spool.count.Load())
}

// TestLargeTransactionsWait counts the files of large transactions, in memory
// and behind the spool.
func TestLargeTransactionsWait(t *testing.T) {
	var txns []*change.Txn
	for i := range uint64(20) {
		rows := change.NewRows(1000, t.TempDir())
		for range 10 {
			require.NoError(t, rows.Append(change.Row{Op: change.Insert, After: []change.Value{change.OfBinary(make([]byte, 1000))}}))
		}
		txns = append(txns, &change.Txn{Stamp: change.Stamp{Seq: i}, Rows: rows})
	}
	rows := make([]*change.Rows, len(txns))
	for i := range txns {
		rows[i] = txns[i].Rows
	}
	l := New(&list{txns, errEnd}, 3*overhead, t.TempDir())
	l.Hurry()
	require.ErrorIs(t, l.Run(t.Context()), errEnd)
	for i := range rows {
		require.Greater(t, l.Status().Spooled, int64(len(rows)-i)*10_000)
		txn, err := l.Next(t.Context())
		require.NoError(t, err)
		require.Same(t, rows[i], txn.Rows)
		require.Len(t, strings.Split(print(t, txn), "\n"), 11)
		require.NoError(t, txn.Rows.Close())
	}
	require.Zero(t, l.Status().Spooled)
	require.Empty(t, l.files)
	require.NoError(t, l.Close())
}

// TestDamage changes the file while it waits: what is before comes, then the
// error, which ends Run as well.
func TestDamage(t *testing.T) {
	const n, bad = 50, 20
	for name, tc := range map[string]struct {
		damage func(f *os.File, at int64) error
		want   string
	}{
		"byte":   {func(f *os.File, at int64) error { return flip(f, at+header+10) }, "checksum is wrong"},
		"sum":    {func(f *os.File, at int64) error { return flip(f, at+8) }, "checksum is wrong"},
		"length": {func(f *os.File, at int64) error { return flip(f, at+7) }, "checksum is wrong"},
		"cut":    {func(f *os.File, at int64) error { return f.Truncate(at + 20) }, "file is cut off"},
		"gone":   {func(f *os.File, at int64) error { return f.Truncate(at) }, "file is cut off"},
		"zeros":  {zeros, "is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := New(&list{txns: random(t, rand.New(rand.NewPCG(1, 1)), n)}, 1, dir)
			l.Hurry()
			done := make(chan error, 1)
			go func() { done <- l.Run(t.Context()) }()
			require.Eventually(t, func() bool { return l.Status().Queued == n }, 10*time.Second, time.Millisecond)
			f, at := l.spool.files[0].file, int64(0)
			for range bad - 1 { // the first is in memory
				var h [header]byte
				_, err := f.ReadAt(h[:], at)
				require.NoError(t, err)
				at += header + int64(binary.LittleEndian.Uint64(h[:]))
			}
			require.NoError(t, tc.damage(f, at))
			for i := range uint64(bad) {
				txn, err := l.Next(t.Context())
				require.NoError(t, err)
				require.Equal(t, i, txn.Stamp.Seq)
				require.NoError(t, txn.Rows.Close())
			}
			for range 2 {
				_, err := l.Next(t.Context())
				require.ErrorContains(t, err, tc.want)
				require.ErrorContains(t, err, dir)
				require.NotErrorIs(t, err, io.EOF, "that is a lost connection's")
				require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
			}
			require.ErrorContains(t, <-done, tc.want)
			require.NoError(t, l.Close())
		})
	}
}

func flip(f *os.File, at int64) error {
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return err
	}
	b[0] ^= 0x55
	_, err := f.WriteAt(b[:], at)
	return err
}

func zeros(f *os.File, at int64) error {
	_, err := f.WriteAt(make([]byte, 100), at)
	return err
}

// TestFullDisk has room for one file.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	source := &list{txns: random(t, rand.New(rand.NewPCG(1, 1)), 200)}
	l := New(source, 1, dir)
	l.Hurry()
	l.spool.limit = 2000
	first := true
	l.spool.begin = func() (*os.File, error) {
		if first {
			first = false
			return l.spool.unnamed()
		}
		return os.OpenFile("/dev/full", os.O_RDWR, 0)
	}
	err := l.Run(t.Context())
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, dir)
	require.ErrorContains(t, err, "free space there")
	n := uint64(0)
	for ; ; n++ {
		txn, nerr := l.Next(t.Context())
		if nerr != nil {
			require.Equal(t, err, nerr)
			break
		}
		require.Equal(t, n, txn.Stamp.Seq)
		require.NoError(t, txn.Rows.Close())
	}
	require.Greater(t, n, uint64(3), "what came before")
	require.NoError(t, l.Close())
	for _, txn := range source.txns {
		require.NoError(t, txn.Rows.Close())
	}
	require.Zero(t, open(t))
}

func TestNoFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	l := New(&list{txns: random(t, rand.New(rand.NewPCG(1, 1)), 3)}, 1, dir)
	l.Hurry()
	err := l.Run(t.Context())
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "the backlog kept in "+dir)
	_, err = l.Next(t.Context())
	require.NoError(t, err, "the one in memory")
	_, err = l.Next(t.Context())
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, l.Close())

	t.Setenv("TMPDIR", dir)
	l = New(&list{txns: random(t, rand.New(rand.NewPCG(1, 1)), 3)}, 1, "")
	l.Hurry()
	require.ErrorContains(t, l.Run(t.Context()), "the backlog kept in "+dir)
	require.ErrorContains(t, l.err, "TMPDIR")
	require.NoError(t, l.Close())
}

// TestLargeTransactionCannotBeWritten: what it still had in memory has to go to
// its file when it waits.
func TestLargeTransactionCannotBeWritten(t *testing.T) {
	rows := change.NewRows(1, t.TempDir())
	require.NoError(t, rows.Append(change.Row{Op: change.Insert, After: []change.Value{change.OfInt(1)}}))
	require.NoError(t, rows.Close())
	l := New(&list{txns: []*change.Txn{{Rows: rows}}}, 1<<20, t.TempDir())
	require.ErrorIs(t, l.Run(t.Context()), os.ErrClosed)
	require.NoError(t, l.Close())
}
