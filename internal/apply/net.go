package apply

import (
	"slices"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// A net is what a batch of source rows does to one row of the target: from the
// image before the first of them to the image after the last.
type net struct {
	plan   *plan
	key    string
	before []change.Value // nil: the row is not there
	after  []change.Value // nil: the row goes
	last   change.Op      // of the last change, and the transaction it came with, for messages
	txn    string

	// What each source transaction of the group does to the row. Most rows have one.
	step conflict.Step
	more []conflict.Step

	// found by the lane, under the row's lock:
	current []change.Value
	locked  bool

	// decided:
	hash  uint64          // of the row's key, from lookup on
	local *conflict.Local // what the target's own reader knows of the row
	plain bool            // nothing speaks against it
	out   conflict.Outcome
	final []change.Value // what the row is to hold
}

// A batch collects rows and merges those of one row. It keeps source order
// where order counts: the nets of one table stand in the order of their first
// change.
type batch struct {
	nets   []*net
	byKey  map[*plan]map[string]*net
	plans  []*plan // in the order of their first row
	bytes  int64
	cloned bool // images are copied, since their memory is used again

	tallies []*tally                    // of tables without a key, in the order of their first change
	byRow   map[*plan]map[string]*tally // nil: there are none
}

func newBatch(cloned bool) *batch {
	return &batch{byKey: map[*plan]map[string]*net{}, cloned: cloned}
}

// origin says which source transaction a row comes with: its place in the
// group, and the log's name for it.
type origin struct {
	no int
	id string
}

// add merges one row change.
func (b *batch) add(p *plan, row *change.Row, txn origin) {
	before, after := p.image(row.Before), p.image(row.After)
	if b.cloned {
		before, after = change.CloneImage(before), change.CloneImage(after)
	}
	b.bytes += row.Size()
	switch {
	case p.keyless():
		b.count(p, before, -1, txn)
		b.count(p, after, 1, txn)
	case row.Op == change.Update && p.sameKey(before, after):
		b.merge(p, before, after, change.Update, txn)
	case row.Op == change.Update:
		b.merge(p, before, nil, change.Update, txn)
		b.merge(p, nil, after, change.Update, txn)
	default:
		b.merge(p, before, after, row.Op, txn)
	}
}

func (b *batch) merge(p *plan, before, after []change.Value, op change.Op, txn origin) {
	rows := b.byKey[p]
	if rows == nil {
		rows = map[string]*net{}
		b.byKey[p] = rows
		b.plans = append(b.plans, p)
	}
	image := after
	if image == nil {
		image = before
	}
	key := p.rowKey(image)
	n := rows[key]
	if n == nil {
		n = &net{plan: p, key: key, before: before, step: conflict.Step{Txn: txn.no, Before: before}}
		rows[key] = n
		b.nets = append(b.nets, n)
	}
	n.after, n.last, n.txn = after, op, txn.id
	if last := n.lastStep(); last.Txn == txn.no {
		last.After = after
	} else {
		n.more = append(n.more, conflict.Step{Txn: txn.no, Before: before, After: after})
	}
}

func (n *net) lastStep() *conflict.Step {
	if len(n.more) > 0 {
		return &n.more[len(n.more)-1]
	}
	return &n.step
}

func (n *net) steps() []conflict.Step {
	if len(n.more) == 0 {
		return []conflict.Step{n.step}
	}
	return append([]conflict.Step{n.step}, n.more...)
}

// exact reports whether the row is decided at the end of the target's log.
func (n *net) exact(carried []conflict.Carried) bool {
	exact := func(s conflict.Step) bool { return n.plan.rule.Exact(carried[s.Txn].Stamp.Version) }
	return exact(n.step) || slices.ContainsFunc(n.more, exact)
}

// row names the row as the target's own reader does.
func (n *net) row() conflict.Key { return conflict.Key{Table: n.plan.id, ID: n.key} }

// image gives an image that holds the row's identity.
func (n *net) image() []change.Value {
	switch {
	case n.before != nil:
		return n.before
	case n.after != nil:
		return n.after
	}
	return n.plan.keyImage(n.key)
}
