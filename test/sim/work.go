package sim

import (
	"math/rand/v2"
	"slices"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// A work is a target transaction in the making: begun, its rows are locked;
// decided; then committed, or lost with a kill.
type work struct {
	group   []*txn
	carried []conflict.Carried
	cases   []*conflict.Case
	steps   [][]conflict.Step
	decided bool
	outcome []conflict.Outcome
	settled conflict.Point
	checked bool         // the session looks after foreign keys
	came    conflict.Key // was not there when the rows were locked, and has been inserted since
}

// begin takes a group that nothing earlier blocks and locks its rows.
func (s *site) begin(dice *rand.Rand) {
	for len(s.inflight) < s.w.Window && s.fetched < len(s.peer.out) {
		t := s.peer.out[s.fetched]
		s.fetched++
		s.comes(t)
		if !s.applied.Has(t.stamp.Seq) {
			s.inflight = append(s.inflight, t)
		}
	}
	var group []*txn
	for range 1 + dice.IntN(s.w.Group) {
		if len(s.inflight) == 0 {
			break
		}
		i := dice.IntN(len(s.inflight))
		if s.free(group, i) && (len(group) == 0 || !group[0].alone()) {
			if !s.proved(s.inflight[i]) {
				break
			}
			group = append(group, s.inflight[i])
			s.inflight = append(s.inflight[:i:i], s.inflight[i+1:]...)
		}
	}
	if len(group) == 0 {
		return
	}
	sortGroup(group)
	w := &work{group: group, settled: s.observer.Settled(), checked: s.w.kept}
	for i, t := range group {
		w.carried = append(w.carried, conflict.Carried{Stamp: t.stamp, Committed: t.committed, Rank: 1 - s.id})
		for _, c := range s.misled(t.rows) {
			w.add(s, i, c)
		}
		for _, k := range s.w.of(t.empties) {
			if row := s.union(k); row != nil || s.parked[k] != nil {
				w.add(s, i, rowChange{k, row, nil})
			}
		}
	}
	s.works = append(s.works, w)
	s.w.say("site %d begins to apply %s", s.id, groupText(group))
}

// large is how many rows make a transaction whose rows are not remembered.
const large = 3

// comes notes what comes into the window, for the chunks of a copy.
func (s *site) comes(t *txn) {
	if came := s.came[t.empties]; came != nil {
		came.AddLarge(t.stamp.Seq)
	}
	for _, c := range t.rows {
		switch came := s.came[c.key.Table]; {
		case came == nil:
		case len(t.rows) >= large:
			came.AddLarge(t.stamp.Seq)
		default:
			came.Add(c.key.ID, t.stamp.Seq)
		}
	}
}

// window gives what came in and is not applied.
func (s *site) window() []*txn {
	out := slices.Clone(s.inflight)
	for _, x := range s.works {
		out = append(out, x.group...)
	}
	return out
}

// free reports whether transaction i of the window waits for nothing but the
// group.
func (s *site) free(group []*txn, i int) bool {
	t := s.inflight[i]
	if t.alone() && i+len(s.works)+len(group) > 0 {
		return false
	}
	for _, o := range s.inflight[:i] {
		if s.w.overlap(o, t) {
			return false
		}
	}
	for _, c := range t.rows {
		if s.locks[c.key] != nil {
			return false
		}
	}
	for _, x := range s.works {
		for _, o := range x.group {
			if s.w.overlap(o, t) {
				return false
			}
		}
	}
	for _, c := range s.w.chunks {
		if s.id == 1 && c.holds(s.w, t) {
			return false
		}
	}
	for _, o := range group {
		if s.w.overlap(o, t) && s.w.apart(t) {
			return false
		}
	}
	return true
}

func sortGroup(group []*txn) {
	for i := range group {
		for j := i; j > 0 && group[j].stamp.Seq < group[j-1].stamp.Seq; j-- {
			group[j], group[j-1] = group[j-1], group[j]
		}
	}
}

func (w *work) add(s *site, n int, c rowChange) {
	step := conflict.Step{Txn: n, Before: c.before, After: c.after}
	for i, x := range w.cases {
		if x.Key == c.key {
			w.steps[i] = append(w.steps[i], step)
			return
		}
	}
	s.locks[c.key] = w
	w.cases = append(w.cases, &conflict.Case{Rule: s.w.rule(c.key.Table), Key: c.key, Unique: s.w.tables[c.key.Table].parks()})
	w.steps = append(w.steps, []conflict.Step{step})
}

// advance moves a work on: decides it, or commits it.
func (s *site) advance(w *work, dice *rand.Rand) {
	if !w.decided {
		s.decide(w, dice)
		return
	}
	s.commit(w)
	s.unacknowledged(dice)
}

func (s *site) decide(w *work, dice *rand.Rand) {
	w.outcome = w.outcome[:0]
	w.came = s.inserts(w, func(k conflict.Key) bool { return s.union(k) == nil })
	for i, c := range w.cases {
		c.Copying = s.w.copying()
		o, err := s.resolve(w, c, w.steps[i], conflict.Somewhere)
		if o.Wait {
			reach := conflict.AtEnd
			if s.w.Without&(Barrier|SumsAtEnd) != 0 || s.w.Without&BeforeSums != 0 && !w.adds(s, c) {
				reach = conflict.GivenUp
			} else if s.w.Lazy && !o.Strict && dice.IntN(3) == 0 {
				reach = conflict.GivenUp
				for dice.IntN(3) != 0 && s.read() {
				}
			} else {
				s.readAll()
			}
			if o, err = s.resolve(w, c, w.steps[i], reach); o.Wait && o.Strict {
				if s.w.Without&SumsAtEnd == 0 && (s.w.Without&BeforeSums == 0 || w.adds(s, c)) {
					s.readAll()
				}
				o, err = s.resolve(w, c, w.steps[i], conflict.AtEnd)
			}
		}
		if err != nil {
			s.w.stopped = true
		}
		w.outcome = append(w.outcome, o)
	}
	w.decided = true
}

func (s *site) resolve(w *work, c *conflict.Case, steps []conflict.Step, reach conflict.Reach) (conflict.Outcome, error) {
	c.Current = nil
	if c.Key != w.came {
		c.Current = s.union(c.Key)
	}
	if w.group[0].empties != "" {
		steps[0].Before = c.Current // whatever is there
	}
	c.Local = s.observer.Index().Find(c.Key)
	c.Lately = func(image []change.Value) bool { return s.observer.Index().Lately(c.Key, image) }
	return c.Resolve(w.carried, steps, reach)
}

func (s *site) commit(w *work) {
	r := &record{version: -1 << 40}
	s.between(w.group[0])
	absent := s.absent(w)
	writes := s.writes(w)
	if w.duplicate() {
		s.abort(w)
		return
	}
	clash := s.clashes(writes, w.checked)
	if clash {
		if w.came = (conflict.Key{}); s.w.Without&ClashAtEnd == 0 {
			s.readAll()
			for i, c := range w.cases {
				var err error
				if w.outcome[i], err = s.resolve(w, c, w.steps[i], conflict.AtEnd); err != nil {
					s.w.stopped = true
					return
				}
			}
			writes = s.writes(w)
		}
		moves, ok := s.place(w, writes, nil, nil)
		for _, m := range moves {
			if m.Park != nil && s.w.rule(m.Key.Table).At(m.Park.Order.Version).Policy == conflict.Stop {
				s.w.stopped = true
				return
			}
		}
		if !ok {
			s.abort(w)
			return
		}
		s.move(moves, r)
	} else {
		s.write(writes)
	}
	s.inserts(w, func(k conflict.Key) bool { return slices.Contains(absent, k) })
	for i, c := range w.cases {
		if o := &w.outcome[i]; o.Wrote {
			s.writtenBy(c.Key, writeID{1 - s.id, int(w.carried[o.Txn].Stamp.Seq)}, false)
		}
	}
	s.emptied(w.group[0])
	r.rows = append(changes(writes), s.parkedAnew(writes, r.parked)...)
	r.notes = s.notes(w, clash)
	for _, t := range w.group {
		r.carried = append(r.carried, t.stamp)
		r.version = max(r.version, t.stamp.Version)
		s.applied = s.applied.With(t.stamp.Seq)
	}
	if w.settled.Seq > s.settled.Seq {
		s.settled = w.settled
	}
	s.log = append(s.log, r)
	s.end(w)
	s.renamed(w.group[0])
	s.w.say("site %d commits %s: %s", s.id, groupText(w.group), rowsText(r.rows))
	s.w.stats.Groups++
}

// absent gives the keys of a work that have no row in their table.
func (s *site) absent(w *work) []conflict.Key {
	var out []conflict.Key
	for _, c := range w.cases {
		if s.rows[c.Key] == nil {
			out = append(out, c.Key)
		}
	}
	return out
}

// duplicate reports whether a row is to be inserted that has come since.
func (w *work) duplicate() bool {
	for i, c := range w.cases {
		if c.Key == w.came && w.outcome[i].After != nil {
			return true
		}
	}
	return false
}

// inserts lets the application commit a row of a work that was absent and is not
// in its table: what is not there is not locked. It gives the row's key if the row
// is there.
func (s *site) inserts(w *work, absent func(conflict.Key) bool) (came conflict.Key) {
	if !s.w.Gaps || len(w.cases) == 0 || s.dice.IntN(3) > 0 {
		return conflict.Key{}
	}
	c := w.cases[s.dice.IntN(len(w.cases))]
	if s.rows[c.Key] != nil || !absent(c.Key) || w.adds(s, c) { // for that the gap is locked
		return conflict.Key{}
	}
	delete(s.locks, c.Key)
	s.transaction(s.dice, func(r *record) { s.statement(r, c.Key, s.w.image(s.dice, c.Key)) })
	for s.rows[c.Key] != nil && s.dice.IntN(3) == 0 {
		s.transaction(s.dice, func(r *record) {
			after := s.w.image(s.dice, c.Key)
			if s.dice.IntN(3) == 0 {
				after = nil
			}
			s.statement(r, c.Key, after)
		})
	}
	s.locks[c.Key] = w
	if s.rows[c.Key] != nil {
		came = c.Key
	}
	return came
}

// adds reports whether a work brings what may have to be added up.
func (w *work) adds(s *site, c *conflict.Case) bool {
	i := slices.Index(w.cases, c)
	return slices.ContainsFunc(w.steps[i], func(x conflict.Step) bool {
		return s.w.at(c.Key.Table, w.carried[x.Txn].Stamp.Version).Policy == conflict.Delta
	})
}

// parkedAnew gives what the log shows of rows that are parked as they were.
func (s *site) parkedAnew(writes []placed, parked []conflict.Key) []rowChange {
	var out []rowChange
	for _, x := range writes {
		if same(x.before, x.after) && x.after != nil && slices.Contains(parked, x.key) {
			out = append(out, rowChange{x.key, x.before, x.after})
		}
	}
	return out
}

// writes gives what the outcomes write.
func (s *site) writes(w *work) []placed {
	var out []placed
	for i, c := range w.cases {
		if o := &w.outcome[i]; o.Wrote && c.Key != w.came {
			out = append(out, placed{c.Key, s.union(c.Key), o.After, c.Order(o, w.carried)})
		}
	}
	return out
}

func (s *site) notes(w *work, clash bool) []byte {
	notes := conflict.Notes{Placed: clash}
	for i, c := range w.cases {
		notes.Add(c, &w.outcome[i], clash || len(w.group) > 1)
		for j := range w.outcome[i].Decisions {
			d := &w.outcome[i].Decisions[j]
			if s.decided(d); d.Verdict.Action == conflict.Keep {
				s.observer.Index().Lost(d.Key, d.In.After)
			}
		}
	}
	if table := w.group[0].empties; table != "" {
		notes.Emptied = append(notes.Emptied, table)
	}
	if s.w.Without&Silent != 0 {
		notes.Keys = slices.DeleteFunc(notes.Keys, func(k conflict.KeyNote) bool { return k.Silent })
	}
	for i := range notes.Keys {
		notes.Keys[i].Gone = notes.Keys[i].Gone && s.w.Without&Gone == 0
	}
	return conflict.AppendNotes(nil, &notes)
}

// end takes a work off, with its locks.
func (s *site) end(w *work) {
	for _, c := range w.cases {
		delete(s.locks, c.Key)
	}
	s.works = slices.DeleteFunc(s.works, func(x *work) bool { return x == w })
}

// abort rolls a work back, as a deadlock does: it is tried again.
func (s *site) abort(w *work) {
	s.end(w)
	s.inflight = append(s.inflight, w.group...)
	sortGroup(s.inflight)
	s.w.say("site %d rolls back %s", s.id, groupText(w.group))
}

func noSeq(seen change.Seqs) change.Stamp {
	return change.Stamp{Seq: change.NoSeq, Version: -1 << 40, Seen: seen}
}
