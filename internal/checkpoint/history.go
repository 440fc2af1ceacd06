package checkpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"duplex/internal/change"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// A History is duplex.schema_history of a project in a tenant: what the tables
// of this site are from a place of its log on.
type History struct {
	tenant  *tenant.Tenant
	project string
}

// NewHistory gives the history of a project's tables at a site, kept in that
// site's own tenant.
func NewHistory(t *tenant.Tenant, project string) *History { return &History{t, project} }

func (h *History) wrap(what string, err error) error {
	return fmt.Errorf("site %s: %s the history of definitions: %w", h.tenant.Site, what, err)
}

// Read gives all versions, the oldest first. A tenant in which Create has not run
// has none.
func (h *History) Read(ctx context.Context) ([]schema.Placed, error) { return h.read(ctx, "") }

// Since gives those that were written since a time of the tenant's clock.
func (h *History) Since(ctx context.Context, at time.Time) ([]schema.Placed, error) {
	return h.read(ctx, " AND `at` >= '"+at.UTC().Format("2006-01-02 15:04:05.000000")+"'")
}

func (h *History) read(ctx context.Context, where string) ([]schema.Placed, error) {
	q := change.AppendString([]byte("SELECT from_seq, table_name, definition FROM `duplex`.`schema_history` WHERE project = "), h.project)
	rows, err := h.tenant.DB().QueryContext(ctx, string(q)+where+" ORDER BY from_seq, table_name")
	if err != nil {
		if missing(err) {
			return nil, nil
		}
		return nil, h.wrap("read", err)
	}
	defer rows.Close()
	var out []schema.Placed
	for rows.Next() {
		var v schema.Placed
		var table, text string
		if err := rows.Scan(&v.From, &table, &text); err != nil {
			return nil, h.wrap("read", err)
		}
		if err := json.Unmarshal([]byte(text), &v.Version); err != nil {
			return nil, h.wrap("read", fmt.Errorf("row %d of %s is not what was written: %w", v.From, table, err))
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, h.wrap("read", err)
	}
	return out, nil
}

// Add adds versions, all or none. They take the place of those of the same place
// and table.
func (h *History) Add(ctx context.Context, all []schema.Placed) error {
	const together = 50 // in one statement: definitions may be long
	tx, err := h.tenant.DB().BeginTx(ctx, nil)
	if err != nil {
		return h.wrap("write", err)
	}
	defer func() { _ = tx.Rollback() }() // of what is committed nothing is left to roll back
	for len(all) > 0 {
		n := min(together, len(all))
		q := []byte("REPLACE INTO `duplex`.`schema_history` (project, from_seq, table_name, definition, `at`) VALUES ")
		for i := range all[:n] {
			if i > 0 {
				q = append(q, ", "...)
			}
			if q, err = h.appendRow(q, &all[i]); err != nil {
				return h.wrap("write", err)
			}
		}
		if _, err := tx.ExecContext(ctx, string(q)); err != nil {
			return h.wrap("write", err)
		}
		all = all[n:]
	}
	if err := tx.Commit(); err != nil {
		return h.wrap("write", err)
	}
	return nil
}

func (h *History) appendRow(q []byte, v *schema.Placed) ([]byte, error) {
	text, err := json.Marshal(v.Version)
	if err != nil {
		return nil, err
	}
	q = change.AppendString(append(q, '('), h.project)
	q = strconv.AppendUint(append(q, ", "...), v.From, 10)
	q = change.AppendString(append(q, ", "...), v.Name.Database+"."+v.Name.Name)
	return append(change.AppendString(append(q, ", "...), string(text)), ", UTC_TIMESTAMP(6))"...), nil
}

// Clear takes all versions out.
func (h *History) Clear(ctx context.Context) error {
	q := change.AppendString([]byte("DELETE FROM `duplex`.`schema_history` WHERE project = "), h.project)
	if _, err := h.tenant.DB().ExecContext(ctx, string(q)); err != nil {
		return h.wrap("clear", err)
	}
	return nil
}
