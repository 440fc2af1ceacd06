package checkpoint

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// The states of a statement. Before and Done bracket one that a link carries.
// Refused stops the link until a person says Done (the other side has it too) or
// Ignored.
const (
	Before  = "before"
	Done    = "done"
	Refused = "refused"
	Ignored = "ignored"
)

// A Statement is a row of duplex.ddl_log: a statement that changes definitions,
// in the log of the link's source, and what was done about it here.
type Statement struct {
	Link    string
	Seq     uint64
	Text    string
	State   string
	Reason  string      // of Refused
	Session string      // the server's numbers of the connections that have run it, a comma before and behind each
	Was     string      // tells the definitions that it was to change, as they were before
	Seen    change.Seqs // what the source had seen of this site
	At      time.Time
}

const statementColumns = "link, seq, statement, state, reason, sessions, was, seen, CAST(`at` AS CHAR)"

func scanStatement(rows *sql.Rows) (st Statement, err error) {
	var seen, at string
	if err = rows.Scan(&st.Link, &st.Seq, &st.Text, &st.State, &st.Reason, &st.Session, &st.Was, &seen, &at); err != nil {
		return st, err
	}
	if st.At, err = time.Parse(timeForm, at); err != nil {
		return st, err
	}
	low, above, _ := strings.Cut(seen, "|")
	if seen == "" {
		return st, nil
	}
	if st.Seen.Low, err = strconv.ParseUint(low, 10, 64); err != nil {
		return st, err
	}
	st.Seen.Above, err = change.ParseRanges(above)
	return st, err
}

// statements reads rows of ddl_log, the newest last. A tenant in which Create has
// not run has none.
func statements(ctx context.Context, t *tenant.Tenant, where string) ([]Statement, error) {
	wrap := func(err error) error { return fmt.Errorf("site %s: read the statements of links: %w", t.Site, err) }
	rows, err := t.DB().QueryContext(ctx, "SELECT "+statementColumns+" FROM `duplex`.`ddl_log` WHERE "+where+" ORDER BY link, seq")
	if err != nil {
		if missing(err) {
			return nil, nil
		}
		return nil, wrap(err)
	}
	defer rows.Close()
	var out []Statement
	for rows.Next() {
		st, err := scanStatement(rows)
		if err != nil {
			return nil, wrap(err)
		}
		out = append(out, st)
	}
	if err := rows.Err(); err != nil {
		return nil, wrap(err)
	}
	return out, nil
}

// Statements gives all that links of a project have met whose target a tenant is.
func Statements(ctx context.Context, t *tenant.Tenant, project string) ([]Statement, error) {
	return statements(ctx, t, string(change.AppendString([]byte("project = "), project)))
}

// SetStatement is a person's word on a statement. ok is false if there is none
// of that number.
func SetStatement(ctx context.Context, t *tenant.Tenant, project, link string, seq uint64, state string) (ok bool, err error) {
	s := New(t, project, link)
	q := change.AppendString([]byte("UPDATE `duplex`.`ddl_log` SET state = "), state)
	r, err := t.DB().ExecContext(ctx, string(q)+", `at` = UTC_TIMESTAMP(6) WHERE "+s.where()+" AND seq = "+strconv.FormatUint(seq, 10))
	if err != nil {
		return false, s.wrap("set a statement of", err)
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// Statement gives what ddl_log has for the link's statement seq; State is empty
// where it is not noted.
func (s *Store) Statement(ctx context.Context, seq uint64) (Statement, error) {
	return s.one(ctx, s.where()+" AND seq = "+strconv.FormatUint(seq, 10))
}

// By gives the newest statement that a connection has run for the link.
func (s *Store) By(ctx context.Context, session uint64) (Statement, error) {
	return s.one(ctx, s.where()+" AND sessions LIKE '%,"+strconv.FormatUint(session, 10)+",%'")
}

// Pending reports whether a statement was begun and is not known to be done.
func (s *Store) Pending(ctx context.Context) (bool, error) {
	st, err := s.one(ctx, s.where()+" AND state = '"+Before+"'")
	return st.State != "", err
}

func (s *Store) one(ctx context.Context, where string) (Statement, error) {
	all, err := statements(ctx, s.tenant, where)
	if err != nil || len(all) == 0 {
		return Statement{}, err
	}
	return all[len(all)-1], nil
}

// AppendStatement appends the SQL that notes a statement.
func (s *Store) AppendStatement(dst []byte, st Statement) []byte {
	b := change.AppendString(append(dst, "REPLACE INTO `duplex`.`ddl_log` (project, link, seq, statement, state, reason, sessions, was, seen, `at`) VALUES ("...), s.project)
	b = change.AppendString(append(b, ", "...), s.link)
	b = strconv.AppendUint(append(b, ", "...), st.Seq, 10)
	for _, text := range []string{st.Text, st.State, st.Reason} {
		b = change.AppendString(append(b, ", "...), text)
	}
	for _, text := range []string{st.Session, st.Was} {
		b = change.AppendString(append(b, ", "...), text)
	}
	seen := strconv.FormatUint(st.Seen.Low, 10) + "|" + change.FormatRanges(st.Seen.Above)
	return append(change.AppendString(append(b, ", "...), seen), ", UTC_TIMESTAMP(6))"...)
}

// NoteStatement notes a statement in a transaction of its own.
func (s *Store) NoteStatement(ctx context.Context, st Statement) error {
	_, err := s.tenant.DB().ExecContext(ctx, string(s.AppendStatement(nil, st)))
	if err != nil {
		return s.wrap("note a statement of", err)
	}
	return nil
}

// ErrNoStatement says that a statement was asked for that no link has met.
var ErrNoStatement = errors.New("no such statement")
