package tenant

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"duplex/internal/schema"
)

// readStatements completes, on OceanBase, what information_schema tells from
// the statement that SHOW CREATE TABLE prints.
func (c *catalogue) readStatements(ctx context.Context, _, _ string, tables map[string]*schema.Table) error {
	if c.t.Kind != OceanBase {
		return nil
	}
	for _, table := range tables {
		text, err := c.statement(ctx, table)
		if err != nil {
			return err
		}
		table.Complete(text)
	}
	return nil
}

func (c *catalogue) statement(ctx context.Context, table *schema.Table) (text string, err error) {
	err = c.each(ctx, "SHOW CREATE TABLE "+schema.Ident(table.Database)+"."+schema.Ident(table.Name), nil,
		func(f []sql.NullString) error {
			text = f[1].String
			return nil
		})
	if err != nil {
		return "", fmt.Errorf("statement of %s: %w", table.Name, err)
	}
	return text, nil
}

// aKey is a line of a statement that declares a key.
var aKey = regexp.MustCompile(`(?m)^\s+(PRIMARY |UNIQUE |FULLTEXT |SPATIAL |VECTOR )?(KEY|INDEX)\b`)

// confirmed reports whether the statements of those of the tables that look torn
// tell of the same columns and of as many keys.
func (c *catalogue) confirmed(ctx context.Context, tables []*schema.Table) (bool, error) {
	for _, table := range tables {
		if !torn(table) {
			continue
		}
		if text, err := c.statement(ctx, table); err != nil || !tells(text, table) {
			return false, err
		}
	}
	return true, nil
}

// tells reports whether a statement declares as many keys as a table was read
// with, and just its columns.
func tells(statement string, t *schema.Table) bool {
	declares := func(column string) bool {
		return strings.Contains(statement, "\n  "+schema.Ident(column)+" ")
	}
	if len(t.Columns) == 0 || len(aKey.FindAllStringIndex(statement, -1)) != len(t.Keys) {
		return false
	}
	return !slices.ContainsFunc(t.Columns, func(c schema.Column) bool { return !declares(c.Name) }) &&
		!slices.ContainsFunc(absent(t), declares)
}
