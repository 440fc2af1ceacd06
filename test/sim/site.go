package sim

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// A txn is a local transaction on its way to the other site.
type txn struct {
	stamp     change.Stamp
	committed int64
	rows      []rowChange // a net for each key
	empties   string      // a table
	names     naming
	point     conflict.Point
}

// A site is a server and the rooms that work at it.
type site struct {
	*server
	w    *world
	id   int
	peer *site

	observer *conflict.Observer
	at       int // how far the log is read
	upTo     int // the end of the log when the reader began
	out      []*txn

	inflight []*txn
	fetched  int // of the peer's out
	works    []*work
	dice     *rand.Rand
	cut      bool                      // nothing comes in from the peer
	came     map[string]*conflict.Came // by table, while rows may come by copy
}

// open starts the rooms from what is durable.
func (s *site) open(from conflict.Point) {
	if s.observer != nil {
		s.observer.Index().Close()
	}
	s.observer = conflict.NewObserver(conflict.ObserverConfig{
		Rank: s.id, Peer: 1 - s.id, Rules: s.w.rule, Large: 2, Without: s.w.without(),
	}, from)
	if s.id == 1 { // of the two indexes one has next to nothing in memory
		s.observer.Index().Spill("", 600)
	}
	s.observer.Unique(s.w.claims, s)
	if s.w.Without&Given == 0 && s.w.related {
		s.observer.Relations(s.w.gives)
	}
	s.at, _ = strconv.Atoi(string(from.Position))
	s.upTo = len(s.log)
	s.inflight, s.fetched, s.works = nil, int(s.applied.Low), nil
	clear(s.locks)
	s.came = map[string]*conflict.Came{}
	for _, t := range s.w.Tables {
		if s.id == 1 && s.w.copying() {
			s.came[t.Name] = conflict.NewCame()
			s.observer.Copying(t.Name)
		}
	}
	s.caughtUp()
}

func (s *site) caughtUp() {
	if s.at >= s.upTo {
		s.observer.CaughtUp()
	}
}

// restart kills the rooms of the site and starts them again.
func (s *site) restart() {
	from := conflict.Point{}
	if low := s.peer.applied.Low; low > 0 {
		from = s.out[low-1].point
	}
	if s.settled.Seq < from.Seq {
		from = s.settled
	}
	s.w.restarts++
	s.w.say("site %d restarts: reads from seq %d, position %s", s.id, from.Seq, from.Position)
	s.w.dropChunks()
	s.open(from)
}

// read takes in one transaction of the log.
func (s *site) read() bool {
	if s.at >= len(s.log) {
		return false
	}
	r := s.log[s.at]
	s.at++
	if r.local {
		s.readLocal(r)
	} else {
		s.readApplied(r)
	}
	s.caughtUp()
	return true
}

func (s *site) readAll() {
	for s.read() {
	}
}

func (s *site) readLocal(r *record) {
	stamp := s.observer.Stamp(r.committed)
	if r.empties != "" {
		s.observer.Emptied(&stamp, r.committed, r.empties)
	}
	for _, c := range r.rows {
		s.observer.Wrote(&stamp, r.committed, c.key, c.before, c.after)
	}
	s.learns(r)
	position := change.Position(strconv.Itoa(s.at))
	s.observer.Behind(&stamp, position)
	s.w.say("site %d reads local seq %d: version %d, seen %s", s.id, stamp.Seq, stamp.Version, seqs(stamp.Seen))
	if int(stamp.Seq) < len(s.out) {
		if o := s.out[stamp.Seq]; o.stamp.Version != stamp.Version || seqsString(o.stamp.Seen) != seqsString(stamp.Seen) {
			s.w.fail("site %d: a restart changed the stamp of seq %d", s.id, stamp.Seq)
		}
		return
	}
	point := conflict.Point{Seq: stamp.Seq + 1, Version: stamp.Version, Seen: stamp.Seen, Position: position}
	s.out = append(s.out, &txn{stamp: stamp, committed: r.committed, rows: nets(r.rows), empties: r.empties, names: s.said(r), point: point})
}

// nets joins the rows of one key.
func nets(rows []rowChange) []rowChange {
	var out []rowChange
next:
	for _, c := range rows {
		for i := range out {
			if out[i].key == c.key {
				out[i].after = c.after
				continue next
			}
		}
		out = append(out, c)
	}
	return out
}

func (s *site) readApplied(r *record) {
	notes, err := conflict.ParseNotes(r.notes, len(r.carried))
	if err != nil {
		s.w.fail("site %d: %v", s.id, err)
		return
	}
	if s.w.Without&StampPerKey != 0 {
		for i := range notes.Keys {
			notes.Keys[i].Txn = 0
		}
	}
	a := &conflict.Applied{Version: r.version, Carried: r.carried, Notes: notes, Parked: r.parked}
	for _, c := range r.rows {
		a.Rows = append(a.Rows, conflict.Row{Key: c.key, Before: c.before, After: c.after})
	}
	s.w.say("site %d reads an applied transaction", s.id)
	if err := s.observer.Applied(a); errors.Is(err, conflict.ErrStop) {
		s.w.stopped = true
	} else if err != nil {
		s.w.fail("site %d: %v", s.id, err)
	}
}

// mend does some tasks of the observer in one transaction; false: there are
// none, or a row is locked.
func (s *site) mend(dice *rand.Rand) bool {
	tasks := s.observer.Take(1 + dice.IntN(3))
	for _, t := range tasks {
		if s.locks[t.Key] != nil || s.emptying(t.Key.Table) {
			return false
		}
	}
	if len(tasks) == 0 {
		return false
	}
	s.readAll()
	r, logged, ok := s.mended(tasks)
	if !ok {
		return false
	}
	if r != nil {
		for _, d := range logged {
			s.decided(d)
		}
		s.log = append(s.log, r)
		if s.unacknowledged(dice) {
			return true
		}
	}
	for _, t := range tasks {
		s.observer.Done(t)
	}
	return true
}

// mended does what is left to be done about tasks, and gives the transaction of
// it, nil if that is nothing.
func (s *site) mended(tasks []*conflict.Task) (r *record, logged []*conflict.Decision, ok bool) {
	var writes []placed
	var released, given []conflict.Claim
	var look []conflict.Key
	var written []rowWrite
	notes := conflict.Notes{Placed: true}
	r = &record{version: -1 << 40}
	planned := false
	tables, before := maps.Clone(s.rows), maps.Clone(s.held)
	for _, t := range tasks {
		if t.Revisit {
			if s.w.Without&Revisit == 0 {
				look, released, given = append(look, t.Key), append(released, t.Released...), append(given, t.Given...)
			}
			continue
		}
		p := t.Plan(s.union(t.Key), s.parked[t.Key] != nil)
		if p == nil {
			continue
		}
		planned = true
		if by := (writeID{s.id, int(t.Local.Seq)}); t.Restore {
			s.w.say("site %d puts %s back: %s", s.id, name(t.Key), image(p.After))
			written = append(written, rowWrite{t.Key, by})
		} else if p.Write {
			s.w.say("site %d takes %s out: site %d's seq %d has lost", s.id, name(t.Key), by.site, by.seq)
			written = append(written, rowWrite{t.Key, writeID{1 - s.id, int(t.In.Seq)}})
		}
		if p.Write {
			writes = append(writes, placed{t.Key, s.union(t.Key), p.After, p.Order})
		}
		notes.Judged, notes.Restored = append(notes.Judged, p.Notes.Judged...), append(notes.Restored, p.Notes.Restored...)
		r.version = max(r.version, p.Version)
		if p.Log != nil {
			logged = append(logged, p.Log)
		}
		s.w.stats.Late++
	}
	moves, ok := s.place(nil, writes, released, given, look...)
	ok = ok && s.undisturbed(tasks, writes, moves, func() []conflict.Move {
		again, _ := s.place(nil, writes, released, given, look...)
		return again
	}) && !s.cameFor(moves, tables)
	if !ok || !planned && len(moves) == 0 {
		return nil, nil, ok
	}
	s.move(moves, r)
	for _, x := range written {
		if s.rows[x.key] == nil && s.held[x.key] != before[x.key] { // the application has emptied the table meanwhile
			s.over[x] = true
			continue
		}
		s.writtenBy(x.key, x.by, false)
	}
	r.rows, r.notes = changes(writes), conflict.AppendNotes(nil, &notes)
	return r, logged, true
}

// unacknowledged reports whether the answer to a commit got lost. All begins
// again, from what is durable.
func (s *site) unacknowledged(dice *rand.Rand) bool {
	if !s.w.Kills || dice.IntN(12) > 0 {
		return false
	}
	s.restart()
	return true
}

func (s *site) mendAll(dice *rand.Rand) bool {
	o := s.observer
	for s.mend(dice) {
		if s.observer != o { // it began again, and has not read its log
			return false
		}
	}
	return o.Task() == nil
}

// decided notes a row of the conflict log.
func (s *site) decided(d *conflict.Decision) {
	v := verdict{key: d.Key, kind: d.Verdict.Kind}
	switch {
	case d.Verdict.Kind == conflict.Drift:
		s.w.stats.Drift++
		// A row that is written on a value which lost a moment ago may look like
		// drift, once the conflict is settled and what is remembered of it is lost with
		// a restart; one that only the peer writes must not.
		if !s.wrote[d.Key] && !s.w.Copy && s.w.Without == 0 {
			s.w.fail("site %d: drift at %s", s.id, name(d.Key))
		}
		return
	case d.Verdict.Winner == conflict.Incoming:
		v.loser = writeID{s.id, int(d.Local.Seq)}
	case d.In.Seq == change.NoSeq: // a copied row is no write
		return
	default:
		v.loser = writeID{1 - s.id, int(d.In.Seq)}
	}
	s.w.stats.Conflicts++
	s.conflicts = append(s.conflicts, v)
	s.w.say("site %d logs a conflict at %s (%s): %s wins, site %d's seq %d loses", s.id, name(d.Key), d.Verdict.Kind, d.Verdict.Winner, v.loser.site, v.loser.seq)
}

// local runs one transaction of the application.
func (s *site) local(dice *rand.Rand) {
	s.transaction(dice, func(r *record) {
		for range 1 + dice.IntN(3) {
			key, after := s.w.pick(dice, s)
			if other := s.w.keys[dice.IntN(len(s.w.keys))]; dice.IntN(6) == 0 {
				s.swap(r, key, other)
				continue
			}
			s.statement(r, key, after)
		}
	})
}

func (s *site) transaction(dice *rand.Rand, run func(*record)) {
	s.clock += int64(dice.IntN(4)) - 1
	if dice.IntN(40) == 0 {
		s.clock += int64(dice.IntN(21)) - 10
	}
	r := &record{local: true, committed: s.clock, id: s.locals}
	run(r)
	if len(r.rows) == 0 {
		return
	}
	s.locals++
	s.log = append(s.log, r)
	s.w.say("site %d local transaction %d at %d: %s", s.id, r.id, s.clock, rowsText(r.rows))
}

// statement is one INSERT, UPDATE or DELETE of the application: false if a lock
// or the constraint is in its way.
func (s *site) statement(r *record, key conflict.Key, after []change.Value) bool {
	if s.locks[key] != nil || !s.there(key.Table) || !s.allowed(key, after) {
		return false
	}
	if c, logged := s.set(key, after); logged {
		r.rows = append(r.rows, c)
		s.wrote[key] = true
		s.writtenBy(key, writeID{s.id, r.id}, true)
	}
	return true
}

// swap exchanges a unique value of two rows, by way of NULL.
func (s *site) swap(r *record, a, b conflict.Key) {
	x, y := s.rows[a], s.rows[b]
	if a == b || a.Table != b.Table || s.w.tables[a.Table].Unique == 0 || x == nil || y == nil || s.locks[a] != nil || s.locks[b] != nil {
		return
	}
	without, given, taken := slices.Clone(x), slices.Clone(y), slices.Clone(x)
	without[colUnique], given[colUnique], taken[colUnique] = change.Value{}, x[colUnique], y[colUnique]
	if s.statement(r, a, without) && s.statement(r, b, given) {
		s.statement(r, a, taken)
	}
}
