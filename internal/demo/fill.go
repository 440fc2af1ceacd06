package demo

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// The shop at the start: ids run from 1 to these.
type extent struct{ customers, skus, orders int64 }

func extentOf(orders int) extent {
	return extent{customers: max(int64(orders)/4, 20), skus: 400, orders: int64(orders)}
}

// timeForm is how a time is written into datetime(3).
const timeForm = "2006-01-02 15:04:05.000"

// rowsAtOnce is how many rows one INSERT brings.
const rowsAtOnce = 400

// An inserter gathers rows of a table into INSERT statements.
type inserter struct {
	tx    *sql.Tx
	table string
	width int
	args  []any
	rows  uint64
}

func (i *inserter) add(ctx context.Context, values ...any) error {
	i.width = len(values)
	i.args = append(i.args, values...)
	if len(i.args) < rowsAtOnce*i.width {
		return nil
	}
	return i.flush(ctx)
}

func (i *inserter) flush(ctx context.Context) error {
	if len(i.args) == 0 {
		return nil
	}
	n := len(i.args) / i.width
	row := "(" + strings.TrimSuffix(strings.Repeat("?, ", i.width), ", ") + ")"
	q := "INSERT INTO shop." + i.table + " VALUES " + strings.TrimSuffix(strings.Repeat(row+", ", n), ", ")
	if _, err := i.tx.ExecContext(ctx, q, i.args...); err != nil {
		return fmt.Errorf("fill shop.%s: %w", i.table, err)
	}
	i.rows += uint64(n)
	i.args = i.args[:0]
	return nil
}

// fill writes what the shop has at the start and gives the number of rows.
func fill(ctx context.Context, db *sql.DB, e extent) (rows uint64, err error) {
	r := rand.New(rand.NewPCG(uint64(e.orders), 1))
	for _, step := range []func(context.Context, *sql.Tx, *rand.Rand, extent) (uint64, error){fillCustomers, fillStock, fillOrders} {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return rows, fmt.Errorf("fill the shop: %w", err)
		}
		n, err := step(ctx, tx, r, e)
		if err == nil {
			err = tx.Commit()
		}
		if err != nil {
			_ = tx.Rollback() // the first error is the one to tell
			return rows, err
		}
		rows += n
	}
	return rows, nil
}

func fillCustomers(ctx context.Context, tx *sql.Tx, r *rand.Rand, e extent) (uint64, error) {
	in := inserter{tx: tx, table: "customers"}
	for id := int64(1); id <= e.customers; id++ {
		c := someone(r, id)
		at := time.Now().UTC().Add(-time.Duration(r.IntN(3*365*24)) * time.Hour)
		if err := in.add(ctx, id, c.name, c.email, c.city, c.street, c.note, at.Format(timeForm)); err != nil {
			return 0, err
		}
	}
	err := in.flush(ctx)
	return in.rows, err
}

func fillStock(ctx context.Context, tx *sql.Tx, r *rand.Rand, e extent) (uint64, error) {
	in := inserter{tx: tx, table: "stock"}
	for sku := int64(1); sku <= e.skus+offers; sku++ {
		if err := in.add(ctx, product(r, sku)...); err != nil {
			return 0, err
		}
	}
	err := in.flush(ctx)
	return in.rows, err
}

// product makes up a row of stock.
func product(r *rand.Rand, sku int64) []any {
	var weight any
	if r.IntN(5) > 0 {
		weight = float64(1+r.IntN(900)) / 100
	}
	return []any{sku, pick(r, goods()) + ", " + pick(r, shades()), cents(int64(199 + r.IntN(20000))), weight,
		inStock, 0, time.Now().UTC().Format(timeForm)}
}

func fillOrders(ctx context.Context, tx *sql.Tx, r *rand.Rand, e extent) (uint64, error) {
	orders, lines := inserter{tx: tx, table: "orders"}, inserter{tx: tx, table: "order_lines"}
	for id := int64(1); id <= e.orders; id++ {
		total := int64(0)
		for line, sku := range skusOf(r, id%2, e.skus) {
			price, quantity := int64(199+r.IntN(20000)), int64(1+r.IntN(3))
			total += price * quantity
			if err := lines.add(ctx, id, line+1, sku, quantity, cents(price)); err != nil {
				return 0, err
			}
		}
		at := time.Now().UTC().Add(-time.Duration(r.IntN(300*24*3600)) * time.Second)
		state, shipped := "delivered", any(at.Add(26*time.Hour).Format(timeForm))
		if r.IntN(4) == 0 {
			state, shipped = "placed", nil
		}
		if err := orders.add(ctx, id, own(r, id%2, e.customers), state, cents(total), at.Format(timeForm), shipped); err != nil {
			return 0, err
		}
	}
	if err := lines.flush(ctx); err != nil {
		return 0, err
	}
	err := orders.flush(ctx)
	return lines.rows + orders.rows, err
}

// own picks a key from 1 to limit that belongs to a side: 0 has the even ones.
func own(r *rand.Rand, side, limit int64) int64 {
	n := r.Int64N(limit/2)*2 + 2
	if side == 1 {
		n--
	}
	return n
}

// skusOf picks one to four different products of a side, in order.
func skusOf(r *rand.Rand, side, limit int64) []int64 {
	first := own(r, side, limit-40)
	var skus []int64
	for sku := first; len(skus) < 1+r.IntN(4); sku += 2 + 2*r.Int64N(5) {
		skus = append(skus, sku)
	}
	return skus
}
