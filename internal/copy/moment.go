package copy

import (
	"context"
	"sync"
	"time"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// A moment is a state of the source that chunks are read at, of any table and
// over any connection.
type moment struct {
	at   string           // what a SELECT writes behind the table's name; empty: it reads a state of its own
	low  change.Watermark // taken before the state, so what is below is in it
	high change.Watermark // taken behind it; of a state of its own none
	took time.Time
}

// momentLife is for how long chunks are read at one state. What the link
// touches meanwhile is remembered for all of them.
const momentLife = time.Second

// moments gives the state that a chunk is to be read at.
type moments struct {
	source *tenant.Tenant
	marks  *marks

	mu   sync.Mutex
	last *moment // nil: the next chunk takes one
}

// latest never goes back from one call to the next. Of a server that keeps no
// states it is only the latest low watermark.
func (m *moments) latest(ctx context.Context) (*moment, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last != nil && time.Since(m.last.took) < momentLife {
		return m.last, nil
	}
	next := &moment{low: m.marks.latest(), took: time.Now()}
	var err error
	if next.at, err = m.source.Moment(ctx); err != nil || next.at == "" {
		return next, err
	}
	if next.high, err = m.marks.high(ctx); err != nil {
		return nil, err
	}
	m.last = next
	return next, nil
}

// pass takes a new low watermark: what was read at an earlier moment is of no use.
func (m *moments) pass(ctx context.Context) error {
	err := m.marks.take(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = nil
	return err
}

// lost reports whether err says that the server does not keep the moment any
// more, or that its table has changed since: then another one is next. A job whose
// moment could not be taken has lost none.
func (m *moments) lost(j *job, err error) bool {
	const redefined = 1412 // a table, or it was emptied, since the statement began
	class := tenant.Classify(err)
	switch {
	case j.moment == nil:
		return false
	case j.moment.at == "":
		return tenant.Code(err) == redefined
	case class != tenant.Snapshot && class != tenant.Schema:
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last == j.moment {
		m.last = nil
	}
	return true
}
