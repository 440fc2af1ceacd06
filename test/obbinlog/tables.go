package obbinlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// origins is where the origin ids of transactions are written: one row for each
// row of duplex.checkpoint that is written. Database sys is nobody's data.
const origins = "sys.obbinlog_origin"

// A table is one whose changes the rig reads.
type table struct {
	id             uint64 // in the log
	database, name string
	columns        []column
	keyless        bool
	created        uint64 // SCN from which its log has its changes; 0: it has no log now
	first          bool   // its rows come first in a transaction, or
	last           bool   // last
	unread         bool   // it has no log: no reader of ours looks for its rows
	query          string // reads its log, up to the bounds
	rows           int    // of the log that were read since it was purged
}

func (t *table) String() string  { return t.database + "." + t.name }
func (t *table) quoted() string  { return quote(t.database) + "." + quote(t.name) }
func (t *table) logName() string { return quote(t.database) + "." + quote("mlog$_"+t.name) }
func systemDatabase(name string) bool {
	switch strings.ToLower(name) {
	case "information_schema", "mysql", "performance_schema", "sys", "oceanbase", "sys_external_tbs", "__public", "__recyclebin":
		return true
	}
	return false
}

func internalTable(name string) bool {
	for _, p := range []string{"mlog$_", "__recycle_$_", "__mv_container_", "#sql"} {
		if strings.HasPrefix(strings.ToLower(name), p) {
			return true
		}
	}
	return false
}

// code is the number of a server's error, 0 of any other.
func code(err error) uint16 {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number
	}
	return 0
}

// list gives the names of the tables of the tenant, or of a database: those of
// users, and of the logs those that are there.
func list(ctx context.Context, db *sql.DB, database string) (tables [][2]string, logs map[string]bool, err error) {
	query, args := "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'", []any{}
	if database != "" {
		query, args = query+" AND table_schema = ?", append(args, database)
	}
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	logs = map[string]bool{}
	for rows.Next() {
		var d, n string
		if err := rows.Scan(&d, &n); err != nil {
			return nil, nil, err
		}
		switch base, isLog := strings.CutPrefix(n, "mlog$_"); {
		case systemDatabase(d):
		case isLog:
			logs[d+"."+base] = true
		case !internalTable(n):
			tables = append(tables, [2]string{d, n})
		}
	}
	return tables, logs, rows.Err()
}

// define reads what a table is; nil if it is not there, or no table.
func define(ctx context.Context, db *sql.DB, database, name string) (*table, error) {
	rows, err := db.QueryContext(ctx, "SELECT column_name, data_type, column_type, COALESCE(character_octet_length, 0), "+
		"COALESCE(numeric_precision, 0), COALESCE(numeric_scale, 0), COALESCE(datetime_precision, 0), is_nullable, column_key, "+
		"COALESCE(generation_expression, ''), COALESCE(extra, '') FROM information_schema.columns "+
		"WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position", database, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	t := &table{database: database, name: name, keyless: true}
	if strings.EqualFold(database, "duplex") {
		t.first = strings.EqualFold(name, "checkpoint")
		t.last = !t.first
		switch strings.ToLower(name) {
		case "conflict", "ddl_log", "rules", "schema_history":
			t.unread = true
		}
	}
	for rows.Next() {
		var d definition
		var nullable, key, extra string
		err = rows.Scan(&d.name, &d.data, &d.full, &d.octets, &d.precision, &d.scale, &d.fsp, &nullable, &key, &d.generated, &extra)
		if err != nil {
			break
		}
		d.data, d.nullable, d.key = strings.ToLower(d.data), nullable == "YES", key == "PRI"
		if !strings.Contains(strings.ToUpper(extra), "GENERATED") {
			d.generated = ""
		}
		var c column
		if c, err = d.layout(); err != nil {
			break
		}
		t.keyless = t.keyless && !c.key
		t.columns = append(t.columns, c)
	}
	if err := errors.Join(err, rows.Err()); err != nil {
		return nil, fmt.Errorf("definition of %s: %w", t, err)
	}
	if len(t.columns) == 0 {
		return nil, nil
	}
	t.query = t.reading()
	return t, nil
}

// reading builds the query of a log: a row's commit, place and kind, what tells
// the row from others, and the columns.
func (t *table) reading() string {
	var key, columns []string
	for _, c := range t.columns {
		if c.key {
			key = append(key, "HEX("+quote(c.name)+")")
		}
		columns = append(columns, c.read)
	}
	if t.keyless {
		key = []string{"`M_ROW$$`"}
	}
	return "SELECT ora_rowscn, `SEQUENCE$$`, `DMLTYPE$$`, `OLD_NEW$$`, CONCAT_WS(',', " + strings.Join(key, ", ") + "), " +
		strings.Join(columns, ", ") + " FROM " + t.logName()
}

// The kernel's bounds: of a row of a log, which has large objects in itself, and
// of one such object.
const (
	rowLimit = 1572864
	lobLimit = 786432
)

// watch makes the table's log. A statement that writes a large object beyond
// the log's threshold is refused by the kernel, so it is as high as it can be.
func (t *table) watch(ctx context.Context, db *sql.DB) error {
	var names []string
	lobs, others := 0, 4096
	for _, c := range t.columns {
		if c.generated != "" {
			continue
		}
		if !c.key {
			names = append(names, quote(c.name))
		}
		if c.lob {
			lobs++
		}
		others += 64 + c.octets
	}
	threshold := min(lobLimit, max(8192, (rowLimit-others)/max(lobs, 1)))
	list := ""
	if len(names) > 0 {
		list = " (" + strings.Join(names, ", ") + ")"
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	create := "CREATE MATERIALIZED VIEW LOG ON " + t.quoted() + " WITH PRIMARY KEY, SEQUENCE" + list + " INCLUDING NEW VALUES"
	for {
		if _, err := conn.ExecContext(ctx, fmt.Sprintf("SET ob_default_lob_inrow_threshold = %d", threshold)); err != nil {
			return err
		}
		_, err := conn.ExecContext(ctx, create)
		if n := code(err); (n == 1118 || n == 1210) && threshold > 8192 { // the row is too long
			threshold = max(8192, threshold/2)
			continue
		}
		if err != nil {
			return fmt.Errorf("log of %s: %w", t, err)
		}
		break
	}
	if t.created, err = currentSCN(ctx, db); err != nil || !t.first {
		return err
	}
	return t.noteOrigin(ctx, conn)
}

// noteOrigin has the kernel write the origin id of the session with each row of
// the table. The session's variable counts from the transaction's beginning on,
// the trigger reads it when a row is written: they differ if it was set between.
func (t *table) noteOrigin(ctx context.Context, conn *sql.Conn) error {
	queries := []string{
		"CREATE DATABASE IF NOT EXISTS sys",
		"CREATE TABLE IF NOT EXISTS " + origins + " (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, origin bigint NOT NULL)",
		"USE " + quote(t.database), // where triggers are made
	}
	for _, event := range []string{"INSERT", "UPDATE"} {
		trigger := quote(t.database) + "." + quote("obbinlog_"+strings.ToLower(event))
		queries = append(queries, "DROP TRIGGER IF EXISTS "+trigger, "CREATE TRIGGER "+trigger+" AFTER "+event+" ON "+t.quoted()+
			" FOR EACH ROW INSERT INTO "+origins+" (origin) VALUES (@@ob_org_cluster_id)")
	}
	for _, q := range queries {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}

// unwatch drops the table's log; one that is not there is no error.
func unwatch(ctx context.Context, db *sql.DB, database, name string) error {
	_, err := db.ExecContext(ctx, "DROP MATERIALIZED VIEW LOG ON "+quote(database)+"."+quote(name))
	if n := code(err); n == noLog || n == 1146 {
		return nil
	}
	return err
}

// noLog is the kernel's error for a table without log.
const noLog = 9755

func currentSCN(ctx context.Context, db *sql.DB) (scn uint64, err error) {
	err = db.QueryRowContext(ctx, "SELECT current_scn()").Scan(&scn)
	return scn, err
}
