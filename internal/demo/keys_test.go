package demo

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOwnKeys wants each side to keep to its own keys, old and new.
func TestOwnKeys(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	e := extentOf(400)
	for side := range int64(2) {
		s := newStaff(&Config{Orders: 400}, int(side), nil)
		for range 1000 {
			require.Equal(t, side, own(r, side, e.orders)%2)
			require.LessOrEqual(t, own(r, side, e.orders), e.orders)
			fresh := s.fresh(e.skus)
			require.Equal(t, side, fresh%2)
			require.Greater(t, fresh, e.skus)
			skus := skusOf(r, side, e.skus)
			require.True(t, slices.IsSorted(skus), "in order, or two orders wait for each other")
			require.Len(t, slices.Compact(skus), len(skus))
			for _, sku := range skus {
				require.Equal(t, side, sku%2)
				require.LessOrEqual(t, sku, e.skus)
			}
		}
	}
}

func TestMoney(t *testing.T) {
	require.Equal(t, "12.05", cents(1205))
	require.EqualValues(t, 1205, inCents("12.05"))
}

// TestRecent keeps the newest keys only.
func TestRecent(t *testing.T) {
	var k recent
	r := rand.New(rand.NewPCG(1, 2))
	_, ok := k.pick(r)
	require.False(t, ok)
	for key := range int64(3 * recentKeys) {
		k.add(key)
	}
	for range 1000 {
		key, ok := k.pick(r)
		require.True(t, ok)
		require.GreaterOrEqual(t, key, int64(2*recentKeys))
	}
}
