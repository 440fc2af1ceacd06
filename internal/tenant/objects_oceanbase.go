package tenant

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"duplex/internal/schema"
)

// Sequences gives the sequences that match, sorted by name. Only OceanBase has
// what is a sequence and no table. Our user needs SELECT on the database
// oceanbase.
func (t *Tenant) Sequences(ctx context.Context, match Match) ([]schema.Sequence, error) {
	if t.Kind != OceanBase {
		return nil, nil
	}
	var out []schema.Sequence
	err := t.reading(ctx, func(c *catalogue) error {
		start := map[[2]string]string{} // by name and definition; empty where two databases have the same
		err := c.each(ctx, "SELECT sequence_name, increment_by, start_with FROM oceanbase.DBA_OB_SEQUENCE_OBJECTS", nil, func(f []sql.NullString) error {
			k := [2]string{f[0].String, f[1].String}
			if _, twice := start[k]; twice {
				f[2].String = ""
			}
			start[k] = f[2].String
			return nil
		})
		if err != nil {
			return err
		}
		return c.each(ctx, `SELECT sequence_owner, sequence_name, min_value, max_value, increment_by, cycle_flag, order_flag, cache_size, last_number
			FROM oceanbase.DBA_SEQUENCES`, nil, func(f []sql.NullString) error {
			if system(f[0].String) || !match(f[0].String, f[1].String) {
				return nil
			}
			out = append(out, schema.Sequence{
				Database: f[0].String, Name: f[1].String, Min: f[2].String, Max: f[3].String, Increment: f[4].String,
				Cycle: f[5].String == "Y", Order: f[6].String == "Y", Cache: f[7].String, Next: f[8].String,
				Start: start[[2]string{f[1].String, f[4].String}],
			})
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("site %s: read the sequences: %w", t.Site, err)
	}
	slices.SortFunc(out, func(a, b schema.Sequence) int { return strings.Compare(a.String(), b.String()) })
	return out, nil
}

// TableGroups gives the names of OceanBase's table groups, sorted.
func (t *Tenant) TableGroups(ctx context.Context) ([]string, error) {
	if t.Kind != OceanBase {
		return nil, nil
	}
	var out []string
	err := t.reading(ctx, func(c *catalogue) error {
		return c.each(ctx, "SHOW TABLEGROUPS", nil, func(f []sql.NullString) error {
			out = append(out, f[0].String)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("site %s: read the table groups: %w", t.Site, err)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
