package tenant

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

const (
	user     = "root"
	password = "duplex"

	// startLimit bounds a start when the caller's context has no deadline: the
	// OceanBase kernel has been seen to take 22 s on a busy machine.
	startLimit = 5 * time.Minute
)

// errEnded is returned by a start whose process did not stay.
var errEnded = errors.New("server ended")

// Options say what to start. The zero value of every field but Kind is usable.
type Options struct {
	Kind        Kind
	Dir         string    // the server's folder, kept by Close; "" = a temporary one, removed by Close
	Port        int       // 0 = a free one
	ServerID    int       // 0 = the port; also MariaDB's GTID domain
	PoolMB      int       // buffer pool; 0 = 128. SeekDB: memory limit, at least 1024
	LogMB       int       // redo log; 0 = 128. SeekDB: not used
	RowMetadata string    // MariaDB: FULL, MINIMAL or NO_LOG; "" = FULL
	Flags       []string  // further flags of the server, which win over the ones set here
	Out         io.Writer // told in a line what takes time; nil = silent
}

func (o Options) withDefaults() Options {
	if o.PoolMB == 0 {
		o.PoolMB = 128
	}
	if o.LogMB == 0 {
		o.LogMB = 128
	}
	if o.RowMetadata == "" {
		o.RowMetadata = "FULL"
	}
	return o
}

// Server is one tenant. Its methods may be called from several goroutines.
type Server struct {
	place
	engine   engine
	program  string
	password string

	kernel *Server // behind the server, of kind OceanBase

	temporary bool
	locks     []*fileLock

	mu   sync.Mutex
	proc *process // nil until the first start
}

// Start brings a server up and returns when it answers. On an empty folder it
// begins with an empty binary log; on one that a server left, with its data.
// The server does not outlive this process. Close it in the end.
func Start(ctx context.Context, o Options) (*Server, error) {
	e, err := engineOf(o.Kind)
	if err != nil {
		return nil, err
	}
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	program, err := e.program(cache)
	if err != nil {
		return nil, err
	}
	ctx, cancel := limited(ctx)
	defer cancel()
	s := &Server{engine: e, program: program, password: password, place: place{opt: o.withDefaults()}}
	if err := s.settle(ctx, cache); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", o.Kind, err), s.Close())
	}
	if err := s.run(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// settle takes folder and port, and copies the prepared data into the folder
// unless it has some.
func (s *Server) settle(ctx context.Context, cache string) error {
	if err := s.takeFolder(); err != nil {
		return err
	}
	port, lock, err := reservePort(ctx, cache, s.opt.Port)
	if err != nil {
		return err
	}
	s.port, s.locks = port, append(s.locks, lock)
	if s.opt.ServerID == 0 {
		s.opt.ServerID = port
	}
	if s.opt.Kind == OceanBase {
		return s.settleKernel(ctx, cache)
	}
	if isDir(s.data()) {
		return nil
	}
	folder, err := prepared(ctx, s.engine, s.program, cache, s.opt)
	if err != nil {
		return err
	}
	return copyTree(folder, s.data())
}

// run starts the process and waits until root can log in.
func (s *Server) run(ctx context.Context) error {
	out, err := os.OpenFile(filepath.Join(s.dir, "output.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	cmd := s.command()
	cmd.Stdout, cmd.Stderr = out, out
	proc, err := launch(cmd)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.opt.Kind, err)
	}
	s.mu.Lock()
	s.proc = proc
	s.mu.Unlock()
	if err := s.answers(ctx, proc); err != nil {
		err = fmt.Errorf("start %s: %w: %s", s.opt.Kind, err, logTail(s.dir))
		return errors.Join(err, proc.end(context.WithoutCancel(ctx), syscall.SIGKILL))
	}
	return nil
}

func (s *Server) command() *exec.Cmd { return s.engine.command(s.program, s.place) }

// answers waits for the first successful SELECT.
func (s *Server) answers(ctx context.Context, proc *process) error {
	for {
		err := s.exec(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-proc.done:
			return errors.Join(errEnded, proc.err)
		case <-ctx.Done():
			return fmt.Errorf("no answer (%w): %w", err, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// exec runs statements as root on one new connection.
func (s *Server) exec(ctx context.Context, statements ...string) error {
	connector, err := mysql.NewConnector(s.config(""))
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	for _, statement := range statements {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func (s *Server) config(database string) *mysql.Config {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = user, s.password, "tcp", s.Addr(), database
	c.Logger = &mysql.NopLogger{}
	return c
}

// Kind returns the server's kind.
func (s *Server) Kind() Kind { return s.opt.Kind }

// Addr returns host:port, the same for the server's whole life.
func (s *Server) Addr() string { return net.JoinHostPort(s.Host(), strconv.Itoa(s.port)) }

// Host returns the address that the server listens on.
func (s *Server) Host() string { return "127.0.0.1" }

// Port returns the port that the server listens on.
func (s *Server) Port() int { return s.port }

// User returns the name of a user with all rights, GRANT OPTION included.
func (s *Server) User() string { return user }

// Password returns the password of User.
func (s *Server) Password() string { return s.password }

// ServerID returns the server id, which is MariaDB's GTID domain as well.
func (s *Server) ServerID() int { return s.opt.ServerID }

// Dir returns the folder with the server's data/, error.log and output.log.
func (s *Server) Dir() string { return s.dir }

// DSN returns a data source name for go-sql-driver; database may be "".
func (s *Server) DSN(database string) string { return s.config(database).FormatDSN() }

// PID returns the id of the server's process, or 0 while it is down.
func (s *Server) PID() int {
	if p := s.process(); p != nil && !p.ended() {
		return p.pid
	}
	return 0
}

func (s *Server) process() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc
}

// Kill ends the server's process with SIGKILL and waits for its end. Killing
// a server that is down is no error.
func (s *Server) Kill(ctx context.Context) error { return s.end(ctx, syscall.SIGKILL) }

// Stop ends the server cleanly and waits for its end. When ctx ends first, the
// server is killed and an error returned.
func (s *Server) Stop(ctx context.Context) error { return s.end(ctx, syscall.SIGTERM) }

func (s *Server) end(ctx context.Context, sig syscall.Signal) error {
	return errors.Join(s.endKernel(ctx, sig), s.endFront(ctx, sig))
}

// endFront ends the process that clients connect to.
func (s *Server) endFront(ctx context.Context, sig syscall.Signal) error {
	p := s.process()
	if p == nil {
		return nil
	}
	ctx, cancel := limited(ctx)
	defer cancel()
	if err := p.end(ctx, sig); err != nil {
		return fmt.Errorf("end %s: %w", s.opt.Kind, err)
	}
	return nil
}

// Restart starts a server that Kill or Stop has ended, with the same port,
// folder and flags, and returns when it answers.
func (s *Server) Restart(ctx context.Context) error {
	if s.PID() != 0 {
		return fmt.Errorf("restart %s: %w", s.opt.Kind, ErrRunning)
	}
	ctx, cancel := limited(ctx)
	defer cancel()
	if err := s.restartKernel(ctx); err != nil {
		return err
	}
	return s.run(ctx)
}

// Close kills the server if it is up, gives port and folder back and removes
// a temporary folder. The server cannot be restarted after it.
func (s *Server) Close() error {
	err := errors.Join(s.Kill(context.Background()), s.closeKernel())
	if s.temporary {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	for _, lock := range s.locks {
		lock.release()
	}
	s.locks = nil
	return err
}

func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, startLimit)
}

func say(out io.Writer, format string, args ...any) {
	if out != nil {
		_, _ = fmt.Fprintf(out, format+"\n", args...)
	}
}
