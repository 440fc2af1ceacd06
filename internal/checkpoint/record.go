package checkpoint

import (
	"database/sql/driver"
	"strconv"
	"time"

	"duplex/internal/change"
)

// Settled is the place of this site's own log from where its reader may start
// again, as far as the site itself is concerned. The zero Settled says nothing.
type Settled struct {
	Seq      uint64 // of the site's next local transaction there
	Position change.Position
}

// A Record is what one lane writes with a transaction.
type Record struct {
	Lane      int
	Position  change.Position // of the source, at seq Low
	Low       uint64          // every source transaction below it is in this tenant
	Applied   []change.Range  // what this lane did above Low
	Carried   []change.Stamp  // of the source transactions in this one
	Version   int64           // raises the clock of the site's reader
	Notes     []byte          // what the mark says beyond its stamps, see conflict.Notes; empty: nothing
	Settled   Settled
	Committed time.Time // source commit time; zero: none
	Write     uint64    // counts what the lane writes: no two of its rows are the same, so that each is logged
}

// AppendFence appends the SELECT that locks the lane's row and gives its epoch.
func (s *Store) AppendFence(dst []byte, lane int) []byte {
	dst = append(dst, "SELECT epoch FROM `duplex`.`checkpoint` WHERE "...)
	return append(s.appendLane(dst, lane), " FOR UPDATE"...)
}

// CheckFence reads a row of AppendFence: ErrFenced unless its epoch is ours.
func CheckFence(row []driver.Value, epoch uint64) error {
	c := change.Column{Name: "epoch", Kind: change.Uint}
	v, err := c.ParseColumn(row[0])
	if err != nil {
		return err
	}
	if v.Bits != epoch {
		return ErrFenced
	}
	return nil
}

func (s *Store) appendLane(dst []byte, lane int) []byte {
	return strconv.AppendInt(append(append(dst, s.where()...), " AND lane = "...), int64(lane), 10)
}

// AppendUpdate appends the statement that writes r over the lane's row, if that is of
// epoch: else it matches no row. It goes first among the writes of its transaction:
// the site's reader then knows at once that the transaction is an applied one.
func (s *Store) AppendUpdate(dst []byte, epoch uint64, r Record) []byte {
	dst = append(dst, "UPDATE `duplex`.`checkpoint` SET "...)
	for i, c := range r.columns() {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(change.AppendIdent(dst, c.name), " = "...)
		dst = append(dst, c.literal...)
	}
	dst = s.appendLane(append(dst, " WHERE "...), r.Lane)
	return strconv.AppendUint(append(dst, " AND epoch = "...), epoch, 10)
}

// appendInsert appends the statement that makes the lane's row, or replaces it.
func (s *Store) appendInsert(dst []byte, epoch uint64, r Record) []byte {
	dst = append(dst, "REPLACE INTO `duplex`.`checkpoint` (project, link, lane, epoch"...)
	for _, c := range r.columns() {
		dst = change.AppendIdent(append(dst, ", "...), c.name)
	}
	dst = change.AppendString(append(dst, ") VALUES ("...), s.project)
	dst = change.AppendString(append(dst, ", "...), s.link)
	dst = strconv.AppendInt(append(dst, ", "...), int64(r.Lane), 10)
	dst = strconv.AppendUint(append(dst, ", "...), epoch, 10)
	for _, c := range r.columns() {
		dst = append(append(dst, ", "...), c.literal...)
	}
	return append(dst, ')')
}

type field struct {
	name    string
	literal []byte
}

func (r *Record) columns() []field {
	blob := change.Column{Kind: change.Binary}
	committed := []byte("NULL")
	if !r.Committed.IsZero() {
		committed = change.AppendString(nil, r.Committed.UTC().Format(timeForm))
	}
	return []field{
		{"position", change.AppendString(nil, string(r.Position))},
		{"low", strconv.AppendUint(nil, r.Low, 10)},
		{"applied", change.AppendString(nil, change.FormatRanges(r.Applied))},
		{"carried", blob.AppendLiteral(nil, change.OfBinary(change.AppendCarried(nil, r.Write, r.Carried)))},
		{"version", strconv.AppendInt(nil, r.Version, 10)},
		{"notes", blob.AppendLiteral(nil, change.OfBinary(r.Notes))},
		{"settled", strconv.AppendUint(nil, r.Settled.Seq, 10)},
		{"settled_position", change.AppendString(nil, string(r.Settled.Position))},
		{"committed_at", committed},
	}
}
