package tenant

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"duplex/internal/change"
	"duplex/internal/schema"
)

func (c *catalogue) readKeys(ctx context.Context, database, name string, tables map[string]*schema.Table) error {
	where, args := within(database, name)
	query := "SELECT table_name, index_name, non_unique, column_name, collation, sub_part, index_type, index_comment, " +
		c.column("statistics", "expression") + ", " + c.column("statistics", "is_visible") + ", " + c.column("statistics", "ignored") +
		" FROM information_schema.statistics" + where + " ORDER BY table_name, index_name, seq_in_index"
	return c.each(ctx, query, args, func(f []sql.NullString) error {
		table := tables[f[0].String]
		if table == nil {
			return nil
		}
		n := len(table.Keys) - 1
		if n < 0 || table.Keys[n].Name != f[1].String {
			table.Keys = append(table.Keys, newKey(f))
			n++
		}
		k := &table.Keys[n]
		part := schema.KeyPart{Column: f[3].String, Descending: f[4].String == "D"}
		if f[8].String != "" {
			part.Column, part.Expression = "", f[8].String
		}
		if k.Kind != schema.Spatial && k.Kind != schema.Fulltext {
			part.Prefix, _ = strconv.Atoi(f[5].String)
		}
		k.Parts = append(k.Parts, part)
		return nil
	})
}

// unorderedKey refuses an identity by which rows can be neither found nor read
// in order: servers compare the 64th label of a SET as a sign.
func unorderedKey(t *schema.Table) (problems []string) {
	key := t.Identity()
	if key == nil {
		return nil
	}
	for _, p := range key.Parts {
		at := t.Column(p.Column)
		if at < 0 { // torn
			continue
		}
		c := &t.Columns[at]
		if c.Kind == change.Set && len(schema.ParseType(c.Type, t.Dialect).Labels) == 64 {
			problems = append(problems, fmt.Sprintf("key column %s: servers do not compare a SET of 64 labels in the order of its index", c.Name))
		}
	}
	return problems
}

// newKey makes a key, without its parts, of a row of readKeys.
func newKey(f []sql.NullString) schema.Key {
	k := schema.Key{Name: f[1].String, Kind: schema.Plain, Comment: f[7].String}
	switch {
	case strings.EqualFold(k.Name, "PRIMARY"):
		k.Name, k.Kind, k.Comment = "PRIMARY", schema.Primary, "" // OceanBase has the table's comment there
	case f[6].String == "FULLTEXT":
		k.Kind = schema.Fulltext
	case f[6].String == "SPATIAL":
		k.Kind = schema.Spatial
	case f[2].String == "0":
		k.Kind = schema.Unique
	}
	if f[6].String == "HASH" {
		k.Options = "USING HASH"
	}
	switch {
	case f[10].String == "YES":
		k.Options = strings.TrimSpace(k.Options + " IGNORED")
	case f[9].String == "NO":
		k.Options = strings.TrimSpace(k.Options + " INVISIBLE")
	}
	return k
}

func (c *catalogue) readForeignKeys(ctx context.Context, database, name string, tables map[string]*schema.Table) error {
	rules := map[[2]string][2]string{}
	where, args := within(database, name)
	err := c.each(ctx, `SELECT table_name, constraint_name, delete_rule, update_rule
		FROM information_schema.referential_constraints`+strings.Replace(where, "table_schema", "constraint_schema", 1),
		args, func(f []sql.NullString) error {
			rules[[2]string{f[0].String, f[1].String}] = [2]string{f[2].String, f[3].String}
			return nil
		})
	if err != nil || len(rules) == 0 {
		return err
	}
	query := `SELECT table_name, constraint_name, column_name, referenced_table_schema, referenced_table_name, referenced_column_name
		FROM information_schema.key_column_usage` + where + ` AND referenced_table_name IS NOT NULL
		ORDER BY table_name, constraint_name, ordinal_position`
	return c.each(ctx, query, args, func(f []sql.NullString) error {
		table := tables[f[0].String]
		if table == nil {
			return nil
		}
		n := len(table.ForeignKeys) - 1
		if n < 0 || table.ForeignKeys[n].Name != f[1].String {
			rule := rules[[2]string{f[0].String, f[1].String}]
			table.ForeignKeys = append(table.ForeignKeys, schema.ForeignKey{
				Name: f[1].String, RefDatabase: f[3].String, RefTable: f[4].String, OnDelete: rule[0], OnUpdate: rule[1],
			})
			n++
		}
		k := &table.ForeignKeys[n]
		k.Columns = append(k.Columns, f[2].String)
		k.RefColumns = append(k.RefColumns, f[5].String)
		return nil
	})
}

// readChecks reads the check constraints.
func (c *catalogue) readChecks(ctx context.Context, database, name string, tables map[string]*schema.Table) error {
	if !c.columns["check_constraints.check_clause"] {
		return nil
	}
	type constraint struct {
		table   string
		ignored bool
	}
	owner := map[string][]constraint{}
	where, args := within(database, name)
	query := "SELECT table_name, constraint_name, " + c.column("table_constraints", "enforced") +
		" FROM information_schema.table_constraints" + where + " AND constraint_type = 'CHECK'"
	err := c.each(ctx, query, args, func(f []sql.NullString) error {
		owner[f[1].String] = append(owner[f[1].String], constraint{f[0].String, f[2].String == "NO"})
		return nil
	})
	if err != nil || len(owner) == 0 {
		return err
	}
	query = "SELECT " + c.column("check_constraints", "table_name") + ", constraint_name, check_clause, " +
		c.column("check_constraints", "level") + " FROM information_schema.check_constraints WHERE constraint_schema = ?"
	args = args[:1]
	if name != "" && c.columns["check_constraints.table_name"] {
		query, args = query+" AND table_name = ?", append(args, name)
	}
	return c.each(ctx, query, args, func(f []sql.NullString) error {
		owners := owner[f[1].String]
		if i := slices.IndexFunc(owners, func(o constraint) bool { return o.table == f[0].String }); f[0].Valid && i >= 0 {
			owners = owners[i : i+1]
		}
		for _, o := range owners {
			if table := tables[o.table]; table != nil {
				k := schema.Check{Name: f[1].String, Expression: f[2].String, Ignored: o.ignored}
				if f[3].String == "Column" {
					k.Name, k.Column = "", k.Name
				}
				table.Checks = append(table.Checks, k)
			}
		}
		return nil
	})
}
