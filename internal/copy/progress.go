package copy

import (
	"context"
	"database/sql"
	"fmt"
)

// Progress is how far a copy has come, earlier runs included.
type Progress struct {
	Tables     int
	TablesDone int
	Rows       uint64 // durable
	RowsTotal  uint64 // the source's own estimate
	Bytes      uint64 // of row data
	PerTable   []TableProgress
}

// TableProgress is the progress of one table, named as in the target.
type TableProgress struct {
	Database  string
	Name      string
	Rows      uint64
	RowsTotal uint64
	Bytes     uint64
	Done      bool
}

// Progress may be called from any goroutine.
func (c *Copier) Progress() Progress {
	p := Progress{Tables: len(c.tables)}
	for _, t := range c.tables {
		one := TableProgress{Database: t.database, Name: t.target, Rows: t.rows.Load(), Bytes: t.bytes.Load(), Done: t.done.Load()}
		one.RowsTotal = max(t.total.Load(), one.Rows)
		if one.Done {
			one.RowsTotal = one.Rows
			p.TablesDone++
		}
		p.Rows, p.RowsTotal, p.Bytes = p.Rows+one.Rows, p.RowsTotal+one.RowsTotal, p.Bytes+one.Bytes
		p.PerTable = append(p.PerTable, one)
	}
	return p
}

// estimate asks the source how many rows its tables have.
func (c *Copier) estimate(ctx context.Context) error {
	byDatabase := map[string]map[string]*table{}
	for _, t := range c.tables {
		if byDatabase[t.source.Database] == nil {
			byDatabase[t.source.Database] = map[string]*table{}
		}
		byDatabase[t.source.Database][t.source.Name] = t
	}
	for database, tables := range byDatabase {
		if err := c.estimateDatabase(ctx, database, tables); err != nil {
			return fmt.Errorf("site %s: estimate the rows of %s: %w", c.cfg.Source.Site, database, err)
		}
	}
	return nil
}

func (c *Copier) estimateDatabase(ctx context.Context, database string, tables map[string]*table) error {
	rows, err := c.cfg.Source.DB().QueryContext(ctx,
		"SELECT table_name, table_rows FROM information_schema.tables WHERE table_schema = ?", database)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		var count sql.NullInt64
		if err := rows.Scan(&name, &count); err != nil {
			return err
		}
		if t := tables[name]; t != nil && count.Int64 > 0 {
			t.total.Store(uint64(count.Int64))
		}
	}
	return rows.Err()
}
