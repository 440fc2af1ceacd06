package conflict

import "duplex/internal/change"

// settle lets go of what no transaction of the peer still to come can miss: the
// newest of those applied without a gap has seen it.
func (o *Observer) settle(carried []change.Stamp) {
	low := o.seen.Set().Low
	for _, s := range carried {
		if s.Seq != change.NoSeq {
			o.heard[s.Seq] = s.Seen.Low
		}
	}
	bound := o.bound
	for q, seen := range o.heard {
		if q < low {
			bound = max(bound, seen)
			delete(o.heard, q)
		}
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
// was made. Before that nothing settles: what an earlier run has written is
// judged by all that it was to be judged by.
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
