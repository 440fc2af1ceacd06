package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"duplex/test/tenant"
)

// logEnd gives the GTIDs of the source's log.
func logEnd(ctx context.Context, s *server) (string, error) {
	if s.Kind() == tenant.MariaDB {
		return s.text(ctx, "SELECT @@GLOBAL.gtid_binlog_pos")
	}
	return s.text(ctx, "SELECT REPLACE(@@GLOBAL.gtid_executed, '\n', '')")
}

// native lets the target replicate the backlog by itself, and nothing of what
// follows it in the log.
func (b *stretch) native(ctx context.Context, target *server, threads int) (sample, error) {
	conn, err := target.db.Conn(ctx)
	if err != nil {
		return sample{}, err
	}
	defer func() { _ = conn.Close() }()
	begin, reached := b.mariadb(threads), "SELECT MASTER_GTID_WAIT('"+b.to+"', 1) = 0"
	if target.Kind() == tenant.MySQL56 {
		begin, reached = b.mysql(), "SELECT GTID_SUBSET('"+b.to+"', @@GLOBAL.gtid_executed)"
	}
	for _, q := range begin[:len(begin)-1] {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return sample{}, fmt.Errorf("%s: %w", q, err)
		}
	}
	return measure(ctx, b.txns, b.source, target, func(*sample) error {
		if _, err := conn.ExecContext(ctx, begin[len(begin)-1]); err != nil {
			return err
		}
		return awaitSlave(ctx, conn, reached)
	})
}

func (b *stretch) master() string {
	return fmt.Sprintf("CHANGE MASTER TO MASTER_HOST = '%s', MASTER_PORT = %d, MASTER_USER = '%s', MASTER_PASSWORD = '%s', MASTER_CONNECT_RETRY = 1",
		b.source.Host(), b.source.Port(), b.source.User(), b.source.Password())
}

// mariadb gives the statements that make a slave; the last one starts it.
func (b *stretch) mariadb(threads int) []string {
	return []string{
		"RESET MASTER", // what duplex copied came by another way
		"SET GLOBAL gtid_slave_pos = '" + b.from + "'",
		fmt.Sprintf("SET GLOBAL slave_parallel_threads = %d", threads),
		b.master() + ", MASTER_USE_GTID = slave_pos",
		"START SLAVE UNTIL master_gtid_pos = '" + b.to + "'",
	}
}

func (b *stretch) mysql() []string {
	return []string{
		"RESET MASTER",
		"SET GLOBAL gtid_purged = '" + b.from + "'",
		b.master() + ", MASTER_AUTO_POSITION = 1",
		"START SLAVE UNTIL SQL_AFTER_GTIDS = '" + b.to + "'",
	}
}

// awaitSlave waits until the slave has come to the end of the backlog. A query
// that does not wait itself is asked every 10 ms.
func awaitSlave(ctx context.Context, conn *sql.Conn, reached string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := 1; ; n++ {
		var done bool
		if err := conn.QueryRowContext(ctx, reached).Scan(&done); err != nil || done {
			return err
		}
		if n%100 == 0 {
			if err := slaveError(ctx, conn); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// slaveError gives the reason why a slave does not go on, if it tells one.
func slaveError(ctx context.Context, conn *sql.Conn) error {
	rows, err := conn.QueryContext(ctx, "SHOW SLAVE STATUS")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil || !rows.Next() {
		return errors.Join(err, rows.Err())
	}
	values, into := make([]sql.RawBytes, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return err
	}
	for i, name := range names {
		if (name == "Last_SQL_Error" || name == "Last_IO_Error") && len(values[i]) > 0 {
			return fmt.Errorf("native replication: %s", values[i])
		}
	}
	return rows.Err()
}
