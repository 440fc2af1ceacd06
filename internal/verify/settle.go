package verify

import (
	"context"
	"errors"
	"time"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// What it takes for a row that differs to be a difference: it is the same as
// before on both sides calmEnough times in a row. What is not calm after
// generations readings is unsettled.
const (
	generations = 5
	calmEnough  = 2
)

// The bounds of one reading of suspects.
const (
	batchRows  = 100
	batchBytes = 4 << 20
)

// pause is how long is waited for rows on their way where there is no barrier.
const pause = 100 * time.Millisecond

// settle reads the suspects again, after a barrier each time, until each is
// equal, a difference, or given up.
func (t *comparison) settle(ctx context.Context) error {
	open := t.suspects
	for range generations {
		if len(open) == 0 {
			break
		}
		if err := t.barrier(ctx); err != nil {
			return err
		}
		rest := open[:0]
		for start := 0; start < len(open); {
			end, size := start, 0
			for end < len(open) && end-start < batchRows && (end == start || size+open[end].size <= batchBytes) {
				size += open[end].size
				end++
			}
			still, err := t.reread(ctx, open[start:end])
			if err != nil {
				return err
			}
			rest = append(rest, still...)
			start = end
		}
		open = rest
	}
	t.out.Unsettled += uint64(len(open))
	t.out.Rows += uint64(len(open))
	t.progress.rows.Add(uint64(len(open)))
	t.suspects = t.suspects[:0]
	return nil
}

func (t *comparison) barrier(ctx context.Context) error {
	if t.cfg.Barrier != nil {
		return t.cfg.Barrier(ctx)
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(pause):
		return nil
	}
}

// reread compares some suspects as they are now and gives those that are not
// decided.
func (t *comparison) reread(ctx context.Context, batch []*suspect) (open []*suspect, err error) {
	keys := make([][]change.Value, len(batch))
	for i, n := range batch {
		keys[i] = n.value
	}
	var images [2]map[string][]change.Value
	for i, s := range t.sides {
		if t.again[i] == nil {
			if t.again[i], err = s.tenant.Session(ctx, tenant.Read, 0); err != nil {
				return nil, err
			}
		}
		images[i] = map[string][]change.Value{}
		err := s.each(ctx, t.again[i], "", s.oneOf(keys), "", func(image []change.Value) error {
			images[i][s.keyOf(image)] = change.CloneImage(image)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for _, n := range batch {
		a, b := images[0][n.key], images[1][n.key]
		if !t.decide(n, a, b) {
			open = append(open, n)
		}
	}
	return open, nil
}

// decide judges one suspect by what it is now. A row that the two servers
// sort into different ranges is a suspect twice and counts once.
func (t *comparison) decide(n *suspect, a, b []change.Value) bool {
	if same(a, b) {
		if a != nil && n.alone != 2 {
			t.equal(1)
		}
		return true
	}
	now := [2]state{stateOf(a), stateOf(b)}
	if now != n.seen {
		n.seen, n.calm = now, 0
		return false
	}
	if n.calm++; n.calm < calmEnough {
		return false
	}
	if n.alone > 0 && a != nil && b != nil {
		if t.twice[n.key] {
			return true
		}
		t.twice[n.key] = true
	}
	t.differs(a, b)
	return true
}

func (t *comparison) closeAgain() error {
	var errs []error
	for _, s := range t.again {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}
