package tenant

import (
	"context"
	"fmt"
	"strconv"

	"duplex/internal/change"
	"duplex/internal/schema"
)

// moments are the statements that give an OceanBase tenant's current SCN, in
// nanoseconds: of newer kernels, and of those from 4.2 on, to whoever may read the
// view.
var moments = [...]string{"SELECT current_scn()", "SELECT TS_VALUE FROM oceanbase.V$OB_TIMESTAMP_SERVICE"}

// Moment names the state that the tenant is in now: what was committed before the
// call is in it. It gives what a SELECT writes behind a table's name to read the
// table as it was then, over any connection; empty where the server has no such
// thing, and each SELECT reads a state of its own. Once the server does not keep
// the state any more, after undo_retention, such a SELECT fails with class
// Snapshot; after a change of the table it can fail with class Schema.
func (t *Tenant) Moment(ctx context.Context) (string, error) {
	if t.Kind != OceanBase {
		return "", nil
	}
	for _, q := range moments {
		var scn uint64
		err := t.db.QueryRowContext(ctx, q).Scan(&scn)
		if err == nil {
			return " AS OF SNAPSHOT " + strconv.FormatUint(scn, 10), nil
		}
		if class := Classify(err); ctx.Err() != nil || class.Passing() {
			return "", fmt.Errorf("site %s: ask for the current SCN: %w", t.Site, err)
		}
	}
	return "", nil
}

// ByKey gives what makes a SELECT read a table in the order of one of its keys:
// what stands behind SELECT, and what stands behind the table's name and moment.
// An OceanBase table is its primary key, and a hint takes the place of FORCE
// INDEX, which does not go with a moment there.
func (t *Tenant) ByKey(table *change.Table, key *schema.Key) (hint, suffix string) {
	name := string(change.AppendIdent(nil, key.Name))
	switch {
	case t.Kind != OceanBase:
		return "", " FORCE INDEX (" + name + ")"
	case key.Kind == schema.Primary:
		return "", ""
	}
	return "/*+ INDEX(" + string(table.AppendName(nil)) + " " + name + ") */ ", ""
}
