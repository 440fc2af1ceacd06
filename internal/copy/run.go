package copy

import (
	"context"
	"errors"
	"fmt"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// read takes one table after the other and hands its chunks to the workers.
func (c *Copier) read(ctx context.Context, queue <-chan *table, jobs chan<- *job) (err error) {
	s, err := c.cfg.Source.Session(ctx, tenant.Read, 0)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for t := range queue {
		if err := c.readTable(ctx, s, t, jobs); err != nil {
			return fmt.Errorf("copy of %s: %w", t.name, err)
		}
	}
	return nil
}

func (c *Copier) readTable(ctx context.Context, s *tenant.Session, t *table, jobs chan<- *job) error {
	// Rows above the top come by the link: without a bound a table that grows
	// as fast as it is read would never be complete.
	var err error
	if t.top, err = t.ranges.top(ctx, s); err != nil {
		return err
	}
	for _, gap := range t.gaps {
		if err := t.slot(ctx); err != nil {
			return err
		}
		if err := send(ctx, jobs, &job{table: t, span: gap}); err != nil {
			return err
		}
	}
	if !t.tailed {
		if err := c.readTail(ctx, s, t, jobs); err != nil {
			return err
		}
	}
	for range ahead { // every slot free: all is durable
		if err := t.slot(ctx); err != nil {
			return err
		}
	}
	return c.complete(ctx, t)
}

// readTail reads what follows the last durable chunk.
func (c *Copier) readTail(ctx context.Context, s *tenant.Session, t *table, jobs chan<- *job) error {
	rest := t.tail
	for {
		if err := t.slot(ctx); err != nil {
			return err
		}
		j := &job{table: t, span: rest}
		if err := t.read(ctx, s, j, t.top, &c.moments); err != nil {
			return err
		}
		p := j.page
		if !p.end {
			j.high = p.last
		}
		if err := c.pace.wait(ctx, len(p.rows), p.bytes); err != nil {
			return err
		}
		if err := send(ctx, jobs, j); err != nil {
			return err
		}
		if p.end {
			return nil
		}
		rest = span{number: rest.number + 1, low: p.last, from: p.last}
	}
}

// slot waits until fewer than ahead chunks of the table are in work.
func (t *table) slot(ctx context.Context) error {
	select {
	case t.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func send(ctx context.Context, jobs chan<- *job, j *job) error {
	select {
	case jobs <- j:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// complete writes the row that says so, over the Writer as every row of ours
// that comes with a copy: a run that lost the link cannot write it.
func (c *Copier) complete(ctx context.Context, t *table) error {
	j := &job{table: t, page: &page{}}
	note := appendNote(nil, c.cfg.Project, t.name, &span{rows: t.rows.Load(), bytes: t.bytes.Load()}, stateComplete)
	for {
		err := t.begin(ctx, j, &c.moments)
		if err == nil {
			err = c.put(ctx, j, note)
		}
		if err == nil {
			break
		}
		if err = c.again(ctx, err); err != nil {
			return err
		}
	}
	t.end(j)
	t.done.Store(true)
	c.cfg.Writer.Copied(t.database, t.target)
	c.cfg.Log.Info("table is copied", "table", t.name, "rows", t.rows.Load())
	return nil
}

// work writes chunks until there are no more. Its session on the source is for
// what has to be read again.
func (c *Copier) work(ctx context.Context, jobs <-chan *job) (err error) {
	w := &worker{Copier: c}
	defer func() { err = errors.Join(err, w.close()) }()
	for {
		select {
		case j, ok := <-jobs:
			if !ok {
				return nil
			}
			if err := w.write(ctx, j); err != nil {
				return fmt.Errorf("copy of %s: chunk %d: %w", j.table.name, j.number, err)
			}
			j.table.end(j)
			<-j.table.slots
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

type worker struct {
	*Copier
	session *tenant.Session // nil until it is needed
}

func (w *worker) close() error {
	if w.session == nil {
		return nil
	}
	return w.session.Close()
}

func (w *worker) write(ctx context.Context, j *job) error {
	if j.page != nil {
		err := w.chunk(ctx, j, j.high, j.page)
		if err == nil {
			return nil
		}
		if err = w.again(ctx, err); err != nil {
			return err
		}
	}
	return w.fill(ctx, j)
}

// fill reads a span and writes it piece by piece, all under one number: the
// chunk grows until it reaches the span's end. So a span may hold more rows
// than a chunk should.
func (w *worker) fill(ctx context.Context, j *job) (err error) {
	if w.session == nil {
		if w.session, err = w.cfg.Source.Session(ctx, tenant.Read, 0); err != nil {
			return err
		}
	}
	to := j.high
	if to == nil {
		to = j.table.top
	}
	for {
		if err := j.table.read(ctx, w.session, j, to, &w.moments); err != nil {
			return err
		}
		if err := w.pace.wait(ctx, len(j.page.rows), j.page.bytes); err != nil {
			return err
		}
		p, reached := j.page, j.high
		if !p.end {
			reached = p.last
		}
		rows, bytes := uint64(len(p.rows)), uint64(p.bytes)
		if err := w.chunk(ctx, j, reached, p); err != nil {
			if err = w.again(ctx, err); err != nil {
				return err
			}
			continue
		}
		if p.end {
			return nil
		}
		j.rows, j.bytes, j.from = j.rows+rows, j.bytes+bytes, p.last
	}
}

// again takes a new watermark if err asks for the rows to be read again, and
// gives any other error back.
func (c *Copier) again(ctx context.Context, err error) error {
	if !errors.Is(err, change.ErrReread) {
		return err
	}
	return c.moments.pass(ctx)
}

// chunk makes a page durable, together with the row that says how far the
// job's span has come.
func (c *Copier) chunk(ctx context.Context, j *job, reached *edge, p *page) error {
	rows, bytes := uint64(len(p.rows)), uint64(p.bytes)
	s := j.span
	s.high, s.rows, s.bytes = reached, s.rows+rows, s.bytes+bytes
	if err := c.put(ctx, j, appendNote(nil, c.cfg.Project, j.table.name, &s, stateDone)); err != nil {
		return err
	}
	j.table.ranges.aside.done(p)
	j.table.rows.Add(rows)
	j.table.bytes.Add(bytes)
	return nil
}

// put hands a job's page to the Writer once the link has caught up with it.
func (c *Copier) put(ctx context.Context, j *job, note []byte) error {
	high := j.moment.high
	if j.moment.at == "" {
		var err error
		if high, err = c.marks.high(ctx); err != nil {
			return err
		}
	}
	if err := c.cfg.Writer.WaitLow(ctx, high.Seq); err != nil {
		return err
	}
	return c.cfg.Writer.Copy(ctx, &change.Chunk{
		Table: j.table.source, Rows: j.page.rows, Low: j.moment.low, Oldest: j.table.oldest(), Note: string(note),
	})
}
