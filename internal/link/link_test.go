package link_test

import (
	"context"
	"errors"
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

func TestOrderAndBound(t *testing.T) {
	s := &source{left: 100, err: errors.New("log has ended")}
	l := link.New(s, 10_000)
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
	l := link.New(s, 10)
	done := make(chan error, 1)
	go func() { done <- l.Run(t.Context()) }()
	for range 2 {
		_, err := l.Next(t.Context())
		require.NoError(t, err)
	}
	require.Error(t, <-done)
}

func TestCancelledWhileFullAndWhileEmpty(t *testing.T) {
	s := &source{left: 100}
	l := link.New(s, 3000)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	require.Eventually(t, func() bool { return l.Status().Queued == 2 }, 10*time.Second, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.NoError(t, l.Close())

	empty := link.New(&source{}, 10)
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	_, err := empty.Next(ctx)
	require.ErrorIs(t, err, context.Canceled)
}
