package copy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// The states of a row of copy_chunk. Chunk 0 stands for its table, with the sums
// of its chunks once it is complete; that of the table without a name stands for
// the copy as a whole, with all that follows it.
const (
	stateDone     = "done"
	stateBegun    = "begun"
	stateComplete = "complete"
	stateRooted   = "rooted" // complete, and no row lacks a parent any more
)

// appendNote appends the statement that writes a chunk's row.
func appendNote(dst []byte, project, table string, s *span, state string) []byte {
	return appendRow(append(dst, noteHead...), project, table, s, state)
}

const noteHead = "REPLACE INTO `duplex`.`copy_chunk` (`project`, `table_name`, `chunk`, `low_key`, `high_key`, " +
	"`rows`, `bytes`, `state`, `changed_at`) VALUES "

func appendRow(dst []byte, project, table string, s *span, state string) []byte {
	dst = change.AppendString(append(dst, '('), project)
	dst = change.AppendString(append(dst, ", "...), table)
	dst = strconv.AppendInt(append(dst, ", "...), int64(s.number), 10)
	dst = appendEdge(append(dst, ", "...), s.low)
	dst = appendEdge(append(dst, ", "...), s.high)
	dst = strconv.AppendUint(append(dst, ", "...), s.rows, 10)
	dst = strconv.AppendUint(append(dst, ", "...), s.bytes, 10)
	dst = change.AppendString(append(dst, ", "...), state)
	return append(dst, ", UTC_TIMESTAMP(6))"...)
}

func appendEdge(dst []byte, e *edge) []byte {
	if e == nil {
		return append(dst, "NULL"...)
	}
	return change.AppendString(dst, e.text)
}

// A record is what copy_chunk says of a table.
type record struct {
	complete    bool
	chunks      int
	rows, bytes uint64
	runs        []run
}

// A run is durable chunks without a gap between them.
type run struct {
	low  *string
	last saved
}

// A saved is one row of copy_chunk. A nil edge is open.
type saved struct {
	number      int
	low, high   *string
	rows, bytes uint64
}

// load reads the state of a project's tables. There is none where our tables
// do not exist yet.
func load(ctx context.Context, t *tenant.Tenant, project string) (map[string]*record, error) {
	out := map[string]*record{}
	rows, err := t.DB().QueryContext(ctx, "SELECT `table_name`, `chunk`, `low_key`, `high_key`, `rows`, `bytes`, `state` "+
		"FROM `duplex`.`copy_chunk` WHERE `project` = ? ORDER BY `table_name`, `chunk`", project)
	if err != nil {
		if code := tenant.Code(err); code == 1049 || code == 1146 {
			return out, nil
		}
		return nil, fmt.Errorf("site %s: read the state of the copy: %w", t.Site, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s saved
		var name, state string
		var low, high sql.NullString
		if err := rows.Scan(&name, &s.number, &low, &high, &s.rows, &s.bytes, &state); err != nil {
			return nil, fmt.Errorf("site %s: read the state of the copy: %w", t.Site, err)
		}
		if low.Valid {
			s.low = &low.String
		}
		if high.Valid {
			s.high = &high.String
		}
		r := out[name]
		if r == nil {
			r = &record{}
			out[name] = r
		}
		r.add(s, state)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("site %s: read the state of the copy: %w", t.Site, err)
	}
	return out, nil
}

// add takes one row in; they come in the order of their numbers.
func (r *record) add(s saved, state string) {
	switch state {
	case stateComplete, stateRooted:
		r.complete = true
		return
	case stateDone:
	default:
		return
	}
	r.chunks++
	r.rows += s.rows
	r.bytes += s.bytes
	if n := len(r.runs); n > 0 && s.low != nil && r.runs[n-1].last.high != nil && *r.runs[n-1].last.high == *s.low {
		r.runs[n-1].last = s
		return
	}
	r.runs = append(r.runs, run{low: s.low, last: s})
}

// A State is what is durable of the copy of a table.
type State struct {
	Complete bool
	Chunks   int
	Rows     uint64 // read
	Bytes    uint64
}

// Load gives the state of each table that a project has begun to copy into the
// tenant, by database.table as they are called there.
func Load(ctx context.Context, target *tenant.Tenant, project string) (map[string]State, error) {
	records, err := load(ctx, target, project)
	if err != nil {
		return nil, err
	}
	delete(records, whole)
	out := make(map[string]State, len(records))
	for name, r := range records {
		out[name] = State{Complete: r.complete, Chunks: r.chunks, Rows: r.rows, Bytes: r.bytes}
	}
	return out, nil
}

// Unfinished gives those of tables that are not completely copied.
func Unfinished(ctx context.Context, target *tenant.Tenant, project string, tables []Table) ([]Table, error) {
	states, err := Load(ctx, target, project)
	if err != nil {
		return nil, err
	}
	var out []Table
	for _, t := range tables {
		database, name := t.Target()
		if !states[database+"."+name].Complete {
			out = append(out, t)
		}
	}
	return out, nil
}

// whole is what copy_chunk calls the copy of all tables.
const whole = ""

// Begin notes that tables are going to be copied into the target: from now on the
// copy is not whole. A project that never had a copy begins one of no tables too.
func Begin(ctx context.Context, target *tenant.Tenant, project string, tables []Table) error {
	state, err := wholeState(ctx, target, project)
	if err != nil || len(tables) == 0 && state != "" {
		return err
	}
	note := appendNote(nil, project, whole, &span{}, stateBegun)
	for _, t := range tables {
		database, name := t.Target()
		note = appendRow(append(note, ", "...), project, database+"."+name, &span{}, stateBegun)
	}
	if _, err := target.DB().ExecContext(ctx, string(note)); err != nil {
		return fmt.Errorf("site %s: note that the copy begins: %w", target.Site, err)
	}
	return nil
}

// Whole reports whether the copy has ended, and what follows it too.
func Whole(ctx context.Context, target *tenant.Tenant, project string) (bool, error) {
	state, err := wholeState(ctx, target, project)
	return state == stateRooted, err
}

// wholeState is empty where no copy has begun.
func wholeState(ctx context.Context, target *tenant.Tenant, project string) (state string, err error) {
	err = target.DB().QueryRowContext(ctx, "SELECT `state` FROM `duplex`.`copy_chunk` WHERE `project` = ? AND `table_name` = ? AND `chunk` = 0",
		project, whole).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("site %s: read the state of the copy: %w", target.Site, err)
	}
	return state, nil
}

// Rooted notes that the copy is whole: of all tables that are complete no row lacks
// a parent any more, at either site. Tables that are not were dropped meanwhile.
func Rooted(ctx context.Context, target *tenant.Tenant, project string) error {
	for _, q := range []string{
		"DELETE FROM `duplex`.`copy_chunk` WHERE `project` = ? AND `chunk` = 0 AND `state` = '" + stateBegun + "' AND `table_name` <> '" + whole + "'",
		"UPDATE `duplex`.`copy_chunk` SET `state` = '" + stateRooted + "', `changed_at` = UTC_TIMESTAMP(6) WHERE `project` = ? AND `chunk` = 0",
	} {
		if _, err := target.DB().ExecContext(ctx, q, project); err != nil {
			return fmt.Errorf("site %s: note the state of the copy: %w", target.Site, err)
		}
	}
	return nil
}

// Forget removes the state of a project's copy from the tenant: the next run
// copies everything again.
func Forget(ctx context.Context, target *tenant.Tenant, project string) error {
	if _, err := target.DB().ExecContext(ctx, "DELETE FROM `duplex`.`copy_chunk` WHERE `project` = ?", project); err != nil {
		return fmt.Errorf("site %s: forget the state of the copy: %w", target.Site, err)
	}
	return nil
}
