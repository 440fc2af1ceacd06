package account

import (
	"context"
	"database/sql"
	"fmt"
)

// stock is how many rows table stock has.
const stock = 8

// An increment is what was added to a row of table stock.
type increment struct {
	id int
	by int64
}

// FillStock makes table stock on a site, all zero. Column qty is to be kept
// under policy delta, note under the project's own.
func FillStock(ctx context.Context, db *sql.DB) error {
	for _, q := range []string{
		ddl[0], "CREATE TABLE account.stock (id int NOT NULL, qty bigint NOT NULL, note varchar(40) NOT NULL, PRIMARY KEY (id)) ENGINE=InnoDB",
	} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	for id := range stock {
		if _, err := db.ExecContext(ctx, "INSERT INTO account.stock VALUES (?, 0, '')", id); err != nil {
			return err
		}
	}
	return nil
}

// increase adds to one row of table stock, or to a few.
func (a *attempt) increase() {
	rows := 1
	if a.rng.IntN(4) == 0 {
		rows += a.rng.IntN(3)
	}
	for range rows {
		more := increment{a.rng.IntN(stock), int64(a.rng.IntN(100)) - 20}
		if more.by >= 0 {
			more.by++ // never nothing
		}
		if a.rng.IntN(3) == 0 {
			a.must(1, "UPDATE account.stock SET qty = qty + ?, note = ? WHERE id = ?", more.by, a.token(), more.id)
		} else {
			a.must(1, "UPDATE account.stock SET qty = qty + ? WHERE id = ?", more.by, more.id)
		}
		a.added = append(a.added, more)
	}
}

// Sum holds table stock of both sites against what was added to it, and says
// what is wrong.
func Sum(ctx context.Context, sites [2]*sql.DB, want map[int]int64) ([]string, error) {
	type row struct {
		qty  int64
		note string
	}
	var faults []string
	var held [2]map[int]row
	for i, db := range sites {
		held[i] = map[int]row{}
		err := each(ctx, db, "SELECT id, qty, note FROM account.stock", func(columns map[string]string) {
			var id int
			var r row
			_, _ = fmt.Sscan(columns["id"], &id) // of integer columns: what the server gives is a number
			_, _ = fmt.Sscan(columns["qty"], &r.qty)
			r.note = columns["note"]
			held[i][id] = r
		})
		if err != nil {
			return nil, err
		}
		for id := range stock {
			if r, ok := held[i][id]; !ok || r.qty != want[id] {
				faults = append(faults, fmt.Sprintf("site %c, row %d: %d instead of %d, the difference is %d", 'a'+i, id, r.qty, want[id], r.qty-want[id]))
			}
		}
	}
	for id := range stock {
		if a, b := held[0][id], held[1][id]; a.note != b.note {
			faults = append(faults, fmt.Sprintf("row %d: note %q on site a, %q on site b", id, a.note, b.note))
		}
	}
	return faults, nil
}
