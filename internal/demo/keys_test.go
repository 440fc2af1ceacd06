package demo

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/go-sql-driver/mysql"
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
				require.LessOrEqual(t, sku, e.skus, "an offer, which both sides write")
			}
		}
	}
}

// TestClashes wants both sides of every clash to have something to do, and the
// rows that both write to be nobody's own.
func TestClashes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	d := &demo{cfg: Config{Orders: 400}}
	for i := range d.staff {
		d.staff[i] = newStaff(&d.cfg, i, &d.gate)
	}
	e := d.staff[0].extent
	seen := map[int64]bool{}
	for range 1000 {
		both := d.clash(r)
		require.NotNil(t, both[0])
		require.NotNil(t, both[1])
		seen[e.offer(r)] = true
		for _, s := range d.staff {
			require.Greater(t, s.fresh(e.skus+offers), e.skus+offers)
		}
	}
	require.Len(t, seen, offers)
	for sku := range seen {
		require.Greater(t, sku, e.skus)
	}
}

// TestLedger counts both what was moved and what was listed.
func TestLedger(t *testing.T) {
	var l ledger
	by, listed := l.all()
	require.Empty(t, by)
	require.Empty(t, listed)
	l.add(3, 5)
	l.add(3, -7)
	l.list(8)
	by, listed = l.all()
	require.Equal(t, map[int64]int64{3: -2}, by)
	require.Equal(t, []int64{8}, listed)
}

// TestTaken leaves be what somebody else had first, and only that.
func TestTaken(t *testing.T) {
	require.NoError(t, taken(nil))
	require.ErrorIs(t, taken(&mysql.MySQLError{Number: 1062}), errNotThere)
	deadlock := &mysql.MySQLError{Number: 1213}
	require.Equal(t, deadlock, taken(deadlock))
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
