package apply

import "duplex/internal/change"

// A net is what a batch of source rows does to one row of the target: from the
// image before the first of them to the image after the last.
type net struct {
	plan   *plan
	key    string
	before []change.Value // nil: the row is not there
	after  []change.Value // nil: the row goes
	last   change.Op      // of the last change, and the transaction it came with, for messages
	txn    string
	// found by the lane, under the row's lock:
	current []change.Value
	locked  bool
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
}

func newBatch(cloned bool) *batch {
	return &batch{byKey: map[*plan]map[string]*net{}, cloned: cloned}
}

// add merges one row change.
func (b *batch) add(p *plan, row *change.Row, txn string) {
	before, after := p.image(row.Before), p.image(row.After)
	if b.cloned {
		before, after = change.CloneImage(before), change.CloneImage(after)
	}
	b.bytes += row.Size()
	switch {
	case row.Op == change.Update && p.sameKey(before, after):
		b.merge(p, before, after, change.Update, txn)
	case row.Op == change.Update:
		b.merge(p, before, nil, change.Update, txn)
		b.merge(p, nil, after, change.Update, txn)
	default:
		b.merge(p, before, after, row.Op, txn)
	}
}

func (b *batch) merge(p *plan, before, after []change.Value, op change.Op, txn string) {
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
		n = &net{plan: p, key: key, before: before}
		rows[key] = n
		b.nets = append(b.nets, n)
	}
	n.after, n.last, n.txn = after, op, txn
}

// image gives the image that holds the row's identity.
func (n *net) image() []change.Value {
	if n.before != nil {
		return n.before
	}
	return n.after
}
