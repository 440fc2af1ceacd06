package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"duplex/test/e2e"
	"duplex/test/tenant"
)

// Work writes both sites at once, all to the same few rows.
type Work struct {
	Seed       uint64
	Writers    int           // a site
	Pause      time.Duration // at most, between two transactions of a writer
	Skew       time.Duration // by how much at most the clock of a session is wrong
	OneCase    bool          // a text key whose case does not count is always written the same
	Increments int64         // not 0: so many of table stock are all that is done

	once    sync.Once
	began   time.Time
	mu      sync.Mutex
	history []*Txn
	sums    map[int]int64
	running []func() error

	acknowledged, refused, unknown, added atomic.Int64
}

// Counts is how many transactions have been acknowledged and refused so far.
func (w *Work) Counts() (acknowledged, refused int64) {
	return w.acknowledged.Load(), w.refused.Load()
}

// History is all that the writers did. It is for the time after Stop.
func (w *Work) History() []*Txn { return w.history }

// Began is what the times of the history count from.
func (w *Work) Began() time.Time { return w.began }

// Sums is how much was added to each row of table stock. It is for the time
// after Stop.
func (w *Work) Sums() map[int]int64 { return w.sums }

// Added is how many increments have been acknowledged so far, and of how many
// transactions nobody knows whether they are there.
func (w *Work) Added() (increments, unknown int64) { return w.added.Load(), w.unknown.Load() }

// Start begins to write a site that Prepare has made ready.
func (w *Work) Start(site int, s *tenant.Server) error {
	w.once.Do(func() { w.began = time.Now() })
	stop := make(chan struct{})
	var g errgroup.Group
	var pools []*sql.DB
	end := func() error {
		close(stop)
		err := g.Wait()
		for _, db := range pools {
			err = errors.Join(err, db.Close())
		}
		return err
	}
	for no := range w.Writers {
		db, err := session(s, no)
		if err != nil {
			return errors.Join(err, end())
		}
		pools = append(pools, db)
		writer := &writer{Work: w, site: site, no: no, db: db, stop: stop, forms: forms(), sums: map[int]int64{},
			rng: rand.New(rand.NewPCG(w.Seed, uint64(site*1000+no)))}
		for i := range writer.forms {
			writer.forms[i].oneCase = w.OneCase
		}
		g.Go(writer.run)
	}
	w.running = append(w.running, end)
	return nil
}

// Stop ends all writers, each after its transaction.
func (w *Work) Stop() error {
	var errs []error
	for _, stop := range w.running {
		errs = append(errs, stop())
	}
	w.running = nil
	return errors.Join(errs...)
}

// session opens a writer's one session. Most do not lock the gaps between rows,
// which with so few rows would be all that there is.
func session(s *tenant.Server, no int) (*sql.DB, error) {
	c, err := mysql.ParseDSN(s.DSN(""))
	if err != nil {
		return nil, err
	}
	c.InterpolateParams = true
	c.Logger = &mysql.NopLogger{}
	c.Params = map[string]string{"innodb_lock_wait_timeout": "5"}
	if no%4 != 0 {
		c.Params["tx_isolation"] = "'READ-COMMITTED'"
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return db, nil
}

// skew gives the error of a session's clock. For some seconds it is the one
// site's, then the other's, then that of both; half of it is the site's and
// steps with the phase, half of it the session's own.
func (w *Work) skew(site int, at time.Duration, r *rand.Rand) time.Duration {
	const phase = 7 * time.Second
	n := int(at / phase)
	if w.Skew == 0 || n%3 == 0 && site == 0 || n%3 == 1 && site == 1 {
		return 0
	}
	fixed := rand.New(rand.NewPCG(w.Seed, uint64(2*n+site)))
	half := int64(w.Skew)
	return time.Duration(fixed.Int64N(half)-half/2) + time.Duration(r.Int64N(half)-half/2)
}

// A writer is one application session.
type writer struct {
	*Work
	site, no, n int
	db          *sql.DB
	rng         *rand.Rand
	forms       []form
	stop        chan struct{}
	done        []*Txn
	sums        map[int]int64
}

// patience is how long a writer goes on trying a site that is down: a kernel on a
// machine with other work has taken four minutes to come back.
const patience = 10 * time.Minute

func (w *writer) run() error {
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.history = append(w.history, w.done...)
		if w.Work.sums == nil {
			w.Work.sums = map[int]int64{}
		}
		for id, by := range w.sums {
			w.Work.sums[id] += by
		}
	}()
	var down time.Time
	for w.Increments == 0 || w.added.Load() < w.Increments {
		pause := time.Duration(w.rng.Int64N(int64(w.Pause) + 1))
		err := w.transaction(context.Background())
		switch {
		case err == nil, refused(err):
			down = time.Time{}
		case !e2e.Lost(err):
			return fmt.Errorf("writer %d of site %c: %w", w.no, 'a'+w.site, err)
		case down.IsZero():
			down = time.Now()
		case time.Since(down) > patience:
			return fmt.Errorf("writer %d of site %c: %w", w.no, 'a'+w.site, err)
		default:
			pause = 50 * time.Millisecond
		}
		select {
		case <-w.stop:
			return nil
		case <-time.After(pause):
		}
	}
	return nil
}

// errBack is why a transaction was taken back that nobody refused.
var errBack = errors.New("taken back")

// refused reports whether a server that is well said no.
func refused(err error) bool {
	switch e2e.Code(err) {
	case 1062, 1205, 1213, 1451, 1452:
		return true
	}
	return errors.Is(err, errBack)
}

// transaction runs one transaction and adds it to the history.
func (w *writer) transaction(ctx context.Context) error {
	w.n++
	t := &Txn{Site: w.site, Writer: w.no, N: w.n, Start: time.Since(w.began)}
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	clock := "DEFAULT"
	if t.Shift = w.skew(w.site, t.Start, w.rng); t.Shift != 0 {
		clock = fmt.Sprintf("%.6f", float64(time.Now().Add(t.Shift).UnixMicro())/1e6)
	}
	if _, err := conn.ExecContext(ctx, "SET timestamp = "+clock); err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	a := &attempt{writer: w, ctx: ctx, tx: tx, txn: t, net: map[Key]int{}}
	if w.Increments > 0 {
		a.increase()
	} else {
		a.work()
	}
	a.exec("INSERT INTO "+notes+".done VALUES (?, ?)", w.no, w.n)
	if a.err == nil && w.rng.IntN(30) == 0 {
		a.err = errBack
	}
	if a.err != nil {
		_ = tx.Rollback() // a session that is lost has rolled back as well
		w.ended(a, Refused)
		return a.err
	}
	outcome := Acknowledged
	if err := tx.Commit(); err != nil {
		_ = conn.Close()
		outcome = w.resolve(ctx)
	}
	w.ended(a, outcome)
	return nil
}

// ended adds a transaction to the history.
func (w *writer) ended(a *attempt, o Outcome) {
	t := a.txn
	t.Ack, t.Outcome = time.Since(w.began), o
	t.Rows = append(t.Rows, a.rows...)
	switch o {
	case Acknowledged:
		w.acknowledged.Add(1)
		w.added.Add(int64(len(a.added)))
		for _, more := range a.added {
			w.sums[more.id] += more.by
		}
	case Unknown:
		w.unknown.Add(1)
	case Refused:
		t.Why = a.err.Error()
		w.refused.Add(1)
	}
	if len(t.Rows) > 0 {
		w.done = append(w.done, t)
	}
}

// resolve finds out whether a transaction whose commit was not answered is
// there. A site that was killed has decided it before it answers again.
func (w *writer) resolve(ctx context.Context) Outcome {
	for began := time.Now(); time.Since(began) < patience; <-time.After(50 * time.Millisecond) {
		var n int
		err := w.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+notes+".done WHERE writer = ? AND n = ?", w.no, w.n).Scan(&n)
		switch {
		case err == nil && n == 1:
			return Acknowledged
		case err == nil:
			return Unknown // a session that hangs could still commit it
		case !e2e.Lost(err):
			return Unknown
		}
	}
	return Unknown
}
