package obbinlog

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A stream turns the materialized view logs into the log's files.
//
// A log's row has the SCN of its transaction, which all rows of the transaction
// have and no other transaction has, and a number that grows within the table.
// What is committed at or below a SCN that the kernel has given out can be read
// from then on, so the rows between two such SCNs are whole transactions.
//
// The order of a transaction's rows over several tables is nowhere: the row of
// duplex.checkpoint goes first, the other tables of duplex last, in between the
// tables go by name, each with its rows in their order.
type stream struct {
	db    *sql.DB
	log   *binlog
	fault *Faults

	mu     sync.Mutex // one poll, or one change of tables, at a time
	tables map[string]*table
	known  atomic.Pointer[map[string]bool] // their names; for who does not hold mu
	ids    uint64                          // of tables in the log
	uuid   [16]byte
	rows   int // of the logs, since they were purged
	swept  int // rows of the side table, since those that were read were removed
}

// An image is a row as an event has it: which columns are there, and what they
// hold.
type image struct{ present, bytes []byte }

// A logged is a row of a log.
type logged struct {
	scn, seq uint64
	op, part byte // I, U, D; O for the old image, N for the new one
	table    *table
	key      string
	image    image
}

// A change is one rows event.
type change struct {
	table         *table
	op            byte
	before, after image
}

// poll appends what was committed up to now and tells how many transactions
// that are. mu is held.
func (s *stream) poll(ctx context.Context) (int, error) {
	now, err := currentSCN(ctx, s.db)
	if err != nil {
		return 0, err
	}
	from := s.log.state.SCN
	if now <= from {
		return 0, nil
	}
	changed, err := s.changed(ctx, from, now)
	if err != nil {
		return 0, err
	}
	var all []logged
	marked := false
	for _, t := range changed {
		if all, err = s.read(ctx, t, from, now, all); err != nil {
			return 0, fmt.Errorf("log of %s: %w", t, err)
		}
		marked = marked || t.first
	}
	if len(all) == 0 {
		s.log.publish(s.behind(now))
		return 0, nil
	}
	var origins map[uint64]uint32
	if marked {
		if origins, err = s.origins(ctx, from, now); err != nil {
			return 0, err
		}
	}
	s.rows += len(all)
	for i := range all {
		all[i].table.rows++
	}
	slices.SortStableFunc(all, func(a, b logged) int {
		return cmp.Or(cmp.Compare(a.scn, b.scn), a.table.compare(b.table), cmp.Compare(a.seq, b.seq), cmp.Compare(b.part, a.part))
	})
	return s.write(all, origins, now)
}

// behind is the state with nothing between it and scn. That is not saved: a
// rig that begins again finds nothing there either.
func (s *stream) behind(scn uint64) state {
	st := s.log.state
	st.SCN = scn
	return st
}

// compare is the order of tables within a transaction.
func (t *table) compare(o *table) int {
	rank := func(t *table) int {
		switch {
		case t.first:
			return 0
		case t.last:
			return 2
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rank(t), rank(o)), strings.Compare(t.database, o.database), strings.Compare(t.name, o.name))
}

// bounds is the part of a log between two SCNs. A log cannot be asked for the
// time before it was made.
func (t *table) bounds(from, to uint64) string {
	return fmt.Sprintf(" WHERE ora_rowscn > %d AND ora_rowscn <= %d", max(from, t.created), to)
}

// changed asks in one query which tables have rows in their logs.
func (s *stream) changed(ctx context.Context, from, to uint64) ([]*table, error) {
	var tables []*table
	var parts []string
	for _, t := range s.tables {
		if t.created == 0 || t.created >= to { // without log for now
			continue
		}
		parts = append(parts, fmt.Sprintf("SELECT %d, COUNT(*) FROM %s%s", len(tables), t.logName(), t.bounds(from, to)))
		tables = append(tables, t)
	}
	if len(tables) == 0 {
		return nil, nil
	}
	rows, err := s.db.QueryContext(ctx, strings.Join(parts, " UNION ALL "))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []*table
	for rows.Next() {
		var i, n int
		if err := rows.Scan(&i, &n); err != nil {
			return nil, err
		}
		if n > 0 {
			out = append(out, tables[i])
		}
	}
	return out, rows.Err()
}

// read appends the rows of a table's log.
func (s *stream) read(ctx context.Context, t *table, from, to uint64, all []logged) ([]logged, error) {
	rows, err := s.db.QueryContext(ctx, t.query+t.bounds(from, to))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	cells := make([]sql.RawBytes, len(t.columns))
	var r logged
	var op, part string
	into := []any{&r.scn, &r.seq, &op, &part, &r.key}
	for i := range cells {
		into = append(into, &cells[i])
	}
	hide := s.fault.hidesLOBs()
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := logged{scn: r.scn, seq: r.seq, op: op[0], part: part[0], table: t, key: strings.Clone(r.key)}
		if row.image, err = t.image(cells, hide && row.part == 'O'); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// image encodes a row. Of one with holes large objects are left out.
func (t *table) image(cells []sql.RawBytes, holes bool) (image, error) {
	im := image{present: make([]byte, (len(cells)+7)/8)}
	var null, values []byte
	bits, missing := 0, false
	for i := range cells {
		c := &t.columns[i]
		if holes && c.lob {
			missing = true
			continue
		}
		im.present[i/8] |= 1 << (i % 8)
		if bits%8 == 0 {
			null = append(null, 0)
		}
		if cells[i] == nil {
			null[bits/8] |= 1 << (bits % 8)
		} else {
			var err error
			if values, err = c.append(values, cells[i]); err != nil {
				return im, fmt.Errorf("column %s: %w", c.name, err)
			}
		}
		bits++
	}
	if !missing { // as the server does, bits beyond the columns are set
		for i := len(cells); i < 8*len(im.present); i++ {
			im.present[i/8] |= 1 << (i % 8)
		}
	}
	im.bytes = append(null, values...)
	return im, nil
}

// origins reads who wrote the transactions that have a checkpoint row, and
// removes what has been read before.
func (s *stream) origins(ctx context.Context, from, to uint64) (map[uint64]uint32, error) {
	rows, err := s.db.QueryContext(ctx, fmt.Sprintf("SELECT ora_rowscn, origin FROM %s WHERE ora_rowscn > %d AND ora_rowscn <= %d", origins, from, to))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[uint64]uint32{}
	for rows.Next() {
		var scn uint64
		var origin uint32
		if err := rows.Scan(&scn, &origin); err != nil {
			return nil, err
		}
		out[scn] = origin
	}
	if rows.Err() != nil {
		return nil, rows.Err()
	}
	if s.swept += len(out); s.swept > sweepOrigins {
		s.swept = 0
		_, err = s.db.ExecContext(ctx, fmt.Sprintf("DELETE FROM %s WHERE ora_rowscn <= %d", origins, from))
	}
	return out, err
}

// sweepOrigins is after how many rows the side table is emptied.
const sweepOrigins = 5000

// write appends the transactions of rows, in order.
func (s *stream) write(all []logged, origins map[uint64]uint32, now uint64) (n int, err error) {
	w := &writer{stream: s, next: s.log.state.Next}
	for len(all) > 0 {
		scn := all[0].scn
		end := 1
		for end < len(all) && all[end].scn == scn {
			end++
		}
		changes, err := pair(all[:end])
		if err != nil {
			return n, fmt.Errorf("transaction at %d: %w", scn, err)
		}
		all = all[end:]
		if err := w.transaction(scn, origins[scn], changes); err != nil {
			return n, err
		}
		n++
	}
	w.behind = now
	if err := w.flush(); err != nil {
		return n, err
	}
	s.log.publish(s.behind(now))
	return n, nil
}

// pair joins the two rows of each update.
func pair(rows []logged) ([]change, error) {
	type place struct {
		table *table
		key   string
	}
	old := map[place]image{}
	var out []change
	for _, r := range rows {
		switch at := (place{r.table, r.key}); {
		case r.op == 'U' && r.part == 'O':
			old[at] = r.image
		case r.op == 'U':
			before, ok := old[at]
			if !ok {
				return nil, fmt.Errorf("%s: an update has no old image", r.table)
			}
			delete(old, at)
			out = append(out, change{r.table, 'U', before, r.image})
		case r.part == 'O':
			out = append(out, change{table: r.table, op: 'D', before: r.image})
		default:
			out = append(out, change{table: r.table, op: 'I', after: r.image})
		}
	}
	if len(old) > 0 {
		return nil, errors.New("an update has no new image")
	}
	return out, nil
}

// instant is the time of a SCN.
func instant(scn uint64) (seconds uint32, micros uint64) {
	return uint32(scn / uint64(time.Second)), scn / 1000 % 1_000_000
}

// A writer appends transactions, several at a time.
type writer struct {
	*stream
	e      *encoder
	next   uint64 // transaction's number
	behind uint64 // SCN of the last one
}

// together is how many bytes are written at a time.
const together = 1 << 20

func (w *writer) transaction(scn uint64, origin uint32, changes []change) error {
	seconds, micros := instant(scn)
	if w.e == nil {
		if err := w.room(seconds); err != nil {
			return err
		}
		w.e = w.log.encoder(seconds)
	}
	e := w.e
	e.when = seconds
	e.gtid(w.uuid, w.next, uint64(seconds), micros)
	e.query(origin, "", "BEGIN")
	for _, c := range changes {
		e.tableMap(c.table)
		e.rows(c.table, c.op, c.before, c.after)
	}
	e.xid(w.next)
	w.next, w.behind = w.next+1, scn
	if len(e.out) < together && e.at < w.log.size {
		return nil
	}
	return w.flush()
}

// flush makes what was appended durable.
func (w *writer) flush() error {
	if w.e == nil {
		return nil
	}
	events := w.e.out
	w.e = nil
	return w.log.append(events, func(st *state) { st.Next, st.SCN = w.next, w.behind })
}

// statement appends a definition statement.
func (s *stream) statement(scn uint64, database, text string) error {
	seconds, micros := instant(scn)
	if err := s.room(seconds); err != nil {
		return err
	}
	e := s.log.encoder(seconds)
	e.gtid(s.uuid, s.log.state.Next, uint64(seconds), micros)
	e.query(0, database, text)
	return s.log.append(e.out, func(st *state) { st.Next, st.Pending = st.Next+1, nil })
}

func (s *stream) room(seconds uint32) error {
	if s.log.full() {
		return s.log.next(seconds)
	}
	return nil
}
