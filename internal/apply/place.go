package apply

import (
	"context"
	"database/sql/driver"
	"fmt"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/conflict"
)

// A placer finds out, on the server, which rows of tables with unique keys
// belong into their table, and moves them there or aside.
type placer struct {
	*target
	held   map[conflict.Key]*held
	looked map[conflict.Claim][]conflict.Key // whose claimants are held
	source map[conflict.Claim]claimSource
	since  uint64                // version of the parked rows when the first lock was held
	writes map[conflict.Key]bool // of the last plan
}

// held is a row under its lock.
type held struct {
	plan   *plan
	table  []change.Value // nil: it is not in the table
	parked *checkpoint.ParkedRow
	stale  bool
}

// claimSource is a row that holds a value: by it the value is looked up.
type claimSource struct {
	relation *relation
	index    *index
	row      []change.Value
}

func (t *target) newPlacer() *placer {
	return &placer{
		target: t, held: map[conflict.Key]*held{}, looked: map[conflict.Claim][]conflict.Key{},
		source: map[conflict.Claim]claimSource{}, writes: map[conflict.Key]bool{},
	}
}

// A writing is a row that is to hold after.
type writing struct {
	key   conflict.Key
	after []change.Value
	order conflict.Order
}

// place locks keys and whatever stands in their way, and gives what is to be
// moved. decide says what is written, each time the reader has reached the end
// of the log; look are keys that are placed anew without being written.
func (p *placer) place(ctx context.Context, keys []conflict.Key, decide func() ([]writing, error), released []conflict.Claim, look bool) ([]conflict.Move, error) {
	if err := p.hold(ctx, keys); err != nil {
		return nil, err
	}
	for {
		if err := p.site.End(ctx); err != nil {
			return nil, err
		}
		writes, err := decide()
		if err != nil {
			return nil, err
		}
		if !look {
			keys = nil
		}
		moves, want := p.plan(writes, keys, released)
		if len(want) == 0 {
			return moves, nil
		}
		if err := p.find(ctx, want); err != nil {
			return nil, err
		}
	}
}

// plan places what is held. want are values whose claimants are not held yet.
func (p *placer) plan(writes []writing, look []conflict.Key, released []conflict.Claim) (moves []conflict.Move, want []conflict.Claim) {
	p.site.Observe(func(o *conflict.Observer) {
		pl := conflict.NewPlacement(p.claims)
		for _, k := range look {
			pl.Add(p.claimant(o, k))
		}
		clear(p.writes)
		for _, w := range writes {
			p.writes[w.key] = true
			pl.Write(p.claimant(o, w.key), w.after, w.order)
		}
		pl.Release(released)
		for next := pl.Next(); len(next) > 0; next = pl.Next() {
			for _, c := range next {
				keys, ok := p.looked[c]
				if !ok {
					want = append(want, c)
				}
				for _, k := range keys {
					pl.Add(p.claimant(o, k))
				}
			}
			if len(want) > 0 {
				return
			}
		}
		moves = pl.Moves()
	})
	return moves, want
}

// claimant is a held row with what the reader knows of it.
func (p *placer) claimant(o *conflict.Observer, key conflict.Key) conflict.Claimant {
	h := p.held[key]
	c := conflict.Claimant{Key: key, Table: h.table}
	if h.parked != nil {
		c.Parked = &h.parked.Parked
		c.Stale = c.Table != nil || o.Replaced(key)
	}
	h.stale = c.Stale
	c.Order, c.Known = o.Recent(key)
	if !c.Known && c.Parked != nil && c.Table == nil {
		c.Order, c.Known = c.Parked.Order, true
	}
	return c
}

// claims gives what a row claims, and remembers how to look it up.
func (p *placer) claims(key conflict.Key, row []change.Value) []conflict.Claim {
	t := p.relations.tables[key.Table]
	if t == nil || row == nil {
		return nil
	}
	var out []conflict.Claim
	for i := range t.uniques {
		if c, ok := t.claim(&t.uniques[i], row); ok {
			p.source[c] = claimSource{t, &t.uniques[i], row}
			out = append(out, c)
		}
	}
	return out
}

// unions notes in each net the row that the site holds, in the table or parked.
func (p *placer) unions(b *batch) {
	p.site.Observe(func(o *conflict.Observer) {
		for _, n := range b.nets {
			c := p.claimant(o, n.row())
			n.current = c.Union()
		}
	})
}

// hold locks rows, parked ones first, and reads them. Those that are held
// already stay as they are.
func (p *placer) hold(ctx context.Context, keys []conflict.Key) error {
	byTable := map[string][]conflict.Key{}
	for _, k := range keys {
		if p.held[k] == nil {
			p.held[k] = &held{}
			byTable[k.Table] = append(byTable[k.Table], k)
		}
	}
	for table, keys := range byTable {
		own, err := p.own(ctx, table)
		if err != nil {
			return err
		}
		for _, k := range keys {
			p.held[k].plan = own
		}
		for len(keys) > 0 {
			n := min(len(keys), lockComposite)
			if err := p.holdSome(ctx, own, keys[:n]); err != nil {
				return err
			}
			keys = keys[n:]
		}
	}
	if p.since == 0 {
		p.since = p.parked.now()
	}
	return nil
}

func (p *placer) holdSome(ctx context.Context, own *plan, keys []conflict.Key) error {
	nets := make([]*net, len(keys))
	for i, k := range keys {
		nets[i] = &net{plan: own, key: k.ID}
	}
	text := append(p.store.AppendParkedLock(nil, keys), "; "...)
	text = own.appendLock(text, nets)
	return p.session.Each(ctx, string(text), func(set int, row []driver.Value) error {
		if set == 0 {
			r, err := checkpoint.ScanParked(row)
			if err != nil {
				return err
			}
			if h := p.held[r.Key]; h != nil {
				h.parked = &r
			}
			return nil
		}
		image, err := own.parse(row)
		if err != nil {
			return err
		}
		if h := p.held[conflict.Key{Table: own.name, ID: own.rowKey(image)}]; h != nil {
			h.table = image
		}
		return nil
	})
}

// find holds the claimants of values: parked ones, and who has them in the
// table.
func (p *placer) find(ctx context.Context, want []conflict.Claim) error {
	for _, c := range want {
		keys := p.parked.claimants(c)
		if err := p.hold(ctx, keys); err != nil {
			return err
		}
		for _, k := range keys {
			if h := p.held[k]; h.parked != nil {
				p.claims(k, h.parked.Row)
			}
		}
		holders, err := p.holders(ctx, c)
		if err != nil {
			return err
		}
		if err := p.hold(ctx, holders); err != nil {
			return err
		}
		p.looked[c] = append(keys, holders...)
	}
	return nil
}

// holders gives who has a value in the table. A value that no row known here
// claims is of no interest to anybody.
func (p *placer) holders(ctx context.Context, c conflict.Claim) ([]conflict.Key, error) {
	s, ok := p.source[c]
	if !ok {
		return nil, nil
	}
	own, err := p.own(ctx, string(s.relation.table.AppendName(nil)))
	if err != nil {
		return nil, err
	}
	text := append(append([]byte("SELECT "), own.selected...), " FROM "...)
	text = s.relation.appendHolder(append(append(text, own.name...), " WHERE "...), s.index, s.row)
	var out []conflict.Key
	err = p.session.Each(ctx, string(append(text, " FOR UPDATE"...)), func(_ int, row []driver.Value) error {
		image, err := own.parse(row)
		if err == nil {
			out = append(out, conflict.Key{Table: own.name, ID: own.rowKey(image)})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("who holds a unique value of %s: %w", own.target, err)
	}
	return out, nil
}

// parse reads a row of a SELECT of p.selected into memory of its own.
func (p *plan) parse(row []driver.Value) ([]change.Value, error) {
	image := make([]change.Value, len(row))
	for i := range row {
		var err error
		if image[i], err = p.target.Columns[i].ParseColumn(row[i]); err != nil {
			return nil, fmt.Errorf("read %s: %w", p.target, err)
		}
	}
	return change.CloneImage(image), nil
}
