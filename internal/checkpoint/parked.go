package checkpoint

import (
	"context"
	"database/sql/driver"
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

const parkedColumns = "table_name, row_id, image, version, site_rank, sub"

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
		var r ParkedRow
		var id, image []byte
		if err := rows.Scan(&r.Key.Table, &id, &image, &r.Order.Version, &r.Order.Rank, &r.Order.Sub); err != nil {
			return nil, s.wrap("read the parked rows beside", err)
		}
		r.Key.ID = string(id)
		if r.Row, _, err = change.ParseImage(image); err != nil {
			return nil, fmt.Errorf("parked row of %s: %w", r.Key.Table, err)
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

// ParkedOf is the SELECT of the parked rows of a table, named as in keys.
// ScanParked reads what it gives.
func ParkedOf(project, table string) string {
	b := append([]byte("SELECT "+parkedColumns+" FROM `duplex`.`parked` WHERE "), ofProject(project)...)
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

// ScanParked reads a row of AppendParkedLock.
func ScanParked(row []driver.Value) (ParkedRow, error) {
	text := func(i int) string {
		b, _ := row[i].([]byte)
		return string(b)
	}
	number := func(i int) int64 {
		v, err := (&change.Column{Kind: change.Int}).ParseColumn(row[i])
		if err != nil {
			return 0
		}
		return int64(v.Bits)
	}
	r := ParkedRow{Key: conflict.Key{Table: text(0), ID: text(1)}}
	r.Order = conflict.Order{Version: number(3), Rank: int(number(4)), Sub: int(number(5))}
	image, _, err := change.ParseImage([]byte(text(2)))
	if err != nil {
		return r, fmt.Errorf("parked row of %s: %w", r.Key.Table, err)
	}
	r.Row = image
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
