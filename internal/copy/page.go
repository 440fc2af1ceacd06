package copy

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// The bounds of the number of rows of a page. It adapts to the rows' size.
const (
	firstRows = 256
	mostRows  = 10_000
	growth    = 8 // at most, from one page to the next
)

// ranges reads a table by ranges of its identity.
type ranges struct {
	table  *change.Table
	key    []change.Column // of the identity
	down   []bool          // key columns in descending order
	all    string          // SELECT of all columns
	names  string          // SELECT of the key's columns
	from   string          // FROM the table
	index  string          // by its identity
	up     string          // ORDER BY in the order of the index
	back   string          // against it
	where  string
	budget int64 // bytes of a page
	limit  atomic.Int64
	aside  *aside // nil: no row of the table waits aside
}

func newRanges(source *tenant.Tenant, t *change.Table, key *schema.Key, where string, budget int64) *ranges {
	r := &ranges{table: t, where: where, budget: budget}
	r.limit.Store(firstRows)
	for i, at := range t.Key {
		r.key = append(r.key, t.Columns[at])
		r.down = append(r.down, key.Parts[i].Descending)
	}
	var names, up, back []byte
	for i := range r.key {
		if i > 0 {
			names, up, back = append(names, ", "...), append(up, ", "...), append(back, ", "...)
		}
		name := change.AppendIdent(nil, r.key[i].Name)
		asc, desc := " ASC", " DESC"
		if r.down[i] {
			asc, desc = desc, asc
		}
		names = r.key[i].AppendSelect(names)
		up = append(append(up, name...), asc...)
		back = append(append(back, name...), desc...)
	}
	var hint string
	if key != nil {
		hint, r.index = source.ByKey(t, key)
	}
	r.names, r.up, r.back = "SELECT "+hint+string(names), string(up), string(back)
	all := []byte("SELECT " + hint)
	for i := range t.Columns {
		if i > 0 {
			all = append(all, ", "...)
		}
		all = t.Columns[i].AppendSelect(all)
	}
	r.all = string(all)
	r.from = string(t.AppendName([]byte(" FROM ")))
	return r
}

// appendWhere appends the condition for (from, to].
func (r *ranges) appendWhere(dst []byte, from, to *edge) []byte {
	word := " WHERE "
	if from != nil {
		dst = r.appendBound(append(dst, word...), from, false)
		word = " AND "
	}
	if to != nil {
		dst = r.appendBound(append(dst, word...), to, true)
		word = " AND "
	}
	if r.where != "" {
		dst = append(append(append(append(dst, word...), '('), r.where...), ')')
	}
	return dst
}

// appendBound spells the comparison of a row's key with e as terms that every
// server answers from the index: (a>1) OR (a=1 AND b>2). Before takes rows up
// to e, e included; otherwise rows behind e.
func (r *ranges) appendBound(dst []byte, e *edge, before bool) []byte {
	dst = append(dst, '(')
	for last := range r.key {
		if last > 0 {
			dst = append(dst, " OR "...)
		}
		dst = append(dst, '(')
		for i := range last {
			dst = r.appendTerm(dst, i, "=", e)
			dst = append(dst, " AND "...)
		}
		operator := ">"
		if before != r.down[last] {
			operator = "<"
		}
		if before && last == len(r.key)-1 {
			operator += "="
		}
		dst = append(r.appendTerm(dst, last, operator, e), ')')
	}
	return append(dst, ')')
}

func (r *ranges) appendTerm(dst []byte, i int, operator string, e *edge) []byte {
	dst = append(change.AppendIdent(dst, r.key[i].Name), operator...)
	return r.key[i].AppendKeyLiteral(dst, e.key[i])
}

// top gives the highest key of the whole table, nil if it has no row.
func (r *ranges) top(ctx context.Context, s *tenant.Session) (*edge, error) {
	query := r.names + r.from + r.index + " ORDER BY " + r.back + " LIMIT 1"
	var key []change.Value
	err := s.Each(ctx, query, func(_ int, row []driver.Value) error {
		for i := range r.key {
			v, err := r.key[i].ParseColumn(row[i])
			if err != nil {
				return err
			}
			key = append(key, v.Clone())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the highest key of %s: %w", r.table, err)
	}
	if key == nil {
		return nil, nil
	}
	return newEdge(r.key, key)
}

// A page is the rows of a range, in key order.
type page struct {
	rows  [][]change.Value
	bytes int64
	last  *edge    // the key of the last row; nil: there is none
	end   bool     // the range holds no row behind it
	aside []string // identities of the rows at the end that wait aside, and are of any key
}

// errFull ends a page before its limit of rows.
var errFull = errors.New("page is full")

// read gives the first rows of (from, to] as they were at a moment, as many as
// fit the budget.
func (r *ranges) read(ctx context.Context, s *tenant.Session, from, to *edge, at string) (*page, error) {
	limit := r.limit.Load()
	query := r.appendWhere([]byte(r.all+r.from+at+r.index), from, to)
	query = append(append(query, " ORDER BY "...), r.up...)
	query = strconv.AppendInt(append(query, " LIMIT "...), limit, 10)
	p := &page{}
	a := &arena{}
	var parked []checkpoint.ParkedRow
	if r.aside != nil {
		query = append([]byte(r.aside.query(at)), query...)
	}
	err := s.Each(ctx, string(query), func(set int, row []driver.Value) error {
		if r.aside != nil && set == 0 {
			q, err := checkpoint.ScanParked(row)
			parked = append(parked, q)
			return err
		}
		if err := p.add(r.table, a, row); err != nil || p.bytes < r.budget {
			return err
		}
		return errFull
	})
	if err != nil && !errors.Is(err, errFull) {
		return nil, fmt.Errorf("read %s: %w", r.table, err)
	}
	p.end = err == nil && int64(len(p.rows)) < limit
	r.adapt(p)
	if n := len(p.rows); n > 0 {
		key := make([]change.Value, len(r.table.Key))
		for i, at := range r.table.Key {
			key[i] = p.rows[n-1][at].Clone()
		}
		if p.last, err = newEdge(r.key, key); err != nil {
			return nil, fmt.Errorf("read %s: %w", r.table, err)
		}
	}
	r.aside.add(p, parked)
	return p, nil
}

// add puts a row behind the others, in memory of a's.
func (p *page) add(t *change.Table, a *arena, row []driver.Value) error {
	image := a.image(len(row))
	for i := range row {
		v, err := t.Columns[i].ParseColumn(row[i])
		if err != nil {
			return err
		}
		w := &image[i]
		w.Kind, w.Bits, w.Bytes = v.Kind, v.Bits, a.keep(v.Bytes) // one by one: v as a whole would be moved before it is stored
		p.bytes += 8 + int64(len(v.Bytes))
	}
	p.rows = append(p.rows, image)
	return nil
}

// adapt aims the next page at the budget.
func (r *ranges) adapt(p *page) {
	if len(p.rows) == 0 {
		return
	}
	n := r.budget / max(1, p.bytes/int64(len(p.rows)))
	r.limit.Store(max(1, min(n, r.limit.Load()*growth, mostRows)))
}

// An arena gives the images of a page their memory, in few pieces.
type arena struct {
	bytes  []byte
	values []change.Value
}

// The sizes of an arena's pieces.
const (
	arenaBytes  = 64 << 10
	arenaValues = 1024
)

func (a *arena) image(n int) []change.Value {
	if len(a.values) < n {
		a.values = make([]change.Value, max(n, arenaValues))
	}
	image := a.values[:n:n]
	a.values = a.values[n:]
	return image
}

// keep gives a copy of b in memory of the arena's.
func (a *arena) keep(b []byte) []byte {
	if b == nil {
		return nil
	}
	if cap(a.bytes)-len(a.bytes) < len(b) {
		a.bytes = make([]byte, 0, max(len(b), arenaBytes))
	}
	at := len(a.bytes)
	a.bytes = append(a.bytes, b...)
	return a.bytes[at:len(a.bytes):len(a.bytes)]
}
