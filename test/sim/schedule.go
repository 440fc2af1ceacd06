package sim

import (
	"math/rand/v2"
	"strings"
)

// The kinds of step.
const (
	stepLocal = iota
	stepRead
	stepMend
	stepBegin
	stepAdvance
	stepRestart
	stepChunk
	stepLink
	stepRules
	stepEmpty
	stepRename
)

// A Step is one thing that happens. What it means depends on the state; it
// means something in any.
type Step struct {
	Kind int
	Site int
	Dice uint64
}

// A Schedule is all that a run depends on.
type Schedule struct {
	Start uint64 // what the tables hold at first
	Steps []Step
}

// Make rolls a schedule.
func (o *Options) Make(seed uint64) Schedule {
	dice := rand.New(rand.NewPCG(seed, 1))
	s := Schedule{Start: dice.Uint64()}
	for ops := 0; ops < o.Ops; {
		x := Step{Site: dice.IntN(2), Dice: dice.Uint64()}
		if o.Chunks > 0 && dice.IntN(40) < o.Chunks {
			x.Kind = stepChunk
			s.Steps = append(s.Steps, x)
			continue
		}
		if o.Cuts && dice.IntN(40) == 0 {
			x.Kind = stepLink
			s.Steps = append(s.Steps, x)
			continue
		}
		if o.Kills && dice.IntN(25) == 0 {
			x.Kind = stepRestart
			s.Steps = append(s.Steps, x)
			continue
		}
		if len(o.Policies) > 0 && dice.IntN(20) == 0 {
			x.Kind = stepRules
			s.Steps = append(s.Steps, x)
			continue
		}
		if o.Empties && dice.IntN(25) == 0 {
			x.Kind = stepEmpty
			s.Steps = append(s.Steps, x)
			continue
		}
		if o.Renames && dice.IntN(25) == 0 {
			x.Kind = stepRename
			s.Steps = append(s.Steps, x)
			continue
		}
		switch n := dice.IntN(40); {
		case n < 10:
			x.Kind = stepLocal
			ops++
		case n < 17:
			x.Kind = stepRead
		case n < 20:
			x.Kind = stepMend
		case n < 27:
			x.Kind = stepBegin
		case n < 37:
			x.Kind = stepAdvance
		case n < 39 && o.Copy:
			x.Kind = stepChunk
		case o.Restart && dice.IntN(4) == 0:
			x.Kind = stepRestart
		default:
			continue
		}
		s.Steps = append(s.Steps, x)
	}
	return s
}

// Run runs a schedule and gives what went wrong, "" for nothing. story, unless
// nil, gets what happened.
func (o *Options) Run(s Schedule, story *strings.Builder, stats *Stats) string {
	w := newWorld(*o, story, stats)
	stats.Schedules++
	w.start(rand.New(rand.NewPCG(s.Start, 2)))
	for _, x := range s.Steps {
		w.step(x)
		w.leaveStop()
		if w.failed != "" || w.stopped {
			break
		}
	}
	for i := uint64(0); !w.stopped && w.failed == "" && !w.quiet(); i++ {
		w.drain(i)
		w.leaveStop()
	}
	if w.failed == "" && !w.stopped {
		w.check()
	}
	if w.failed == "" && w.Without == 0 {
		w.intact()
	}
	if w.failed != "" {
		stats.Failed++
	}
	if strings.HasPrefix(w.failed, "the sites ") {
		stats.Differ++
	}
	if w.stopped {
		stats.Stopped++
	}
	return w.failed
}

func (w *world) step(x Step) {
	s := w.sites[x.Site]
	defer s.orphans()
	defer w.next()
	dice := rand.New(rand.NewPCG(x.Dice, 3))
	switch x.Kind {
	case stepLocal:
		s.local(dice)
	case stepRead:
		s.read()
	case stepMend:
		s.read()
		s.mendAll(dice)
	case stepBegin:
		s.begin(dice)
	case stepAdvance:
		if len(s.works) > 0 {
			s.advance(s.works[dice.IntN(len(s.works))], dice)
		}
	case stepRestart:
		s.restart()
		if w.Kills && dice.IntN(3) == 0 { // one process serves both sites
			s.peer.restart()
		}
	case stepEmpty:
		w.sites[0].empty(dice)
	case stepRename:
		w.sites[0].rename(dice)
	case stepRules:
		w.changeRules(dice)
	case stepLink:
		s.cut = !s.cut
		w.say("the link to site %d is cut: %v", s.id, s.cut)
	case stepChunk:
		if w.copying() {
			w.chunks[dice.IntN(len(w.chunks))].step(w, w.sites[0], w.sites[1], dice)
		} else {
			w.finishStep(dice)
		}
	}
}

// drain does what remains, a little of each after the other.
func (w *world) drain(i uint64) {
	if i > 10000 {
		w.fail("the sites do not come to rest")
		return
	}
	dice := rand.New(rand.NewPCG(i, 4))
	for _, s := range w.sites {
		s.cut = false
		s.readAll()
		s.mendAll(dice)
		s.begin(dice)
		for len(s.works) > 0 && w.failed == "" && !w.stopped {
			s.advance(s.works[0], dice)
		}
		w.next()
		s.orphans()
	}
	for _, c := range w.chunks {
		c.step(w, w.sites[0], w.sites[1], dice)
	}
	w.finishStep(dice)
}

func (w *world) quiet() bool {
	for _, c := range w.chunks {
		if c.state < chunkWritten {
			return false
		}
	}
	if !w.whole {
		return false
	}
	for _, s := range w.sites {
		if s.at < len(s.log) || s.observer.Task() != nil || len(s.works)+len(s.inflight) > 0 || s.fetched < len(s.peer.out) {
			return false
		}
	}
	return true
}

// Shrink cuts a failing schedule down to the steps without which it does not
// fail.
func (o *Options) Shrink(s Schedule) Schedule {
	fails := func(steps []Step) bool {
		return o.Run(Schedule{s.Start, steps}, nil, &Stats{}) != ""
	}
	for size := max(1, len(s.Steps)/2); ; {
		cut := false
		for at := 0; at+size <= len(s.Steps); {
			less := append(append([]Step(nil), s.Steps[:at]...), s.Steps[at+size:]...)
			if fails(less) {
				s.Steps, cut = less, true
			} else {
				at += size
			}
		}
		if size == 1 && !cut {
			break
		}
		size = max(1, size/2)
	}
	return s
}

// Story tells a failing schedule, cut down, for a reader.
func (o *Options) Story(s Schedule) string {
	var b strings.Builder
	o.Run(o.Shrink(s), &b, &Stats{})
	return b.String()
}
