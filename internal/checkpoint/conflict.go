package checkpoint

import (
	"database/sql"
	"time"

	"duplex/internal/change"
)

// A Conflict is a row of duplex.conflict: one decision that discarded or
// overrode a write, or put one back.
type Conflict struct {
	ID            uint64 // the tenant's number of the row; given when it is written
	Project, Link string // of the Store, when it is written
	Table         string // database.table, as the tenant names it
	Key           string // the row's key for people and for filters: id=5, or a=1,b="x"

	Kind, Policy, Winner string // the words of package conflict; kind Undo is our own
	Ambiguous            bool

	Local, Incoming           []byte    // change.AppendJSON; empty: no row
	LocalStamp, IncomingStamp string    // seq/version; empty: none
	LocalCommitted            time.Time // zero: not known
	IncomingCommitted         time.Time
	DecidedAt                 time.Time // zero when it is written: now, by the tenant's clock
	UndoneAt, AcceptedAt      time.Time // zero: not
}

// Undo is the kind of a conflict row that tells of an undone decision: Local is
// what was there, Incoming what was put back.
const Undo = "undo"

// ConflictInsert is the head of a statement that writes conflicts: rows of
// AppendConflictRow, with commas between them, end it.
const ConflictInsert = "INSERT INTO `duplex`.`conflict` (project, link, table_name, row_key, kind, policy, winner, ambiguous, " +
	"local_image, incoming_image, local_stamp, incoming_stamp, local_committed_at, incoming_committed_at, decided_at) VALUES "

// AppendConflict appends the statement that writes one conflict of the link.
func (s *Store) AppendConflict(dst []byte, c *Conflict) []byte {
	return s.AppendConflictRow(append(dst, ConflictInsert...), c)
}

// AppendConflicts appends one statement that writes all conflicts; there is at
// least one.
func (s *Store) AppendConflicts(dst []byte, all []Conflict) []byte {
	dst = append(dst, ConflictInsert...)
	for i := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = s.AppendConflictRow(dst, &all[i])
	}
	return dst
}

// AppendConflictRow appends one row for ConflictInsert.
func (s *Store) AppendConflictRow(dst []byte, c *Conflict) []byte {
	dst = change.AppendString(append(dst, '('), s.project)
	for _, text := range []string{s.link, c.Table, c.Key, c.Kind, c.Policy, c.Winner} {
		dst = change.AppendString(append(dst, ','), text)
	}
	if c.Ambiguous {
		dst = append(dst, ",1"...)
	} else {
		dst = append(dst, ",0"...)
	}
	dst = appendImage(append(dst, ','), c.Local)
	dst = appendImage(append(dst, ','), c.Incoming)
	dst = change.AppendString(append(dst, ','), c.LocalStamp)
	dst = change.AppendString(append(dst, ','), c.IncomingStamp)
	dst = appendTime(append(dst, ','), c.LocalCommitted, "NULL")
	dst = appendTime(append(dst, ','), c.IncomingCommitted, "NULL")
	dst = appendTime(append(dst, ','), c.DecidedAt, "UTC_TIMESTAMP(6)")
	return append(dst, ')')
}

func appendImage(dst, image []byte) []byte {
	if len(image) == 0 {
		return append(dst, "NULL"...)
	}
	text := change.Column{Kind: change.Text, Charset: "utf8mb4"}
	return text.AppendLiteral(dst, change.OfText(image))
}

// timeForm is how our tables' times are written and read.
const timeForm = "2006-01-02 15:04:05.999999"

// appendTime appends a time in UTC, or zero for the zero time.
func appendTime(dst []byte, at time.Time, zero string) []byte {
	if at.IsZero() {
		return append(dst, zero...)
	}
	return change.AppendString(dst, at.UTC().Format(timeForm))
}

// scanTime reads a time of our tables; NULL leaves it zero.
type scanTime struct{ into *time.Time }

func (s scanTime) Scan(x any) error {
	var text sql.NullString
	if err := text.Scan(x); err != nil || !text.Valid {
		return err
	}
	at, err := time.Parse(timeForm, text.String)
	*s.into = at
	return err
}

func scanConflict(rows *sql.Rows) (c Conflict, err error) {
	err = rows.Scan(&c.ID, &c.Project, &c.Link, &c.Table, &c.Key, &c.Kind, &c.Policy, &c.Winner, &c.Ambiguous, &c.Local, &c.Incoming,
		&c.LocalStamp, &c.IncomingStamp, scanTime{&c.LocalCommitted}, scanTime{&c.IncomingCommitted},
		scanTime{&c.DecidedAt}, scanTime{&c.UndoneAt}, scanTime{&c.AcceptedAt})
	return c, err
}
