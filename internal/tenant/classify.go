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
	Retry     Class = "retry"     // roll back and try the transaction again on the same connection
	Reconnect Class = "reconnect" // the connection is gone or useless; what was committing may have happened
	Duplicate Class = "duplicate" // a unique key holds the value already
	Reference Class = "reference" // a foreign key does not hold
	Schema    Class = "schema"    // a table or column is not what we know: read the catalogue again
	Fatal     Class = "fatal"     // trying again gives the same
)

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
	if code := Code(err); code != 0 {
		return classifyCode(code)
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

// classifyCode knows MySQL's, MariaDB's and OceanBase's numbers.
func classifyCode(code uint16) Class {
	switch code {
	case 1205, 1213, 1020, 6001, 6002, 6003, 6005, 4013, 4030:
		return Retry
	case 1040, 1041, 1042, 1043, 1047, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1290, 1317, 1836, 1927, 2006, 2013, 3024, 1969,
		4012, 4023, 4038, 4109, 4124, 4225, 4265, 4283, 4390, 4638, 4653, 4654, 5066, 5150, 5296, 5627, 6231, 6279, 8001, 8002:
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
