package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"duplex/test/tenant"
)

// A rig is what a contest runs on: a folder, the program, and the servers,
// which end with it.
type rig struct {
	*options
	tables  layout
	folder  string
	program string // duplex, built for this contest
	twoWay  bool   // the project carries changes both ways
	version string // of the servers
	servers []*server
}

// A server is a tenant of the rig with a pool of connections to it.
type server struct {
	*tenant.Server
	db  *sql.DB
	via string // host:port of a wire by which the program reaches it; empty: there is none
}

// address is where the program finds the server.
func (s *server) address() string {
	if s.via != "" {
		return s.via
	}
	return s.Addr()
}

// The servers' memory: the data fit, so that no disk is measured.
const (
	poolMB = 1024
	logMB  = 512
)

func newRig(ctx context.Context, o *options) (*rig, error) {
	r := &rig{options: o, tables: layout{1, o.rows, padding}}
	if _, err := tenant.Find(tenant.Kind(o.kind)); err != nil {
		return nil, err
	}
	var err error
	if o.dir != "" {
		err = os.MkdirAll(o.dir, 0o755)
	}
	if err == nil {
		r.folder, err = os.MkdirTemp(o.dir, "duplex-bench-")
	}
	if err != nil {
		return nil, err
	}
	if r.program, err = r.build(ctx, "duplex", ""); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// build gives the program, built with tags.
func (r *rig) build(ctx context.Context, name, tags string) (string, error) {
	path := filepath.Join(r.folder, name)
	out, err := exec.CommandContext(ctx, "go", "build", "-tags", tags, "-o", path, "duplex/cmd/duplex").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return path, nil
}

func (r *rig) close() error {
	var errs []error
	for _, s := range slices.Clone(r.servers) {
		errs = append(errs, r.end(s))
	}
	if r.keep {
		r.say("kept: %s", r.folder)
	} else {
		errs = append(errs, os.RemoveAll(r.folder))
	}
	return errors.Join(errs...)
}

// start starts a server. Its folder begins as a copy of that of a stopped
// server where from names one.
func (r *rig) start(ctx context.Context, name string, id int, from string) (*server, error) {
	return r.startKind(ctx, tenant.Kind(r.kind), name, id, from)
}

func (r *rig) startKind(ctx context.Context, kind tenant.Kind, name string, id int, from string) (*server, error) {
	dir := filepath.Join(r.folder, name)
	if from != "" {
		if err := os.CopyFS(filepath.Join(dir, "data"), os.DirFS(filepath.Join(r.folder, from, "data"))); err != nil {
			return nil, fmt.Errorf("copy of server %s: %w", from, err)
		}
	}
	// The pool is filled by the contest, not by what the last run left.
	flags := []string{"--innodb-buffer-pool-load-at-startup=0", "--innodb-buffer-pool-dump-at-shutdown=0"}
	if kind == tenant.SeekDB || kind == tenant.OceanBase {
		flags = nil
	}
	t, err := tenant.Start(ctx, tenant.Options{
		Kind: kind, Dir: dir, ServerID: id, PoolMB: poolMB, LogMB: logMB, Flags: flags, Out: os.Stderr,
	})
	if err != nil {
		return nil, err
	}
	s := &server{Server: t}
	r.servers = append(r.servers, s)
	if s.db, err = sql.Open("mysql", t.DSN("")+"?multiStatements=true&interpolateParams=true"); err != nil {
		return nil, err
	}
	s.db.SetMaxIdleConns(32)
	err = s.db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&r.version)
	return s, err
}

// stop ends a server cleanly; its folder stays and can be copied.
func (r *rig) stop(ctx context.Context, s *server) error {
	return errors.Join(s.db.Close(), s.Stop(ctx), r.forget(s))
}

// end takes a server away and its folder with it.
func (r *rig) end(s *server) error {
	err := errors.Join(s.db.Close(), r.forget(s))
	if !r.keep {
		err = errors.Join(err, os.RemoveAll(s.Dir()))
	}
	return err
}

func (r *rig) forget(s *server) error {
	r.servers = slices.DeleteFunc(r.servers, func(o *server) bool { return o == s })
	return s.Close()
}

func (s *server) exec(ctx context.Context, statements ...string) error {
	for _, q := range statements {
		if _, err := s.db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}

func (s *server) text(ctx context.Context, query string) (string, error) {
	var v string
	if err := s.db.QueryRowContext(ctx, query).Scan(&v); err != nil {
		return "", fmt.Errorf("%s: %w", query, err)
	}
	return v, nil
}

// measure takes the time and the servers' processor time of work, which gives
// what its own processes used.
func measure(ctx context.Context, units int, source, target *server, work func(s *sample) error) (s sample, err error) {
	s.Units = float64(units)
	used := func() (out [3]float64, err error) {
		for i, pids := range [][]int{source.pids(), target.pids(), {os.Getpid()}} {
			for _, pid := range pids {
				t, err := processTime(pid)
				if err != nil {
					return out, err
				}
				out[i] += t
			}
		}
		return out, nil
	}
	before, err := used()
	if err != nil {
		return s, err
	}
	counted, err := target.status(ctx)
	if err != nil {
		return s, err
	}
	busy, began := busyTime(), time.Now()
	if err := work(&s); err != nil {
		return s, err
	}
	s.Seconds = time.Since(began).Seconds()
	after, err := used()
	if err != nil {
		return s, err
	}
	s.CPU.Source, s.CPU.Target = after[0]-before[0], after[1]-before[1]
	s.Others = max(0, busyTime()-busy-s.CPU.sum()-(after[2]-before[2])) / s.Seconds
	s.Target, err = target.status(ctx)
	for name := range s.Target {
		s.Target[name] -= counted[name]
	}
	return s, err
}

// counters say how a target was written: statements by their kind, commits,
// bytes that came in, and waits for locks (their time in ms).
const counters = "'Com_select','Com_insert','Com_update','Com_delete','Com_commit','Com_rollback','Bytes_received'," +
	"'Innodb_row_lock_waits','Innodb_row_lock_time','Innodb_deadlocks'"

func (s *server) status(ctx context.Context) (map[string]float64, error) {
	rows, err := s.db.QueryContext(ctx, "SHOW GLOBAL STATUS WHERE Variable_name IN ("+counters+")")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[string]float64{}
	for rows.Next() {
		var name string
		var value float64
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		out[name] = value
	}
	return out, rows.Err()
}

// pids are a server's processes.
func (s *server) pids() []int {
	if k := s.Kernel(); k != nil {
		return []int{s.PID(), k.PID()}
	}
	return []int{s.PID()}
}
