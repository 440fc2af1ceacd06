package obbinlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"duplex/internal/schema"
)

// A pending is a statement that the kernel may or may not have carried out when
// the rig was killed.
type pending struct {
	Database, Text string
	Before         string // what it is about, before it
}

// intend makes durable that the statement is about to be carried out.
func (d *defining) intend(ctx context.Context) error {
	before, err := portrait(ctx, d.rig.db, &d.statement)
	if err != nil {
		return err
	}
	return d.rig.log.amend(func(st *state) { st.Pending = &pending{d.database, d.text, before} })
}

// settle writes a statement that was in doubt into the log if it was carried
// out: what it is about is not what it was. Whatever was committed before it
// stands there already.
func (s *stream) settle(ctx context.Context) error {
	p := s.log.state.Pending
	if p == nil {
		return nil
	}
	if err := s.ended(ctx, p.Text); err != nil {
		return err
	}
	statement := schema.Classify(p.Text, p.Database)
	now, err := portrait(ctx, s.db, &statement)
	if err != nil {
		return err
	}
	if now == p.Before {
		return s.log.amend(func(st *state) { st.Pending = nil })
	}
	return s.statement(s.log.state.SCN, p.Database, p.Text)
}

// ended waits until no session carries the statement out any more.
func (s *stream) ended(ctx context.Context, text string) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var n int
		err := s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.processlist WHERE info = ?", text).Scan(&n)
		if err != nil || n == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// portrait describes what a statement is about, well enough to see whether it
// was carried out: definitions, and of a table that is truncated
// the numbers of its tablets, which are others then.
func portrait(ctx context.Context, db *sql.DB, s *schema.Statement) (string, error) {
	names := s.Objects
	for _, r := range s.Renames {
		names = append(names, r.To)
	}
	var out strings.Builder
	for _, n := range names {
		query := "SHOW CREATE TABLE " + quote(n.Database) + "." + quote(n.Name)
		if n.Name == "" {
			query = "SHOW CREATE DATABASE " + quote(n.Database)
		}
		var name, text string
		switch err := db.QueryRowContext(ctx, query).Scan(&name, &text); {
		case code(err) != 0: // it is not there, or no table
			text = err.Error()
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			text = "no table" // an answer of another form
		}
		var tablets sql.NullString
		if s.Verb == schema.Truncate {
			if err := db.QueryRowContext(ctx, "SELECT GROUP_CONCAT(data_object_id ORDER BY 1) FROM oceanbase.DBA_OBJECTS "+
				"WHERE owner = ? AND object_name = ?", n.Database, n.Name).Scan(&tablets); err != nil {
				return "", err
			}
		}
		fmt.Fprintln(&out, text, tablets.String)
	}
	return out.String(), nil
}
