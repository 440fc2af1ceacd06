package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A deed is what somebody does in one transaction. It tells it in a few words.
type deed func(ctx context.Context, w *work) (string, error)

// choose makes up what is done next. All that chance decides is decided here,
// so that a deed which is tried again is the same.
func (s *staff) choose(r *rand.Rand) deed {
	switch n := r.IntN(100); {
	case n < 46:
		return s.order(r)
	case n < 62:
		return s.ship(s.some(r, &s.orders, s.extent.orders))
	case n < 72:
		return s.cancel(s.some(r, &s.orders, s.extent.orders))
	case n < 88:
		return s.move(r, s.some(r, &s.customers, s.extent.customers))
	case n < 94:
		return s.welcome(r)
	case n < 96:
		return s.product(r)
	case n < 98:
		return s.restock(r)
	}
	return s.forget(s.some(r, &s.orders, s.extent.orders))
}

func now() string { return time.Now().UTC().Format(timeForm) }

// order places an order: the order, its lines, and the stock they come from.
func (s *staff) order(r *rand.Rand) deed {
	skus := skusOf(r, s.side, s.extent.skus)
	if key, ok := s.skus.pick(r); ok && r.IntN(2) == 0 {
		skus = []int64{key}
	}
	return s.orderOf(r, skus)
}

// orderOf orders one to three of each of these products.
func (s *staff) orderOf(r *rand.Rand, skus []int64) deed {
	customer := s.some(r, &s.customers, s.extent.customers)
	quantities := make([]int64, len(skus))
	for i := range quantities {
		quantities[i] = int64(1 + r.IntN(3))
	}
	id := s.fresh(s.extent.orders)
	return func(ctx context.Context, w *work) (string, error) {
		var name string
		if err := w.read(ctx, []any{&name}, "SELECT name FROM shop.customers WHERE id = ?", customer); err != nil {
			return "", err
		}
		var total int64
		var lines []string
		for i, sku := range skus {
			if err := w.must(ctx, "UPDATE shop.stock SET quantity = quantity - ?, sold = sold + ?, changed_at = ? WHERE sku = ?",
				quantities[i], quantities[i], now(), sku); err != nil {
				return "", err
			}
			w.stocked(s, sku, -quantities[i])
			var price string
			if err := w.read(ctx, []any{&price}, "SELECT price FROM shop.stock WHERE sku = ?", sku); err != nil {
				return "", err
			}
			lines = append(lines, fmt.Sprintf("(%d, %d, %d, %d, %s)", id, i+1, sku, quantities[i], price))
			total += inCents(price) * quantities[i]
		}
		if _, err := w.change(ctx, "INSERT INTO shop.orders (id, customer_id, total, placed_at) VALUES (?, ?, ?, ?)",
			id, customer, cents(total), now()); err != nil {
			return "", err
		}
		if _, err := w.change(ctx, "INSERT INTO shop.order_lines (order_id, line, sku, quantity, price) VALUES "+strings.Join(lines, ", ")); err != nil {
			return "", err
		}
		w.then = append(w.then, func() {
			s.orders.add(id)
			s.arrivals.offer(id)
		})
		return fmt.Sprintf("%s orders %s for %s", name, plural(len(skus), "item"), cents(total)), nil
	}
}

// inCents reads a decimal with two places.
func inCents(price string) int64 {
	n, err := strconv.ParseInt(strings.Replace(price, ".", "", 1), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// ship brings an order one step on.
func (s *staff) ship(id int64) deed {
	return func(ctx context.Context, w *work) (string, error) {
		var state string
		if err := w.read(ctx, []any{&state}, "SELECT state FROM shop.orders WHERE id = ? FOR UPDATE", id); err != nil {
			return "", err
		}
		switch state {
		case "placed":
			return fmt.Sprintf("order %d is paid", id), w.must(ctx, "UPDATE shop.orders SET state = 'paid' WHERE id = ?", id)
		case "paid":
			return fmt.Sprintf("order %d is shipped", id), w.must(ctx, "UPDATE shop.orders SET state = 'shipped', shipped_at = ? WHERE id = ?", now(), id)
		case "shipped":
			return fmt.Sprintf("order %d is delivered", id), w.must(ctx, "UPDATE shop.orders SET state = 'delivered' WHERE id = ?", id)
		case "delivered": // sent back, and the row is what it was before
			return fmt.Sprintf("order %d comes back", id), w.must(ctx, "UPDATE shop.orders SET state = 'shipped' WHERE id = ?", id)
		}
		return "", errNotThere
	}
}

// cancel puts what was ordered back into stock and takes the lines away.
func (s *staff) cancel(id int64) deed {
	return func(ctx context.Context, w *work) (string, error) {
		var state string
		if err := w.read(ctx, []any{&state}, "SELECT state FROM shop.orders WHERE id = ? FOR UPDATE", id); err != nil {
			return "", err
		}
		if state != "placed" && state != "paid" {
			return "", errNotThere
		}
		lines, err := linesOf(ctx, w, id)
		if err != nil {
			return "", err
		}
		for _, l := range lines {
			if err := w.must(ctx, "UPDATE shop.stock SET quantity = quantity + ?, sold = sold - ?, changed_at = ? WHERE sku = ?",
				l.quantity, min(l.quantity, l.sold), now(), l.sku); err != nil {
				return "", err
			}
			w.stocked(s, l.sku, l.quantity)
		}
		if _, err := w.change(ctx, "DELETE FROM shop.order_lines WHERE order_id = ?", id); err != nil {
			return "", err
		}
		return fmt.Sprintf("order %d is cancelled", id), w.must(ctx, "UPDATE shop.orders SET state = 'cancelled' WHERE id = ?", id)
	}
}

type line struct{ sku, quantity, sold int64 }

// linesOf reads an order's lines and locks the stock behind them, in order.
func linesOf(ctx context.Context, w *work, order int64) ([]line, error) {
	rows, err := w.tx.QueryContext(ctx, "SELECT l.sku, l.quantity, s.sold FROM shop.order_lines l JOIN shop.stock s ON s.sku = l.sku "+
		"WHERE l.order_id = ? ORDER BY l.sku FOR UPDATE", order)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var lines []line
	for rows.Next() {
		var l line
		if err := rows.Scan(&l.sku, &l.quantity, &l.sold); err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, rows.Err()
}

// move changes a customer's address.
func (s *staff) move(r *rand.Rand, id int64) deed {
	c := someone(r, id)
	return func(ctx context.Context, w *work) (string, error) {
		err := w.must(ctx, "UPDATE shop.customers SET city = ?, street = ?, note = ?, email = ? WHERE id = ?", c.city, c.street, c.note, c.email, id)
		return fmt.Sprintf("customer %d moves to %s", id, c.city), err
	}
}

// welcome adds a customer.
func (s *staff) welcome(r *rand.Rand) deed {
	id := s.fresh(s.extent.customers)
	c := someone(r, id)
	return func(ctx context.Context, w *work) (string, error) {
		_, err := w.change(ctx, "INSERT INTO shop.customers VALUES (?, ?, ?, ?, ?, ?, ?)", id, c.name, c.email, c.city, c.street, c.note, now())
		w.then = append(w.then, func() { s.customers.add(id) })
		return fmt.Sprintf("%s from %s signs up", c.name, c.city), err
	}
}

// product adds something to sell.
func (s *staff) product(r *rand.Rand) deed {
	sku := s.fresh(s.extent.skus + offers)
	values := product(r, sku)
	return func(ctx context.Context, w *work) (string, error) {
		_, err := w.change(ctx, "INSERT INTO shop.stock VALUES (?, ?, ?, ?, ?, ?, ?)", values...)
		w.then = append(w.then, func() {
			s.skus.add(sku)
			s.stock.list(sku)
		})
		return fmt.Sprintf("new: %s", values[1]), err
	}
}

// restock raises what there is of some products, and changes their price.
func (s *staff) restock(r *rand.Rand) deed {
	skus := skusOf(r, s.side, s.extent.skus)
	price := cents(int64(199 + r.IntN(20000)))
	slices.Sort(skus)
	return func(ctx context.Context, w *work) (string, error) {
		for _, sku := range skus {
			if err := w.must(ctx, "UPDATE shop.stock SET quantity = quantity + 100, price = ?, changed_at = ? WHERE sku = ?", price, now(), sku); err != nil {
				return "", err
			}
			w.stocked(s, sku, 100)
		}
		return fmt.Sprintf("%s restocked", plural(len(skus), "product")), nil
	}
}

// forget deletes an order that was cancelled, or gives the lines of another
// other numbers: a change of their key.
func (s *staff) forget(id int64) deed {
	return func(ctx context.Context, w *work) (string, error) {
		var state string
		if err := w.read(ctx, []any{&state}, "SELECT state FROM shop.orders WHERE id = ? FOR UPDATE", id); err != nil {
			return "", err
		}
		if state == "cancelled" {
			return fmt.Sprintf("order %d is forgotten", id), w.must(ctx, "DELETE FROM shop.orders WHERE id = ?", id)
		}
		return fmt.Sprintf("order %d gets its lines renumbered", id),
			w.must(ctx, "UPDATE shop.order_lines SET line = line + 10 WHERE order_id = ? AND line < 1000 ORDER BY line DESC", id)
	}
}
