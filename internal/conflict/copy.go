package conflict

import "duplex/internal/change"

// The rules of a full copy into a site that both applications write. Rows are
// read at the source in chunks, each behind a low watermark: the source's reader
// was at the end of its log, with no task left. A chunk waits until the link has
// applied all that was committed before the chunk had been read, and then
//
//   - enters the window, where Came drops rows that the link has brought since
//     the low watermark, and which from there on orders it against the rest;
//   - is written where nothing is, as the weakest write of all, less the rows that
//     have to yield to what the target's application did (Observer.Yields), asked
//     when the rows are locked and the target's reader is at the end of its log.

// touches is the rows of a table in copy that somebody wrote.
type touches struct {
	keys   map[string]uint64 // by identity: the highest seq that wrote it
	large  []uint64          // seqs of transactions too large to remember their rows
	pruned int               // keys left by the last prune
}

func newTouches() touches { return touches{keys: map[string]uint64{}} }

func (t *touches) addLarge(seq uint64) {
	if n := len(t.large); n == 0 || t.large[n-1] != seq {
		t.large = append(t.large, seq)
	}
}

// prune forgets what lies below low. It goes over the keys when they have
// doubled since the last time.
func (t *touches) prune(low uint64) {
	for len(t.large) > 0 && t.large[0] < low {
		t.large = t.large[1:]
	}
	if len(t.keys) <= 2*t.pruned {
		return
	}
	for k, seq := range t.keys {
		if seq < low {
			delete(t.keys, k)
		}
	}
	t.pruned = len(t.keys)
}

// A Came remembers, of a table in copy, what has come by the link, in order of
// seq. Rows are named by their identity (Key.ID).
type Came struct{ touches }

// NewCame begins before the first chunk's low watermark is taken.
func NewCame() *Came { return &Came{newTouches()} }

// Add takes in a row of a transaction that comes into the window.
func (c *Came) Add(id string, seq uint64) { c.keys[id] = seq }

// AddLarge takes in a transaction whose rows are too many to remember.
func (c *Came) AddLarge(seq uint64) { c.addLarge(seq) }

// Reread reports whether a chunk of this low watermark has to be read again,
// behind a later one: what came since is not known row by row.
func (c *Came) Reread(low *change.Watermark) bool {
	n := len(c.large)
	return n > 0 && c.large[n-1] >= low.Seq
}

// Since reports whether the row has come since the low watermark: then it comes,
// or came, whole by the link, and is dropped from the chunk.
func (c *Came) Since(low *change.Watermark, id string) bool {
	seq, ok := c.keys[id]
	return ok && seq >= low.Seq
}

// Forget says that no chunk of the table that is still to come in has a low
// watermark below oldest.
func (c *Came) Forget(oldest uint64) { c.prune(oldest) }

// DefaultLarge is ObserverConfig.Large where that is zero.
const DefaultLarge = 100_000

// ownTouches is what the site's application wrote in a table in copy.
type ownTouches struct {
	touches
	seq  uint64 // of the last transaction
	rows int    // of it
}

// Copying says that rows of the site's table may come by a copy, until Copied.
// It is called before the observer is fed. It begins again with each observer:
// what an earlier one knew and the source has not seen is read again.
func (o *Observer) Copying(table string) {
	o.copies[table] = &ownTouches{touches: newTouches(), seq: change.NoSeq}
}

// Copied ends the copy of a table.
func (o *Observer) Copied(table string) { delete(o.copies, table) }

// remember takes in a row of the application.
func (o *Observer) remember(key Key, seq uint64) {
	t := o.copies[key.Table]
	if t == nil {
		return
	}
	if t.seq != seq {
		t.seq, t.rows = seq, 0
	}
	if t.rows++; t.rows > o.cfg.Large {
		t.addLarge(seq)
		return
	}
	t.keys[key.ID] = seq
}

// Reread reports whether a chunk of the table has to be read again, behind a
// later low watermark: what the application wrote, and the source had not seen at
// this one, is not known row by row.
func (o *Observer) Reread(table string, low *change.Watermark) bool {
	if t := o.copies[table]; t != nil {
		for _, seq := range t.large {
			if !low.Seen.Has(seq) {
				return true
			}
		}
	}
	return false
}

// Yields reports whether a copied row is not to be written though it is not
// there: the application has written it and the source had not seen that (it may
// be a row of its own that came back with the copy, and was deleted or moved
// meanwhile), or its local write is about to be put back, with an order of its
// own that the copied row would hide.
func (o *Observer) Yields(low *change.Watermark, key Key) bool {
	if t := o.copies[key.Table]; t != nil && o.cfg.Without&WithoutOwnTouched == 0 {
		if seq, ok := t.keys[key.ID]; ok && !low.Seen.Has(seq) {
			return true
		}
	}
	due := o.due[key.Hash()]
	return due != nil && due.Key == key
}

// Forget says that every chunk of the table that is still to be written has seen
// what low has.
func (o *Observer) Forget(table string, low *change.Watermark) {
	if t := o.copies[table]; t != nil {
		t.prune(low.Seen.Low)
	}
}
