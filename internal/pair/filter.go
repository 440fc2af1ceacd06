package pair

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"

	"duplex/internal/change"
	"duplex/internal/config"
	"duplex/internal/link"
	"duplex/internal/tenant"
)

// A filter lets through the rows that meet their table's condition. The server
// itself evaluates it, on the images that the log holds, since a condition is
// SQL. A row that comes to meet it becomes an insert, one that ceases to a
// delete.
type filter struct {
	source  link.Source
	project *config.Project
	tenant  *tenant.Tenant
	session *tenant.Session // opened when first needed
	budget  int64
	spool   string
}

// filterRows is how many rows one question holds.
const filterRows = 200

// Next gives the next transaction, less the rows that do not meet their
// condition.
func (f *filter) Next(ctx context.Context) (*change.Txn, error) {
	txn, err := f.source.Next(ctx)
	if err != nil || len(f.project.Tables.Where) == 0 {
		return txn, err
	}
	kept := change.NewRows(f.budget, f.spool)
	var batch []change.Row
	flush := func() error {
		err := f.pass(ctx, batch, kept)
		batch = batch[:0]
		return err
	}
	err = txn.Rows.Each(func(row *change.Row) error {
		batch = append(batch, cloneRow(row))
		if len(batch) < filterRows {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if cerr := txn.Rows.Close(); err == nil {
		err = cerr
	}
	txn.Rows = kept
	if err != nil {
		return nil, fmt.Errorf("filter transaction %s: %w", txn.ID, err)
	}
	return txn, nil
}

// cloneRow keeps a row beyond the pass that gave it.
func cloneRow(row *change.Row) change.Row {
	out := *row
	out.Before, out.After = change.CloneImage(row.Before), change.CloneImage(row.After)
	return out
}

// pass appends to kept what is left of rows.
func (f *filter) pass(ctx context.Context, rows []change.Row, kept *change.Rows) error {
	var questions []image
	for i := range rows {
		if f.project.Where(rows[i].Table.Database, rows[i].Table.Name) == "" {
			continue
		}
		for _, values := range [][]change.Value{rows[i].Before, rows[i].After} {
			if values != nil {
				questions = append(questions, image{rows[i].Table, values})
			}
		}
	}
	meets, err := f.ask(ctx, questions)
	if err != nil {
		return err
	}
	for i := range rows {
		row := &rows[i]
		if f.project.Where(row.Table.Database, row.Table.Name) != "" {
			var before, after bool
			if row.Before != nil {
				before, meets = meets[0], meets[1:]
			}
			if row.After != nil {
				after, meets = meets[0], meets[1:]
			}
			if !narrow(row, before, after) {
				continue
			}
		}
		if err := kept.Append(*row); err != nil {
			return err
		}
	}
	return nil
}

// narrow makes row what it is to somebody who sees only rows that meet the
// condition; false: nothing.
func narrow(row *change.Row, before, after bool) bool {
	switch {
	case before && after:
	case before:
		row.Op, row.After = change.Delete, nil
	case after:
		row.Op, row.Before = change.Insert, nil
	default:
		return false
	}
	return true
}

// An image is a row image whose condition is asked for.
type image struct {
	table  *change.Table
	values []change.Value
}

// ask gives, for each image, whether it meets its table's condition.
func (f *filter) ask(ctx context.Context, images []image) ([]bool, error) {
	if len(images) == 0 {
		return nil, nil
	}
	if f.session == nil {
		var err error
		if f.session, err = f.tenant.Session(ctx, tenant.Read, 0); err != nil {
			return nil, err
		}
	}
	var text []byte
	for i, m := range images {
		if c := f.unknown(m); c != "" {
			return nil, fmt.Errorf("the condition of %s is about column %s, whose old value is not in the log", m.table, c)
		}
		if i > 0 {
			text = append(text, "; "...)
		}
		text = f.question(text, m)
	}
	meets := make([]bool, len(images))
	yes := change.Column{Name: "condition", Kind: change.Int}
	err := f.session.Each(ctx, string(text), func(set int, row []driver.Value) error {
		v, err := yes.ParseColumn(row[0])
		meets[set] = v.Bits != 0
		return err
	})
	return meets, err
}

// unknown names a column that the condition may mean and the image does not have.
func (f *filter) unknown(m image) string {
	if change.Whole(m.values) {
		return ""
	}
	lower := strings.ToLower(f.project.Where(m.table.Database, m.table.Name))
	for i := range m.table.Columns {
		if c := m.table.Columns[i].Name; m.values[i].Kind == change.Unknown && strings.Contains(lower, strings.ToLower(c)) {
			return c
		}
	}
	return ""
}

// question appends SELECT whether the condition holds for one row made of
// literals, under the table's own name. Columns that the condition cannot mean
// are left out.
func (f *filter) question(dst []byte, m image) []byte {
	condition := f.project.Where(m.table.Database, m.table.Name)
	lower := strings.ToLower(condition)
	dst = append(append(append(dst, "SELECT ("...), condition...), ") IS TRUE FROM (SELECT "...)
	n := 0
	for i := range m.table.Columns {
		c := &m.table.Columns[i]
		if !strings.Contains(lower, strings.ToLower(c.Name)) {
			continue
		}
		if n > 0 {
			dst = append(dst, ", "...)
		}
		n++
		dst = change.AppendIdent(append(appendTyped(dst, c, m.values[i]), " AS "...), c.Name)
	}
	if n == 0 {
		dst = append(dst, '1')
	}
	return change.AppendIdent(append(dst, ") AS "...), m.table.Name)
}

// appendTyped appends a literal that compares as the column does.
func appendTyped(dst []byte, c *change.Column, v change.Value) []byte {
	switch {
	case v.IsNull():
		return append(dst, "NULL"...)
	case c.Kind == change.Text && c.Collation != "":
		return append(append(c.AppendKeyLiteral(dst, v), " COLLATE "...), c.Collation...)
	case c.Kind == change.Date:
		return append(c.AppendLiteral(append(dst, "CAST("...), v), " AS DATE)"...)
	case c.Kind == change.Datetime || c.Kind == change.Timestamp:
		dst = append(c.AppendLiteral(append(dst, "CAST("...), v), " AS DATETIME("...)
		return append(strconv.AppendInt(dst, int64(c.Scale), 10), "))"...)
	case c.Kind == change.Time:
		dst = append(c.AppendLiteral(append(dst, "CAST("...), v), " AS TIME("...)
		return append(strconv.AppendInt(dst, int64(c.Scale), 10), "))"...)
	default:
		return c.AppendLiteral(dst, v)
	}
}

// close ends the session.
func (f *filter) close() error {
	if f.session == nil {
		return nil
	}
	return f.session.Close()
}
