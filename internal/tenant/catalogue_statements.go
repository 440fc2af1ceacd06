package tenant

import (
	"context"
	"database/sql"
	"fmt"

	"duplex/internal/schema"
)

// readStatements completes, on OceanBase, what information_schema tells from
// the statement that SHOW CREATE TABLE prints.
func (c *catalogue) readStatements(ctx context.Context, _, _ string, tables map[string]*schema.Table) error {
	if c.t.Kind != OceanBase {
		return nil
	}
	for _, table := range tables {
		var text string
		err := c.each(ctx, "SHOW CREATE TABLE "+schema.Ident(table.Database)+"."+schema.Ident(table.Name), nil,
			func(f []sql.NullString) error {
				text = f[1].String
				return nil
			})
		if err != nil {
			return fmt.Errorf("statement of %s: %w", table.Name, err)
		}
		table.Complete(text)
	}
	return nil
}
