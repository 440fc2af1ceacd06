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
	held    map[conflict.Key]*held
	looked  map[conflict.Claim][]conflict.Key // whose claimants, or givers, are held
	needers map[conflict.Claim][]conflict.Key // the same of who needs them
	source  map[conflict.Claim]claimSource
	since   uint64                // version of the parked rows when the first lock was held
	writes  map[conflict.Key]bool // of the last plan
}

// held is a row under its lock.
type held struct {
	plan   *plan
	table  []change.Value // nil: it is not in the table
	parked *checkpoint.ParkedRow
	stale  bool
}

// claimSource says how rows of a value are looked up: its columns in the table
// that has the key.
type claimSource struct {
	relation *relation
	index    *index
	values   []change.Value
}

func (t *target) newPlacer() *placer {
	return &placer{
		target: t, held: map[conflict.Key]*held{}, looked: map[conflict.Claim][]conflict.Key{}, needers: map[conflict.Claim][]conflict.Key{},
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
// of the log; tasks say what is placed anew without being written.
func (p *placer) place(ctx context.Context, keys []conflict.Key, decide func() ([]writing, error), tasks []*conflict.Task) ([]conflict.Move, error) {
	if err := p.hold(ctx, keys); err != nil {
		return nil, err
	}
	for {
		if err := p.endHeld(ctx); err != nil {
			return nil, err
		}
		writes, err := decide()
		if err != nil {
			return nil, err
		}
		moves, want, needed := p.plan(writes, tasks)
		if len(want)+len(needed) == 0 {
			return moves, nil
		}
		if err := p.find(ctx, want, needed); err != nil {
			return nil, err
		}
	}
}

// plan places what is held. want are values whose claimants and givers are not
// held yet, needed those of which that is true of who needs them.
func (p *placer) plan(writes []writing, tasks []*conflict.Task) (moves []conflict.Move, want, needed []conflict.Claim) {
	p.site.Observe(func(o *conflict.Observer) {
		pl := conflict.NewPlacement(p.claims)
		if p.related() {
			pl.Relations(p.needs, p.gives)
		}
		clear(p.writes)
		for _, x := range tasks {
			if x.Revisit {
				pl.Look(p.claimant(o, x.Key))
				pl.Release(x.Released)
				pl.Given(x.Given)
			}
		}
		for _, w := range writes {
			p.writes[w.key] = true
			pl.Write(p.claimant(o, w.key), w.after, w.order)
		}
		known := func(values []conflict.Claim, looked map[conflict.Claim][]conflict.Key, missing *[]conflict.Claim) {
			for _, c := range values {
				keys, ok := looked[c]
				if !ok {
					*missing = append(*missing, c)
				}
				for _, k := range keys {
					pl.Add(p.claimant(o, k))
				}
			}
		}
		for {
			next, who := pl.Next(), pl.Needers()
			if len(next)+len(who) == 0 {
				moves = pl.Moves()
				return
			}
			known(next, p.looked, &want)
			known(who, p.needers, &needed)
			if len(want)+len(needed) > 0 {
				return
			}
		}
	})
	return moves, want, needed
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
	return p.remember(key, row, func(t *relation, fn func(own, at *index, in *relation)) {
		for i := range t.uniques {
			fn(&t.uniques[i], &t.uniques[i], t)
		}
	})
}

// needs gives the values of parents that a row refers to.
func (p *placer) needs(key conflict.Key, row []change.Value) []conflict.Claim {
	return p.remember(key, row, func(t *relation, fn func(own, at *index, in *relation)) {
		for i := range t.needs {
			fn(&t.needs[i].columns, &t.needs[i].refers, t.needs[i].parent)
		}
	})
}

// gives gives the values by which others refer to a row.
func (p *placer) gives(key conflict.Key, row []change.Value) []conflict.Claim {
	return p.remember(key, row, func(t *relation, fn func(own, at *index, in *relation)) {
		for i := range t.gives {
			fn(&t.gives[i], &t.gives[i], t)
		}
	})
}

// remember gives the values of a row in indexes of its own, each with the place
// where the key is.
func (p *placer) remember(key conflict.Key, row []change.Value, each func(t *relation, fn func(own, at *index, in *relation))) []conflict.Claim {
	t := p.relations.tables[key.Table]
	if t == nil || row == nil {
		return nil
	}
	var out []conflict.Claim
	each(t, func(own, at *index, in *relation) {
		c, ok := t.claim(own, row)
		if !ok {
			return
		}
		out = append(out, c)
		if _, known := p.source[c]; !known {
			values := make([]change.Value, len(own.cols))
			for i, col := range own.cols {
				values[i] = row[col]
			}
			p.source[c] = claimSource{in, at, values}
		}
	})
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
	// Twice, since a row that was put aside between the first two looks is in
	// neither; what is found is locked and stays.
	parked := p.store.AppendParkedLock(nil, keys)
	text := own.appendLock(append(parked, "; "...), nets)
	text = append(append(text, "; "...), parked...)
	return p.session.Each(ctx, string(text), func(set int, row []driver.Value) error {
		if set != 1 {
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
		if h := p.held[conflict.Key{Table: own.id, ID: own.rowKey(image)}]; h != nil {
			h.table = image
		}
		return nil
	})
}

// find holds the claimants, or givers, of values, and who needs values: parked
// rows first, then those in the table.
func (p *placer) find(ctx context.Context, want, needed []conflict.Claim) error {
	for _, c := range want {
		keys, err := p.holdParked(ctx, p.parked.claimants(c))
		if err != nil {
			return err
		}
		givers, err := p.holdParked(ctx, p.parked.claimants(givenBy(c)))
		if err != nil {
			return err
		}
		s, ok := p.source[c]
		if !ok { // no row known here has it: it is of no interest to anybody
			p.looked[c] = append(keys, givers...)
			continue
		}
		if s.index.read {
			keys = givers
		}
		holders, err := p.holders(ctx, s.relation, s.index, s.values)
		if err != nil {
			return err
		}
		p.looked[c] = append(keys, holders...)
	}
	for _, c := range needed {
		keys, err := p.holdParked(ctx, p.parked.claimants(c))
		if err != nil {
			return err
		}
		if s, ok := p.source[c]; ok {
			for i := range s.relation.children {
				f := &s.relation.children[i]
				if f.refers.tag != s.index.tag {
					continue
				}
				children, err := p.holders(ctx, f.child, &f.columns, s.values)
				if err != nil {
					return err
				}
				keys = append(keys, children...)
			}
		}
		p.needers[c] = keys
	}
	return nil
}

// holdParked holds rows that may be parked, and learns what they wait for.
func (p *placer) holdParked(ctx context.Context, keys []conflict.Key) ([]conflict.Key, error) {
	if err := p.hold(ctx, keys); err != nil {
		return nil, err
	}
	for _, k := range keys {
		if h := p.held[k]; h.parked != nil {
			p.claims(k, h.parked.Row)
			p.needs(k, h.parked.Row)
			p.gives(k, h.parked.Row)
		}
	}
	return keys, nil
}

// holders holds the rows in the table of t that have values in x.
func (p *placer) holders(ctx context.Context, t *relation, x *index, values []change.Value) ([]conflict.Key, error) {
	own, err := p.own(ctx, t.id)
	if err != nil {
		return nil, err
	}
	text := append(append([]byte("SELECT "), own.selected...), " FROM "...)
	text = t.appendHolder(append(append(text, own.name...), " WHERE "...), x, values)
	var out []conflict.Key
	err = p.session.Each(ctx, string(append(text, " FOR UPDATE"...)), func(_ int, row []driver.Value) error {
		image, err := own.parse(row)
		if err == nil {
			out = append(out, conflict.Key{Table: own.id, ID: own.rowKey(image)})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up rows of %s by a key: %w", own.target, err)
	}
	return out, p.hold(ctx, out)
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
