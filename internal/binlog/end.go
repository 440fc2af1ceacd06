package binlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// errNoLog says that the server writes no change log.
var errNoLog = errors.New("no binary log is written (log_bin is off, or the Binlog Service has no instance for the tenant)")

// End is the position of the log's end now, with nothing numbered and nothing
// seen.
//
// A server makes a transaction visible a moment after it has put it into its
// log, so a SELECT right after End may still miss transactions before it. They
// become visible in log order: once a transaction that began after End has
// committed, a heartbeat for one, all of them are.
//
// On OceanBase it may lie before what has been committed: the Binlog Service
// tells how far it has written its own log, some time after the tenant. So it is
// a place to begin at, and never one to wait for.
func End(ctx context.Context, t *tenant.Tenant) (change.Position, error) {
	p := position{}
	var err error
	if t.Kind == tenant.MariaDB {
		err = p.endMaria(ctx, t)
	} else {
		err = p.endMySQL(ctx, t)
	}
	if err != nil {
		return "", fmt.Errorf("site %s: end of the change log: %w", t.Site, err)
	}
	return p.text(), nil
}

func (p *position) endMaria(ctx context.Context, t *tenant.Tenant) error {
	var text string
	var on bool
	if err := t.DB().QueryRowContext(ctx, "SELECT @@log_bin, @@gtid_binlog_pos").Scan(&on, &text); err != nil {
		return err
	}
	if !on {
		return errNoLog
	}
	var err error
	p.cursor, err = parseCursor(byMaria, text)
	return err
}

// endMySQL takes the GTID set where the server gives each transaction one,
// else file and offset.
func (p *position) endMySQL(ctx context.Context, t *tenant.Tenant) error {
	file, offset, set, err := masterStatus(ctx, t)
	if err != nil {
		return err
	}
	gtids := t.Kind == tenant.OceanBase && set != ""
	if t.Kind == tenant.MySQL {
		var mode string
		if err := t.DB().QueryRowContext(ctx, "SELECT @@global.gtid_mode").Scan(&mode); err != nil {
			return fmt.Errorf("gtid_mode: %w", err)
		}
		gtids = strings.EqualFold(mode, "ON") || mode == "1"
	}
	if gtids {
		p.cursor, err = parseCursor(byGTID, strings.ReplaceAll(set, "\n", ""))
		return err
	}
	if strings.ContainsAny(file, "|") {
		return fmt.Errorf("name of log file %q holds a |", file)
	}
	p.cursor = cursor{mode: byFile, file: file, offset: offset}
	return nil
}

// masterStatus asks for file, offset and executed set. MySQL 8.4 knows the
// statement only by its new name.
func masterStatus(ctx context.Context, t *tenant.Tenant) (file string, offset uint64, set string, err error) {
	rows, err := t.DB().QueryContext(ctx, "SHOW MASTER STATUS")
	if syntax := tenant.Code(err) == 1064; syntax && t.Kind == tenant.MySQL {
		rows, err = t.DB().QueryContext(ctx, "SHOW BINARY LOG STATUS")
	} else if syntax { // an OceanBase tenant without the service before it
		err = fmt.Errorf("%w: %w", errNoLog, err)
	}
	if err != nil {
		return "", 0, "", err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return "", 0, "", err
	}
	if !rows.Next() {
		return "", 0, "", errors.Join(errNoLog, rows.Err())
	}
	into := make([]any, len(columns))
	for i, name := range columns {
		switch strings.ToLower(name) {
		case "file":
			into[i] = &file
		case "position":
			into[i] = &offset
		case "executed_gtid_set":
			into[i] = &set
		default:
			into[i] = new(sql.RawBytes)
		}
	}
	return file, offset, set, rows.Scan(into...)
}
