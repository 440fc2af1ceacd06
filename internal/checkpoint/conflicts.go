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

// ErrNoConflict says that a tenant has no conflict of the number.
var ErrNoConflict = errors.New("no such conflict")

// A ConflictFilter says which conflicts are meant; the zero one means all.
type ConflictFilter struct {
	Table, Key, Kind, Winner string    // exact; empty: any
	Since, Until             time.Time // decided at or after Since and before Until; zero: no bound
	Ambiguous                bool      // only those
	Open                     bool      // only what is neither undone nor accepted, and no undo
	Lost                     bool      // only what discarded an image, and so can be undone
}

// A ConflictLog is what duplex.conflict of one tenant holds of a project.
type ConflictLog struct {
	tenant  *tenant.Tenant
	project string
}

// NewConflictLog gives the log of a project in a tenant.
func NewConflictLog(t *tenant.Tenant, project string) *ConflictLog {
	return &ConflictLog{tenant: t, project: project}
}

// index names the index that answers f: no server finds it as surely.
func (f *ConflictFilter) index() string {
	switch {
	case f.Key != "":
		return "by_key"
	case f.Table != "":
		return "by_table"
	case f.Kind != "":
		return "by_kind"
	}
	return "by_time"
}

// from appends FROM and WHERE.
func (l *ConflictLog) from(dst []byte, f *ConflictFilter) []byte {
	dst = append(append(dst, " FROM `duplex`.`conflict` FORCE INDEX ("...), f.index()...)
	dst = change.AppendString(append(dst, ") WHERE project = "...), l.project)
	for _, part := range []struct{ column, want string }{{"table_name", f.Table}, {"row_key", f.Key}, {"kind", f.Kind}, {"winner", f.Winner}} {
		if part.want != "" {
			dst = append(append(append(dst, " AND "...), part.column...), " = "...)
			dst = change.AppendString(dst, part.want)
		}
	}
	if !f.Since.IsZero() {
		dst = appendTime(append(dst, " AND decided_at >= "...), f.Since, "")
	}
	if !f.Until.IsZero() {
		dst = appendTime(append(dst, " AND decided_at < "...), f.Until, "")
	}
	if f.Ambiguous {
		dst = append(dst, " AND ambiguous = 1"...)
	}
	if f.Open {
		dst = append(dst, " AND undone_at IS NULL AND accepted_at IS NULL AND kind <> '"+Undo+"'"...)
	}
	if f.Lost {
		dst = append(dst, " AND winner IN ('local', 'incoming')"...)
	}
	return dst
}

// found appends the SELECT that gives number and time, newest first.
func (l *ConflictLog) found(f *ConflictFilter, limit int) []byte {
	q := append(l.from([]byte("SELECT id, decided_at"), f), " ORDER BY decided_at DESC, id DESC"...)
	if limit > 0 {
		q = strconv.AppendInt(append(q, " LIMIT "...), int64(limit), 10)
	}
	return q
}

const conflictColumns = "c.id, c.project, c.link, c.table_name, c.row_key, c.kind, c.policy, c.winner, c.ambiguous, c.local_image, c.incoming_image, " +
	"c.local_stamp, c.incoming_stamp, c.local_committed_at, c.incoming_committed_at, c.decided_at, c.undone_at, c.accepted_at FROM "

// List gives the conflicts that f means, newest first, at most limit of them;
// 0 is no limit.
func (l *ConflictLog) List(ctx context.Context, f ConflictFilter, limit int) ([]Conflict, error) {
	q := append(append([]byte("SELECT "+conflictColumns+"("), l.found(&f, limit)...),
		") f JOIN `duplex`.`conflict` c ON c.id = f.id ORDER BY f.decided_at DESC, f.id DESC"...)
	rows, err := l.tenant.DB().QueryContext(ctx, string(q))
	if err != nil {
		return nil, l.unlessMissing("list", err)
	}
	defer rows.Close()
	var out []Conflict
	for rows.Next() {
		c, err := scanConflict(rows)
		if err != nil {
			return nil, l.wrap("list", err)
		}
		out = append(out, c)
	}
	if err := rows.Err(); err != nil {
		return nil, l.wrap("list", err)
	}
	return out, nil
}

// A Numbered is the number of a conflict and when it was decided.
type Numbered struct {
	ID        uint64
	DecidedAt time.Time
}

// Find gives the numbers of all conflicts that f means, newest first.
func (l *ConflictLog) Find(ctx context.Context, f ConflictFilter) ([]Numbered, error) {
	rows, err := l.tenant.DB().QueryContext(ctx, string(l.found(&f, 0)))
	if err != nil {
		return nil, l.unlessMissing("find", err)
	}
	defer rows.Close()
	var out []Numbered
	for rows.Next() {
		var n Numbered
		if err := rows.Scan(&n.ID, scanTime{&n.DecidedAt}); err != nil {
			return nil, l.wrap("find", err)
		}
		out = append(out, n)
	}
	if err := rows.Err(); err != nil {
		return nil, l.wrap("find", err)
	}
	return out, nil
}

// Kinds counts the conflicts that f means, by their kind.
func (l *ConflictLog) Kinds(ctx context.Context, f ConflictFilter) (map[string]uint64, error) {
	return l.count(ctx, string(l.from([]byte("SELECT kind, COUNT(*)"), &f))+" GROUP BY kind")
}

// Tally is what is logged of one link.
type Tally struct {
	Conflicts uint64 // decisions between two writes
	Drifts    uint64 // rows that were not what either log says
}

// Links counts per link. Undone ones count, undos do not.
func (l *ConflictLog) Links(ctx context.Context) (map[string]Tally, error) {
	counts, err := l.count(ctx, string(change.AppendString([]byte("SELECT CONCAT(kind, ' ', link), COUNT(*) FROM `duplex`.`conflict` "+
		"FORCE INDEX (by_link) WHERE project = "), l.project))+" GROUP BY link, kind")
	out := map[string]Tally{}
	for name, n := range counts {
		kind, link, _ := strings.Cut(name, " ")
		t := out[link]
		switch kind {
		case Undo:
		case "drift":
			t.Drifts += n
		default:
			t.Conflicts += n
		}
		out[link] = t
	}
	return out, err
}

// Parked counts the rows of the project that wait in this tenant for a unique
// value.
func (l *ConflictLog) Parked(ctx context.Context) (uint64, error) {
	counts, err := l.count(ctx, string(change.AppendString([]byte("SELECT '', COUNT(*) FROM `duplex`.`parked` WHERE project = "), l.project)))
	return counts[""], err
}

func (l *ConflictLog) count(ctx context.Context, query string) (map[string]uint64, error) {
	out := map[string]uint64{}
	rows, err := l.tenant.DB().QueryContext(ctx, query)
	if err != nil {
		return out, l.unlessMissing("count", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var n uint64
		if err := rows.Scan(&name, &n); err != nil {
			return nil, l.wrap("count", err)
		}
		out[name] = n
	}
	if err := rows.Err(); err != nil {
		return nil, l.wrap("count", err)
	}
	return out, nil
}

// one is the SELECT of a single conflict.
func (l *ConflictLog) one(id uint64) string {
	return string(change.AppendString(fmt.Appendf(nil, "SELECT "+conflictColumns+"`duplex`.`conflict` c WHERE c.id = %d AND c.project = ", id), l.project))
}

// Get gives one conflict, or ErrNoConflict.
func (l *ConflictLog) Get(ctx context.Context, id uint64) (Conflict, error) {
	return l.get(l.tenant.DB().QueryContext(ctx, l.one(id)))
}

// Lock is Get that locks the conflict for the session's transaction.
func (l *ConflictLog) Lock(ctx context.Context, s *tenant.Session, id uint64) (Conflict, error) {
	return l.get(s.Query(ctx, l.one(id)+" FOR UPDATE"))
}

func (l *ConflictLog) get(rows *sql.Rows, err error) (Conflict, error) {
	if err != nil {
		if missing(err) {
			err = ErrNoConflict
		}
		return Conflict{}, l.wrap("read", err)
	}
	defer rows.Close()
	if !rows.Next() {
		return Conflict{}, l.wrap("read", errors.Join(rows.Err(), ErrNoConflict))
	}
	c, err := scanConflict(rows)
	if err != nil {
		return c, l.wrap("read", err)
	}
	return c, rows.Err()
}

// SetUndone is the statement that notes that a conflict is undone.
func SetUndone(id uint64) string {
	return "UPDATE `duplex`.`conflict` SET undone_at = UTC_TIMESTAMP(6) WHERE id = " + strconv.FormatUint(id, 10)
}

// Accept notes that people agree with decisions. It gives how many of them were
// there and not accepted before.
func (l *ConflictLog) Accept(ctx context.Context, ids []uint64) (int64, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	q := change.AppendString([]byte("UPDATE `duplex`.`conflict` SET accepted_at = UTC_TIMESTAMP(6) WHERE project = "), l.project)
	q = append(q, " AND accepted_at IS NULL AND id IN ("...)
	for i, id := range ids {
		if i > 0 {
			q = append(q, ',')
		}
		q = strconv.AppendUint(q, id, 10)
	}
	return l.change(ctx, "accept", string(append(q, ')')))
}

// Purge deletes up to limit conflicts that were decided before a time, the
// oldest first, and gives how many.
func (l *ConflictLog) Purge(ctx context.Context, before time.Time, limit int) (int64, error) {
	q := change.AppendString([]byte("DELETE FROM `duplex`.`conflict` WHERE project = "), l.project)
	q = appendTime(append(q, " AND decided_at < "...), before, "")
	return l.change(ctx, "purge", string(q)+" ORDER BY decided_at LIMIT "+strconv.Itoa(limit))
}

func (l *ConflictLog) change(ctx context.Context, what, query string) (int64, error) {
	r, err := l.tenant.DB().ExecContext(ctx, query)
	if err != nil {
		return 0, l.unlessMissing(what, err)
	}
	return r.RowsAffected()
}

// unlessMissing wraps an error, but a tenant in which Create has not run has no
// conflicts.
func (l *ConflictLog) unlessMissing(what string, err error) error {
	if missing(err) {
		return nil
	}
	return l.wrap(what, err)
}

func (l *ConflictLog) wrap(what string, err error) error {
	return fmt.Errorf("site %s: %s conflicts: %w", l.tenant.Site, what, err)
}
