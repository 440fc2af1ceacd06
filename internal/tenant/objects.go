package tenant

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"duplex/internal/schema"
)

// Databases gives every database of the tenant's users, sorted, with what its
// new tables inherit.
func (t *Tenant) Databases(ctx context.Context) ([]schema.Database, error) {
	var out []schema.Database
	err := t.reading(ctx, func(c *catalogue) error {
		return c.each(ctx, `SELECT schema_name, default_character_set_name, default_collation_name
			FROM information_schema.schemata`, nil, func(f []sql.NullString) error {
			if !system(f[0].String) {
				out = append(out, schema.Database{Name: f[0].String, Charset: f[1].String, Collation: f[2].String})
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("site %s: read the databases: %w", t.Site, err)
	}
	slices.SortFunc(out, func(a, b schema.Database) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Views gives the views that match, sorted by name.
func (t *Tenant) Views(ctx context.Context, match Match) ([]schema.View, error) {
	var out []schema.View
	err := t.reading(ctx, func(c *catalogue) error {
		return c.each(ctx, `SELECT table_schema, table_name, view_definition, check_option, security_type, definer
			FROM information_schema.views`, nil, func(f []sql.NullString) error {
			v := schema.View{Database: f[0].String, Name: f[1].String, Definition: f[2].String,
				Check: f[3].String, Security: f[4].String, Definer: f[5].String}
			if system(v.Database) || !match(v.Database, v.Name) {
				return nil
			}
			if v.Check == "NONE" {
				v.Check = ""
			}
			if v.Security == "NONE" {
				v.Security = ""
			}
			out = append(out, v)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("site %s: read the views: %w", t.Site, err)
	}
	slices.SortFunc(out, func(a, b schema.View) int { return strings.Compare(a.String(), b.String()) })
	return out, nil
}

// Triggers gives the triggers whose tables match, sorted by table and name.
func (t *Tenant) Triggers(ctx context.Context, match Match) ([]schema.Trigger, error) {
	var out []schema.Trigger
	err := t.reading(ctx, func(c *catalogue) error {
		return c.each(ctx, `SELECT event_object_schema, trigger_name, event_object_table, action_timing, event_manipulation
			FROM information_schema.triggers`, nil, func(f []sql.NullString) error {
			g := schema.Trigger{Database: f[0].String, Name: f[1].String, Table: f[2].String, Timing: f[3].String, Event: f[4].String}
			if !system(g.Database) && match(g.Database, g.Table) {
				out = append(out, g)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("site %s: read the triggers: %w", t.Site, err)
	}
	slices.SortFunc(out, func(a, b schema.Trigger) int {
		return strings.Compare(a.Database+"\x00"+a.Table+"\x00"+a.Name, b.Database+"\x00"+b.Table+"\x00"+b.Name)
	})
	return out, nil
}

// Variables gives the named global variables, lower case names, as text. One
// that the server does not have is left out.
func (t *Tenant) Variables(ctx context.Context, names ...string) (map[string]string, error) {
	out := map[string]string{}
	if len(names) == 0 {
		return out, nil
	}
	args := make([]any, len(names))
	for i, n := range names {
		args[i] = strings.ToLower(n)
	}
	query := "SHOW GLOBAL VARIABLES WHERE variable_name IN (?" + strings.Repeat(", ?", len(names)-1) + ")"
	rows, err := t.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("site %s: read variables: %w", t.Site, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		var value sql.NullString
		if err := rows.Scan(&name, &value); err != nil {
			return nil, fmt.Errorf("site %s: read variables: %w", t.Site, err)
		}
		out[strings.ToLower(name)] = value.String
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("site %s: read variables: %w", t.Site, err)
	}
	return out, nil
}

// Grants gives the GRANT statements of the user that we are, as the server
// prints them, without what hides a password.
func (t *Tenant) Grants(ctx context.Context) ([]string, error) {
	rows, err := t.db.QueryContext(ctx, "SHOW GRANTS")
	if err != nil {
		return nil, fmt.Errorf("site %s: read the grants: %w", t.Site, err)
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var grant string
		if err := rows.Scan(&grant); err != nil {
			return nil, fmt.Errorf("site %s: read the grants: %w", t.Site, err)
		}
		if before, _, ok := strings.Cut(grant, " IDENTIFIED BY PASSWORD "); ok {
			if strings.HasSuffix(grant, " WITH GRANT OPTION") {
				before += " WITH GRANT OPTION"
			}
			grant = before
		}
		out = append(out, grant)
	}
	return out, rows.Err()
}
