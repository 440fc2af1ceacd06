package sim

import (
	"math/rand/v2"

	"duplex/internal/conflict"
)

// What follows a copy where there are foreign keys, as internal/pair does it:
// they are kept from then on, the target gets them, and rows that are without
// their parents are placed anew.
const (
	finishNew     = iota
	finishBarrier // what began before that is being applied
	finishLook    // rows without a parent, and parked ones, are looked up
	finishPlace   // and are being placed
)

// A finish is how far that is. It is memory; what is durable is world.whole.
type finish struct {
	state int
	marks [2]uint64
}

// finishStep moves it on.
func (w *world) finishStep(dice *rand.Rand) {
	if w.whole || w.copying() {
		return
	}
	f := &w.finish
	switch f.state {
	case finishNew:
		w.kept, w.made = true, true
		for i, s := range w.sites {
			s.readAll()
			f.marks[i] = s.observer.Watermark().Seq
		}
		f.state = finishBarrier
		w.say("the copy is done: foreign keys are kept")
	case finishBarrier:
		for i, s := range w.sites {
			if s.peer.applied.Low < f.marks[i] {
				return
			}
		}
		f.state = finishLook
	case finishLook:
		for _, s := range w.sites {
			s.lookAtAll()
		}
		f.state = finishPlace
	case finishPlace:
		w.finishPlaces(dice)
	}
}

func (w *world) finishPlaces(dice *rand.Rand) {
	for _, s := range w.sites {
		if !s.mendAll(dice) {
			return
		}
	}
	if w.finish.state != finishPlace { // it began again
		return
	}
	for _, s := range w.sites {
		if len(s.orphaned()) > 0 && w.Without&Rooted == 0 {
			w.finish.state = finishLook
			return
		}
	}
	w.whole = true
	w.say("no row lacks a parent")
}

// lookAtAll has every row without a parent placed anew, and every parked one.
func (s *site) lookAtAll() {
	if s.w.Without&Rooted != 0 {
		return
	}
	for _, k := range s.orphaned() {
		s.observer.Look(k)
	}
	for _, k := range s.w.keys {
		if s.parked[k] != nil {
			s.observer.Look(k)
		}
	}
}

// orphaned gives the rows in the tables that lack a parent there.
func (s *site) orphaned() (out []conflict.Key) {
	for _, k := range s.w.keys {
		for _, v := range s.w.needs(k, s.rows[k]) {
			if _, ok := s.parent(v); !ok {
				out = append(out, k)
				break
			}
		}
	}
	return out
}
