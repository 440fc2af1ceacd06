package tenant

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"duplex/internal/change"
	"duplex/internal/schema"
)

func (c *catalogue) readColumns(ctx context.Context, database, name string, tables map[string]*schema.Table) error {
	where, args := within(database, name)
	query := "SELECT table_name, column_name, column_type, column_default, is_nullable, character_set_name, collation_name, " +
		"datetime_precision, extra, column_comment, " + c.column("columns", "generation_expression") +
		", " + c.column("columns", "srs_id") +
		" FROM information_schema.columns" + where + " ORDER BY table_name, ordinal_position"
	return c.each(ctx, query, args, func(f []sql.NullString) error {
		table := tables[f[0].String]
		if table == nil {
			return nil
		}
		column, problem := newColumn(table.Dialect, f[1:])
		if problem != nil {
			table.Unsupported = append(table.Unsupported, fmt.Sprintf("column %s: %v", column.Name, problem))
		}
		table.Columns = append(table.Columns, column)
		return nil
	})
}

// newColumn makes a column of the fields of readColumns behind the table's
// name. Its error says why its values cannot be carried.
func newColumn(d schema.Dialect, f []sql.NullString) (schema.Column, error) {
	typ := schema.ParseType(f[1].String, d)
	extra := strings.ToLower(f[7].String)
	c := schema.Column{
		Column:        change.Column{Name: f[0].String, Charset: f[4].String, Collation: f[5].String},
		Type:          typ.String(),
		Nullable:      f[3].String == "YES",
		AutoIncrement: strings.Contains(extra, "auto_increment"),
		Invisible:     strings.Contains(extra, "invisible"),
		Comment:       f[8].String,
	}
	problem := typ.Fill(&c.Column)
	if f[10].Valid && c.Kind == change.Geometry {
		c.Type += " srid " + f[10].String
	}
	switch c.Kind {
	case change.Text, change.Enum, change.Set:
	default:
		c.Charset, c.Collation = "", ""
	}
	if _, after, ok := strings.Cut(extra, "on update "); ok {
		c.OnUpdate = strings.TrimSpace(strings.Split(after, ",")[0])
	}
	extra = strings.ReplaceAll(extra, "default_generated", "default")
	if strings.Contains(extra, "generated") || strings.Contains(extra, "persistent") {
		c.Generated, c.Expression = true, f[9].String
		c.Stored = strings.Contains(extra, "stored") || strings.Contains(extra, "persistent")
		return c, problem
	}
	c.Default = defaultSQL(d, &c, f[2], f[6].String, strings.Contains(f[7].String, "DEFAULT_GENERATED"))
	return c, problem
}

// defaultSQL writes a column's default as an SQL expression. MariaDB prints it
// as one; the others print the bare value and leave it to the type.
func defaultSQL(d schema.Dialect, c *schema.Column, value sql.NullString, precision string, generated bool) *string {
	text := value.String
	switch {
	case !value.Valid && c.Nullable:
		text = "NULL"
	case !value.Valid:
		return nil
	case d == schema.MariaDB:
		if content, ok := schema.Unquote(text); ok {
			text = schema.Quote(content)
		}
	case generated && !isNow(text):
		text = "(" + text + ")"
	case c.Kind == change.Datetime || c.Kind == change.Timestamp:
		if !isNow(text) {
			text = quoteUnlessExpression(text)
		} else if n, _ := strconv.Atoi(precision); n > 0 && !strings.Contains(text, "(") { // OceanBase drops it
			text += "(" + precision + ")"
		}
	case c.Kind == change.Int || c.Kind == change.Uint || c.Kind == change.Year || c.Kind == change.Decimal ||
		c.Kind == change.Float32 || c.Kind == change.Float64 || c.Kind == change.Bit:
		if d == schema.OceanBase && strings.HasPrefix(text, "(") {
			text = "(" + text + ")"
		}
	case c.Kind == change.Date || c.Kind == change.Time:
		text = quoteUnlessExpression(text)
	default:
		text = schema.Quote(text)
	}
	return &text
}

func isNow(text string) bool {
	return strings.HasPrefix(strings.ToLower(text), "current_timestamp")
}

// quoteUnlessExpression quotes a date or time. Those hold no letter and no
// bracket; an expression has one.
func quoteUnlessExpression(text string) string {
	if strings.ContainsAny(text, "(`") {
		return "(" + text + ")"
	}
	return schema.Quote(text)
}
