package checkpoint

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// A ParkedRow is a row that lost a unique value and waits for it.
type ParkedRow struct {
	Key conflict.Key
	conflict.Parked
	Reason  string // for people
	Blocked string // by which row, for people
}

const (
	parkedColumns = "table_name, row_id, image, version, site_rank, sub"
	parkedWidth   = 6
)

// Parked reads all parked rows of the project in this tenant.
func (s *Store) Parked(ctx context.Context) ([]ParkedRow, error) {
	rows, err := s.tenant.DB().QueryContext(ctx, "SELECT "+parkedColumns+" FROM `duplex`.`parked` WHERE "+s.ofProject())
	if err != nil {
		if missing(err) {
			return nil, nil
		}
		return nil, s.wrap("read the parked rows beside", err)
	}
	defer rows.Close()
	var out []ParkedRow
	for rows.Next() {
		row, into := make([]driver.Value, parkedWidth), make([]any, parkedWidth)
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, s.wrap("read the parked rows beside", err)
		}
		r, err := ScanParked(row)
		if err != nil {
			return nil, s.wrap("read the parked rows beside", err)
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, s.wrap("read the parked rows beside", err)
	}
	return out, nil
}

func (s *Store) ofProject() string { return ofProject(s.project) }

func ofProject(project string) string {
	return string(change.AppendString([]byte("project = "), project))
}

// ParkedOf is the SELECT of the parked rows of a table, named as in keys, as they
// were at a moment; empty: as they are. ScanParked reads what it gives.
func ParkedOf(project, table, moment string) string {
	b := append([]byte("SELECT "+parkedColumns+" FROM `duplex`.`parked`"+moment+" WHERE "), ofProject(project)...)
	return string(change.AppendString(append(b, " AND table_name = "...), table))
}

// AppendParkedLock appends the SELECT that locks the parked rows of keys of
// one table. ScanParked reads what it gives.
func (s *Store) AppendParkedLock(dst []byte, keys []conflict.Key) []byte {
	dst = append(dst, "SELECT "+parkedColumns+" FROM `duplex`.`parked` WHERE "...)
	return append(s.appendParked(dst, keys), " FOR UPDATE"...)
}

// AppendUnpark appends the statement that takes parked rows of one table out.
func (s *Store) AppendUnpark(dst []byte, keys []conflict.Key) []byte {
	return s.appendParked(append(dst, "DELETE FROM `duplex`.`parked` WHERE "...), keys)
}

func (s *Store) appendParked(dst []byte, keys []conflict.Key) []byte {
	dst = append(dst, s.ofProject()...)
	dst = change.AppendString(append(dst, " AND table_name = "...), keys[0].Table)
	dst = append(dst, " AND key_hash IN ("...)
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(dst, k.Hash(), 10)
	}
	return append(dst, ')')
}

// ScanParked reads a row of AppendParkedLock or ParkedOf.
func ScanParked(row []driver.Value) (r ParkedRow, err error) {
	var bytes [3][]byte
	for i := range bytes {
		bytes[i], _ = row[i].([]byte)
	}
	r.Key = conflict.Key{Table: string(bytes[0]), ID: string(bytes[1])}
	number := change.Column{Kind: change.Int}
	var order [3]int64
	for i := range order {
		v, nerr := number.ParseColumn(row[len(bytes)+i])
		order[i], err = int64(v.Bits), errors.Join(err, nerr)
	}
	r.Order = conflict.Order{Version: order[0], Rank: int(order[1]), Sub: int(order[2])}
	image, rest, ierr := change.ParseImage(append([]byte(nil), bytes[2]...))
	if r.Row = image; ierr == nil && len(rest) > 0 {
		ierr = fmt.Errorf("%d bytes too many", len(rest))
	}
	if err = errors.Join(err, ierr); err != nil {
		return r, fmt.Errorf("parked row of %s: %w", r.Key.Table, err)
	}
	return r, nil
}

// blockedLimit is how long blocked_by is at most.
const blockedLimit = 255

// AppendPark appends the statement that parks a row, or changes its parked
// row.
func (s *Store) AppendPark(dst []byte, r *ParkedRow) []byte {
	blob := change.Column{Kind: change.Binary}
	dst = append(dst, "REPLACE INTO `duplex`.`parked` (project, table_name, key_hash, row_id, image, version, site_rank, sub, reason, blocked_by, parked_at) VALUES ("...)
	dst = change.AppendString(dst, s.project)
	dst = change.AppendString(append(dst, ", "...), r.Key.Table)
	dst = strconv.AppendUint(append(dst, ", "...), r.Key.Hash(), 10)
	dst = blob.AppendLiteral(append(dst, ", "...), change.OfBinary([]byte(r.Key.ID)))
	dst = blob.AppendLiteral(append(dst, ", "...), change.OfBinary(change.AppendImage(nil, r.Row)))
	dst = fmt.Appendf(dst, ", %d, %d, %d, ", r.Order.Version, r.Order.Rank, r.Order.Sub)
	dst = change.AppendString(dst, r.Reason)
	dst = change.AppendString(append(dst, ", "...), r.Blocked[:min(len(r.Blocked), blockedLimit)])
	return append(dst, ", UTC_TIMESTAMP(6))"...)
}

// Relay gives a parked row the layout that its table has got. Nobody else writes
// parked rows meanwhile.
func (s *Store) Relay(ctx context.Context, key conflict.Key, image []change.Value) error {
	blob := change.Column{Kind: change.Binary}
	q := blob.AppendLiteral([]byte("UPDATE `duplex`.`parked` SET image = "), change.OfBinary(change.AppendImage(nil, image)))
	if _, err := s.tenant.DB().ExecContext(ctx, string(s.appendParked(append(q, " WHERE "...), []conflict.Key{key}))); err != nil {
		return s.wrap("lay out the parked rows beside", err)
	}
	return nil
}
