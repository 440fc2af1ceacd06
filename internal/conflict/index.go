package conflict

import (
	"bytes"
	"fmt"
	"iter"
	"os"
	"slices"

	"duplex/internal/change"
)

// An Index holds, for each key, the latest local write that some transaction
// of the peer still to come may not have seen. Whatever is not in it is seen.
type Index struct {
	sums   sums // of the tables whose policy is Delta
	rules  func(table string) *Rule
	keys   map[uint64]*entry // by hash, of those in memory
	oldest *entry            // those in memory, in order of seq
	latest *entry
	spare  *entry // entries that are not used, by their next
	spares int
	count  int
	bytes  int64
	bound  uint64 // of Settle
	buf    []byte // of the last image

	budget int64
	dir    string
	cold   *cold // what is not in memory; nil: all is
	err    error
}

// An entry is one key of the index.
type entry struct {
	key   Key
	hash  uint64
	write Write  // without its image
	image []byte // of write: nil is a deleted row
	// over is earlier unsettled writes of the key that may outrank later ones, the
	// strongest first: under Newest there are none, a later write is always newer.
	over []Write
	lost bool // a transaction of the peer that had not seen it has replaced it
	told bool // and that stands in the conflict log, or will

	next         *entry // of the same hash
	older, newer *entry
}

const (
	// entrySize is what an entry in memory occupies besides its id, image and
	// earlier writes, coldSize what one in a file does: 17 bytes in a map that is
	// half to seven eighths full.
	entrySize = 300
	coldSize  = 32
	// SpillBudget is what Spill takes for a budget of zero.
	SpillBudget = 64 << 20
)

// NewIndex makes an empty index, all in memory; rules gives the rule of a table.
func NewIndex(rules func(table string) *Rule) *Index {
	return &Index{rules: rules, keys: map[uint64]*entry{}}
}

// Spill makes an index that is still empty keep about budget bytes of entries
// in memory and the older ones in files in dir, which have no name; "" is the
// system's place for such. Besides the budget a key in a file costs about 30
// bytes, 40 at most. Finding one reads the file. See Err.
func (x *Index) Spill(dir string, budget int64) {
	if budget <= 0 {
		budget = SpillBudget
	}
	if dir == "" {
		dir = os.TempDir()
	}
	x.dir, x.budget, x.cold = dir, budget, &cold{open: temporary(dir), limit: segmentSize}
}

// Close gives the files back. The index is not used after it.
func (x *Index) Close() {
	if x.cold != nil {
		x.cold.close()
	}
}

// Len is the number of keys held. Of those in files it counts some that are
// settled, until the last of their file is.
func (x *Index) Len() int {
	if x.cold != nil {
		return x.count + x.cold.keys
	}
	return x.count
}

// Bytes is about the memory that the index occupies.
func (x *Index) Bytes() int64 {
	if x.cold != nil {
		return x.bytes + int64(x.cold.places.n)*coldSize
	}
	return x.bytes
}

// Disk is the bytes in files.
func (x *Index) Disk() int64 {
	if x.cold != nil {
		return x.cold.disk
	}
	return 0
}

// Err is the first error of the index's files, nil as long as all is well. With
// one, the index is not whole, and nothing that it has given since the last
// call is to be relied on: the reader asks after each local transaction, the
// applier after it has found what it decides by and before it commits. Only a
// new index, filled from the log again, helps.
func (x *Index) Err() error { return x.err }

func (x *Index) fail(err error) {
	if err != nil && x.err == nil {
		x.err = fmt.Errorf("writes that the peer may not have seen, kept in a file in %s "+
			"(it needs room there until the peer has caught up): %w", x.dir, err)
	}
}

// has reports whether a key of this hash may be in the index.
func (x *Index) has(hash uint64) bool {
	return x.keys[hash] != nil || x.cold != nil && x.cold.head(hash) != 0
}

// each goes over the entries of a hash. Whether they are lost and told may be
// changed, and the index not be asked, until it is over.
func (x *Index) each(hash uint64) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for e := x.keys[hash]; e != nil; e = e.next {
			if !yield(e) {
				return
			}
		}
		all, changed := x.chain(hash), false
		for _, e := range all {
			lost, told := e.lost, e.told
			more := yield(e.entry)
			changed = changed || e.lost != lost || e.told != told
			if !more {
				break
			}
		}
		if changed {
			x.fail(x.cold.replace(hash, all, all))
		}
	}
}

// chain reads the entries of a hash that are not in memory.
func (x *Index) chain(hash uint64) []stored {
	if x.cold == nil {
		return nil
	}
	all, err := x.cold.chain(hash)
	x.fail(err)
	return all
}

// hot gives the entry of a key if that is in memory.
func (x *Index) hot(hash uint64, key Key) *entry { return x.keys[hash].of(key) }

// of gives the entry of a key among e and those behind it.
func (e *entry) of(key Key) *entry {
	for e != nil && e.key != key {
		e = e.next
	}
	return e
}

// Put takes in a local write. Writes come in order of seq; several of one
// transaction and key count as one.
func (x *Index) Put(key Key, w Write) { x.put(key.Hash(), key, w) }

func (x *Index) put(hash uint64, key Key, w Write) {
	head := x.keys[hash]
	e := head.of(key)
	if e != nil {
		x.detach(e)
	} else {
		if e = x.take(hash, key); e == nil {
			e = x.blank()
			e.key, e.hash, e.write.Seq = key, hash, change.NoSeq
		}
		e.next = head
		x.keys[hash] = e
	}
	switch {
	case e.write.Seq == w.Seq:
		w = w.after(&e.write)
	case e.lost: // the new write has seen what replaced it
		e.over = nil
	case e.write.Seq != change.NoSeq:
		e.follow(x.rules(key.Table), x.bound)
	}
	e.image = nil
	if w.After != nil {
		x.buf = change.AppendImage(x.buf[:0], w.After)
		e.image = bytes.Clone(x.buf) // of its own size
	}
	e.write, e.lost, e.told = w, false, false
	e.write.After = nil
	x.attach(e)
	for x.cold != nil && x.bytes > x.budget && x.oldest != nil && x.err == nil {
		old := x.oldest
		x.unlink(old)
		x.fail(x.cold.add(old))
		x.free(old)
	}
}

// spareEntries is how many entries that were let go are used again: for each
// row that comes in while the memory is full, one goes to a file.
const spareEntries = 1 << 10

// blank gives an empty entry.
func (x *Index) blank() *entry {
	e := x.spare
	if e == nil {
		return &entry{}
	}
	x.spare, x.spares = e.next, x.spares-1
	e.next = nil
	return e
}

// free takes an entry that is in no list and that nobody uses. Its image may be
// used: it is that of a Local.
func (x *Index) free(e *entry) {
	if x.spares == spareEntries {
		return
	}
	*e = entry{next: x.spare}
	x.spare, x.spares = e, x.spares+1
}

// take brings a key back from a file.
func (x *Index) take(hash uint64, key Key) *entry {
	all := x.chain(hash)
	for i, e := range all {
		if e.key == key {
			rest := slices.Delete(slices.Clone(all), i, i+1)
			x.fail(x.cold.replace(hash, all, rest))
			e.key = key
			return e.entry
		}
	}
	return nil
}

// attach puts an entry behind all others in order of seq.
func (x *Index) attach(e *entry) {
	x.count++
	x.bytes += e.size()
	if e.older, e.newer = x.latest, nil; e.older == nil {
		x.oldest = e
	} else {
		e.older.newer = e
	}
	x.latest = e
}

// unlink takes an entry out.
func (x *Index) unlink(e *entry) {
	x.detach(e)
	p := x.keys[e.hash]
	switch {
	case p == e && e.next == nil:
		delete(x.keys, e.hash)
		return
	case p == e:
		x.keys[e.hash] = e.next
		return
	}
	for p.next != e {
		p = p.next
	}
	p.next = e.next
}

// detach takes an entry out of the order, and leaves it with its hash.
func (x *Index) detach(e *entry) {
	x.count--
	x.bytes -= e.size()
	if e.older == nil {
		x.oldest = e.newer
	} else {
		e.older.newer = e.newer
	}
	if e.newer == nil {
		x.latest = e.older
	} else {
		e.newer.older = e.older
	}
}

func (e *entry) size() int64 {
	n := entrySize + len(e.key.ID) + len(e.image)
	for i := range e.over {
		n += e.over[i].size()
	}
	return int64(n)
}

// follow notes that another transaction writes the key: over keeps what
// outranks the writes so far, the strongest first. Whether the new one outranks
// some of it is seen when it is asked for, since its row may still change. What
// lies below bound is settled.
func (e *entry) follow(r *Rule, bound uint64) {
	if r.Policy != NewestByColumn {
		return
	}
	last := e.load()
	last.After = change.CloneImage(last.After)
	all := e.over
	for len(all) > 0 && all[0].Seq < bound {
		all = all[1:]
	}
	for len(all) > 0 && !r.beats(&all[len(all)-1], &last) {
		all = all[:len(all)-1]
	}
	e.over = append(all[:len(all):len(all)], last)
}

// load gives the entry's write with its image.
func (e *entry) load() Write {
	w := e.write
	if e.image != nil {
		// The image was written by AppendImage in this process.
		w.After, _, _ = change.ParseImage(e.image)
	}
	return w
}

// A Local is what the index knows of a key.
type Local struct {
	Write         // the latest local write
	Lost  bool    // a transaction of the peer has replaced it
	Told  bool    // and that stands in the conflict log, or will
	over  []Write // earlier writes, of which some may outrank it: the strongest first
	rule  *Rule
	added []addend
}

// Rival is the strongest of the writes that a transaction which has seen seen
// is concurrent with; nil if there is none.
func (l *Local) Rival(seen change.Seqs) *Write {
	if l == nil || seen.Has(l.Seq) {
		return nil
	}
	for i := range l.over { // the first of those not seen is the strongest
		if o := &l.over[i]; !seen.Has(o.Seq) && l.rule.beats(o, &l.Write) {
			return o
		}
	}
	if len(l.added) > 0 {
		w := l.Write
		w.added = unseen(l.added, seen)
		return &w
	}
	return &l.Write
}

// Find gives what the index knows of a key, nil if nothing.
func (x *Index) Find(key Key) *Local { return x.FindHashed(key.Hash(), key) }

// FindHashed is Find for who has the key's hash at hand.
func (x *Index) FindHashed(hash uint64, key Key) *Local {
	if e := x.hot(hash, key); e != nil {
		return x.local(e.local(x.rules(key.Table)), key)
	}
	for _, e := range x.chain(hash) {
		if e.key == key {
			return x.local(e.local(x.rules(key.Table)), key)
		}
	}
	return nil
}

func (x *Index) local(l *Local, key Key) *Local {
	l.added = x.sums.keys[key]
	return l
}

func (e *entry) local(r *Rule) *Local {
	return &Local{Write: e.load(), Lost: e.lost, Told: e.told, over: e.over, rule: r}
}

// Settle lets go of every write below bound: all transactions of the peer still
// to come have seen them.
func (x *Index) Settle(bound uint64) {
	x.bound = max(x.bound, bound)
	x.sums.settle(x.bound)
	for x.oldest != nil && x.oldest.write.Seq < bound {
		e := x.oldest
		x.unlink(e)
		x.free(e)
	}
	if x.count == 0 { // a map gives nothing back by itself
		x.keys = map[uint64]*entry{}
	}
	if x.cold != nil {
		x.cold.settle(x.bound)
	}
}
