package tenant

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// Option changes the options of a server that For starts.
type Option func(*Options)

// WithFlags adds flags of the server.
func WithFlags(flags ...string) Option {
	return func(o *Options) { o.Flags = append(o.Flags, flags...) }
}

// WithPool sets buffer pool and redo log, in MiB.
func WithPool(poolMB, logMB int) Option {
	return func(o *Options) { o.PoolMB, o.LogMB = poolMB, logMB }
}

// WithServerID sets the server id.
func WithServerID(id int) Option { return func(o *Options) { o.ServerID = id } }

// WithRowMetadata sets MariaDB's binlog_row_metadata: FULL, MINIMAL or NO_LOG.
func WithRowMetadata(level string) Option {
	return func(o *Options) { o.RowMetadata = level }
}

// For starts a server that ends with the test. Where the kind's program is
// missing the test is skipped, or fails if CI is "true" in the environment.
// When the test has failed, the end of the server's log goes to the test's.
func For(t testing.TB, kind Kind, opts ...Option) *Server {
	t.Helper()
	return All(t, []Kind{kind}, opts...)[0]
}

// All starts several servers at a time, each as For does.
func All(t testing.TB, kinds []Kind, opts ...Option) []*Server {
	t.Helper()
	all, errs := make([]*Server, len(kinds)), make([]error, len(kinds))
	var starting sync.WaitGroup
	for i, kind := range kinds {
		o := Options{Kind: kind}
		for _, opt := range opts {
			opt(&o)
		}
		starting.Go(func() { all[i], errs[i] = Start(context.Background(), o) })
	}
	starting.Wait()
	for _, s := range all {
		if s != nil {
			t.Cleanup(func() { s.finish(t) })
		}
	}
	err := errors.Join(errs...)
	if errors.Is(err, ErrMissing) {
		missing(t, err)
	}
	if err != nil {
		t.Fatalf("tenant: %v", err)
	}
	return all
}

// finish ends a test's server.
func (s *Server) finish(t testing.TB) {
	if t.Failed() {
		t.Logf("end of the log of %s at %s:\n%s", s.Kind(), s.Addr(), logTail(s.dir))
	}
	if err := s.Close(); err != nil {
		t.Errorf("tenant: %v", err)
	}
}

func missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("tenant: %v", err)
	}
	fmt.Fprintf(os.Stderr, "\n*** SKIPPED %s: %v\n\n", t.Name(), err)
	t.Skipf("tenant: %v", err)
}

// DB opens a pool of root's connections without a default database, closed at
// the test's end. One call may hold several statements.
func (s *Server) DB(t testing.TB) *sql.DB {
	t.Helper()
	return s.open(t, "")
}

// Database makes an empty database with a name from the test's, and returns
// the name and a pool of connections that use it. Both go at the test's end.
func (s *Server) Database(t testing.TB) (string, *sql.DB) {
	t.Helper()
	name := databaseName(t.Name())
	drop := "DROP DATABASE IF EXISTS " + name
	if err := s.exec(context.Background(), drop, "CREATE DATABASE "+name); err != nil {
		t.Fatalf("tenant: %v", err)
	}
	t.Cleanup(func() {
		if s.PID() == 0 {
			return
		}
		if err := s.exec(context.Background(), drop); err != nil {
			t.Errorf("tenant: %v", err)
		}
	})
	return name, s.open(t, name)
}

func (s *Server) open(t testing.TB, database string) *sql.DB {
	t.Helper()
	c := s.config(database)
	c.MultiStatements = true
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatalf("tenant: %v", err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// databaseName keeps the end of the test's name, which tells subtests apart.
func databaseName(test string) string {
	name := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(test), "_")
	return "t_" + name[max(0, len(name)-50):]
}
