package demo

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"duplex/internal/pair"
)

// Equality is what the comparisons of single moments have shown so far.
type Equality struct {
	Checks    int
	Different int // checks in which the sides were not equal
	Behind    int // moments that were let go since a side was too far behind
	At        time.Time
	Rows      uint64        // of all tables, at each side
	Held      time.Duration // how long the writers stood still for the last one
	Table     string        // that was not equal the last time; empty: all were
}

// How often a moment is compared, and how long the barrier before it may take.
const (
	momentEvery = 3 * time.Second
	momentLimit = 2 * time.Second
)

// moments compares one moment after another until ctx ends.
func (d *demo) moments(ctx context.Context) error {
	tick := time.NewTicker(momentEvery)
	defer tick.Stop()
	for {
		if d.run.Progress().Pair.Phase == pair.Incremental {
			if err := d.moment(ctx); err != nil {
				return quiet(ctx, err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// moment compares both sides as they are at one moment. The writers stand
// still only until each side has what the other has and both are looked at
// from then on; what is written after that is not seen.
func (d *demo) moment(ctx context.Context) error {
	if !d.barrier(ctx) { // so that the writers need not wait for what is behind already
		d.note(func(e *Equality) { e.Behind++ })
		return nil
	}
	views, held, err := d.views(ctx)
	if err != nil || views == nil {
		return err
	}
	at := time.Now()
	var sums [2][]sum
	g, part := errgroup.WithContext(ctx)
	defer rollback(views)
	for i, tx := range views {
		g.Go(func() (err error) {
			sums[i], err = sumsOf(part, tx)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("compare a moment: %w", err)
	}
	for i, t := range compared() {
		if sums[0][i] == sums[1][i] {
			continue
		}
		if err := d.differing(ctx, views, t); err != nil {
			return fmt.Errorf("compare a moment: %w", err)
		}
	}
	d.note(func(e *Equality) {
		e.Checks, e.At, e.Held, e.Rows, e.Table = e.Checks+1, at, held, 0, ""
		for i, s := range sums[0] {
			e.Rows += s.rows
			if s != sums[1][i] {
				e.Table = compared()[i].name
			}
		}
		if e.Table != "" {
			e.Different++
		}
	})
	return nil
}

// barrier reports whether both sides came to have what the other had in time.
func (d *demo) barrier(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, momentLimit)
	defer cancel()
	return d.run.Barrier(ctx) == nil
}

// views opens a view of each side of the same moment; nil when a side was too
// far behind.
func (d *demo) views(ctx context.Context) (views []*sql.Tx, held time.Duration, err error) {
	d.gate.Lock()
	defer d.gate.Unlock()
	began := time.Now()
	if !d.barrier(ctx) {
		d.note(func(e *Equality) { e.Behind++ })
		return nil, 0, nil
	}
	for _, s := range d.staff {
		tx, err := s.site.DB.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
		if err == nil {
			views = append(views, tx)
			// The view begins with the first read of a table.
			_, err = tx.ExecContext(ctx, "SELECT 1 FROM shop.stock LIMIT 1")
		}
		if err != nil {
			rollback(views)
			return nil, 0, fmt.Errorf("site %s: open a view: %w", s.site.Name, err)
		}
	}
	return views, time.Since(began), nil
}

// rollback gives views back; they have only read.
func rollback(views []*sql.Tx) {
	for _, tx := range views {
		_ = tx.Rollback()
	}
}

// differing says in the log which rows of a table were not the same at a
// moment, so that there is something to go by.
func (d *demo) differing(ctx context.Context, views []*sql.Tx, t table) error {
	var rows [2]map[string]bool
	for i, tx := range views {
		var err error
		if rows[i], err = texts(ctx, tx, t); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	n := 0
	for i, s := range d.staff {
		for text := range rows[i] {
			if rows[1-i][text] {
				continue
			}
			if n++; n > toldRows {
				return nil
			}
			d.cfg.Log.Error("a row was not the same at a moment", "table", t.name, "site", s.site.Name, "row", text)
		}
	}
	return nil
}

func texts(ctx context.Context, tx *sql.Tx, t table) (map[string]bool, error) {
	rows, err := tx.QueryContext(ctx, "SELECT CONCAT_WS('|', "+t.columns+") FROM "+t.name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[string]bool{}
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		out[text] = true
	}
	return out, rows.Err()
}

// A sum stands for all rows of a table.
type sum struct{ rows, total, mix uint64 }

func sumsOf(ctx context.Context, tx *sql.Tx) ([]sum, error) {
	var sums []sum
	for _, t := range compared() {
		var s sum
		row := "CRC32(CONCAT_WS('|', " + t.columns + "))"
		err := tx.QueryRowContext(ctx, "SELECT COUNT(*), COALESCE(SUM("+row+"), 0), BIT_XOR("+row+") FROM "+t.name).Scan(&s.rows, &s.total, &s.mix)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		sums = append(sums, s)
	}
	return sums, nil
}

func (d *demo) note(change func(*Equality)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.equality)
}
