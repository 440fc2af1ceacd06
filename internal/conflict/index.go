package conflict

import (
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"

	"duplex/internal/change"
)

// An Index holds, for each key, the latest local write that some transaction
// of the peer still to come may not have seen. Whatever is not in it is seen.
type Index struct {
	sums  sums // of the tables whose policy is Delta
	rules func(table string) *Rule
	hot   hot // what is in memory
	past  lately
	// emptied is what took all rows out of a table, the latest write of each key of
	// it that has no later entry.
	emptied map[string]*emptying
	bound   uint64 // of Settle
	buf     []byte // of the last image

	budget int64
	dir    string
	cold   *cold // what is not in memory; nil: all is
	err    error
}

// An entry is what the index holds of one key.
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
}

const (
	// coldSize is what an entry in a file occupies in memory: 17 bytes in a map that
	// is half to seven eighths full.
	coldSize = 32
	// SpillBudget is what Spill takes for a budget of zero.
	SpillBudget = 64 << 20
)

// NewIndex makes an empty index, all in memory; rules gives the rule of a table.
func NewIndex(rules func(table string) *Rule) *Index {
	return &Index{rules: rules, hot: newHot()}
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

// Len is the number of keys held, a table that was emptied counts as one. Of those in files it counts some that are
// settled, until the last of their file is.
func (x *Index) Len() int {
	if x.cold != nil {
		return x.hot.count + x.cold.keys + len(x.emptied)
	}
	return x.hot.count + len(x.emptied)
}

// Bytes is about the memory that the index occupies.
func (x *Index) Bytes() int64 {
	if x.cold != nil {
		return x.hot.bytes + int64(x.cold.places.n)*coldSize
	}
	return x.hot.bytes
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
	return len(x.emptied) > 0 || x.hot.first(hash) != 0 || x.cold != nil && x.cold.head(hash) != 0
}

// each goes over the entries of a hash. Whether they are lost and told may be
// changed, and the index not be asked, until it is over.
func (x *Index) each(hash uint64) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for n := x.hot.first(hash); n != 0; n = x.hot.slot(n).next {
			e := x.hot.entry(n)
			if x.covered(e) {
				continue
			}
			more := yield(e)
			x.hot.judge(n, e.lost, e.told)
			if !more {
				return
			}
		}
		all, changed := x.chain(hash), false
		for _, e := range all {
			if x.covered(e.entry) {
				continue
			}
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

// Put takes in a local write. Writes come in order of seq; several of one
// transaction and key count as one.
func (x *Index) Put(key Key, w Write) { x.put(key.Hash(), key, w) }

func (x *Index) put(hash uint64, key Key, w Write) {
	h := &x.hot
	n := h.find(hash, key)
	if n != 0 {
		h.detach(n)
	} else if n = x.take(hash, key); n == 0 {
		n = h.add(hash, key)
	}
	switch s := h.slot(n); {
	case s.seq == w.Seq:
		w.Fresh = s.flags&flagFresh != 0 // of one transaction the first says whether there was a row
	case s.flags&flagLost != 0: // the new write has seen what replaced it
		delete(h.over, n)
	case s.seq != change.NoSeq:
		x.follow(n, x.rules(key.Table))
	}
	var image []byte
	if w.After != nil {
		x.buf = change.AppendImage(x.buf[:0], w.After)
		image = x.buf
	}
	h.write(n, key.ID, &w, image)
	h.attach(n)
	for x.cold != nil && (h.bytes > x.budget || h.blobs.excess(x.budget)) && h.oldest != 0 && x.err == nil {
		x.fail(x.cold.add(h.entry(h.oldest)))
		h.remove(h.oldest)
	}
}

// take brings a key back from a file, in no order yet.
func (x *Index) take(hash uint64, key Key) uint32 {
	all := x.chain(hash)
	for i, e := range all {
		if e.key == key {
			rest := slices.Delete(slices.Clone(all), i, i+1)
			x.fail(x.cold.replace(hash, all, rest))
			n := x.hot.add(hash, key)
			x.hot.write(n, key.ID, &e.write, e.image)
			x.hot.judge(n, e.lost, e.told)
			x.hot.follow(n, e.over)
			return n
		}
	}
	return 0
}

// follow notes that another transaction writes the key: over keeps what
// outranks the writes so far, the strongest first. Whether the new one outranks
// some of it is seen when it is asked for, since its row may still change. What
// is settled is left out.
func (x *Index) follow(n uint32, r *Rule) {
	if !r.ever(NewestByColumn) {
		return
	}
	e := x.hot.entry(n)
	if r.At(e.write.Version).Policy != NewestByColumn { // it outranks all before it
		x.hot.follow(n, nil)
		return
	}
	last, all := e.load(), e.over
	for len(all) > 0 && all[0].Seq < x.bound {
		all = all[1:]
	}
	for len(all) > 0 && !r.beats(&all[len(all)-1], &last) {
		all = all[:len(all)-1]
	}
	x.hot.follow(n, append(all[:len(all):len(all)], last))
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
		w.added = l.rule.alike(unseen(l.added, seen), w.Version)
		return &w
	}
	return &l.Write
}

// Find gives what the index knows of a key, nil if nothing.
func (x *Index) Find(key Key) *Local { return x.FindHashed(key.Hash(), key) }

// FindHashed is Find for who has the key's hash at hand.
func (x *Index) FindHashed(hash uint64, key Key) *Local {
	l := x.stored(hash, key)
	if len(x.emptied) > 0 {
		return x.over(l, hash, key.Table)
	}
	return l
}

// stored gives the key's entry, nil if there is none.
func (x *Index) stored(hash uint64, key Key) *Local {
	if n := x.hot.find(hash, key); n != 0 {
		return x.local(x.hot.entry(n).local(x.rules(key.Table)), key)
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
	for h := &x.hot; h.oldest != 0 && h.slot(h.oldest).seq < bound; {
		if s := h.slot(h.oldest); s.flags&flagLost != 0 {
			x.past.add(rowHash(s.hash, h.image(s)))
		}
		h.remove(h.oldest)
	}
	if x.cold != nil {
		x.cold.settle(x.bound)
	}
	maps.DeleteFunc(x.emptied, func(_ string, w *emptying) bool { return w.Seq < x.bound })
}
