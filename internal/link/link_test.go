package link_test

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duplex/internal/change"
	"duplex/internal/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source gives transactions of one 1,000-byte row until it fails.
type source struct {
	left  int
	given atomic.Int64
	err   error
}

func (s *source) Next(ctx context.Context) (*change.Txn, error) {
	if s.left == 0 {
		if s.err != nil {
			return nil, s.err
		}
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	s.left--
	rows := change.NewRows(1<<20, "")
	seq := uint64(s.given.Add(1)) - 1
	err := rows.Append(change.Row{Op: change.Insert, After: []change.Value{change.OfBinary(make([]byte, 1000))}})
	return &change.Txn{Stamp: change.Stamp{Seq: seq}, Rows: rows}, err
}

// TestWait: a full link lets its source wait, in order and without a file, and lets
// it go on once half of it is taken.
func TestWait(t *testing.T) {
	s := &source{left: 1000, err: errors.New("log has ended")}
	dir := t.TempDir()
	l := link.New(s, 10_000, dir)
	done := make(chan error, 1)
	go func() { done <- l.Run(t.Context()) }()
	require.Eventually(t, func() bool { st := l.Status(); return st.Pulled > uint64(st.Queued) }, 10*time.Second, time.Millisecond, "one waits")
	require.EqualValues(t, l.Status().Pulled, s.given.Load())
	for seq := range uint64(1000) {
		txn, err := l.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, seq, txn.Stamp.Seq)
		st := l.Status()
		require.LessOrEqual(t, st.Bytes, int64(10_000))
		require.Zero(t, st.Spooled)
	}
	_, err := l.Next(t.Context())
	require.EqualError(t, err, "log has ended", "after all that was read")
	require.EqualError(t, <-done, "log has ended")
	require.NoError(t, l.Close())
}

// TestWaitEnds: a source that waits for room is let go when the run ends.
func TestWaitEnds(t *testing.T) {
	s := &source{left: 100}
	l := link.New(s, 10, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	require.Eventually(t, func() bool { return l.Status().Pulled == 2 }, 10*time.Second, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.NoError(t, l.Close())
}

func TestOrderAndBound(t *testing.T) {
	s := &source{left: 100, err: errors.New("log has ended")}
	l := link.New(s, 10_000, t.TempDir())
	defer l.Hurry()()
	done := make(chan error, 1)
	go func() { done <- l.Run(t.Context()) }()
	require.Eventually(t, func() bool { return s.given.Load() >= 7 }, 10*time.Second, time.Millisecond)
	for seq := range uint64(100) {
		st := l.Status()
		require.LessOrEqual(t, st.Bytes, int64(10_000))
		txn, err := l.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, seq, txn.Stamp.Seq)
	}
	_, err := l.Next(t.Context())
	require.EqualError(t, err, "log has ended", "after all that was read")
	require.EqualError(t, <-done, "log has ended")
	require.NoError(t, l.Close())
}

func TestOneTransactionLargerThanTheBound(t *testing.T) {
	s := &source{left: 2, err: errors.New("log has ended")}
	l := link.New(s, 10, t.TempDir())
	done := make(chan error, 1)
	go func() { done <- l.Run(t.Context()) }()
	for range 2 {
		_, err := l.Next(t.Context())
		require.NoError(t, err)
	}
	require.Error(t, <-done)
}

func TestCancelled(t *testing.T) {
	s := &source{left: 100}
	l := link.New(s, 3000, t.TempDir())
	defer l.Hurry()()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	require.Eventually(t, func() bool { return l.Status().Queued == 100 }, 10*time.Second, time.Millisecond)
	require.LessOrEqual(t, l.Status().Bytes, int64(3000))
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	for range 2 { // from memory; the disk is not read for somebody who goes
		_, err := l.Next(ctx)
		require.NoError(t, err)
	}
	_, err := l.Next(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, l.Close())

	empty := link.New(&source{}, 10, t.TempDir())
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	_, err = empty.Next(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

// TestHurry: a source that waits goes on in a hurry, over disk, and waits again when
// that is over and all of it is still there.
func TestHurry(t *testing.T) {
	s := &source{left: 1000}
	l := link.New(s, 10_000, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	waits := func() bool { st := l.Status(); return st.Pulled == uint64(st.Queued)+1 }
	require.Eventually(t, waits, 10*time.Second, time.Millisecond)
	over := l.Hurry()
	require.Eventually(t, func() bool { return l.Status().Queued > 100 }, 10*time.Second, time.Millisecond)
	over()
	if l.Status().Queued < 1000 {
		require.Eventually(t, waits, 10*time.Second, time.Millisecond)
	}
	for seq := range uint64(1000) {
		txn, err := l.Next(ctx)
		require.NoError(t, err)
		require.Equal(t, seq, txn.Stamp.Seq)
	}
	require.Equal(t, link.Status{Pulled: 1000}, l.Status())
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.NoError(t, l.Close())
}

// TestHurryNeverWaits has nobody who reads, and room for nothing.
func TestHurryNeverWaits(t *testing.T) {
	dir := t.TempDir()
	s := &source{left: 5000, err: errors.New("log has ended")}
	l := link.New(s, 1, dir)
	defer l.Hurry()()
	require.EqualError(t, l.Run(t.Context()), "log has ended")
	st := l.Status()
	require.Equal(t, 5000, st.Queued)
	require.Equal(t, uint64(5000), st.Pulled)
	require.Greater(t, st.Spooled, int64(4999*1000))
	require.Less(t, st.Bytes, int64(2000), "one transaction")
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, files, "the files have no names")
	for seq := range uint64(5000) {
		txn, err := l.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, seq, txn.Stamp.Seq)
	}
	require.Equal(t, link.Status{Pulled: 5000}, l.Status())
	_, err = l.Next(t.Context())
	require.EqualError(t, err, "log has ended")
	require.NoError(t, l.Close())
}
