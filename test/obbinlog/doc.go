// Package obbinlog makes of an OceanBase kernel, which has no change log, a
// tenant with one: it plays ODP with the Binlog Service behind it, at one
// address for SQL and for the log.
//
//	client ─▶ relay ─▶ kernel         every command and answer, unchanged, but for
//	            │                       SHOW MASTER STATUS and its like, and the dump commands: answered here
//	            │                       CREATE, ALTER, DROP …: carried between two stretches of the stream (definition.go)
//	            ▼
//	          gate                     holds transactions back while a table's log is made anew
//
//	kernel ─▶ stream ─▶ binlog ─▶ dump ─▶ client
//	          polls      files     events, heartbeats, faults
//
// Each table has a materialized view log, which the kernel writes within the
// user's transaction; a poll reads all logs up to a SCN. What the stream shows
// of a transaction is exact but for one thing: the order of its rows over
// several tables, which the kernel does not keep. A test cannot show with this
// rig what depends on it.
//
// What else differs from the real service: a row whose key changes is a row that
// goes and one that comes; CREATE TABLE … SELECT is refused; the origin id of a
// transaction is known where it writes a row of duplex.checkpoint, and is 0
// elsewhere; of a row that UPDATE IGNORE passes over the log has half a pair; a
// large object beyond 768 KiB, or less where a table has several columns of them,
// is refused by the kernel; information_schema shows the logs as tables mlog$_…;
// rows of Duplex's own tables conflict, ddl_log, rules and schema_history are not
// in the log, since no reader looks for them; an open transaction holds definition
// statements up, of whatever table.
//
// A rig that was killed goes on over the same kernel and folder: how far the
// stream is stands in the folder's file state, which is renamed into place after
// the events that it speaks of.
package obbinlog
