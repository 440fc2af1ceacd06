package demo

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// inStock is what there is of each product when it is first listed.
const inStock = 100000

// A ledger is what the staff of one side put into stock and took out, by
// product, and which products it listed: committed transactions only.
type ledger struct {
	mu     sync.Mutex
	by     map[int64]int64
	listed []int64
}

func (l *ledger) list(sku int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listed = append(l.listed, sku)
}

func (l *ledger) add(sku, pieces int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by == nil {
		l.by = map[int64]int64{}
	}
	l.by[sku] += pieces
}

func (l *ledger) all() (by map[int64]int64, listed []int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.by), slices.Clone(l.listed)
}

// Stock holds what the tables say against what both sides did. Column quantity
// is under policy delta, so whatever either side put in or took out has to be
// in both tables, of each product.
type Stock struct {
	Start int64    // pieces of all products when they were listed
	Added [2]int64 // by each side's staff; negative: more was taken out than put in
	Held  [2]int64 // what each side's table says
	Wrong []string // products of which a table does not hold the sum
}

// wrongListed is how many products Stock.Wrong names.
const wrongListed = 20

// count reads both tables; nobody writes any more.
func (d *demo) count(ctx context.Context) (*Stock, error) {
	e := d.staff[0].extent
	want := map[int64]int64{}
	for sku := int64(1); sku <= e.skus+offers; sku++ {
		want[sku] = inStock
	}
	out := &Stock{}
	for i, s := range d.staff {
		by, listed := s.stock.all()
		for _, sku := range listed {
			want[sku] += inStock
		}
		for sku, pieces := range by {
			want[sku] += pieces
			out.Added[i] += pieces
		}
	}
	out.Start = inStock * int64(len(want))
	for i, s := range d.staff {
		held, err := quantities(ctx, s.site.DB)
		if err != nil {
			return nil, fmt.Errorf("site %s: count the stock: %w", s.site.Name, err)
		}
		for _, sku := range slices.Sorted(maps.Keys(want)) {
			n, ok := held[sku]
			out.Held[i] += n
			if (!ok || n != want[sku]) && len(out.Wrong) < wrongListed {
				out.Wrong = append(out.Wrong, fmt.Sprintf("product %d at %s: %d instead of %d", sku, s.site.Name, n, want[sku]))
			}
		}
	}
	return out, nil
}

func quantities(ctx context.Context, db *sql.DB) (map[int64]int64, error) {
	rows, err := db.QueryContext(ctx, "SELECT sku, quantity FROM shop.stock")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	held := map[int64]int64{}
	for rows.Next() {
		var sku, n int64
		if err := rows.Scan(&sku, &n); err != nil {
			return nil, err
		}
		held[sku] = n
	}
	return held, rows.Err()
}
