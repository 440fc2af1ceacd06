package tenant

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/go-sql-driver/mysql"
)

// Class says what to do about an error.
type Class string

// The classes.
const (
	None      Class = "none"      // no error
	Retry     Class = "retry"     // nothing was committed: roll back and try the transaction again on the same connection
	Busy      Class = "busy"      // as Retry, but the server lacks memory or disk: slower
	Unknown   Class = "unknown"   // what was committing may have happened: read the checkpoint, then go on
	Reconnect Class = "reconnect" // the connection is gone or useless; what was committing may have happened
	Snapshot  Class = "snapshot"  // the moment that was read at is no longer kept: take a new one
	Duplicate Class = "duplicate" // a unique key holds the value already
	Reference Class = "reference" // a foreign key does not hold
	Schema    Class = "schema"    // a table or column is not what we know: read the catalogue again
	Fatal     Class = "fatal"     // trying again gives the same
)

// Undone reports whether nothing was committed and the session is good for
// another try, after a ROLLBACK.
func (c Class) Undone() bool { return c == Retry || c == Busy }

// Passing reports whether a new attempt, from what is durable, may get further.
func (c Class) Passing() bool {
	return c.Undone() || c == Unknown || c == Reconnect || c == Snapshot
}

// Code is the server's error number, 0 if err did not come from a server.
func Code(err error) uint16 {
	if m, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return m.Number
	}
	return 0
}

// Classify says what to do about err, by its code, never by its text.
func Classify(err error) Class {
	switch {
	case err == nil:
		return None
	case errors.Is(err, context.Canceled):
		return Fatal
	}
	if m, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return classifyCode(m.Number, string(m.SQLState[:]))
	}
	// Not net.Error: every errno is one, that of a full disk too.
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return Reconnect
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return Reconnect
	}
	for _, e := range []error{driver.ErrBadConn, mysql.ErrInvalidConn, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, context.DeadlineExceeded} {
		if errors.Is(err, e) {
			return Reconnect
		}
	}
	return Fatal
}

// general is the SQLSTATE of an error that has none of its own.
const general = "HY000"

// classifyCode knows MySQL's, MariaDB's and OceanBase's numbers. OceanBase sends
// several of its errors under one number:
//
//   - 4012: a statement that took too long (HY000), a transaction that did
//     (25000), and a commit whose result nobody knows (25000 too). The state does
//     not tell them apart, so each may have been committed.
//   - 6002: a transaction that was rolled back (40000, 25000), and one that a
//     server does not know (HY000), which after a commit says nothing.
func classifyCode(code uint16, state string) Class {
	switch code {
	case 6002:
		if state == general {
			return Unknown
		}
		return Retry
	case 1205, 1213, 1020, 6001, 6003, 6005, 6235:
		return Retry
	case 4013, 4030, 4039, 4184, 4264:
		return Busy
	case 4012, 4746:
		return Unknown
	case 4138:
		return Snapshot
	case 1040, 1041, 1042, 1043, 1047, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1290, 1317, 1836, 1927, 2006, 2013, 3024, 1969,
		4011, 4023, 4038, 4109, 4124, 4225, 4265, 4283, 4390, 4392, 4638, 4653, 4654, 4688, 4721, 5066, 5081, 5150, 5296, 5627, 6231, 6279, 6325, 8001, 8002:
		return Reconnect
	case 1062, 1586:
		return Duplicate
	case 1216, 1217, 1451, 1452:
		return Reference
	case 1412, 1146, 1054, 1136, 1051:
		return Schema
	}
	return Fatal
}
