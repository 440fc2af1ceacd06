package apply

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/conflict"
	"duplex/internal/schema"
)

// A tally is what a batch does to a table without a key: how many more, or
// fewer, rows of these values there are behind it. Equal rows are the same to
// everybody, so their numbers are all that there is to say, and the order of the
// batch's changes plays no part.
type tally struct {
	plan  *plan
	image []change.Value
	rows  int // more; negative: fewer
	last  origin
}

// keyless reports whether nothing tells equal rows apart.
func (p *plan) keyless() bool { return len(p.key) == 0 && !p.gone }

// whole stands for all rows of a table without a key: who writes one waits for
// who wrote any.
func (p *plan) whole() dep { return dep{hash: xxhash.Sum64String(p.name)} }

// telling gives the columns that name a row to people.
func (p *plan) telling() []int {
	if p.keyless() {
		return p.write
	}
	return p.key
}

// countable refuses a table without a key whose rows cannot be counted.
func (p *plan) countable(target *schema.Table) error {
	if !p.keyless() {
		return nil
	}
	if why := target.Uncountable(); why != "" {
		return fmt.Errorf("%w: %s: %s", ErrTable, target, why)
	}
	if p.extra() {
		return fmt.Errorf("%w: %s has no key, and columns that the source lacks: a row that changes would lose what they hold", ErrTable, target)
	}
	return nil
}

// count takes rows of an image in; nil is none.
func (b *batch) count(p *plan, image []change.Value, rows int, txn origin) {
	if image == nil {
		return
	}
	all := b.byRow[p]
	if all == nil {
		if b.byRow == nil {
			b.byRow = map[*plan]map[string]*tally{}
		}
		all = map[string]*tally{}
		b.byRow[p] = all
	}
	key := string(change.AppendEqualKey(nil, image, p.write))
	t := all[key]
	if t == nil {
		t = &tally{plan: p, image: image}
		all[key] = t
		b.tallies = append(b.tallies, t)
	}
	t.rows, t.last = t.rows+rows, txn
}

// count takes out the rows that become fewer, and puts in those that become
// more. How many a statement took is known behind it: nothing else says how many
// rows of some values there are.
func (s *script) count(b *batch) error {
	if len(b.tallies) == 0 {
		return nil
	}
	if err := s.send(); err != nil {
		return err
	}
	var out []*tally
	for _, t := range b.tallies {
		if t.rows >= 0 {
			continue
		}
		if !change.Whole(t.image) {
			return fmt.Errorf("%w: the log does not say what all columns of a row of %s held, and it has no key (transaction %s)", ErrTable, t.plan.target, t.last.id)
		}
		text := t.plan.appendTake(nil, t)
		if len(text)+2 > s.packet() {
			return s.tooLarge(t.net(), len(text))
		}
		if len(s.text)+len(text)+2 > min(s.packet(), scriptBytes) {
			if err := s.take(out); err != nil {
				return err
			}
			out = out[:0]
		}
		if len(s.text) > 0 {
			s.text = append(s.text, "; "...)
		}
		s.text, out = append(s.text, text...), append(out, t)
	}
	if err := s.take(out); err != nil {
		return err
	}
	for _, t := range b.tallies {
		for range t.rows {
			s.insert(t.plan, t.image, t.net())
		}
	}
	return s.err
}

// net gives the tally's row, for errors.
func (t *tally) net() *net {
	return &net{plan: t.plan, before: t.image, last: change.Delete, txn: t.last.id}
}

// appendTake appends the statement that takes the tally's rows out.
func (p *plan) appendTake(dst []byte, t *tally) []byte {
	dst = append(append(append(dst, "DELETE FROM "...), p.name...), " WHERE "...)
	for n, i := range p.write {
		if n > 0 {
			dst = append(dst, " AND "...)
		}
		c := &p.target.Columns[i]
		if p.leads[i] && t.image[i].Kind == change.Text && utf8.Valid(t.image[i].Bytes) { // of no consequence but that an index is used
			dst = c.AppendKeyLiteral(append(change.AppendIdent(dst, c.Name), '='), t.image[i])
			dst = append(dst, " AND "...)
		}
		dst = c.AppendEqual(dst, t.image[i])
	}
	return strconv.AppendInt(append(dst, " LIMIT "...), int64(-t.rows), 10)
}

// take sends the statements of out, one each, and compares what they took.
func (s *script) take(out []*tally) error {
	if len(out) == 0 {
		return nil
	}
	counts, err := s.session.ExecAll(s.ctx, string(s.text))
	s.text = s.text[:0]
	if err != nil {
		return err
	}
	if len(counts) != len(out) {
		return fmt.Errorf("the server answered %d of %d statements", len(counts), len(out))
	}
	for i, t := range out {
		for range -t.rows - int(counts[i]) {
			if err := s.misses(t); err != nil {
				return err
			}
		}
	}
	return nil
}

// misses meets a row that the log takes away and that is not there.
func (t *target) misses(m *tally) error {
	p := m.plan
	if p.rule.Policy == conflict.Stop {
		return &Mismatch{Table: p.target, Key: p.formatKey(m.image), Op: change.Delete, Txn: m.last.id, Expected: m.image, Cause: conflict.ErrStop}
	}
	in := &t.carried[m.last.no]
	w := conflict.Write{Seq: in.Stamp.Seq, Version: in.Stamp.Version, Committed: in.Committed}
	t.conflicts = append(t.conflicts, checkpoint.Conflict{
		Table: p.target.String(), Key: p.plainKey(m.image), Kind: string(conflict.Drift), Policy: string(p.rule.Policy),
		Winner: string(conflict.Incoming), IncomingStamp: stampText(&w), IncomingCommitted: committedAt(&w),
	})
	return nil
}
