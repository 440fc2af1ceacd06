package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"duplex/internal/tenant"
)

// staff are the people who write at one site.
type staff struct {
	site    Site
	side    int64 // 0 has the even keys, 1 the odd ones
	extent  extent
	next    atomic.Int64 // number of the next new key
	gate    *sync.RWMutex
	writers int
	rate    int // transactions a second, of all together

	customers, orders, skus recent // the keys that they made themselves
	arrivals                *arrivals
	stock                   ledger

	transactions atomic.Uint64
	rows         atomic.Uint64
	again        atomic.Uint64 // transactions tried again after a deadlock
	last         atomic.Pointer[string]
}

func newStaff(cfg *Config, side int, gate *sync.RWMutex) *staff {
	return &staff{
		site: cfg.Sites[side], side: int64(side), extent: extentOf(cfg.Orders), gate: gate,
		writers: max(cfg.Writers, 1), rate: max(cfg.Rate, 1), arrivals: newArrivals(cfg.Sites[1-side]),
	}
}

// recent holds the newest keys that somebody made.
type recent struct {
	mu   sync.Mutex
	keys []int64
	n    int
}

// recentKeys is how many are held.
const recentKeys = 4096

func (k *recent) add(key int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) < recentKeys {
		k.keys = append(k.keys, key)
	} else {
		k.keys[k.n%recentKeys] = key
	}
	k.n++
}

func (k *recent) pick(r *rand.Rand) (key int64, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) == 0 {
		return 0, false
	}
	return pick(r, k.keys), true
}

// some picks a key of the side's own: half of the time one that it made itself.
func (s *staff) some(r *rand.Rand, made *recent, limit int64) int64 {
	if r.IntN(2) == 0 {
		if key, ok := made.pick(r); ok {
			return key
		}
	}
	return own(r, s.side, limit)
}

// fresh gives a key that nobody has.
func (s *staff) fresh(above int64) int64 { return (above/2+s.next.Add(1))*2 + s.side }

// work writes until ctx ends, which is no error. What is open then is finished.
func (s *staff) work(ctx context.Context) error {
	if err := s.shopThere(ctx); err != nil {
		return quiet(ctx, err)
	}
	g, ctx := errgroup.WithContext(ctx)
	for i := range s.writers {
		g.Go(func() error {
			r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), uint64(i)))
			tick := time.NewTicker(time.Second * time.Duration(s.writers) / time.Duration(s.rate))
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return nil
				case <-tick.C:
				}
				if err := s.do(context.WithoutCancel(ctx), r); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

// quiet leaves out the error of a context that has ended.
func quiet(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// shopThere waits until the tables exist: on the second side the project makes
// them.
func (s *staff) shopThere(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var n int
		err := s.site.DB.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'shop' AND table_name NOT LIKE 'mlog$%'").Scan(&n)
		if err != nil {
			return fmt.Errorf("site %s: look for the shop: %w", s.site.Name, err)
		}
		if n >= len(tables()) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// errNotThere says that a row was not found: the copy has yet to bring it, or
// somebody took it away.
var errNotThere = errors.New("no such row")

// tries is how often a transaction is tried before a deadlock counts as an error.
const tries = 20

// do chooses a deed and carries it out as one transaction.
func (s *staff) do(ctx context.Context, r *rand.Rand) error {
	s.gate.RLock()
	defer s.gate.RUnlock()
	return s.carry(ctx, s.choose(r))
}

// carry carries out a deed; the gate is held.
func (s *staff) carry(ctx context.Context, d deed) error {
	for try := 1; ; try++ {
		err := s.once(ctx, d)
		switch {
		case err == nil || errors.Is(err, errNotThere):
			return nil
		case !tenant.Classify(err).Undone() || try == tries:
			return fmt.Errorf("site %s: writer: %w", s.site.Name, err)
		}
		s.again.Add(1)
	}
}

func (s *staff) once(ctx context.Context, d deed) error {
	tx, err := s.site.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	w := &work{tx: tx}
	said, err := d(ctx, w)
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		_ = tx.Rollback() // the first error is the one to tell
		return err
	}
	s.transactions.Add(1)
	s.rows.Add(w.rows)
	s.last.Store(&said)
	for _, f := range w.then {
		f()
	}
	return nil
}

// work is a transaction of a deed, and what to remember once it is committed.
type work struct {
	tx   *sql.Tx
	rows uint64
	then []func()
}

// stocked notes what a side put into stock, or took out.
func (w *work) stocked(s *staff, sku, pieces int64) {
	w.then = append(w.then, func() { s.stock.add(sku, pieces) })
}

// change runs a statement and counts the rows that it changed.
func (w *work) change(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := w.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	w.rows += uint64(n)
	return n, err
}

// must is change of a row that has to be there.
func (w *work) must(ctx context.Context, query string, args ...any) error {
	n, err := w.change(ctx, query, args...)
	if err == nil && n == 0 {
		err = errNotThere
	}
	return err
}

// read reads one row; errNotThere where there is none.
func (w *work) read(ctx context.Context, into []any, query string, args ...any) error {
	err := w.tx.QueryRowContext(ctx, query, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return errNotThere
	}
	return err
}
