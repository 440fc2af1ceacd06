package tenant

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Via is what answers where an OceanBase tenant is reached.
type Via string

// The answers.
const (
	Observer Via = "observer" // the database server itself
	ODP      Via = "ODP"      // OceanBase's proxy
)

// standby is the role of a tenant that follows another one.
const standby = "STANDBY"

// OB is what an OceanBase tenant says of itself beyond its kind. What its version
// does not tell, or does not tell our user, is empty.
type OB struct {
	Kernel  string // version of the kernel: 4.3.5.3
	Edition string // OceanBase, OceanBase_CE, OceanBase seekdb
	Name    string // of the tenant
	Role    string // PRIMARY, STANDBY, …
	Via     Via

	variables map[string]bool // the session variables that it has, of those that we set
}

// Standby reports whether the tenant is known to follow another one: it takes no
// writes and has no change stream.
func (o *OB) Standby() bool { return o != nil && o.Role == standby }

// A setting is a session variable of OceanBase that we set where it is there.
type setting struct {
	name   string
	value  string
	writes bool // only where the session writes
}

// oceanBaseSettings bound what a session of ours may take, in microseconds. The
// server counts a large statement and a large transaction in hours; what holds
// locks and hears nothing from us any more, in minutes.
func oceanBaseSettings(c *Config) []setting {
	micros := func(d time.Duration) string { return strconv.FormatInt(d.Microseconds(), 10) }
	return []setting{
		{"ob_query_timeout", micros(cmp.Or(c.QueryTime, queryTime)), false},
		{"ob_trx_timeout", micros(cmp.Or(c.TrxTime, trxTime)), false},
		{"ob_trx_lock_timeout", micros(lockWait), false},
		{"ob_trx_idle_timeout", micros(idleTime), true},
		{"ob_read_consistency", "'STRONG'", false}, // a follower may not have what was committed
	}
}

// detectOceanBase asks what only OceanBase knows. Only the mode has to be
// known; the rest is for people.
func (t *Tenant) detectOceanBase(ctx context.Context, comment string) error {
	var mode string
	err := t.db.QueryRowContext(ctx, "SELECT @@ob_compatibility_mode").Scan(&mode)
	if err != nil {
		return fmt.Errorf("ask for the compatibility mode: %w", err)
	}
	if !strings.EqualFold(mode, "MYSQL") {
		return fmt.Errorf("%w: %s", ErrMode, mode)
	}
	o := &OB{Edition: edition(t.Version + " " + comment), variables: map[string]bool{}}
	all := oceanBaseSettings(&t.Config)
	names := make([]string, len(all))
	for n := range all {
		names[n] = all[n].name
	}
	have, err := t.Variables(ctx, names...)
	if err != nil {
		return err
	}
	for name := range have {
		o.variables[name] = true
	}
	if o.Kernel, err = t.told(ctx, "SELECT ob_version()"); err != nil {
		return err
	}
	if o.Name, err = t.told(ctx, "SHOW TENANT"); err != nil {
		return err
	}
	if o.Role, err = t.told(ctx, "SELECT tenant_role FROM oceanbase.DBA_OB_TENANTS WHERE tenant_name = ?", o.Name); err != nil {
		return err
	}
	if o.Via, err = t.via(ctx); err != nil {
		return fmt.Errorf("ask whether a proxy is between: %w", err)
	}
	t.OB = o
	return nil
}

// told reads one value that not every version has, or gives to every user: then
// it is empty.
func (t *Tenant) told(ctx context.Context, query string, args ...any) (value string, err error) {
	err = t.db.QueryRowContext(ctx, query, args...).Scan(&value)
	if Code(err) != 0 || errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("ask for facts of the tenant: %w", err)
	}
	return value, nil
}

// setup gives the SETs of those variables that the tenant has.
func (t *Tenant) setup(purpose Purpose) []string {
	var out []string
	for _, v := range oceanBaseSettings(&t.Config) {
		if t.OB.variables[v.name] && (purpose == Apply || !v.writes) {
			out = append(out, "SET "+v.name+" = "+v.value)
		}
	}
	return out
}

// via asks for what only the proxy answers itself. To an observer it is no SQL.
func (t *Tenant) via(ctx context.Context) (Via, error) {
	_, err := t.db.ExecContext(ctx, "SHOW PROXYSESSION")
	switch m, ok := errors.AsType[*mysql.MySQLError](err); {
	case ok && m.Number == 1064:
		return Observer, nil
	case ok || err == nil:
		return ODP, nil
	}
	return "", err
}

// edition is the product's name in what the server says of its version.
func edition(text string) string {
	text = strings.ToLower(text)
	switch {
	case strings.Contains(text, "seekdb"):
		return "OceanBase seekdb"
	case strings.Contains(text, "oceanbase_ce"):
		return "OceanBase_CE"
	}
	return "OceanBase"
}

// AsWritten is the hint, with a space behind it, that has a SELECT run as it is
// written; empty where none is needed. OceanBase's optimizer takes for granted
// that foreign keys hold, and leaves out a parent table that could only say so: a
// search for rows without a parent finds none, though statements with
// foreign_key_checks off have left some.
func (t *Tenant) AsWritten() string {
	if t.Kind == OceanBase {
		return "/*+ NO_REWRITE */ "
	}
	return ""
}
