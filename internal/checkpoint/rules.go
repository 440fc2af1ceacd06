package checkpoint

import (
	"context"
	"errors"
	"fmt"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// Rules is a row of duplex.rules: by which conflict rules writes are judged from
// a version on. Both tenants hold the same rows.
type Rules struct {
	Number uint64 // 1 is the first
	From   int64  // the version; 0: from the beginning, as if nothing had been before
	Text   string
}

// ErrRules says that two tenants hold different rules of one number.
var ErrRules = errors.New("the tenants do not hold the same conflict rules")

// ReadRules reads the rules of a project in a tenant, the oldest first. A tenant
// in which Create has not run has none.
func ReadRules(ctx context.Context, t *tenant.Tenant, project string) ([]Rules, error) {
	wrap := func(err error) error { return fmt.Errorf("site %s: read the conflict rules: %w", t.Site, err) }
	q := change.AppendString([]byte("SELECT number, from_version, rules FROM `duplex`.`rules` WHERE project = "), project)
	rows, err := t.DB().QueryContext(ctx, string(q)+" ORDER BY number")
	if err != nil {
		if missing(err) {
			return nil, nil
		}
		return nil, wrap(err)
	}
	defer rows.Close()
	var out []Rules
	for rows.Next() {
		var r Rules
		if err := rows.Scan(&r.Number, &r.From, &r.Text); err != nil {
			return nil, wrap(err)
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, wrap(err)
	}
	return out, nil
}

// WriteRules adds rules to those of a project in a tenant. They hold when both
// tenants have them, or when SameRules has completed them.
func WriteRules(ctx context.Context, t *tenant.Tenant, project string, r Rules) error {
	q := change.AppendString([]byte("INSERT INTO `duplex`.`rules` (project, number, from_version, rules, `at`) VALUES ("), project)
	q = change.AppendString(fmt.Appendf(q, ", %d, %d, ", r.Number, r.From), r.Text)
	if _, err := t.DB().ExecContext(ctx, string(q)+", UTC_TIMESTAMP(6))"); err != nil {
		return fmt.Errorf("site %s: write the conflict rules: %w", t.Site, err)
	}
	return nil
}

// SameRules reads the rules of a project in both tenants. What only one of them
// holds, since a run ended between the two, the other one gets.
func SameRules(ctx context.Context, tenants [2]*tenant.Tenant, project string) ([]Rules, error) {
	var all [2][]Rules
	for i, t := range tenants {
		var err error
		if all[i], err = ReadRules(ctx, t, project); err != nil {
			return nil, err
		}
	}
	for n := range min(len(all[0]), len(all[1])) {
		if all[0][n] != all[1][n] {
			return nil, fmt.Errorf("%w: number %d at site %s and number %d at site %s",
				ErrRules, all[0][n].Number, tenants[0].Site, all[1][n].Number, tenants[1].Site)
		}
	}
	for i, t := range tenants {
		have, other := all[i], all[1-i]
		for _, r := range other[min(len(have), len(other)):] {
			if err := WriteRules(ctx, t, project, r); err != nil {
				return nil, err
			}
			all[i] = append(all[i], r)
		}
	}
	return all[0], nil
}
