package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/checkpoint"
	"duplex/internal/config"
	"duplex/internal/project"
)

func TestLostAndKept(t *testing.T) {
	c := &screen{stage: &stage{project: &config.Project{Conflict: config.Conflict{Tables: map[config.Table]config.Rule{
		{Database: "shop", Name: "stock"}: {Policy: config.PolicyDelta, Columns: []string{"quantity", "sold"}},
	}}}}}
	of := &project.Conflict{Conflict: checkpoint.Conflict{
		Table: "shop.stock", Key: "sku=401", Kind: "update-update", Policy: "delta", Winner: "local",
		Local:    []byte(`{"sku":401,"price":"1.00","quantity":7,"sold":1}`),
		Incoming: []byte(`{"sku":401,"price":"2.00","quantity":8,"sold":0}`),
	}}
	require.Equal(t, `shop.stock sku=401: price "2.00" → "1.00"; quantity, sold added up`, c.lostAndKept(of))
	of.Policy, of.Winner = "newest", "incoming"
	require.Equal(t, `shop.stock sku=401: price "1.00" → "2.00", quantity 7 → 8, sold 1 → 0`, c.lostAndKept(of))
	of.Policy, of.Incoming = "delta", nil
	require.Equal(t, `shop.stock sku=401: sku=401, price="1.00" → no row; quantity, sold added up`, c.lostAndKept(of))
}

func TestSigned(t *testing.T) {
	require.Equal(t, "−1,204", signed(-1204))
	require.Equal(t, "+0", signed(0))
}
