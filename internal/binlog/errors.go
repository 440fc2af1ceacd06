package binlog

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"

	sqldriver "github.com/go-sql-driver/mysql"
)

var (
	// ErrPositionLost is returned when the server no longer has the log from
	// the wanted position on, or never had it.
	ErrPositionLost = errors.New("the change log no longer reaches back to the stored position" +
		" (keep binary logs longer; only a new copy brings this project on again)")
	// errDefinition is of rows for which no definition of their table is known.
	errDefinition = errors.New("the rows of a table cannot be read, since a statement that the log does not show has changed it" +
		" (no later position helps: run duplex clean, and let the project copy anew)")
	// ErrClosed is returned by calls on a closed reader.
	ErrClosed = errors.New("the reader of the change log is closed")
)

// Error numbers with which a server refuses a position: MySQL's and MariaDB's
// ER_MASTER_FATAL_ERROR_READING_BINLOG, MySQL's ER_MASTER_HAS_PURGED_REQUIRED_GTIDS,
// MariaDB's ER_GTID_POSITION_NOT_FOUND_IN_BINLOG, _BINLOG2 and
// ER_GTID_START_FROM_BINLOG_HOLE.
func positionLost(code uint16) bool {
	switch code {
	case 1236, 1789, 1945, 1951, 1955:
		return true
	}
	return false
}

// serverError gives a server's refusal in the form that tenant.Classify knows.
func serverError(code uint16, state, message string) error {
	e := &sqldriver.MySQLError{Number: code, Message: message}
	copy(e.SQLState[:], state)
	if positionLost(code) {
		return fmt.Errorf("%w: %w", ErrPositionLost, e)
	}
	return e
}

// goneTexts are in the Binlog Service's words for a position that it does not
// have. It uses one number for all that can go wrong with a dump, a lack of
// connections for one, so that the number says nothing.
var goneTexts = []string{"no longer exists", "first log file name", "position > file size", "position < 4", "from starting position"}

// serviceError is serverError for the Binlog Service. What it refuses for a
// reason of its own may pass.
func serviceError(code uint16, state, message string) error {
	err := serverError(code, state, message)
	if !errors.Is(err, ErrPositionLost) {
		return err
	}
	if slices.ContainsFunc(goneTexts, func(text string) bool { return strings.Contains(message, text) }) {
		return fmt.Errorf("%w (binlog_expire_logs_seconds and binlog_expire_logs_size of the binlog instance say how long logs are kept)", err)
	}
	return broken("the Binlog Service", errors.New(message))
}

// broken marks err as the end of a connection: tenant.Reconnect.
func broken(what string, err error) error {
	return fmt.Errorf("%s: %w: %w", what, driver.ErrBadConn, err)
}
