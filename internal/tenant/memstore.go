package tenant

import (
	"context"
	"fmt"
)

// A Memstore is the memory in which an OceanBase tenant keeps what was written
// until it is on disk, in bytes. At Trigger the server begins to write it out; at
// Limit it refuses writes.
type Memstore struct{ Used, Trigger, Limit int64 }

// Taken is how much of the room up to the limit is in use: 0 as long as the
// trigger, or half of the limit, is not passed, 1 where nothing is left.
func (m Memstore) Taken() float64 {
	from := min(m.Trigger, m.Limit/2) // a trigger may be set above the limit
	if m.Used <= from || m.Limit <= 0 {
		return 0
	}
	return min(1, float64(m.Used-from)/float64(m.Limit-from))
}

// Memstore reads the fullest of the tenant's servers. ok is false where there is
// no such memory, or our user may not see it.
func (t *Tenant) Memstore(ctx context.Context) (m Memstore, ok bool, err error) {
	if t.Kind != OceanBase {
		return m, false, nil
	}
	rows, err := t.db.QueryContext(ctx, "SELECT memstore_used, freeze_trigger, memstore_limit FROM oceanbase.GV$OB_MEMSTORE")
	if err == nil {
		defer rows.Close()
		for rows.Next() && err == nil {
			var one Memstore
			if err = rows.Scan(&one.Used, &one.Trigger, &one.Limit); !ok || one.Taken() > m.Taken() {
				m, ok = one, true
			}
		}
		if err == nil {
			err = rows.Err()
		}
	}
	switch {
	case err == nil:
		return m, ok, nil
	case Code(err) != 0 && !Classify(err).Passing(): // no right, no view
		return Memstore{}, false, nil
	}
	return Memstore{}, false, fmt.Errorf("site %s: read how full the memory is: %w", t.Site, err)
}
