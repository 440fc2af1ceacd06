package binlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"duplex/internal/change"
)

// Origin ids that our writers set on their sessions, where the server logs one.
const (
	firstOrigin = 2147473649
	lastOrigin  = 2147483647
)

// Numbers of columns of our own tables, and the places of those that are read.
const (
	checkpointColumns = 13
	heartbeatColumns  = 4
	parkedColumns     = 11

	checkpointProject = 0
	checkpointLink    = 1
	checkpointCarried = 7
	checkpointVersion = 8
	checkpointNotes   = 9

	heartbeatSite  = 0
	heartbeatCount = 1
	heartbeatAt    = 2

	parkedProject = 0
	parkedTable   = 1
	parkedID      = 3
	parkedImage   = 4
)

// noTable is the number of the table map that ends a statement which changed
// only temporary tables.
const noTable = 0xffffff

// tableMap takes in which table a number stands for.
func (r *Reader) tableMap(e *event) error {
	id, err := tableID(e.body)
	if err != nil {
		return err
	}
	if old := r.tables[id]; old != nil && bytes.Equal(old.body, e.body) {
		return nil
	}
	raw := bytes.Clone(e.raw[:headerSize+len(e.body)]) // types are replaced in it
	t, err := parseTableMap(raw[headerSize:])
	if err != nil {
		return err
	}
	t.body = bytes.Clone(e.body)
	t.use = r.useOf(t.database, t.name)
	if t.use != unwanted {
		parsed, err := r.parse(&event{kind: e.kind, raw: raw, body: raw[headerSize:]})
		if err != nil {
			return err
		}
		var ok bool
		if t.logged, ok = parsed.(*replication.TableMapEvent); !ok {
			return fmt.Errorf("table map is a %T", parsed)
		}
	}
	r.tables[id] = t
	return nil
}

// rows takes in the rows of an event.
func (r *Reader) rows(ctx context.Context, e *event, op change.Op) error {
	id, err := tableID(e.body)
	if err != nil {
		return err
	}
	g := &r.group
	t := r.tables[id]
	switch {
	case !g.open:
		return errNoBegin
	case g.resent || t == nil && id == noTable:
		return nil
	case t == nil:
		return fmt.Errorf("rows of table number %d, which no event has named", id)
	case t.use == unwanted, t.use == aside && g.applied == nil:
		return nil
	case t.use == project && g.applied != nil && !r.looksAt(g.applied, t):
		r.echo()
		return nil
	case t.use == project:
		if err := r.define(ctx, t); err != nil {
			return err
		}
	}
	im, err := t.imagesOf(e, op)
	if err != nil {
		return err
	}
	if err := t.checkDocuments(e, op, &im); err != nil {
		return err
	}
	again := t.use == project && g.applied != nil
	if again {
		r.echo()
		if r.passOver(t, e, op, &im) {
			return nil
		}
	}
	if t.use != project {
		rows, err := r.parseRows(t, e, im)
		if err != nil {
			return err
		}
		return r.own(t, op, rows)
	}
	list, err := r.imagesIn(t, e, op, &im)
	if err != nil {
		return err
	}
	if again {
		return r.keepRows(ctx, t, op, list)
	}
	if g.rows == nil {
		g.rows = change.NewRows(r.cfg.Budget, r.cfg.SpoolDir)
	}
	return r.rowsOf(ctx, t, op, list, g.rows.Append)
}

// echo counts an event with rows of an applied transaction.
func (r *Reader) echo() {
	r.mu.Lock()
	r.counts.Echo++
	r.mu.Unlock()
}

// own takes in rows of our own tables. Of marks and heartbeats only after images
// count.
func (r *Reader) own(t *logTable, op change.Op, e *replication.RowsEvent) error {
	want := map[use]int{marks: checkpointColumns, beats: heartbeatColumns, aside: parkedColumns}[t.use]
	if len(t.types) != want {
		return fmt.Errorf("%s has %d columns in the log, want %d: it is not of this version", t, len(t.types), want)
	}
	if slices.Contains(t.types, gomysql.MYSQL_TYPE_DATETIME) {
		return fmt.Errorf("%s: %w", t, errOldFraction)
	}
	if t.use == aside {
		return r.parkedRows(t, op, e)
	}
	for i, row := range e.Rows {
		if before(op, i) {
			continue
		}
		var err error
		if t.use == beats {
			err = r.beatRow(row)
		} else {
			err = r.markRow(row)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
	}
	return nil
}

// markRow takes in a checkpoint row: of our inbound link it makes the group an
// applied one.
func (r *Reader) markRow(row []any) error {
	g := &r.group
	if string(bytesOf(row[checkpointProject])) != r.cfg.Project || string(bytesOf(row[checkpointLink])) != r.cfg.Inbound {
		g.foreign = true
		return nil
	}
	version, ok := integer(row[checkpointVersion])
	if !ok {
		return fmt.Errorf("version is a %T", row[checkpointVersion])
	}
	if r.oceanbase && (row[checkpointCarried] == nil || row[checkpointNotes] == nil) { // they are NOT NULL
		return errors.New("the log leaves out what the mark says")
	}
	if g.applied == nil {
		g.applied = &applied{}
	}
	if err := g.applied.mark(version, bytesOf(row[checkpointCarried]), bytesOf(row[checkpointNotes])); err != nil {
		return err
	}
	if g.rows == nil {
		return nil
	}
	return errors.Join(g.rows.Each(r.keepRow), g.close())
}

// beatRow takes in a heartbeat row; the peer's, which the link brings, is none
// of ours.
func (r *Reader) beatRow(row []any) error {
	if site := string(bytesOf(row[heartbeatSite])); site != r.cfg.Site {
		return nil
	}
	count, ok := integer(row[heartbeatCount])
	if !ok {
		return fmt.Errorf("beat is a %T", row[heartbeatCount])
	}
	b := &change.Beat{Site: r.cfg.Site, Count: uint64(count)}
	if at := bytesOf(row[heartbeatAt]); at != nil {
		var err error
		if b.At, err = change.ParseDatetime(at); err != nil {
			return err
		}
	}
	r.group.beat = b
	return nil
}

// The mark decides what a group is. The origin id is a second sign: where the
// two disagree, something between the servers and us is not as it should be.

// ours reports whether the log names an origin id of ours.
func (g *group) ours() bool { return g.origin >= firstOrigin && g.origin <= lastOrigin }

// checkSigned counts applied groups without an origin id; mu is held. Servers
// other than OceanBase do not let everybody set one. A run that takes the link
// over carries nothing, and sets none.
func (r *Reader) checkSigned(g *group) {
	if !r.oceanbase || g.ours() || len(g.applied.Carried) == 0 {
		return
	}
	r.counts.Unsigned++
	if !r.warned[1] {
		r.warned[1] = true
		r.cfg.Log.Warn("an applied transaction has no origin id of ours in the log; no more of these are logged",
			"site", r.cfg.Site, "transaction", r.id(g), "origin", g.origin)
	}
}

// checkOrigin counts local groups of sessions that only we have; mu is held.
func (r *Reader) checkOrigin(g *group, id string) {
	if !g.ours() || g.foreign {
		return
	}
	r.counts.Unmarked++
	if !r.warned[0] {
		r.warned[0] = true
		r.cfg.Log.Warn("a transaction with an origin id of ours has no checkpoint row and goes out as local; no more of these are logged",
			"site", r.cfg.Site, "transaction", id, "origin", g.origin)
	}
}

// payload takes in the events of a transaction that MySQL compressed as a
// whole. Each has the place of the whole.
func (r *Reader) payload(ctx context.Context, e *event) error {
	if r.unpacked == nil {
		r.parser.SetRowsEventDecodeFunc(func(*replication.RowsEvent, []byte) error { return nil })
		parsed, err := r.parse(e)
		r.parser.SetRowsEventDecodeFunc(nil)
		if err != nil {
			return err
		}
		p, ok := parsed.(*replication.TransactionPayloadEvent)
		if !ok {
			return fmt.Errorf("payload event is a %T", parsed)
		}
		r.unpacked = p.Events
	}
	for len(r.unpacked) > 0 {
		inner, err := parseEvent(r.unpacked[0].RawData, false)
		if err != nil {
			return err
		}
		inner.end = e.end
		if err := r.take(ctx, inner); err != nil {
			return err
		}
		r.unpacked = r.unpacked[1:]
	}
	r.unpacked = nil
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
