package verify

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"

	"duplex/internal/change"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// The bounds of a range of A's, in rows and in bytes.
const (
	rangeRows  = 5000
	rangeBytes = 4 << 20
)

// A side is a table as one tenant has it, its columns in the common order.
type side struct {
	tenant  *tenant.Tenant
	columns []change.Column
	key     []int // places in columns
	head    string
	index   string // behind the table's name and moment
	order   string
	where   string
}

func newSide(t *tenant.Tenant, table *schema.Table, cols *columns, where string, pick func(*columns) []int) *side {
	s := &side{tenant: t, key: cols.key, where: where}
	hint := ""
	if !cols.whole {
		hint, s.index = t.ByKey(table.Change(), table.Identity())
	}
	head := []byte("SELECT " + hint)
	for i, at := range pick(cols) {
		if i > 0 {
			head = append(head, ", "...)
		}
		s.columns = append(s.columns, table.Columns[at].Column)
		head = s.columns[i].AppendSelect(head)
	}
	s.head = string(table.Change().AppendName(append(head, " FROM "...)))
	var order []byte
	for i, at := range s.key {
		if i > 0 {
			order = append(order, ", "...)
		}
		order = change.AppendIdent(order, s.columns[at].Name)
	}
	s.order = string(order)
	return s
}

// each gives fn the images that a condition selects, as they were at a moment;
// empty: as they are. An image is valid until fn returns.
func (s *side) each(ctx context.Context, session *tenant.Session, at, condition, tail string, fn func(image []change.Value) error) error {
	query := s.head + at + s.index
	switch {
	case condition != "" && s.where != "":
		query += " WHERE (" + condition + ") AND (" + s.where + ")"
	case condition != "":
		query += " WHERE " + condition
	case s.where != "":
		query += " WHERE (" + s.where + ")"
	}
	image := make([]change.Value, len(s.columns))
	err := session.Each(ctx, query+tail, func(_ int, row []driver.Value) error {
		for i := range row {
			var err error
			if image[i], err = s.columns[i].ParseColumn(row[i]); err != nil {
				return err
			}
		}
		return fn(image)
	})
	if err != nil && !errors.Is(err, errFull) {
		return fmt.Errorf("site %s: %w", s.tenant.Site, err)
	}
	return err
}

// A span is a range of keys, low excluded and high included. nil is open.
type span struct {
	low, high []change.Value
	at        string                    // the moment of B
	rows      map[string][]change.Value // of A, by keyOf
}

// errFull ends a range of A's before its limit of rows.
var errFull = errors.New("range is full")

// read gives A's next rows behind low.
func (s *side) read(ctx context.Context, session *tenant.Session, at string, low []change.Value) (*span, error) {
	r := &span{low: low, rows: map[string][]change.Value{}}
	size, count := 0, 0
	var last []change.Value
	tail := " ORDER BY " + s.order + " LIMIT " + strconv.Itoa(rangeRows)
	err := s.each(ctx, session, at, s.between(low, nil), tail, func(image []change.Value) error {
		last = change.CloneImage(image)
		r.rows[s.keyOf(last)] = last
		count++
		for i := range last {
			size += last[i].Size()
		}
		if size >= rangeBytes {
			return errFull
		}
		return nil
	})
	if err != nil && !errors.Is(err, errFull) {
		return nil, err
	}
	if err != nil || count == rangeRows {
		r.high = s.keyValues(last)
	}
	return r, nil
}

// between is the condition for a range, empty for all rows.
func (s *side) between(low, high []change.Value) string {
	var b []byte
	if low != nil {
		b = s.appendBound(b, low, ">", "")
	}
	if low != nil && high != nil {
		b = append(b, " AND "...)
	}
	if high != nil {
		b = s.appendBound(b, high, "<", "=")
	}
	return string(b)
}

// appendBound spells the comparison of a row's key with key as terms that
// every server answers from the index: (a>1) OR (a=1 AND b>2).
func (s *side) appendBound(dst []byte, key []change.Value, operator, with string) []byte {
	dst = append(dst, '(')
	for last := range s.key {
		if last > 0 {
			dst = append(dst, " OR "...)
		}
		dst = append(dst, '(')
		for i := range last {
			dst = append(s.appendTerm(dst, i, "=", key), " AND "...)
		}
		full := operator
		if last == len(s.key)-1 {
			full += with
		}
		dst = append(s.appendTerm(dst, last, full, key), ')')
	}
	return append(dst, ')')
}

func (s *side) appendTerm(dst []byte, i int, operator string, key []change.Value) []byte {
	c := &s.columns[s.key[i]]
	dst = append(change.AppendIdent(dst, c.Name), operator...)
	return c.AppendKeyLiteral(dst, key[i])
}

// oneOf is the condition for rows with these keys, and with those that the
// server's collation takes for the same.
func (s *side) oneOf(keys [][]change.Value) string {
	var b []byte
	if len(s.key) == 1 {
		b = append(change.AppendIdent(b, s.columns[s.key[0]].Name), " IN ("...)
		for n, key := range keys {
			if n > 0 {
				b = append(b, ", "...)
			}
			b = s.columns[s.key[0]].AppendKeyLiteral(b, key[0])
		}
		return string(append(b, ')'))
	}
	for n, key := range keys {
		if n > 0 {
			b = append(b, " OR "...)
		}
		b = append(b, '(')
		for i := range s.key {
			if i > 0 {
				b = append(b, " AND "...)
			}
			b = s.appendTerm(b, i, "=", key)
		}
		b = append(b, ')')
	}
	return string(b)
}

// keyOf is the key of an image as a map key: the same for values that are
// Equal.
func (s *side) keyOf(image []change.Value) string {
	var buf [64]byte
	return string(change.AppendEqualKey(buf[:0], image, s.key))
}

// keyValues copies the key out of an image.
func (s *side) keyValues(image []change.Value) []change.Value {
	out := make([]change.Value, len(s.key))
	for i, at := range s.key {
		out[i] = image[at].Clone()
	}
	return out
}
