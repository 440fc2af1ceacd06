package obbinlog

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Options say where a rig works. The zero value of the fields from Version on is
// usable.
type Options struct {
	Listen   string // host:port; port 0: a free one
	Kernel   string // host:port of the kernel
	User     string // with all rights there
	Password string
	Dir      string // of the log's files

	Version   int           // of the Binlog Service that SHOW BINLOG SERVER is like: 2 or 4; 0: 4
	FileSize  uint32        // bytes, beyond which a file of the log is ended; 0: 512 MiB
	Heartbeat time.Duration // of a dump that did not ask for another period; 0: 100 ms
	Patience  time.Duration // of a definition statement with open transactions; 0: 30 s
	Log       *slog.Logger  // nil: silent
}

func (o Options) withDefaults() Options {
	if o.Version == 0 {
		o.Version = 4
	}
	if o.FileSize == 0 {
		o.FileSize = 512 << 20
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = 100 * time.Millisecond
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// A Rig is a tenant's endpoint while it runs. All writes to the kernel go
// through it.
type Rig struct {
	Faults *Faults

	opt      Options
	db       *sql.DB
	listener net.Listener
	log      *binlog
	stream   *stream
	gate     *gate
	defining chan struct{} // holds one: who changes definitions

	stop    context.CancelFunc
	working sync.WaitGroup
	mu      sync.Mutex
	err     error // which ended the stream
	done    chan struct{}
}

// Start brings a rig up in front of a kernel that answers. It returns when every
// table there is watched.
func Start(ctx context.Context, o Options) (*Rig, error) {
	r := &Rig{Faults: newFaults(), opt: o.withDefaults(), gate: newGate(), defining: make(chan struct{}, 1), done: make(chan struct{})}
	if err := r.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("binlog rig: %w", err), r.release())
	}
	ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	r.working.Go(func() { r.follow(ctx) })
	r.working.Go(func() { r.accept(ctx) })
	return r, nil
}

func (r *Rig) open(ctx context.Context) error {
	m := mysql.NewConfig()
	m.Net, m.Addr, m.User, m.Passwd = "tcp", r.opt.Kernel, r.opt.User, r.opt.Password
	m.InterpolateParams, m.MaxAllowedPacket, m.Logger = true, 1<<30, &mysql.NopLogger{}
	m.Params = map[string]string{
		"time_zone": "'+00:00'", "character_set_results": "NULL", "autocommit": "1", "ob_query_timeout": "3600000000",
		"ob_trx_timeout": "86400000000", "sql_mode": "''",
		"optimizer_dynamic_sampling": "0", // each poll would read samples of every log first
	}
	connector, err := mysql.NewConnector(m)
	if err != nil {
		return err
	}
	r.db = sql.OpenDB(connector)
	if r.log, err = openLog(r.opt.Dir, r.opt.FileSize); err != nil {
		return fmt.Errorf("log in %s: %w", r.opt.Dir, err)
	}
	r.stream = &stream{db: r.db, log: r.log, fault: r.Faults, tables: map[string]*table{}, ids: 100}
	if r.stream.uuid, err = parseUUID(r.log.state.UUID); err != nil {
		return err
	}
	if r.log.state.SCN == 0 {
		st := r.log.state
		if st.SCN, err = currentSCN(ctx, r.db); err != nil {
			return err
		}
		r.log.publish(st)
	}
	if err := r.stream.settle(ctx); err != nil {
		return err
	}
	if err := r.stream.watchAll(ctx); err != nil {
		return err
	}
	var lc net.ListenConfig
	r.listener, err = lc.Listen(ctx, "tcp", r.opt.Listen)
	return err
}

// Addr is where clients connect.
func (r *Rig) Addr() string { return r.listener.Addr().String() }

// Done is closed when the stream has failed; Err says why.
func (r *Rig) Done() <-chan struct{} { return r.done }

// Err is what ended the stream, nil while it goes on.
func (r *Rig) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Close ends all connections. What the kernel has is left as it is.
func (r *Rig) Close() error {
	r.stop()
	err := r.release()
	r.working.Wait()
	return errors.Join(err, r.log.file.Close())
}

func (r *Rig) release() error {
	var err error
	if r.listener != nil {
		err = r.listener.Close()
	}
	if r.db != nil {
		err = errors.Join(err, r.db.Close())
	}
	return err
}

func (r *Rig) accept(ctx context.Context) {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.working.Go(func() {
			if err := r.serve(ctx, conn); err != nil && ctx.Err() == nil {
				r.opt.Log.Warn("a connection was ended", "from", conn.RemoteAddr(), "err", err)
			}
		})
	}
}

// The pace of polls: close together while there is something, a while longer
// after any command that could have committed, seldom while nobody writes.
const (
	shortest = 10 * time.Millisecond
	short    = 100 * time.Millisecond
	idle     = time.Second
)

// patience is how long a kernel that answers may refuse polls before the rig ends.
// For one that is down the rig waits, as the service does. Nothing is lost: what a
// poll did not bring, the next one does.
const patience = 30 * time.Second

// down reports whether a poll failed since nobody answered.
func down(err error) bool {
	_, refused := errors.AsType[*net.OpError](err)
	return refused || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn)
}

// follow polls.
func (r *Rig) follow(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var failing time.Time // since when polls do
	for {
		pause := idle
		select {
		case <-ctx.Done():
			return
		case <-r.gate.written:
			pause = short
		case <-timer.C:
		}
		began := time.Now()
		n, err := r.poll(ctx)
		rest := max(shortest, min(time.Since(began)/2, short)) // the kernel has other things to do
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			failing = time.Time{}
		case failing.IsZero():
			failing = time.Now()
			r.opt.Log.Warn("poll", "err", err)
		case down(err):
			failing = time.Now()
		case time.Since(failing) > patience:
			r.fail(err)
			return
		}
		if n > 0 {
			pause = short
		}
		timer.Reset(pause)
		select { // what is committed meanwhile comes together
		case <-ctx.Done():
			return
		case <-time.After(rest):
		}
	}
}

func (r *Rig) poll(ctx context.Context) (int, error) {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	if r.Faults.stalled() {
		return 0, nil
	}
	n, err := r.stream.poll(ctx)
	if err != nil {
		return n, err
	}
	return n, r.stream.tend(ctx, r.gate)
}

func (r *Rig) fail(err error) {
	r.opt.Log.Error("the stream has ended", "err", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
	close(r.done)
}

// Freeze has SHOW MASTER STATUS tell from now on what is so now, or again the
// truth: the statement lags behind the tenant.
func (r *Rig) Freeze(on bool) {
	if !on {
		r.Faults.freeze(nil)
		return
	}
	s, _, _ := r.log.end()
	r.Faults.freeze(&s)
}

// Purge ends the file of the log and removes all before the new one.
func (r *Rig) Purge() error {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	if err := r.log.next(uint32(time.Now().Unix())); err != nil {
		return err
	}
	return r.log.purge(r.log.state.File)
}
