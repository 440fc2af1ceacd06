package tenant

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"

	"duplex/internal/schema"
)

// readStatements corrects, on OceanBase, what information_schema tells wrong
// or not at all, from the statement that SHOW CREATE TABLE prints. It asks only
// for tables that need it.
func (c *catalogue) readStatements(ctx context.Context, _, _ string, tables map[string]*schema.Table) error {
	if c.t.Kind != OceanBase {
		return nil
	}
	for _, table := range tables {
		if !doubtful(table) {
			continue
		}
		var text string
		err := c.each(ctx, "SHOW CREATE TABLE "+schema.Ident(table.Database)+"."+schema.Ident(table.Name), nil,
			func(f []sql.NullString) error {
				text = f[1].String
				return nil
			})
		if err != nil {
			return fmt.Errorf("statement of %s: %w", table.Name, err)
		}
		correct(table, text)
	}
	return nil
}

// doubtful reports whether the views leave a question about an OceanBase table:
// is a default that looks like a call one, which indexes are global, which
// columns are behind the hidden ones of a full-text or spatial index.
func doubtful(t *schema.Table) bool {
	if t.Partition != "" {
		return true
	}
	for _, c := range t.Columns {
		if c.Default != nil && strings.ContainsAny(*c.Default, "(`") && strings.HasPrefix(*c.Default, "'") {
			return true
		}
	}
	for _, k := range t.Keys {
		for _, p := range k.Parts {
			if p.Expression == "" && t.Column(p.Column) < 0 {
				return true
			}
		}
	}
	return false
}

// keyLine finds the definitions of keys; a GLOBAL stands before a line's end
// of its own.
var keyLine = regexp.MustCompile("(?m)^  (UNIQUE |FULLTEXT |SPATIAL )?KEY `((?:[^`]|``)+)` \\((.*?)\\)(.*)$")

// parserClause is the part of a full-text key that decides its words.
var parserClause = regexp.MustCompile(`WITH PARSER \w+( PARSER_PROPERTIES=\([^)]*\))?`)

func correct(t *schema.Table, statement string) {
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Default == nil || !strings.HasPrefix(*c.Default, "'") {
			continue
		}
		_, line, ok := strings.Cut(statement, "\n  "+schema.Ident(c.Name)+" ")
		if !ok {
			continue
		}
		line, _, _ = strings.Cut(line, "\n")
		content, _ := schema.Unquote(*c.Default)
		if strings.Contains(line, " DEFAULT ("+content+")") {
			expression := "(" + content + ")"
			c.Default = &expression
		}
	}
	for _, m := range keyLine.FindAllStringSubmatch(statement, -1) {
		for i := range t.Keys {
			if k := &t.Keys[i]; k.Name == strings.ReplaceAll(m[2], "``", "`") {
				correctKey(t, k, m[1], m[3], m[4])
			}
		}
	}
}

// correctKey takes over kind, columns and reach of a key as SHOW CREATE TABLE
// prints them.
func correctKey(t *schema.Table, k *schema.Key, kind, columns, options string) {
	switch kind {
	case "FULLTEXT ":
		k.Kind = schema.Fulltext
	case "SPATIAL ":
		k.Kind = schema.Spatial
	}
	if k.Kind == schema.Fulltext || k.Kind == schema.Spatial {
		k.Parts, k.Options = nil, parserClause.FindString(options)
		for _, column := range strings.Split(columns, "`, `") {
			k.Parts = append(k.Parts, schema.KeyPart{Column: strings.ReplaceAll(strings.Trim(column, "`"), "``", "`")})
		}
	}
	if t.Partition != "" && strings.Contains(options, " GLOBAL") {
		k.Options = strings.TrimSpace(k.Options + " GLOBAL")
	}
}
