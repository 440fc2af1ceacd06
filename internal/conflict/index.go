package conflict

import (
	"iter"

	"duplex/internal/change"
)

// An Index holds, for each key, the latest local write that some transaction
// of the peer still to come may not have seen. Whatever is not in it is seen.
type Index struct {
	rules func(table string) *Rule
	keys  map[uint64]*entry // by hash
	queue []queued          // in order of seq: what Settle looks at
	count int
	bytes int64
	err   error
}

// An entry is one key of the index.
type entry struct {
	key   Key
	write Write  // without its image
	image []byte // of write: nil is a deleted row
	// over is earlier unsettled writes of the key that may outrank later ones, the
	// strongest first: under Newest there are none, a later write is always newer.
	over []Write
	lost bool // a transaction of the peer that had not seen it has replaced it
	told bool // and that stands in the conflict log, or will
	next *entry
}

type queued struct {
	seq  uint64
	hash uint64
	key  Key
}

// entrySize is what an entry occupies besides its key and image, about.
const entrySize = 240

// NewIndex makes an empty index; rules gives the rule of a table.
func NewIndex(rules func(table string) *Rule) *Index {
	return &Index{rules: rules, keys: map[uint64]*entry{}}
}

// Len is the number of keys held.
func (x *Index) Len() int { return x.count }

// Bytes is about the memory that the index occupies.
func (x *Index) Bytes() int64 { return x.bytes }

// Err is the first error that kept the index from being whole. Once there is
// one, nothing that it gave since can be relied on.
func (x *Index) Err() error { return x.err }

// has reports whether a key of this hash may be in the index.
func (x *Index) has(hash uint64) bool { return x.keys[hash] != nil }

// each goes over the entries of a hash. Whether they are lost and told may be
// changed, and the index not be asked, until it is over.
func (x *Index) each(hash uint64) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for e := x.keys[hash]; e != nil && yield(e); e = e.next {
		}
	}
}

func (x *Index) entry(hash uint64, key Key) *entry {
	for e := x.keys[hash]; e != nil; e = e.next {
		if e.key == key {
			return e
		}
	}
	return nil
}

// Put takes in a local write. Writes come in order of seq; several of one
// transaction and key count as one.
func (x *Index) Put(key Key, w Write) {
	hash := key.Hash()
	e := x.entry(hash, key)
	if e == nil {
		e = &entry{key: key, next: x.keys[hash]}
		x.keys[hash] = e
		x.count++
		x.bytes += e.size()
	} else {
		x.bytes -= int64(len(e.image))
		switch {
		case e.write.Seq == w.Seq:
			w = w.after(&e.write)
		case e.lost: // the new write has seen what replaced it
			e.over = nil
		default:
			e.follow(x.rules(key.Table))
		}
	}
	if e.write.Seq != w.Seq || len(x.queue) == 0 || x.queue[len(x.queue)-1].key != key {
		x.queue = append(x.queue, queued{w.Seq, hash, key})
	}
	e.image = nil
	if w.After != nil {
		e.image = change.AppendImage(nil, w.After)
	}
	x.bytes += int64(len(e.image))
	e.write, e.lost, e.told = w, false, false
	e.write.After = nil
}

func (e *entry) size() int64 { return entrySize + 2*int64(len(e.key.ID)) + int64(len(e.image)) }

// follow notes that another transaction writes the key: over keeps what
// outranks the writes so far, the strongest first. Whether the new one outranks
// some of it is seen when it is asked for, since its row may still change.
func (e *entry) follow(r *Rule) {
	if r.Policy != NewestByColumn {
		return
	}
	last := e.load()
	last.After = change.CloneImage(last.After)
	all := e.over
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
	return &l.Write
}

// Find gives what the index knows of a key, nil if nothing.
func (x *Index) Find(key Key) *Local {
	e := x.entry(key.Hash(), key)
	if e == nil {
		return nil
	}
	return e.local(x.rules(key.Table))
}

func (e *entry) local(r *Rule) *Local {
	return &Local{Write: e.load(), Lost: e.lost, Told: e.told, over: e.over, rule: r}
}

// Settle lets go of every write below bound: all transactions of the peer still
// to come have seen them.
func (x *Index) Settle(bound uint64) {
	i := 0
	for ; i < len(x.queue) && x.queue[i].seq < bound; i++ {
		q := &x.queue[i]
		if e := x.entry(q.hash, q.key); e != nil && e.write.Seq < bound {
			x.remove(q.hash, e)
		}
	}
	if i == len(x.queue) {
		x.queue = nil
	} else {
		x.queue = x.queue[i:]
	}
}

func (x *Index) remove(hash uint64, e *entry) {
	x.count--
	x.bytes -= e.size()
	if x.keys[hash] == e {
		if e.next == nil {
			delete(x.keys, hash)
		} else {
			x.keys[hash] = e.next
		}
		return
	}
	for p := x.keys[hash]; p != nil; p = p.next {
		if p.next == e {
			p.next = e.next
			return
		}
	}
}
