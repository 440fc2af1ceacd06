// Package tenant is one MySQL-protocol tenant: how it is opened, what kind it
// is, how a session of ours is set up, what its errors mean and what tables it
// has.
package tenant

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Kind is the family of servers that a tenant belongs to.
type Kind string

// The kinds.
const (
	MariaDB   Kind = "mariadb"
	MySQL     Kind = "mysql"
	OceanBase Kind = "oceanbase"
)

// Config says how to reach a tenant.
type Config struct {
	Site     string // name for messages
	Address  string // host:port
	User     string // as the server takes it: root, root@tenant#cluster
	Password string
	TLS      *tls.Config // nil: in the clear
	// How long a statement and a transaction of ours may take on OceanBase, which
	// has limits of its own; 0: an hour, and a day.
	QueryTime, TrxTime time.Duration
	Log                *slog.Logger
}

// ErrMode says that an OceanBase tenant is not in MySQL mode.
var ErrMode = errors.New("compatibility mode of the tenant is not MYSQL")

// A Tenant is open and of a known kind. It is safe for use by many goroutines.
type Tenant struct {
	Site    string
	Kind    Kind
	Version string // as version() prints it
	Release Release
	OB      *OB // nil: not OceanBase
	Config  Config
	db      *sql.DB

	// LowerCase is lower_case_table_names: 0 means that the names of databases
	// and tables are case sensitive.
	LowerCase int

	// Packet is max_allowed_packet, in bytes: what a script of ours, and so a row,
	// may have at most.
	Packet int64

	// RoundTrip is the shortest time that a statement without work has taken, when the
	// tenant was opened.
	RoundTrip time.Duration
}

// dialTimeout bounds one attempt to connect.
const dialTimeout = 5 * time.Second

// Open connects and finds out the kind. It fails if the server cannot be
// reached or refuses the login.
func Open(ctx context.Context, c Config) (*Tenant, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	m := mysql.NewConfig()
	m.Net, m.Addr, m.User, m.Passwd, m.TLS = "tcp", c.Address, c.User, c.Password, c.TLS
	m.Timeout = dialTimeout
	m.ClientFoundRows = true   // the guards count rows that matched
	m.InterpolateParams = true // one round trip a statement
	m.MultiStatements = true   // whole transactions in few round trips
	m.MaxAllowedPacket = 1 << 30
	m.Collation = "utf8mb4_general_ci"
	m.Logger = quiet{}
	m.Params = map[string]string{"autocommit": "1"} // never assumed: a tenant may have it off
	connector, err := mysql.NewConnector(m)
	if err != nil {
		return nil, fmt.Errorf("site %s, %s: %w", c.Site, c.Address, err)
	}
	t := &Tenant{Site: c.Site, Config: c, db: sql.OpenDB(connector)}
	t.db.SetMaxIdleConns(4)
	if err := t.detect(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("site %s, %s: %w", c.Site, c.Address, err), t.db.Close())
	}
	return t, nil
}

// quiet drops the driver's own messages: its errors come back to us anyway.
type quiet struct{}

func (quiet) Print(...any) {}

func (t *Tenant) detect(ctx context.Context) error {
	var comment string
	err := t.db.QueryRowContext(ctx, "SELECT version(), @@version_comment, @@lower_case_table_names, @@max_allowed_packet").
		Scan(&t.Version, &comment, &t.LowerCase, &t.Packet)
	if err != nil {
		return fmt.Errorf("ask for the version: %w", err)
	}
	for range 2 {
		began := time.Now()
		if _, err := t.db.ExecContext(ctx, "DO 0"); err != nil {
			return fmt.Errorf("measure a round trip: %w", err)
		}
		if took := time.Since(began); t.RoundTrip == 0 || took < t.RoundTrip {
			t.RoundTrip = took
		}
	}
	switch v := strings.ToLower(t.Version + " " + comment); {
	case strings.Contains(v, "oceanbase"):
		t.Kind = OceanBase
	case strings.Contains(v, "mariadb"):
		t.Kind = MariaDB
	default:
		t.Kind = MySQL
	}
	if t.Kind != OceanBase {
		t.Release = releaseOf(strings.TrimPrefix(t.Version, "5.5.5-")) // MariaDB behind some proxies
		return nil
	}
	if err := t.detectOceanBase(ctx, comment); err != nil {
		return err
	}
	t.Release = releaseOf(t.OB.Kernel)
	return nil
}

// Close ends all connections. One that the server has ended before is no error.
func (t *Tenant) Close() error {
	if err := t.db.Close(); !errors.Is(err, driver.ErrBadConn) {
		return err
	}
	return nil
}

// DB gives the pool, for single statements that need no session of ours.
func (t *Tenant) DB() *sql.DB { return t.db }
