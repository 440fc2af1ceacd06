package main

import (
	"context"
	"database/sql"
	"errors"

	"github.com/go-sql-driver/mysql"
)

// deadlock is the servers' number for it.
const deadlock = 1213

// again runs a transaction until no deadlock stops it.
func again(ctx context.Context, conn *sql.Conn, text string) error {
	for {
		_, err := conn.ExecContext(ctx, text)
		if e, ok := errors.AsType[*mysql.MySQLError](err); !ok || e.Number != deadlock {
			return err
		}
	}
}
