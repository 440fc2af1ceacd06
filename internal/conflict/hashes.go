package conflict

// hashes maps the hashes of keys to values. It is for millions of them: a value
// without pointers costs the collector nothing, and keep gives memory back, which
// a Go map alone never does.
type hashes[V any] struct {
	parts [64]map[uint64]V // so that keep needs little more memory than there was
	n     int
}

func (h *hashes[V]) part(hash uint64) *map[uint64]V { return &h.parts[hash>>58] }

func (h *hashes[V]) get(hash uint64) (V, bool) {
	v, ok := (*h.part(hash))[hash]
	return v, ok
}

func (h *hashes[V]) put(hash uint64, v V) {
	p := h.part(hash)
	if *p == nil {
		*p = map[uint64]V{}
	}
	n := len(*p)
	(*p)[hash] = v
	h.n += len(*p) - n
}

func (h *hashes[V]) delete(hash uint64) {
	p := h.part(hash)
	n := len(*p)
	delete(*p, hash)
	h.n += len(*p) - n
}

// keep lets go of all values but those that holds says yes to.
func (h *hashes[V]) keep(holds func(V) bool) {
	h.n = 0
	for i, p := range h.parts {
		var kept map[uint64]V
		for hash, v := range p {
			if holds(v) {
				if kept == nil {
					kept = map[uint64]V{}
				}
				kept[hash] = v
			}
		}
		h.parts[i] = kept
		h.n += len(kept)
	}
}
