package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/test/e2e"
)

// TestProve shows that each fault is found.
func TestProve(t *testing.T) {
	k := e2e.Key{Side: 0, Writer: 1, N: 5}
	whole := func(marked bool) *e2e.Logged {
		return &e2e.Logged{
			Marked: marked, Ledger: []e2e.Key{k}, First: map[e2e.Key]bool{k: true}, Last: map[e2e.Key]bool{k: true}, Batch: map[e2e.Key]int{k: 3},
		}
	}
	for _, c := range []struct {
		name, fault string
		spoil       func(a, b *e2e.Log)
	}{
		{"as it must be", "", func(*e2e.Log, *e2e.Log) {}},
		{"lost", "is not in the log of the other side", func(_, b *e2e.Log) { b.Transactions = nil }},
		{"twice", "is there twice", func(_, b *e2e.Log) { b.Transactions = append(b.Transactions, whole(true)) }},
		{"echo", "is there twice", func(a, _ *e2e.Log) { a.Transactions = append(a.Transactions, whole(true)) }},
		{"no mark", "marked: false", func(_, b *e2e.Log) { b.Transactions[0].Marked = false }},
		{"split", "not whole on the other side", func(_, b *e2e.Log) { b.Transactions[0].Batch[k] = 2 }},
		{"split at its end", "not whole on the other side", func(_, b *e2e.Log) { b.Transactions[0].Last = nil }},
		{"copied rows come apart", "", func(_, b *e2e.Log) { *b.Transactions[0] = e2e.Logged{Marked: true, Chunk: true, Ledger: []e2e.Key{k}} }},
		{"unknown", "was told that it is not", func(a, _ *e2e.Log) {
			a.Transactions = append(a.Transactions, &e2e.Logged{Ledger: []e2e.Key{{N: 9}}})
		}},
		{"written over", "changed or deleted", func(_, b *e2e.Log) { b.Rewritten = 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := &e2e.Log{Transactions: []*e2e.Logged{whole(false)}}, &e2e.Log{Transactions: []*e2e.Logged{whole(true)}}
			c.spoil(a, b)
			_, faults := e2e.Prove(map[e2e.Key]e2e.Entry{k: {Batch: 3}}, [2]*e2e.Log{a, b})
			if c.fault == "" {
				require.Empty(t, faults)
				return
			}
			require.NotEmpty(t, faults)
			require.Contains(t, faults[0], c.fault)
		})
	}
}
