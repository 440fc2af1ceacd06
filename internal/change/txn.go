package change

import "time"

// A Position is where a reader stands in its log, with all that it must know
// to go on from there. Only the reader that made it can read it.
type Position string

// NoSeq is the seq of a stamp that belongs to no transaction of the log, as a
// copied chunk's.
const NoSeq = ^uint64(0)

// A Stamp is what a local transaction carries to the other site.
type Stamp struct {
	Seq     uint64 // running number of the local transactions of a log, from 0
	Version int64  // microseconds; strictly increasing along a log
	Seen    Seqs   // the peer's seqs whose marks stand before it in its own log
}

// Op is what happened to a row.
type Op uint8

// The operations. An update of key columns is one Update whose images have
// different keys.
const (
	Insert Op = iota + 1
	Update
	Delete
)

func (o Op) String() string {
	return [...]string{"none", "insert", "update", "delete"}[min(o, Delete)]
}

// A Row is the change of one row. Before is nil for Insert, After for Delete;
// both have a value for each of the table's columns.
type Row struct {
	Table  *Table
	Op     Op
	Before []Value
	After  []Value
}

// Size is the memory that the row occupies, in bytes.
func (r *Row) Size() int64 {
	n := 64
	for i := range r.Before {
		n += r.Before[i].Size()
	}
	for i := range r.After {
		n += r.After[i].Size()
	}
	return int64(n)
}

// A Beat is a heartbeat row found in a log: a site's own row of
// duplex.heartbeat, written by us outside any applied transaction.
type Beat struct {
	Site  string
	Count uint64 // strictly increasing a site
	At    uint64 // PackDatetime, UTC by the site's clock
}

// Time is when the heartbeat was written, by the site's clock.
func (b *Beat) Time() time.Time {
	y, mo, d, h, mi, s, us := UnpackDatetime(b.At)
	return time.Date(y, time.Month(mo), d, h, mi, s, us*1000, time.UTC)
}

// A Txn is one local transaction as the log holds it, whole. It carries rows
// or a DDL statement or a heartbeat.
type Txn struct {
	Stamp     Stamp
	Position  Position  // right behind the transaction
	Committed time.Time // as the log says, in its resolution
	ID        string    // the log's own name for it, for messages: a GTID or file:offset
	Rows      *Rows     // never nil; closed by whoever took the Txn from the reader
	DDL       *DDL      // a statement, alone in its transaction
	Beat      *Beat

	Coarse bool   // the log tells Committed in whole seconds only
	Read   Moment // the last of it came out of the log's socket
	Queued Moment // its link took it over
}

// OwnMark begins every statement by which Duplex itself changes a definition. A
// server may rewrite a statement before it logs it, and lose it.
const OwnMark = "/* duplex"

// A DDL is a statement that changed a definition.
type DDL struct {
	Database string // the session's default database
	Text     string // UTF-8, as logged
	Mode     string // the session's sql_mode as a number; empty: the log does not say
	Ours     bool   // our inbound link ran it, or we did when the project began
}
