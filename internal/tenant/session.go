package tenant

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Session is one connection with our settings: UTC, utf8mb4 in, stored bytes
// out, a sql_mode that takes every stored value back, no foreign key checks,
// READ COMMITTED, autocommit said aloud. One goroutine uses it.
type Session struct {
	Kind Kind
	ID   uint64 // the server's number of the connection
	conn *sql.Conn
	from string // where the server sees it come from; empty on OceanBase
}

// Purpose is what a session is for.
type Purpose int

// The purposes.
const (
	Read  Purpose = iota // reads only, and statements of ours that carry no mark
	Apply                // writes applied transactions: carries the origin id where the server has one
)

// How long a session of ours waits for a row lock before it tries the
// transaction again; and, where the server has a limit of its own that is too
// short or too long for us, how long a statement and a transaction may take, and
// a transaction that does nothing.
const (
	lockWait  = 10 * time.Second
	queryTime = time.Hour
	trxTime   = 24 * time.Hour
	idleTime  = 2 * time.Minute
)

// Session opens a connection for purpose. origin is the origin id of the link
// that writes (0: none); it is set before any transaction, since OceanBase
// takes it when a transaction begins.
func (t *Tenant) Session(ctx context.Context, purpose Purpose, origin uint32) (*Session, error) {
	conn, err := t.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("site %s: open a session: %w", t.Site, err)
	}
	s := &Session{Kind: t.Kind, conn: conn}
	// Before the settings: connection_id() of MySQL gives back pseudo_thread_id.
	ask := "SELECT connection_id(), ''"
	if t.Kind != OceanBase {
		ask = "SELECT connection_id(), COALESCE((SELECT host FROM information_schema.processlist WHERE id = connection_id()), '')"
	}
	if err := conn.QueryRowContext(ctx, ask).Scan(&s.ID, &s.from); err != nil {
		return nil, errors.Join(fmt.Errorf("site %s: ask for the connection's number: %w", t.Site, err), s.Discard())
	}
	steps := []string{strings.Join(t.settings(purpose), "; "), t.marker(purpose, origin)}
	if t.Kind == OceanBase { // where everybody may set the origin id
		steps = []string{strings.Join(steps, "; ")}
	}
	for _, q := range steps {
		if _, err := conn.ExecContext(ctx, q); err != nil && Code(err) != noPrivilege {
			return nil, errors.Join(fmt.Errorf("site %s: set up a session: %s: %w", t.Site, q, err), s.Discard())
		}
	}
	if err := s.prove(ctx, purpose, origin); err != nil {
		return nil, errors.Join(fmt.Errorf("site %s: %w", t.Site, err), s.Discard())
	}
	return s, nil
}

// ErrUnset says that a session is not what it was set to, as behind a proxy that
// loses settings.
var ErrUnset = errors.New("session does not keep its settings")

// prove asks an OceanBase session for the two settings without which its
// transactions would be lost, or sent back.
func (s *Session) prove(ctx context.Context, purpose Purpose, origin uint32) error {
	if s.Kind != OceanBase {
		return nil
	}
	if purpose != Apply {
		origin = 0
	}
	var auto bool
	var got uint32
	if err := s.conn.QueryRowContext(ctx, "SELECT @@autocommit, @@ob_org_cluster_id").Scan(&auto, &got); err != nil {
		return fmt.Errorf("ask for a session's settings: %w", err)
	}
	if !auto || got != origin {
		return fmt.Errorf("%w: autocommit is %t, ob_org_cluster_id is %d, not %d", ErrUnset, auto, got, origin)
	}
	return nil
}

// noPrivilege is the error of a user who may not set pseudo_thread_id. The
// checkpoint row is the mark that counts; the origin id is a second sign.
const noPrivilege = 1227

// marker is the statement that puts the origin id on a session; DO 0 where the
// server has none.
func (t *Tenant) marker(purpose Purpose, origin uint32) string {
	id := strconv.FormatUint(uint64(origin), 10)
	switch {
	case purpose != Apply || origin == 0:
	case t.Kind == OceanBase:
		return "SET ob_org_cluster_id = " + id
	case t.Kind == MySQL:
		return "SET pseudo_thread_id = " + id
	}
	return "DO 0"
}

// The statements that set a session's sql_mode. With Strict a value that does not
// fit its column is an error instead of being cut; Lenient, as a session begins,
// takes back every value that a server holds.
const (
	Strict  = "SET sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'"
	Lenient = "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'"
)

func (t *Tenant) settings(purpose Purpose) []string {
	set := []string{
		"SET autocommit = 1",
		"SET NAMES utf8mb4",
		"SET character_set_results = NULL",
		"SET time_zone = '+00:00'",
		Lenient,
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
		"SET foreign_key_checks = 0",
	}
	switch t.Kind {
	case OceanBase:
		set = append(set, t.setup(purpose)...)
	case MySQL, MariaDB:
		set = append(set, "SET innodb_lock_wait_timeout = "+strconv.Itoa(int(lockWait.Seconds())), "SET net_write_timeout = 600")
	}
	return set
}

// Exec runs a statement and gives the number of rows that it matched.
func (s *Session) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	r, err := s.conn.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Query runs a query.
func (s *Session) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return s.conn.QueryContext(ctx, query, args...)
}

// Close ends the connection. An open transaction is rolled back by the server.
func (s *Session) Close() error { return s.Discard() }

// Discard closes the connection for good instead of giving it back to the
// pool: its settings are ours.
func (s *Session) Discard() error {
	err := s.conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}

// How often End looks whether a session is gone, and for how long it may be
// about to go by itself.
const (
	endLook     = 20 * time.Millisecond
	endPatience = 15 // looks
)

// End closes a session and returns when the server has ended it too, so that what
// it had open is decided and its locks are free. What it runs is interrupted.
// A server that was started anew gives the numbers of its connections again: a
// session of somebody else's that has this one's is left alone.
//
// A connection is killed only if it stays idle though it is closed, as behind a
// network that stands still: MySQL 5.6 lets a KILL that comes while the thread
// turns to its socket take the socket from under it, and the thread then waits
// for ever with all its locks.
func (t *Tenant) End(ctx context.Context, s *Session) error {
	closed := s.Discard()
	if t.Kind == OceanBase {
		return errors.Join(closed, t.Kill(ctx, s.ID))
	}
	look := time.NewTicker(endLook)
	defer look.Stop()
	for idle := 0; ; {
		var command string
		err := t.db.QueryRowContext(ctx, "SELECT command FROM information_schema.processlist WHERE id = ? AND host = ?", s.ID, s.from).Scan(&command)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return closed
		case err != nil:
		case command != "Sleep":
			err = t.kill(ctx, "QUERY ", s.ID)
		default:
			if idle++; idle == endPatience {
				err = t.Kill(ctx, s.ID)
			}
		}
		if err != nil {
			return errors.Join(closed, err)
		}
		select {
		case <-ctx.Done():
			return errors.Join(closed, context.Cause(ctx))
		case <-look.C:
		}
	}
}

// Kill ends a connection by its number. One that is gone is no error.
func (t *Tenant) Kill(ctx context.Context, id uint64) error { return t.kill(ctx, "", id) }

func (t *Tenant) kill(ctx context.Context, what string, id uint64) error {
	_, err := t.db.ExecContext(ctx, "KILL "+what+strconv.FormatUint(id, 10))
	if err != nil && Code(err) == 1094 {
		return nil
	}
	return err
}
