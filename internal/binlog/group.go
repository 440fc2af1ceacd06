package binlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"duplex/internal/change"
)

// A group is one transaction of the log while it is being read.
type group struct {
	open    bool // an event of it was read
	begun   bool // it has a BEGIN, so that a commit ends it
	resent  bool // it lies before the position that was asked for
	uuid    [16]byte
	tag     string
	number  uint64 // of a MySQL GTID; 0: none
	maria   mariaGTID
	named   bool     // it has a GTID
	start   uint64   // offset of its first event
	commit  int64    // microseconds, where the log says more than the events' seconds
	origin  uint32   // thread id of its BEGIN: origin id of who writes for us
	applied *applied // nil: no mark of our inbound link was read in it
	foreign bool     // a mark of somebody else's stands in it
	beat    *change.Beat
	ddl     *change.DDL
	cleared []clearing // ddl takes all rows out of tables
	rows    *change.Rows
}

// A clearing says that a statement takes all rows out of a table.
type clearing struct {
	table   string // as keys have it
	empties bool   // by TRUNCATE, of the application
}

// id is the log's own name for the group.
func (r *Reader) id(g *group) string {
	switch {
	case g.number != 0:
		b := appendUUID(nil, g.uuid[:])
		if g.tag != "" {
			b = append(append(b, ':'), g.tag...)
		}
		return string(appendSpan(b, g.number, g.number+1))
	case g.named:
		var buf [64]byte
		return string(g.maria.append(buf[:0]))
	}
	return fmt.Sprintf("%s:%d", r.file, g.start)
}

// open begins a group at e unless one is open.
func (r *Reader) open(e *event) {
	if r.group.open {
		return
	}
	r.group = group{open: true}
	if e.end >= e.size {
		r.group.start = uint64(e.end) - uint64(e.size)
	}
}

// gtid takes in MySQL's name of the group that follows.
func (r *Reader) gtid(e *event) error {
	if err := r.between(e); err != nil {
		return err
	}
	parsed, err := r.parse(e)
	if err != nil {
		return err
	}
	var g *replication.GTIDEvent
	switch x := parsed.(type) {
	case *replication.GTIDEvent:
		g = x
	case *replication.GtidTaggedLogEvent:
		g = &x.GTIDEvent
	default:
		return fmt.Errorf("GTID event is a %T", parsed)
	}
	r.open(e)
	r.group.commit = r.committed(e, g)
	if e.kind == replication.ANONYMOUS_GTID_EVENT {
		if r.at.mode == byGTID {
			return fmt.Errorf("a transaction without GTID, while positions are GTID sets: gtid_mode was changed")
		}
		return nil
	}
	copy(r.group.uuid[:], g.SID)
	r.group.tag, r.group.number = g.Tag.String(), uint64(g.GNO)
	r.group.resent = r.at.mode == byGTID && r.at.gtids.has(g.SID, r.group.tag, r.group.number)
	return r.look()
}

// mariaGTID takes in MariaDB's name of the group that follows. The event
// stands for BEGIN as well, https://mariadb.com/kb/en/gtid_event/
func (r *Reader) mariaGTID(e *event) error {
	if err := r.between(e); err != nil {
		return err
	}
	const size, standalone = 8 + 4 + 1, 1 // sequence number, domain, flags
	if len(e.body) < size {
		return errShortEvent
	}
	r.open(e)
	r.group.maria = mariaGTID{
		domain: binary.LittleEndian.Uint32(e.body[8:]), server: e.server, seq: binary.LittleEndian.Uint64(e.body),
	}
	r.group.named = true
	r.group.begun = e.body[12]&standalone == 0
	r.group.resent = r.at.mode == byMaria && r.at.maria.has(r.group.maria)
	return nil
}

// between checks that no group is open: the one before it never ended.
func (r *Reader) between(e *event) error {
	if r.group.open {
		return fmt.Errorf("%s inside transaction %s, which has no end", e.kind, r.id(&r.group))
	}
	return nil
}

// committed is when the group of g, in event e, was committed, as finely as the
// log has it, in microseconds.
func (r *Reader) committed(e *event, g *replication.GTIDEvent) int64 {
	if t := r.commitTime(g); t != 0 || !r.oceanbase {
		return t
	}
	return int64(e.timestamp) * 1_000_000
}

// commitTime is in microseconds, 0 where the log does not have it so finely.
// OceanBase's Binlog Service puts seconds and microseconds where MySQL has its
// logical clock; MySQL 8 has a field for it.
func (r *Reader) commitTime(g *replication.GTIDEvent) int64 {
	if g.ImmediateCommitTimestamp != 0 {
		return int64(g.ImmediateCommitTimestamp)
	}
	if !r.oceanbase {
		return 0
	}
	const plausible = 1_000_000_000 // seconds: the year 2001
	switch {
	case g.LastCommitted < plausible:
		return 0
	case g.SequenceNumber >= 0 && g.SequenceNumber < 1_000_000:
		return g.LastCommitted*1_000_000 + g.SequenceNumber
	case g.SequenceNumber/1_000_000 == g.LastCommitted:
		return g.SequenceNumber
	}
	return g.LastCommitted * 1_000_000
}

// finish ends the group at its last event e: stamps what is local in it and
// makes it ready, and moves the position behind it.
func (r *Reader) finish(e *event) error {
	g := r.group
	r.group = group{}
	r.cleared = g.cleared
	if g.commit == 0 {
		g.commit = int64(e.timestamp) * 1_000_000
	}
	if g.resent {
		if r.looking != nil { // it has another number than when it was read
			r.mu.Lock()
			defer r.mu.Unlock()
			r.at.gtids.add(g.uuid[:], g.tag, g.number)
		}
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var both [2]*change.Txn
	parts := g.parts(both[:0])
	var before cursor
	if len(parts) > 1 {
		before = r.at.clone()
	}
	behind := r.at.parts
	if err := r.advance(&g, e); err != nil {
		return err
	}
	r.counts.Committed = time.UnixMicro(g.commit)
	switch {
	case g.applied != nil:
		r.counts.Applied++
		r.checkSigned(&g)
		if err := r.observer.Applied(g.applied.whole()); err != nil {
			return fmt.Errorf("applied transaction %s: %w", r.id(&g), err)
		}
		r.signal()
		return g.close()
	case len(parts) == 0:
		r.counts.Skipped++
		return g.close()
	}
	id := r.id(&g)
	r.checkOrigin(&g, id)
	for i, t := range parts {
		if uint64(i) < behind {
			if err := t.Rows.Close(); err != nil {
				return err
			}
			continue
		}
		t.ID, t.Committed, t.Coarse, t.Read = id, time.UnixMicro(g.commit), g.commit%1_000_000 == 0, r.dump.arrived
		at := &r.at
		if i+1 < len(parts) {
			at, before.parts = &before, uint64(i)+1
		}
		if err := r.stamp(t, at, g.commit); err != nil {
			return err
		}
	}
	r.signal()
	return nil
}

// stamp gives t the next number, and what a reader knows that stands at at,
// right behind t.
func (r *Reader) stamp(t *change.Txn, at *cursor, committed int64) error {
	t.Stamp = r.observer.Stamp(committed)
	if t.DDL != nil {
		for _, c := range r.cleared {
			if v := t.Stamp.Version; c.empties && r.cfg.Conflicts.Carries != nil && r.cfg.Conflicts.Carries(v) && r.cfg.Conflicts.Rules(c.table).Empties(v) {
				r.observer.Emptied(&t.Stamp, committed, c.table)
			} else {
				r.observer.Void(c.table)
			}
		}
		r.cleared = nil
	}
	t.Position = r.position(at)
	if r.cfg.Conflicts != nil {
		if err := r.wrote(t, committed); err != nil {
			return errors.Join(err, t.Rows.Close())
		}
		r.observer.Behind(&t.Stamp, t.Position)
	}
	r.counts.Local++
	r.ready = append(r.ready, t)
	if t.Beat != nil {
		r.heard(t.Beat)
	}
	return nil
}

// advance moves the position behind g, which ended with e.
func (r *Reader) advance(g *group, e *event) error {
	r.at.parts = 0
	switch r.at.mode {
	case byGTID:
		if g.number == 0 {
			return fmt.Errorf("transaction at %s:%d has no GTID", r.file, g.start)
		}
		r.at.gtids.add(g.uuid[:], g.tag, g.number)
		if r.oceanbase {
			r.at.last = r.at.last.next(g)
		}
	case byMaria:
		if !g.named {
			return fmt.Errorf("transaction at %s:%d has no GTID", r.file, g.start)
		}
		r.at.maria.set(g.maria)
	default:
		if uint64(e.end) < g.start {
			return fmt.Errorf("log file %s is larger than 4 GiB, which positions by file cannot name: turn GTIDs on", r.file)
		}
		r.at.file, r.at.offset = r.file, uint64(e.end)
	}
	return nil
}

// parts appends the local transactions that come of g.
func (g *group) parts(out []*change.Txn) []*change.Txn {
	if g.applied != nil {
		return out
	}
	if g.ddl != nil {
		out = append(out, &change.Txn{DDL: g.ddl, Rows: change.NewRows(0, "")})
	}
	if g.rows != nil || g.beat != nil {
		rows := g.rows
		if rows == nil {
			rows = change.NewRows(0, "")
		}
		out = append(out, &change.Txn{Rows: rows, Beat: g.beat})
	}
	return out
}

// close gives up what was collected.
func (g *group) close() error {
	if g.rows == nil {
		return nil
	}
	rows := g.rows
	g.rows = nil
	return rows.Close()
}
