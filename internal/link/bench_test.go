package link_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/link"
)

var errEnd = errors.New("log has ended")

// again gives the same transaction n times.
type again struct {
	txn  change.Txn
	left int
}

func (a *again) Next(context.Context) (*change.Txn, error) {
	if a.left == 0 {
		return nil, errEnd
	}
	a.left--
	txn := a.txn
	return &txn, nil
}

// BenchmarkMemory passes transactions of one small row, none of them over disk.
func BenchmarkMemory(b *testing.B) {
	l := link.New(small(b), 1<<40, "")
	done := make(chan error, 1)
	go func() { done <- l.Run(b.Context()) }()
	drain(b, l)
	require.ErrorIs(b, <-done, errEnd)
}

// BenchmarkDiskIn is what a backlog costs the source.
func BenchmarkDiskIn(b *testing.B) {
	l := link.New(small(b), 1, b.TempDir())
	defer l.Hurry()()
	require.ErrorIs(b, l.Run(b.Context()), errEnd)
	b.ReportMetric(float64(l.Status().Spooled)/float64(b.N), "disk-B/op")
	require.NoError(b, l.Close())
}

// BenchmarkDiskOut is what a backlog costs the applier.
func BenchmarkDiskOut(b *testing.B) {
	l := link.New(small(b), 1, b.TempDir())
	defer l.Hurry()()
	require.ErrorIs(b, l.Run(b.Context()), errEnd)
	b.ResetTimer()
	drain(b, l)
	require.NoError(b, l.Close())
}

// small gives b.N transactions of one row of 100 bytes.
func small(b *testing.B) *again {
	rows := change.NewRows(1<<20, "")
	require.NoError(b, rows.Append(change.Row{Op: change.Insert, After: []change.Value{change.OfInt(1), change.OfText(make([]byte, 100))}}))
	txn := change.Txn{
		Stamp: change.Stamp{Seq: 1 << 20, Version: 1 << 50, Seen: change.Seqs{Low: 1 << 20}}, Rows: rows,
		Position: "0-1-123456789", ID: "0-1-123456789", Committed: time.UnixMicro(1 << 50),
	}
	b.ReportAllocs()
	b.ResetTimer()
	return &again{txn: txn, left: b.N}
}

func drain(b *testing.B, l *link.Link) {
	for range b.N {
		if _, err := l.Next(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
