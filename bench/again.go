package main

import (
	"context"
	"database/sql"
	"errors"

	"github.com/go-sql-driver/mysql"
)

// The servers' numbers for a transaction that is to be tried again: rolledBack is
// OceanBase's, where another one won.
const (
	deadlock   = 1213
	rolledBack = 6002
)

// again runs a transaction until no deadlock stops it.
func again(ctx context.Context, conn *sql.Conn, text string) error {
	for {
		_, err := conn.ExecContext(ctx, text)
		if !isDeadlock(err) {
			return err
		}
	}
}

func isDeadlock(err error) bool {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && (e.Number == deadlock || e.Number == rolledBack)
}
