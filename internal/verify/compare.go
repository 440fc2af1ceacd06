package verify

import (
	"context"
	"crypto/sha256"
	"errors"

	"golang.org/x/sync/errgroup"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// suspectsHeld is how many rows that differ are held before they are read
// again.
const suspectsHeld = 10_000

// A comparison is one table being compared.
type comparison struct {
	*Checker
	out      *Table
	progress *progress
	sides    [2]*side
	suspects []*suspect
	hopeless bool               // most of what differed did so for good: it is not read again any more
	again    [2]*tenant.Session // that read suspects again; nil until they are needed
	twice    map[string]bool    // keys of differences whose rows may lie in a range of either side
}

// A suspect is a row that was not the same on both sides when it was read.
type suspect struct {
	key   string
	value []change.Value
	seen  [2]state
	size  int // of the larger image
	calm  int // how often in a row it was found as before
	alone int // the side that alone had the row in its range, 1 or 2; 0: both had it
}

// A state is a row on one side, as it was seen. The zero state is no row.
type state [sha256.Size]byte

func stateOf(image []change.Value) state {
	if image == nil {
		return state{}
	}
	return sha256.Sum256(change.AppendImage(nil, image))
}

// run compares all ranges.
func (t *comparison) run(ctx context.Context) (err error) {
	g, ctx := errgroup.WithContext(ctx)
	spans := make(chan *span)
	g.Go(func() error {
		defer close(spans)
		return t.readA(ctx, spans)
	})
	g.Go(func() error { return t.readB(ctx, spans) })
	return g.Wait()
}

// readA cuts the table into ranges; it reads one ahead.
func (t *comparison) readA(ctx context.Context, spans chan<- *span) (err error) {
	s, err := t.sides[0].tenant.Session(ctx, tenant.Read, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var low []change.Value
	var m moments
	for {
		at, err := m.next(ctx, t.sides)
		if err != nil {
			return err
		}
		r, err := t.sides[0].read(ctx, s, at[0], low)
		if lost(at[0], err) {
			m = moments{off: true}
			continue
		}
		if err != nil {
			return err
		}
		r.at = at[1]
		select {
		case spans <- r:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if low = r.high; low == nil {
			return nil
		}
	}
}

// readB reads the same ranges and compares.
func (t *comparison) readB(ctx context.Context, spans <-chan *span) (err error) {
	s, err := t.sides[1].tenant.Session(ctx, tenant.Read, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(), t.closeAgain()) }()
	for r := range spans {
		n, err := t.compare(ctx, s, r)
		if n == 0 && lost(r.at, err) {
			r.at = ""
			_, err = t.compare(ctx, s, r)
		}
		if err != nil {
			return err
		}
		for key, mine := range r.rows {
			if err := t.suspect(ctx, key, mine, nil); err != nil {
				return err
			}
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return t.settle(ctx)
}

// compare takes B's rows of a range out of A's. It gives how many there were.
func (t *comparison) compare(ctx context.Context, s *tenant.Session, r *span) (n int, err error) {
	b := t.sides[1]
	err = b.each(ctx, s, r.at, b.between(r.low, r.high), "", func(image []change.Value) error {
		n++
		key := b.keyOf(image)
		mine := r.rows[key]
		delete(r.rows, key)
		if same(mine, image) {
			t.equal(1)
			return nil
		}
		return t.suspect(ctx, key, mine, image)
	})
	return n, err
}

// same compares two images; nil is no row.
func same(a, b []change.Value) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	for i := range a {
		if !a[i].Equal(b[i]) {
			return false
		}
	}
	return true
}

func (t *comparison) equal(n int) {
	t.out.Rows += uint64(n)
	t.out.Equal += uint64(n)
	t.progress.rows.Add(uint64(n))
}

// suspect notes a row that differs. Where too many are held they are read
// again at once.
func (t *comparison) suspect(ctx context.Context, key string, a, b []change.Value) error {
	if t.hopeless {
		t.differs(a, b)
		return nil
	}
	image := a
	if image == nil {
		image = b
	}
	n := &suspect{key: key, value: t.sides[0].keyValues(image), seen: [2]state{stateOf(a), stateOf(b)}}
	n.size = max(sizeOf(a), sizeOf(b))
	switch {
	case b == nil:
		n.alone = 1
	case a == nil:
		n.alone = 2
	}
	t.suspects = append(t.suspects, n)
	if len(t.suspects) < suspectsHeld {
		return nil
	}
	before := t.out.differences()
	if err := t.settle(ctx); err != nil {
		return err
	}
	t.hopeless = t.out.differences()-before > suspectsHeld/2
	return nil
}

func sizeOf(image []change.Value) int {
	n := 0
	for i := range image {
		n += image[i].Size()
	}
	return n
}

// differs counts a difference and lists it if there is room.
func (t *comparison) differs(a, b []change.Value) {
	t.out.Rows++
	t.progress.rows.Add(1)
	t.progress.differences.Add(1)
	d := Difference{Table: t.out.Table, Kind: KindDifferent}
	names := [2]string{t.cfg.A.Site, t.cfg.B.Site}
	image := a
	switch {
	case a == nil:
		image, d.Kind = b, KindOnly+names[1]
		t.out.Only[names[1]]++
	case b == nil:
		d.Kind = KindOnly + names[0]
		t.out.Only[names[0]]++
	default:
		t.out.Different++
	}
	if !t.found.room() {
		return
	}
	d.Key = t.sides[0].format(image)
	for i := range t.sides[0].columns {
		if a == nil || b == nil || a[i].Equal(b[i]) {
			continue
		}
		c := &t.sides[0].columns[i]
		d.Columns = append(d.Columns, Column{Name: c.Name, Values: map[string]string{
			names[0]: short(c.Format(a[i])), names[1]: short(t.sides[1].columns[i].Format(b[i])),
		}})
	}
	t.found.add(d)
}
