package conflict

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// TestPlaces puts entries in and takes them out whose hashes crowd at a few places,
// at the end of the table too, and some of which are the same: each is found as long
// as it is there.
func TestPlaces(t *testing.T) {
	require.EqualValues(t, 64, unsafe.Sizeof(slot{}), "a line of memory")
	dice := rand.New(rand.NewPCG(1, 2))
	h := newHot()
	there := map[string]uint64{}
	keyOf := func(name string) Key { return Key{Table: "t", ID: name} }
	check := func() {
		hashes := map[uint64]bool{}
		for name, hash := range there {
			require.NotZero(t, h.find(hash, keyOf(name)), name)
			hashes[hash] = true
		}
		require.Equal(t, len(hashes), h.taken)
		require.Equal(t, len(there), h.count)
	}
	for step := range 20_000 {
		if dice.IntN(300) < len(there) {
			names := slices.Sorted(maps.Keys(there))
			name := names[dice.IntN(len(names))]
			h.remove(h.find(there[name], keyOf(name)))
			require.Zero(t, h.find(there[name], keyOf(name)))
			delete(there, name)
		} else {
			name := fmt.Sprint(step)
			hash := uint64(dice.IntN(3))<<40 | uint64(slabSize-40+dice.IntN(80))
			require.Zero(t, h.find(hash, keyOf(name)))
			n := h.add(hash, keyOf(name))
			h.write(n, name, &Write{Seq: uint64(step)}, nil)
			h.attach(n)
			there[name] = hash
		}
		if step%500 == 0 {
			check()
		}
	}
	for range 5000 { // beyond what the table had at first
		name := fmt.Sprint("more ", len(there))
		hash := dice.Uint64()
		n := h.add(hash, keyOf(name))
		h.write(n, name, &Write{}, nil)
		h.attach(n)
		there[name] = hash
	}
	require.Greater(t, len(h.places), 4*slabSize)
	check()
	for name, hash := range there {
		h.remove(h.find(hash, keyOf(name)))
	}
	require.Zero(t, h.taken)
	require.Len(t, h.places, slabSize, "many entries are let go of, and what they took is given back")
}
