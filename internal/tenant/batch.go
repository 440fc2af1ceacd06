package tenant

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/go-sql-driver/mysql"
)

// ExecAll runs statements joined by semicolons in one round trip and gives the
// number of rows that each matched. At the first error the server leaves out
// the rest. The text is ours alone: literals by change.Column, never user text.
func (s *Session) ExecAll(ctx context.Context, text string) ([]int64, error) {
	var counts []int64
	err := s.raw(func(conn any) error {
		r, err := conn.(driver.ExecerContext).ExecContext(ctx, text, nil)
		if err != nil {
			return err
		}
		all, ok := r.(mysql.Result)
		if !ok {
			return errors.New("the driver gives no row counts")
		}
		counts = all.AllRowsAffected()
		return nil
	})
	return counts, err
}

// Each runs statements joined by semicolons in one round trip and calls fn for
// each row of each result set, in order. set counts the result sets that have
// columns, from 0. Byte slices in row are valid until fn returns.
func (s *Session) Each(ctx context.Context, text string, fn func(set int, row []driver.Value) error) error {
	return s.raw(func(conn any) error {
		rows, err := conn.(driver.QueryerContext).QueryContext(ctx, text, nil)
		if err != nil {
			return err
		}
		err = eachRow(rows, fn)
		return errors.Join(err, rows.Close())
	})
}

func eachRow(rows driver.Rows, fn func(set int, row []driver.Value) error) error {
	for set := 0; ; set++ {
		row := make([]driver.Value, len(rows.Columns()))
		for len(row) > 0 { // a batch without any result set has none
			err := rows.Next(row)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if err := fn(set, row); err != nil {
				return err
			}
		}
		next, ok := rows.(driver.RowsNextResultSet)
		if !ok || !next.HasNextResultSet() {
			return nil
		}
		if err := next.NextResultSet(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// raw lends the driver's connection to fn. An error that means the connection
// is gone comes back as fn gave it.
func (s *Session) raw(fn func(conn any) error) error {
	var inner error
	err := s.conn.Raw(func(conn any) error {
		inner = fn(conn)
		return inner
	})
	if inner != nil {
		return inner
	}
	if err != nil {
		return fmt.Errorf("connection: %w", err)
	}
	return nil
}
