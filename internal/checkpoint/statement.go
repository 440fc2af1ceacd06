package checkpoint

import (
	"context"
	"database/sql/driver"
	"strconv"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// Statement gives the state that ddl_log has for the link's statement seq:
// before, done, refused, ignored, or "" where it is not noted.
func (s *Store) Statement(ctx context.Context, session *tenant.Session, seq uint64) (state string, err error) {
	query := "SELECT state FROM `duplex`.`ddl_log` WHERE " + s.where() + " AND seq = " + strconv.FormatUint(seq, 10)
	err = session.Each(ctx, query, func(_ int, row []driver.Value) error {
		b, _ := row[0].([]byte)
		state = string(b)
		return nil
	})
	if err != nil {
		return "", s.wrap("read the statements of", err)
	}
	return state, nil
}

// StatementNote is the SQL that notes a statement and its state.
func (s *Store) StatementNote(seq uint64, text, state string) string {
	b := change.AppendString([]byte("REPLACE INTO `duplex`.`ddl_log` (project, link, seq, statement, state, `at`) VALUES ("), s.project)
	b = change.AppendString(append(b, ", "...), s.link)
	b = strconv.AppendUint(append(b, ", "...), seq, 10)
	b = change.AppendString(append(b, ", "...), text)
	b = change.AppendString(append(b, ", "...), state)
	return string(append(b, ", UTC_TIMESTAMP(6))"...))
}

// NoteStatement notes a statement outside any other transaction.
func (s *Store) NoteStatement(ctx context.Context, session *tenant.Session, seq uint64, text, state string) error {
	if _, err := session.Exec(ctx, s.StatementNote(seq, text, state)); err != nil {
		return s.wrap("note a statement of", err)
	}
	return nil
}
