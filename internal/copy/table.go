package copy

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// A table is one table on its way.
type table struct {
	name             string // target database.table: what copy_chunk calls it
	database, target string
	source           *change.Table
	ranges           *ranges
	whole            bool // it has no key: what follows does not concern it, but for chunks and the counts

	gaps   []span // between durable chunks
	tail   span   // what follows the last of them
	tailed bool   // nothing follows
	chunks int    // durable ones of earlier runs
	top    *edge  // the highest key when reading began; nil: no bound

	slots chan struct{} // one for each chunk that is read and not durable

	mu   sync.Mutex
	lows map[*job]change.Watermark // of the chunks that are not durable

	rows, bytes, total atomic.Uint64
	done               atomic.Bool
}

// A span is a row of copy_chunk to be: a range of keys, low excluded, high
// included, and what was counted in it.
type span struct {
	number      int
	low, high   *edge // nil: from the start, to the end
	from        *edge // what is still to be read begins behind it
	rows, bytes uint64
}

// A job is a chunk to be written, or, with no page, a span to be read and
// written by whoever takes it.
type job struct {
	table *table
	span
	page   *page
	moment *moment // that the page was read at
}

func newTable(source *tenant.Tenant, spec Table, budget int64) (*table, error) {
	s := spec.Source
	if s == nil {
		return nil, fmt.Errorf("copy: %w: no source table", ErrTable)
	}
	if len(s.Unsupported) > 0 {
		return nil, fmt.Errorf("copy: %w: %s: %s", ErrTable, s, strings.Join(s.Unsupported, "; "))
	}
	if why := s.Uncountable(); s.Keyless() && why != "" {
		return nil, fmt.Errorf("copy: %w: %s: %s", ErrTable, s, why)
	}
	t := &table{source: s.Change(), whole: s.Keyless(), lows: map[*job]change.Watermark{}}
	t.database, t.target = spec.Target()
	t.name = t.database + "." + t.target
	t.slots = make(chan struct{}, ahead)
	t.ranges = newRanges(source, t.source, s.Identity(), spec.Where, budget)
	return t, nil
}

// mutual refuses a table that two sites cannot write.
func (t *table) mutual() error {
	if !t.whole {
		return nil
	}
	return fmt.Errorf("copy: %w: %s has no key, and both sites are written: whose rows are whose cannot be told", ErrTable, t.source)
}

// plan finds the gaps between the durable chunks of an earlier run. A gap is
// filled by the chunk before it.
func (t *table) plan(r *record) error {
	t.tail = span{number: 1}
	for i := range r.runs {
		run := &r.runs[i]
		low, err := t.parseEdge(run.low)
		if err != nil {
			return err
		}
		if low != nil {
			gap := t.tail
			gap.high = low
			t.gaps = append(t.gaps, gap)
		}
		last := &run.last
		s := span{number: last.number, rows: last.rows, bytes: last.bytes}
		if s.low, err = t.parseEdge(last.low); err != nil {
			return err
		}
		if s.from, err = t.parseEdge(last.high); err != nil {
			return err
		}
		t.tail, t.tailed = s, last.high == nil
	}
	// What follows the last chunk has numbers of its own.
	if len(r.runs) > 0 {
		t.tail = span{number: t.tail.number + 1, low: t.tail.from, from: t.tail.from}
	}
	return nil
}

func (t *table) parseEdge(text *string) (*edge, error) {
	if text == nil {
		return nil, nil
	}
	e, err := parseEdge(t.ranges.key, *text)
	if err != nil {
		return nil, fmt.Errorf("copy of %s: bounds of an earlier run: %w", t.name, err)
	}
	return e, nil
}

// begin gives a job its moment. From here on the Writer keeps what the link
// touches from its low watermark on, until end.
func (t *table) begin(ctx context.Context, j *job, m *moments) (err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if j.moment, err = m.latest(ctx); err == nil {
		t.lows[j] = j.moment.low
	}
	return err
}

// lost is how often a job takes another moment because the server has let one go.
const lost = 5

// read gives a job the next page of (from, to], as it was at its moment.
func (t *table) read(ctx context.Context, s *tenant.Session, j *job, to *edge, m *moments) error {
	for n := 1; ; n++ {
		err := t.begin(ctx, j, m)
		if err == nil {
			j.page, err = t.ranges.read(ctx, s, j.from, to, j.moment.at)
		}
		if err == nil || n == lost || !m.lost(j, err) {
			return err
		}
	}
}

// end says that a job is durable.
func (t *table) end(j *job) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.lows, j)
}

// oldest is the lowest mark of the jobs that are not durable. A job that
// begins later has none below it.
func (t *table) oldest() change.Watermark {
	t.mu.Lock()
	defer t.mu.Unlock()
	low := change.Watermark{Seq: change.NoSeq}
	for _, w := range t.lows {
		if w.Before(&low) {
			low = w
		}
	}
	return low
}
