package verify

import (
	"context"
	"crypto/sha256"
	"errors"

	"golang.org/x/sync/errgroup"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// A table without a key is compared by how many rows of the same values each side
// has. What differs is counted again, by reading the tables again.

// countsHeld is how many different rows are counted in one pass over the tables;
// where there are more, each pass counts a part of them.
const countsHeld = 2_000_000

// errParts says that a pass met more different rows than it may hold.
var errParts = errors.New("too many different rows for one pass")

// A digest stands for all values of a row.
type digest [16]byte

// sums is how many rows of some values the sides have.
type sums [2]int

// A tally is rows whose numbers differ.
type tally struct {
	seen  sums
	calm  int
	image []change.Value
}

// count compares a table without a key.
func (t *comparison) count(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, t.closeAgain()) }()
	for i, s := range t.sides {
		if t.again[i], err = s.tenant.Session(ctx, tenant.Read, 0); err != nil {
			return err
		}
	}
	for part, parts := 0, 1; part < parts; part++ {
		mine := func(d digest) bool { return parts == 1 || (int(d[0])<<8|int(d[1]))%parts == part }
		all, _, err := t.pass(ctx, mine, false)
		if errors.Is(err, errParts) && part == 0 {
			part, parts = -1, parts*8
			continue
		}
		if err != nil {
			return err
		}
		open := map[digest]*tally{}
		for d, n := range all {
			if n[0] == n[1] {
				t.equal(n[0])
			} else {
				open[d] = &tally{seen: n}
			}
		}
		if err := t.recount(ctx, open); err != nil {
			return err
		}
	}
	return nil
}

// recount counts what differs again until each number is equal, a difference, or
// given up.
func (t *comparison) recount(ctx context.Context, open map[digest]*tally) error {
	for n := 0; n < generations && len(open) > 0; n++ {
		if err := t.barrier(ctx); err != nil {
			return err
		}
		now, images, err := t.pass(ctx, func(d digest) bool { return open[d] != nil }, true)
		if err != nil {
			return err
		}
		for d, c := range open {
			if images[d] != nil {
				c.image = images[d]
			}
			switch {
			case now[d][0] == now[d][1]:
				t.equal(now[d][0])
				delete(open, d)
			case now[d] != c.seen:
				c.seen, c.calm = now[d], 0
			default:
				if c.calm++; c.calm >= calmEnough {
					t.surplus(c)
					delete(open, d)
				}
			}
		}
	}
	for _, c := range open {
		less, more := min(c.seen[0], c.seen[1]), max(c.seen[0], c.seen[1])
		t.equal(less)
		t.out.Unsettled += uint64(more - less)
		t.out.Rows += uint64(more - less)
		t.progress.rows.Add(uint64(more - less))
	}
	return nil
}

// surplus counts the rows that one side has more of as differences.
func (t *comparison) surplus(c *tally) {
	t.equal(min(c.seen[0], c.seen[1]))
	for range c.seen[0] - c.seen[1] {
		t.differs(c.image, nil)
	}
	for range c.seen[1] - c.seen[0] {
		t.differs(nil, c.image)
	}
}

// pass reads both sides and counts the rows that it is to look at; and keeps one
// image of each if it is told to, as many as a report lists.
func (t *comparison) pass(ctx context.Context, look func(digest) bool, keep bool) (map[digest]sums, map[digest][]change.Value, error) {
	var m moments
	at, err := m.next(ctx, t.sides)
	if err != nil {
		return nil, nil, err
	}
	var counts [2]map[digest]int
	var images [2]map[digest][]change.Value
	g, ctx := errgroup.WithContext(ctx)
	for i, s := range t.sides {
		g.Go(func() error {
			var err error
			if counts[i], images[i], err = s.count(ctx, t.again[i], at[i], look, keep); lost(at[i], err) {
				counts[i], images[i], err = s.count(ctx, t.again[i], "", look, keep)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	all := make(map[digest]sums, len(counts[0]))
	for i := range counts {
		for d, n := range counts[i] {
			both := all[d]
			both[i] = n
			all[d] = both
		}
	}
	for d, image := range images[1] {
		images[0][d] = image
	}
	return all, images[0], nil
}

func (s *side) count(ctx context.Context, session *tenant.Session, at string, look func(digest) bool, keep bool) (map[digest]int, map[digest][]change.Value, error) {
	counts, images := map[digest]int{}, map[digest][]change.Value{}
	err := s.each(ctx, session, at, "", "", func(image []change.Value) error {
		sum := sha256.Sum256([]byte(s.keyOf(image)))
		d := digest(sum[:16])
		if !look(d) {
			return nil
		}
		if counts[d]++; len(counts) > countsHeld {
			return errParts
		}
		if keep && images[d] == nil && len(images) < listed {
			images[d] = change.CloneImage(image)
		}
		return nil
	})
	return counts, images, err
}
