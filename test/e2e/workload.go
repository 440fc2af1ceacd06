package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"duplex/test/tenant"
)

// A Workload writes both sites at once.
type Workload struct {
	Seed    uint64
	Span    int           // keys of a table's key space; half of them are rows before the copy
	Writers int           // a site
	Pause   time.Duration // at most, between two transactions of a writer

	mu      sync.Mutex
	history map[Key]Entry
	running []func() error
}

// NewWorkload makes one that servers of these kinds bear on a small machine: two
// OceanBase kernels have little left for it.
func NewWorkload(kinds [2]tenant.Kind, pause time.Duration) *Workload {
	if slices.Contains(kinds[:], tenant.OceanBase) {
		return &Workload{Span: 400, Writers: 2, Pause: max(pause, 400*time.Millisecond)}
	}
	return &Workload{Span: 4000, Writers: 8, Pause: pause}
}

// A Key names a writer's transaction.
type Key struct{ Side, Writer, N int }

// An Entry is what a committed transaction says of itself in table ledger.
type Entry struct {
	Counter int // the counter that it raised
	Added   int // by how much
	Batch   int // how many rows of table batch are its own
}

// History is all that was committed. It is for the time after Stop.
func (w *Workload) History() map[Key]Entry { return maps.Clone(w.history) }

// Counters is what the history says about the counters of both sides.
func (w *Workload) Counters() map[int]int {
	sums := map[int]int{}
	for _, e := range w.history {
		sums[e.Counter] += e.Added
	}
	return sums
}

// Start begins to write a site: side 0 is the one with the rows before the
// copy.
func (w *Workload) Start(side int, s *tenant.Server) error {
	db, err := openSite(s, side)
	if err != nil {
		return err
	}
	// Generated values begin beyond the keys that the copy brings.
	if _, err := db.ExecContext(context.Background(), "INSERT INTO item VALUES (?, NULL, 'first', 0)", 10*w.Span+side+1); err != nil {
		return errors.Join(err, db.Close())
	}
	stop := make(chan struct{})
	var g errgroup.Group
	for no := range w.Writers {
		writer := &writer{
			Workload: w, side: side, no: no, db: db, stop: stop, done: map[Key]Entry{},
			rng: rand.New(rand.NewPCG(w.Seed, uint64(side*1000+no))),
		}
		g.Go(writer.run)
	}
	w.running = append(w.running, func() error {
		close(stop)
		return errors.Join(g.Wait(), db.Close())
	})
	return nil
}

// Stop ends all writers, each after its transaction.
func (w *Workload) Stop() error {
	var errs []error
	for _, stop := range w.running {
		errs = append(errs, stop())
	}
	w.running = nil
	return errors.Join(errs...)
}

// openSite opens a pool whose sessions give auto-increment values of the side
// alone.
func openSite(s *tenant.Server, side int) (*sql.DB, error) {
	c, err := mysql.ParseDSN(s.DSN(Database))
	if err != nil {
		return nil, err
	}
	c.InterpolateParams = true
	c.Logger = &mysql.NopLogger{}
	c.Params = map[string]string{"auto_increment_increment": "2", "auto_increment_offset": fmt.Sprint(side + 1)}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// A writer is one application session.
type writer struct {
	*Workload
	side, no int
	n        int
	db       *sql.DB
	rng      *rand.Rand
	stop     chan struct{}
	done     map[Key]Entry
}

// patience is how long a writer goes on trying a site that is down.
const patience = 2 * time.Minute

func (w *writer) run() error {
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.history == nil {
			w.history = map[Key]Entry{}
		}
		maps.Copy(w.history, w.done)
	}()
	var down time.Time
	for {
		pause := time.Duration(w.rng.Int64N(int64(w.Pause) + 1))
		err := w.transaction(context.Background())
		switch {
		case err == nil:
			down = time.Time{}
		case Code(err) == 1213 || Code(err) == 1205 || Code(err) == 1467: // a deadlock, a lock that took too long; the same about auto-increment
		case !Lost(err):
			return fmt.Errorf("writer %d of side %d: %w", w.no, w.side, err)
		case down.IsZero():
			down = time.Now()
		case time.Since(down) > patience:
			return fmt.Errorf("writer %d of side %d: %w", w.no, w.side, err)
		default:
			pause = 50 * time.Millisecond
		}
		select {
		case <-w.stop:
			return nil
		case <-time.After(pause):
		}
	}
}

// transaction runs one transaction and notes in the history how it ended. One
// that failed is not tried again: the next one is a new one.
func (w *writer) transaction(ctx context.Context) error {
	w.n++
	k := Key{w.side, w.no, w.n}
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	t := &txn{writer: w, ctx: ctx, tx: tx, key: k}
	t.work()
	if t.err != nil || w.rng.IntN(12) == 0 {
		rerr := tx.Rollback()
		if t.err != nil {
			return t.err
		}
		return rerr
	}
	err = tx.Commit()
	if err != nil {
		var there bool
		if there, err = w.resolve(ctx, k); err != nil || !there {
			return err
		}
	}
	w.done[k] = t.entry
	return nil
}

// resolve finds out whether a transaction whose commit was not answered is
// there. A site that was killed has decided it before it answers again; where
// only the connection was lost, who writes the same row waits until it is decided.
func (w *writer) resolve(ctx context.Context, k Key) (bool, error) {
	began := time.Now()
	for {
		there, err := w.there(ctx, k)
		if err == nil || !Lost(err) && Code(err) != 1205 && Code(err) != 1213 || time.Since(began) > patience {
			return there, err
		}
		<-time.After(50 * time.Millisecond)
	}
}

func (w *writer) there(ctx context.Context, k Key) (bool, error) {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO ledger VALUES (?, ?, ?, 0, 0, 0)", k.Side, k.Writer, k.N)
	rerr := tx.Rollback()
	if Code(err) == 1062 {
		return true, nil
	}
	return false, errors.Join(err, rerr)
}

// Code is the error number that a server gave, 0 if err is not from one.
func Code(err error) uint16 {
	if m, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return m.Number
	}
	return 0
}

// Lost reports whether err says that the server went away: what did not come
// from a server, and the words of one that goes down.
func Lost(err error) bool {
	switch Code(err) {
	case 0, 1053, 1077, 1927, 1317, 1040, 1047:
		return true
	case 8001, 8002, 4012, 6002, 4038, 4225, 4721: // OceanBase: a server that starts, or is busy
		return true
	}
	return false
}
