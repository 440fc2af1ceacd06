package conflict

import "duplex/internal/change"

// settle lets go of what no transaction of the peer still to come can miss: the
// newest of those applied without a gap has seen it.
func (o *Observer) settle(carried []change.Stamp) {
	low := o.seen.Set().Low
	for _, s := range carried {
		if s.Seq != change.NoSeq {
			o.heard[s.Seq] = s.Seen.Low
			continue
		}
		o.chunkRead(s.Seen.Low)
	}
	bound := o.bound
	for q, seen := range o.heard {
		if q < low {
			bound = max(bound, seen)
			delete(o.heard, q)
		}
	}
	for _, held := range o.holds {
		bound = min(bound, held)
	}
	if !o.ready || bound <= o.bound && !o.behind {
		return
	}
	o.bound = max(o.bound, bound)
	// A task in work asks Recent, and that asks the index.
	if o.behind = o.recent != nil && o.Task() != nil; !o.behind {
		o.index.Settle(o.bound)
		o.recent.settle(o.bound)
	}
}

// CaughtUp says that the log was read to the end that it had when the observer
// was made, and that every chunk of a copy in work holds again. Before that
// nothing settles: an earlier run may have left a chunk that was not read.
func (o *Observer) CaughtUp() { o.ready = true }

// Ready reports whether the log was read to the end that it had at the start:
// before that the index lacks what an earlier run knew.
func (o *Observer) Ready() bool { return o.ready }

// Settled is the point from which a reader of this site may start again, as far
// as the site itself is concerned. It is stored with every transaction that is
// applied here, taken before that transaction's rows are decided.
func (o *Observer) Settled() Point {
	if o.Task() == nil {
		o.stored = o.points.below(o.bound)
	}
	return o.stored
}

// A Hold keeps settling back for a chunk in work.
type Hold struct {
	o     *Observer
	given bool // Set was called
	low   uint64
}

// Hold stops settling where it is. It is called at the target before the
// chunk's low watermark is taken at the source.
func (o *Observer) Hold() *Hold {
	h := &Hold{o: o}
	o.holds[h] = o.bound
	return h
}

// Set lets settling go on to what the chunk has seen. The hold ends when the
// chunk's own transaction is read.
func (h *Hold) Set(low change.Watermark) {
	h.given, h.low = true, low.Seen.Low
	if _, ok := h.o.holds[h]; ok {
		h.o.holds[h] = h.low
	}
}

// Release ends the hold of a chunk that is not going to be written as it was
// read.
func (h *Hold) Release() {
	if _, ok := h.o.holds[h]; !ok && h.given { // taken for another of the same low
		h.o.chunkRead(h.low)
	}
	delete(h.o.holds, h)
}

// chunkRead ends one of the holds of chunks that have seen low: they are alike.
func (o *Observer) chunkRead(low uint64) {
	for h, at := range o.holds {
		if h.given && at == low {
			delete(o.holds, h)
			return
		}
	}
}

// A Watch collects the keys that late checks put back at the source while a
// chunk of it is read.
type Watch struct {
	o    *Observer
	keys map[uint64]bool
}

// Watch begins at a chunk's low watermark, with no task left.
func (o *Observer) Watch() *Watch {
	w := &Watch{o: o, keys: map[uint64]bool{}}
	o.watch[w] = true
	return w
}

// Reread reports whether one of the keys was put back, so that the chunk may
// show what was never sent. It is asked when the reader has been at the end of
// the log, with no task left, after the chunk was read; until then the watch
// stands.
func (w *Watch) Reread(keys []Key) bool {
	for _, k := range keys {
		if w.keys[k.Hash()] {
			return true
		}
	}
	return false
}

// Close ends the watch.
func (w *Watch) Close() { delete(w.o.watch, w) }

// points keeps places to go back to: all at first, ever fewer as they grow
// many. It always has one at or below every seq asked for.
type points struct {
	all  []Point
	step uint64 // one in so many is kept
}

// pointLimit is how many points are held.
const pointLimit = 1024

func (p *points) add(x Point) {
	if p.step > 1 && x.Seq%p.step != 0 {
		return
	}
	p.all = append(p.all, x)
	if len(p.all) < pointLimit {
		return
	}
	p.step = max(2, 2*p.step)
	kept := p.all[:1]
	for _, x := range p.all[1:] {
		if x.Seq%p.step == 0 {
			kept = append(kept, x)
		}
	}
	p.all = kept
}

// below gives the last point at or below seq, and forgets those before it.
func (p *points) below(seq uint64) Point {
	i := 0
	for i+1 < len(p.all) && p.all[i+1].Seq <= seq {
		i++
	}
	p.all = p.all[i:]
	if len(p.all) < pointLimit/4 {
		p.step = max(1, p.step/2)
	}
	return p.all[0]
}
