package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"duplex/internal/tenant"
)

// What both sides write at once: products on offer, the carts and addresses of
// regular customers who are at home at both sides, and mail addresses that
// several people want.
const (
	offers    = 6 // their numbers come after those of the other products
	regulars  = 8 // the first customers
	addresses = 10
)

// rush lets both sides write the same row at the same moment, Config.Clashes
// times a second, until ctx ends.
func (d *demo) rush(ctx context.Context) error {
	if d.cfg.Clashes <= 0 {
		return nil
	}
	for _, s := range d.staff {
		if err := s.shopThere(ctx); err != nil {
			return quiet(ctx, err)
		}
	}
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	tick := time.NewTicker(time.Second / time.Duration(d.cfg.Clashes))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := d.meet(context.WithoutCancel(ctx), d.clash(r)); err != nil {
			return err
		}
	}
}

// meet carries out two deeds, one at each side, side by side.
func (d *demo) meet(ctx context.Context, deeds [2]deed) error {
	d.gate.RLock()
	defer d.gate.RUnlock()
	var g errgroup.Group
	for i, s := range d.staff {
		g.Go(func() error { return s.carry(ctx, deeds[i]) })
	}
	return g.Wait()
}

// clash makes up what the two sides do with one row.
func (d *demo) clash(r *rand.Rand) [2]deed {
	var part func(s *staff) deed
	e := d.staff[0].extent
	switch n := r.IntN(100); {
	case n < 30:
		sku := e.offer(r)
		part = func(s *staff) deed { return s.orderOf(r, []int64{sku}) }
	case n < 40:
		sku := e.offer(r)
		part = func(s *staff) deed { return s.reprice(r, sku) }
	case n < 50:
		id := 1 + r.Int64N(regulars)
		part = func(s *staff) deed { return s.move(r, id) }
	case n < 80:
		customer, sku := 1+r.Int64N(regulars/2), e.offer(r)
		part = func(s *staff) deed { return s.cart(r, customer, sku) }
	default:
		address := fmt.Sprintf("%s@example.com", pick(r, nicknames()))
		part = func(s *staff) deed { return s.register(r, address) }
	}
	return [2]deed{part(d.staff[0]), part(d.staff[1])}
}

// offer picks a product on offer.
func (e extent) offer(r *rand.Rand) int64 { return e.skus + 1 + r.Int64N(offers) }

// reprice changes the price of a product, of which something has come in.
func (s *staff) reprice(r *rand.Rand, sku int64) deed {
	price, came := cents(int64(199+r.IntN(20000))), int64(1+r.IntN(20))
	return func(ctx context.Context, w *work) (string, error) {
		err := w.must(ctx, "UPDATE shop.stock SET price = ?, quantity = quantity + ?, changed_at = ? WHERE sku = ?", price, came, now(), sku)
		w.stocked(s, sku, came)
		return fmt.Sprintf("product %d now costs %s", sku, price), err
	}
}

// cart puts something into a cart, or takes it out.
func (s *staff) cart(r *rand.Rand, customer, sku int64) deed {
	quantity, out := 1+r.IntN(5), r.IntN(3) == 0
	return func(ctx context.Context, w *work) (string, error) {
		if out {
			return fmt.Sprintf("customer %d puts product %d back", customer, sku),
				w.must(ctx, "DELETE FROM shop.carts WHERE customer_id = ? AND sku = ?", customer, sku)
		}
		said := fmt.Sprintf("customer %d wants %d of product %d", customer, quantity, sku)
		n, err := w.change(ctx, "UPDATE shop.carts SET quantity = ?, changed_at = ? WHERE customer_id = ? AND sku = ?", quantity, now(), customer, sku)
		if err == nil && n == 0 {
			_, err = w.change(ctx, "INSERT INTO shop.carts VALUES (?, ?, ?, ?)", customer, sku, quantity, now())
		}
		return said, taken(err)
	}
}

// register signs somebody up under an address that others want too. Who has it
// gives it up, in one way or another, or moves. Nothing is ever ordered by
// these customers, so they can go.
func (s *staff) register(r *rand.Rand, address string) deed {
	id, leave := s.fresh(s.extent.customers), r.IntN(3)
	c := someone(r, id)
	return func(ctx context.Context, w *work) (string, error) {
		var holder int64
		err := w.read(ctx, []any{&holder}, "SELECT id FROM shop.customers WHERE email = ?", address)
		if errors.Is(err, errNotThere) {
			_, err := w.change(ctx, "INSERT INTO shop.customers VALUES (?, ?, ?, ?, ?, ?, ?)", id, c.name, address, c.city, c.street, c.note, now())
			return fmt.Sprintf("%s signs up as %s", c.name, address), taken(err)
		}
		if err != nil {
			return "", err
		}
		switch leave {
		case 0:
			return address + " closes the account", w.must(ctx, "DELETE FROM shop.customers WHERE id = ?", holder)
		case 1:
			other := fmt.Sprintf("was.%d@example.com", holder)
			return address + " takes another address", w.must(ctx, "UPDATE shop.customers SET email = ? WHERE id = ?", other, holder)
		}
		return fmt.Sprintf("%s moves to %s", address, c.city),
			w.must(ctx, "UPDATE shop.customers SET city = ?, street = ? WHERE id = ?", c.city, c.street, holder)
	}
}

// taken makes a key that somebody had a moment earlier something to leave be.
func taken(err error) error {
	if tenant.Classify(err) == tenant.Duplicate {
		return errNotThere
	}
	return err
}
