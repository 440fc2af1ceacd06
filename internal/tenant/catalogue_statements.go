package tenant

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"

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
var aKey = regexp.MustCompile(`(?m)^\s+(PRIMARY |UNIQUE |FULLTEXT |SPATIAL )?(KEY|INDEX)\b`)

// keyless reports whether those of the tables that have no key have none in their
// statement either.
func (c *catalogue) keyless(ctx context.Context, tables []*schema.Table) (bool, error) {
	for _, table := range tables {
		if len(table.Keys) > 0 {
			continue
		}
		if text, err := c.statement(ctx, table); err != nil || aKey.MatchString(text) {
			return false, err
		}
	}
	return true, nil
}
