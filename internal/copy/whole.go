package copy

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// A table without a key has no ranges and no row that could be found again, so it
// is read in one piece, as it was in one state of the source, and the log is cut
// for it where that state was taken:
//
//	WaitLow ─▶ mark, state, mark ─▶ Hold ─▶ read, Copy … Copy ─▶ complete ─▶ Copied
//	            low         high
//
// A state is good if nothing wrote the table between the two marks; then it holds
// all that stands in the log before, and nothing of what stands behind. Where a
// table is written all the time it is locked for that moment. What was begun and is
// not complete is taken out by the run that follows, which begins anew.

// A view is a good state of the source.
type view struct {
	session *tenant.Session
	at      string // what a SELECT writes behind the table's name
	low     change.Watermark
}

// How often a state is taken before the table is locked for it, where the server
// does that, and before the copy gives up; and how long writers may be kept out.
const (
	lockFrom = 4
	patience = 200
	lockWait = "2" // seconds
)

// copyWhole copies a table without a key.
func (c *Copier) copyWhole(ctx context.Context, t *table) error {
	if err := c.empty(ctx, t); err != nil {
		return err
	}
	for n := 1; ; n++ {
		v, err := c.look(ctx, t, n >= lockFrom)
		if err == nil {
			return errors.Join(c.bring(ctx, t, v), v.session.Close())
		}
		if !errors.Is(err, change.ErrReread) {
			return err
		}
		if n == patience {
			advice := "give our user the right LOCK TABLES, or the table a key"
			if c.cfg.Source.Kind == tenant.OceanBase { // which locks no table
				advice = "let its writers pause for a moment, or give it a key"
			}
			return fmt.Errorf("%w: it has no key, is written all the time, and could not be locked for a moment: %s", ErrTable, advice)
		}
	}
}

// empty takes out what an unfinished copy has brought. Each statement goes the way
// of the chunks: a run that lost the link takes nothing out.
func (c *Copier) empty(ctx context.Context, t *table) error {
	target := change.Table{Database: t.database, Name: t.target}
	name := string(target.AppendName(nil))
	for {
		var one int
		err := c.cfg.Target.DB().QueryRowContext(ctx, "SELECT COUNT(*) FROM (SELECT 1 FROM "+name+" LIMIT 1) x").Scan(&one)
		if err != nil {
			return fmt.Errorf("site %s: look into %s: %w", c.cfg.Target.Site, t.name, err)
		}
		if one == 0 {
			break
		}
		if t.chunks == 0 {
			return fmt.Errorf("%w: it has no key, and at site %s it has rows that this copy has not brought: empty it there", ErrTable, c.cfg.Target.Site)
		}
		if err := c.run(ctx, t, "DELETE FROM "+name+" LIMIT "+strconv.Itoa(mostRows)); err != nil {
			return err
		}
	}
	if t.chunks == 0 {
		return nil
	}
	note := change.AppendString([]byte("DELETE FROM `duplex`.`copy_chunk` WHERE `project` = "), c.cfg.Project)
	note = change.AppendString(append(note, " AND `table_name` = "...), t.name)
	if err := c.run(ctx, t, string(note)); err != nil {
		return err
	}
	c.cfg.Log.Info("copy begins anew: the table has no key", "table", t.name)
	t.chunks = 0
	t.rows.Store(0)
	t.bytes.Store(0)
	return nil
}

// run has a statement run as a chunk without rows.
func (c *Copier) run(ctx context.Context, t *table, statement string) error {
	low := c.marks.latest()
	return c.cfg.Writer.Copy(ctx, &change.Chunk{Table: t.source, Low: low, Oldest: low, Note: statement})
}

// look takes a state of the source. change.ErrReread says that it is not good.
func (c *Copier) look(ctx context.Context, t *table, lock bool) (v *view, err error) {
	w, err := c.marks.high(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.cfg.Writer.WaitLow(ctx, w.Seq); err != nil { // the state is not kept waiting for the link
		return nil, err
	}
	s, err := c.cfg.Source.Session(ctx, tenant.Read, 0)
	if err != nil {
		return nil, err
	}
	v = &view{session: s}
	high, err := c.state(ctx, t, v, lock && c.cfg.Source.Kind != tenant.OceanBase)
	if err == nil {
		err = c.cfg.Writer.Hold(t.database, t.target, v.low.Seq, high)
	}
	if err == nil {
		err = c.cfg.Writer.WaitLow(ctx, high)
	}
	if err == nil {
		err = c.cfg.Writer.Hold(t.database, t.target, v.low.Seq, high)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return v, nil
}

// state takes a state between two marks. The table is locked meanwhile if it is
// asked for and the server lets us.
func (c *Copier) state(ctx context.Context, t *table, v *view, lock bool) (high uint64, err error) {
	if lock {
		l, err := c.cfg.Source.Session(ctx, tenant.Read, 0)
		if err != nil {
			return 0, err
		}
		defer func() { _ = l.Close() }() // and with it the lock ends
		_, err = l.ExecAll(ctx, "SET lock_wait_timeout = "+lockWait+"; LOCK TABLES "+string(t.source.AppendName(nil))+" READ")
		if code := tenant.Code(err); err != nil && code == 0 {
			return 0, err
		} else if err != nil {
			c.cfg.Log.Debug("table cannot be locked for a moment", "table", t.name, "error", err)
		}
	}
	w, err := c.marks.high(ctx)
	if err != nil {
		return 0, err
	}
	v.low = w
	if v.at, err = c.cfg.Source.Moment(ctx); err != nil {
		return 0, err
	}
	if v.at == "" {
		if _, err := v.session.ExecAll(ctx, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT"); err != nil {
			return 0, err
		}
	}
	w, err = c.marks.high(ctx)
	return w.Seq, err
}

// bring reads the table at a good state and makes it durable.
func (c *Copier) bring(ctx context.Context, t *table, v *view) error {
	g, reading := errgroup.WithContext(ctx)
	g.SetLimit(max(1, c.cfg.Workers/2)) // the link has lanes left
	number, p, a := 0, &page{}, &arena{}
	hand := func() error {
		number++
		s := span{number: number, rows: uint64(len(p.rows)), bytes: uint64(p.bytes)}
		chunk := &change.Chunk{
			Table: t.source, Rows: p.rows, Low: v.low, Oldest: v.low,
			Note: string(appendNote(nil, c.cfg.Project, t.name, &s, stateDone)),
		}
		p, a = &page{}, &arena{}
		if err := c.pace.wait(reading, int(s.rows), int64(s.bytes)); err != nil {
			return err
		}
		g.Go(func() error {
			err := c.cfg.Writer.Copy(reading, chunk)
			if err == nil {
				t.rows.Add(s.rows)
				t.bytes.Add(s.bytes)
			}
			return err
		})
		return context.Cause(reading)
	}
	query := t.ranges.appendWhere([]byte(t.ranges.all+t.ranges.from+v.at), nil, nil)
	err := v.session.Each(reading, string(query), func(_ int, row []driver.Value) error {
		if err := p.add(t.source, a, row); err != nil || p.bytes < t.ranges.budget && len(p.rows) < mostRows {
			return err
		}
		return hand()
	})
	if err != nil {
		err = fmt.Errorf("read %s: %w", t.source, err)
	} else if len(p.rows) > 0 {
		err = hand()
	}
	if werr := g.Wait(); werr != nil {
		err = werr // why the reading ended
	}
	if err != nil {
		return err
	}
	note := appendNote(nil, c.cfg.Project, t.name, &span{rows: t.rows.Load(), bytes: t.bytes.Load()}, stateComplete)
	if err := c.run(ctx, t, string(note)); err != nil {
		return err
	}
	t.done.Store(true)
	c.cfg.Writer.Copied(t.database, t.target)
	c.cfg.Log.Info("table is copied", "table", t.name, "rows", t.rows.Load())
	return nil
}
