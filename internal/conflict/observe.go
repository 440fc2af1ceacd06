package conflict

import (
	"errors"
	"fmt"
	"slices"

	"duplex/internal/change"
)

// A Point is a place of a site's log to which its reader can go back. Read
// again from there, the log gives the same stamps.
type Point struct {
	Seq      uint64 // of the next local transaction
	Version  int64
	Seen     change.Seqs
	Position change.Position
}

// Rules that can be left out, for the test that shows that each is needed.
const (
	WithoutLateCheck = 1 << iota
	WithoutMonotone
	WithoutExactSeen
	WithoutSecondLook
	WithoutTurns       // what was written under an earlier rule is added up too
	WithoutOwnTouched  // what the application wrote is not remembered for the copy
	WithoutEmptied     // a statement that empties a table is no write of its keys
	WithoutEmptiedLate // what came where the peer emptied a table is not looked for
)

// ObserverConfig says whose log is observed.
type ObserverConfig struct {
	Rank    int // of the site
	Peer    int // rank of the other one
	Rules   func(table string) *Rule
	Large   int  // rows of one transaction that are remembered of a table in copy; 0: DefaultLarge
	Without uint // zero in the product
}

// An Observer holds the rules of a site's reader. It is fed with every
// transaction of the log in order, and gives stamps, the index of what the peer
// may not have seen, and what has to be mended. It is for one goroutine at a
// time; only what the index holds is asked for by others meanwhile, under a lock
// of the caller's.
type Observer struct {
	cfg    ObserverConfig
	clock  *Clock
	seen   *Seen
	next   uint64 // seq of the next local transaction
	index  *Index
	heard  map[uint64]uint64 // of the peer's seqs from the contiguous ones on: the low of what they had seen
	bound  uint64            // every local write below it is settled
	ready  bool              // the log was read to its end once: settling may begin
	behind bool              // the index has not been told of bound yet

	points points
	stored Point // what Settled gives
	tasks  []*Task
	due    map[uint64]*Task // that write the row, by hash of their key
	hashes []uint64         // of WroteAll
	recent *recent          // nil: no table has unique keys
	copies map[string]*ownTouches
}

// NewObserver goes on from a point: the lower of what the peer has applied
// without a gap and what this site has stored of Settled.
func NewObserver(cfg ObserverConfig, from Point) *Observer {
	if cfg.Large == 0 {
		cfg.Large = DefaultLarge
	}
	return &Observer{
		cfg: cfg, clock: NewClock(from.Version), seen: NewSeen(from.Seen), next: from.Seq, index: NewIndex(cfg.Rules),
		heard: map[uint64]uint64{}, bound: from.Seq, stored: from,
		points: points{all: []Point{from}}, due: map[uint64]*Task{}, copies: map[string]*ownTouches{},
	}
}

// Index is what the applier asks.
func (o *Observer) Index() *Index { return o.index }

// Watermark is where the observer stands.
func (o *Observer) Watermark() change.Watermark {
	return change.Watermark{Seq: o.next, Version: o.clock.Last(), Seen: o.seen.Set()}
}

// Next is the seq of the next local transaction.
func (o *Observer) Next() uint64 { return o.next }

// Stamp takes in a local transaction that committed at committed, in
// microseconds since 1970. Wrote follows for each of its rows, then Behind.
func (o *Observer) Stamp(committed int64) change.Stamp {
	s := change.Stamp{Seq: o.next, Version: committed, Seen: o.seen.Set()}
	if o.cfg.Without&WithoutMonotone == 0 {
		s.Version = o.clock.Next(committed)
	}
	if o.cfg.Without&WithoutExactSeen != 0 {
		s.Seen.Above = nil
	}
	o.next++
	o.recent.begin()
	return s
}

// Wrote takes in a row of the local transaction: before and after are its
// images, nil where there is no row. An update that changes the identity is two
// rows.
func (o *Observer) Wrote(s *change.Stamp, committed int64, key Key, before, after []change.Value) {
	o.wrote(s, committed, key.Hash(), &Row{key, before, after})
}

// WroteAll is Wrote for several rows.
func (o *Observer) WroteAll(s *change.Stamp, committed int64, rows []Row) {
	o.hashes = o.hashes[:0]
	for i := range rows {
		o.hashes = append(o.hashes, rows[i].Key.Hash())
	}
	if len(rows) > 1 {
		o.index.hot.walk(o.hashes)
	}
	for i := range rows {
		o.wrote(s, committed, o.hashes[i], &rows[i])
	}
}

func (o *Observer) wrote(s *change.Stamp, committed int64, hash uint64, row *Row) {
	if len(o.due) > 0 {
		o.overtaken(hash)
	}
	if len(o.copies) > 0 {
		o.remember(row.Key, s.Seq)
	}
	w := Write{Seq: s.Seq, Version: s.Version, Rank: o.cfg.Rank, Committed: committed, Fresh: row.Before == nil, After: row.After}
	o.index.put(hash, row.Key, w)
	version := s.Version
	if o.cfg.Without&WithoutTurns != 0 {
		version = Unheard - 1
	}
	if r := o.cfg.Rules(row.Key.Table).At(version); r.Policy == Delta {
		o.index.sums.put(r, row.Key, addend{seq: s.Seq, version: version, before: row.Before, after: row.After})
	}
	if t := o.recent.local(row.Key, row.Before, row.After); t != nil {
		o.look(t)
	}
}

// Behind says where the log goes on behind the local transaction.
func (o *Observer) Behind(s *change.Stamp, position change.Position) {
	o.points.add(Point{Seq: s.Seq + 1, Version: o.clock.Last(), Seen: s.Seen, Position: position})
}

// An Applied is a transaction of the log that carries a mark of this site's
// inbound link.
type Applied struct {
	Version int64 // of the mark
	Carried []change.Stamp
	Notes   Notes
	Rows    []Row // what the log shows, of the project's tables and, as rows of them, of parked
	Keys    []AppliedKeys
	Parked  []Key // whose parked row was written or taken out
}

// A Row is what a transaction did to a row: its images, nil where there is no row.
type Row struct {
	Key           Key
	Before, After []change.Value
}

// AppliedKeys are hashes of the keys of rows that an applied transaction changed
// and that may be parked, of those that are neither Concerned nor in doubt. They
// take the place of Rows.
type AppliedKeys struct {
	Table  string
	Hashes []uint64
}

var errMark = errors.New("conflict: a row of an applied transaction is not in its mark's notes")

// Applied takes in a marked transaction: the late check, and what may settle.
// It fails with ErrStop where a policy leaves a decision to a person.
func (o *Observer) Applied(a *Applied) error {
	o.clock.Raise(a.Version)
	o.seen.Add(a.Carried)
	for _, key := range a.Parked {
		if !o.outrun(a, key) {
			o.recent.parking(key.Hash())
		}
		o.lookAgain(key)
	}
	for _, j := range a.Notes.Judged {
		o.judged(j)
	}
	if len(a.Notes.Restored) > 0 || len(a.Carried) == 0 {
		for _, j := range a.Notes.Restored {
			o.touched(j.Hash)
			if !o.written(j) {
				o.recent.applied(j.Hash, Order{j.Version, o.cfg.Rank, 0})
			}
		}
		return nil
	}
	for _, k := range a.Notes.Keys {
		if k.Silent {
			if err := o.late(a, k, a.shown(k.Hash)); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(o.rows(a), o.emptied(a)); err != nil {
		return err
	}
	o.settle(a.Carried)
	return o.index.Err()
}

// rows takes in what the log shows.
func (o *Observer) rows(a *Applied) error {
	if len(a.Rows)+len(a.Keys) == 0 { // as of most
		return nil
	}
	notes, err := a.Notes.named()
	if err != nil {
		return err
	}
	for i := range a.Rows {
		row := &a.Rows[i]
		k, written, err := a.note(notes, row.Key.Table, row.Key.Hash(), row.After == nil)
		if err == nil && written {
			err = o.late(a, k, row)
		}
		if err != nil {
			return err
		}
	}
	for _, keys := range a.Keys {
		for _, hash := range keys.Hashes {
			k, written, err := a.note(notes, keys.Table, hash, true)
			if err != nil {
				return err
			}
			if !written {
				continue
			}
			o.touched(hash)
			if !k.Lost {
				w := Write{Version: a.Carried[k.Txn].Version, Rank: o.cfg.Peer}
				o.recent.incoming(hash, nil, w.Order())
			}
		}
	}
	return nil
}

// shown gives what the log shows of a key that was written without a change, nil if
// nothing: it does where the row was parked, and so has been placed.
func (a *Applied) shown(hash uint64) *Row {
	if !a.Notes.Placed && len(a.Notes.Moved) == 0 {
		return nil
	}
	for i := range a.Rows {
		if a.Rows[i].Key.Hash() == hash {
			return &a.Rows[i]
		}
	}
	return nil
}

// note gives what the mark says of a row that the log shows; false if that is no
// write of the key, or was taken in as a silent one. gone says that the row is in
// no place any more, as far as that is known.
func (a *Applied) note(notes *named, table string, hash uint64, gone bool) (KeyNote, bool, error) {
	k, ok := notes.find(hash)
	switch {
	case !ok && a.Notes.Placed: // it was moved, not written, unless the whole table was
		return KeyNote{Hash: hash}, gone && slices.Contains(a.Notes.Emptied, table), nil
	case !ok && notes.moved[hash]:
		return k, false, nil
	case !ok && len(a.Carried) > 1:
		return k, false, fmt.Errorf("%w: %s", errMark, table)
	}
	k.Hash = hash
	return k, !k.Silent, nil
}

// Quiet reports whether no applied row can be Concerned.
func (o *Observer) Quiet() bool { return o.index.Len() == 0 && len(o.due) == 0 }

// Concerned reports whether a row of an applied transaction has to be among
// Applied.Rows with its images, where hash is its key's: the site wrote the key
// and the peer may not know, or a restore is due. Rows that the notes name in
// doubt have to be there too; others that may be parked are among Applied.Keys.
func (o *Observer) Concerned(hash uint64) bool { return o.index.has(hash) || o.due[hash] != nil }

// judged takes in that a local write is in the conflict log as overridden.
func (o *Observer) judged(j Judged) {
	for _, w := range o.index.emptied {
		if w.Seq == j.Seq {
			w.told[j.Hash] = true
		}
	}
	for e := range o.index.each(j.Hash) {
		if e.write.Seq == j.Seq {
			e.lost, e.told = true, true
		}
	}
	for _, t := range o.tasks {
		if !t.over && !t.Restore && t.hash == j.Hash && t.Local.Seq == j.Seq {
			t.over = true
			if o.due[t.hash] == t {
				delete(o.due, t.hash)
			}
			return
		}
	}
}
