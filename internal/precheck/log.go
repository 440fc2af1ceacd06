package precheck

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"duplex/internal/binlog"
	"duplex/internal/change"
	"duplex/internal/tenant"
)

// The checks of the change log look at sites whose changes are carried. Those
// on OceanBase are about the Binlog Service, whose variables an observer does
// not know.

// logs reports whether the check looks at the site's log. Where none is
// written, only the check "log" says so.
func (s *site) logs() bool {
	return s.source && !s.silent && s.LogProxy == "" && (s.tenant.Kind == tenant.OceanBase || on(s.vars["log_bin"]))
}

// own reports whether the server writes its log itself.
func (s *site) own() bool { return s.logs() && s.tenant.Kind != tenant.OceanBase }

func logOn(ctx context.Context, r *run, s *site) error {
	switch {
	case !s.source:
		return nil
	case s.LogProxy != "":
		r.fail(s, "", "name the Binlog Service by `changes:` instead", "changes come from logproxy %s: this version reads binary logs only", s.LogProxy)
		return nil
	case s.tenant.Kind == tenant.OceanBase:
		if _, err := binlog.End(ctx, s.tenant); err != nil {
			s.silent = true
			cause := plain(err)
			if tenant.Code(err) == 1064 {
				cause = "SHOW MASTER STATUS is unknown there"
			}
			r.fail(s, "", streamFix(s, err), "no change stream reachable at %s: %s", s.Changes, cause)
			return nil
		}
		r.pass(s, "the Binlog Service answers")
		return nil
	case !on(s.vars["log_bin"]):
		r.fail(s, "", "start the server with log_bin=binlog, binlog_format=ROW and a server_id of its own", "no binary log is written (log_bin is OFF)")
		return nil
	case s.vars["server_id"] == "0":
		r.fail(s, "", "SET GLOBAL server_id = 1, and in its option file", "server_id is 0: the server gives its log to nobody")
		return nil
	}
	r.pass(s, "written, server_id %s", s.vars["server_id"])
	return nil
}

func logFormat(_ context.Context, r *run, s *site) error {
	if !s.own() {
		return nil
	}
	if f, ok := s.vars["binlog_format"]; ok && f != "ROW" {
		s.partial = true
		r.fail(s, "", "SET GLOBAL binlog_format = 'ROW', in the option file too; then let the application reconnect",
			"binlog_format is %s: the log holds statements, not rows", f)
		return nil
	}
	r.pass(s, "ROW")
	return nil
}

func rowImage(_ context.Context, r *run, s *site) error {
	if !s.logs() {
		return nil
	}
	if image, ok := s.vars["binlog_row_image"]; ok && image != "FULL" {
		s.partial = true
		r.fail(s, "", "SET GLOBAL binlog_row_image = 'FULL', in the option file too; then let the application reconnect",
			"binlog_row_image is %s: the log leaves out columns", image)
		return nil
	}
	for _, name := range []string{"binlog_row_value_options", "log_row_value_options"} { // the latter is OceanBase's
		if options := s.vars[name]; options != "" {
			r.fail(s, "", "SET GLOBAL "+name+" = ''; then let the application reconnect", "%s is %s: the log holds parts of values", name, options)
			return nil
		}
	}
	r.pass(s, "FULL")
	return nil
}

// logFilter looks for databases that the server leaves out of its log: changes
// of theirs would be lost without a word.
func logFilter(ctx context.Context, r *run, s *site) error {
	if !s.own() {
		return nil
	}
	only, ignored, err := filters(ctx, s.tenant)
	if err != nil {
		return err
	}
	tables, err := r.chosen(ctx, s)
	if err != nil {
		return err
	}
	databases := []string{change.Database}
	for _, t := range tables {
		if !slices.Contains(databases, t.Database) {
			databases = append(databases, t.Database)
		}
	}
	for _, d := range databases {
		switch {
		case slices.Contains(ignored, d):
			r.fail(s, d, "take it out of binlog_ignore_db in the option file, and restart the server", "the server leaves this database out of its log (binlog_ignore_db)")
		case len(only) > 0 && !slices.Contains(only, d):
			r.fail(s, d, "add it to binlog_do_db in the option file, and restart the server", "the server logs other databases only (binlog_do_db: %s)", listed(only))
		}
	}
	r.unless(s, "all of the project's databases are logged")
	return nil
}

// filters asks for binlog_do_db and binlog_ignore_db.
func filters(ctx context.Context, t *tenant.Tenant) (only, ignored []string, err error) {
	rows, err := t.DB().QueryContext(ctx, "SHOW MASTER STATUS")
	if tenant.Code(err) == 1064 {
		rows, err = t.DB().QueryContext(ctx, "SHOW BINARY LOG STATUS") // since MySQL 8.4
	}
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil || !rows.Next() {
		return nil, nil, errors.Join(err, rows.Err())
	}
	var do, ignore sql.NullString
	into := make([]any, len(columns))
	for i, name := range columns {
		switch strings.ToLower(name) {
		case "binlog_do_db":
			into[i] = &do
		case "binlog_ignore_db":
			into[i] = &ignore
		default:
			into[i] = new(sql.RawBytes)
		}
	}
	if err := rows.Scan(into...); err != nil {
		return nil, nil, err
	}
	split := func(s sql.NullString) []string {
		return strings.FieldsFunc(s.String, func(c rune) bool { return c == ',' })
	}
	return split(do), split(ignore), rows.Err()
}

// How long a log should be kept, and must be: a project that was stopped goes
// on only while its position is still in the log.
const (
	wantedRetention = 24 * time.Hour
	leastRetention  = time.Hour
)

func retention(_ context.Context, r *run, s *site) error {
	if !s.logs() {
		return nil
	}
	if s.tenant.Kind == tenant.OceanBase {
		r.skip(s, "the Binlog Service keeps its own count (binlog_expire_logs_seconds of the instance)")
		return nil
	}
	kept, bounded := s.retention()
	fix := "SET GLOBAL expire_logs_days = 7"
	if _, ok := s.vars["binlog_expire_logs_seconds"]; ok {
		fix = "SET GLOBAL binlog_expire_logs_seconds = 604800"
	}
	switch {
	case !bounded:
		r.pass(s, "logs are kept until somebody purges them")
	case kept < leastRetention:
		r.fail(s, "", fix, "logs are kept for %s: a project that stops for longer has to copy all over again", duration(kept))
	case kept < wantedRetention:
		r.warn(s, "", fix, "logs are kept for %s: a project that stops for longer has to copy all over again", duration(kept))
	default:
		r.pass(s, "logs are kept for %s", duration(kept))
	}
	return nil
}

// retention is how long logs are kept; bounded is false for ever.
func (s *site) retention() (kept time.Duration, bounded bool) {
	if s.vars["binlog_expire_logs_auto_purge"] == "OFF" {
		return 0, false
	}
	seconds, _ := strconv.ParseFloat(s.vars["binlog_expire_logs_seconds"], 64)
	days, _ := strconv.ParseFloat(s.vars["expire_logs_days"], 64)
	if seconds == 0 {
		seconds = days * 86400
	}
	return time.Duration(seconds * float64(time.Second)), seconds > 0
}

// duration writes d in the largest unit that leaves a whole number, or nearly.
func duration(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return plural(int(d.Hours()/24), "day")
	case d >= 2*time.Hour:
		return plural(int(d.Hours()), "hour")
	case d >= 2*time.Minute:
		return plural(int(d.Minutes()), "minute")
	}
	return plural(int(d.Seconds()), "second")
}

func gtid(ctx context.Context, r *run, s *site) error {
	if !s.logs() {
		return nil
	}
	switch mode := s.vars["gtid_mode"]; {
	case s.tenant.Kind == tenant.MariaDB:
		r.pass(s, "positions are MariaDB GTIDs")
	case s.tenant.Kind == tenant.OceanBase:
		r.pass(s, "positions are what the Binlog Service gives")
	case mode != "ON":
		r.warn(s, "", "turn gtid_mode on (with enforce_gtid_consistency)",
			"gtid_mode is %s: positions are file and offset, and mean nothing on a server that takes this one's place", mode)
	default:
		r.pass(s, "positions are GTID sets")
	}
	return nil
}

func checksum(_ context.Context, r *run, s *site) error {
	if !s.own() {
		return nil
	}
	if c := s.vars["binlog_checksum"]; c != "CRC32" {
		r.warn(s, "", "SET GLOBAL binlog_checksum = 'CRC32'", "binlog_checksum is %s: damage to the log may go unnoticed", c)
		return nil
	}
	r.pass(s, "CRC32")
	return nil
}

// resolution says what the version of a write is made of; see the stamps in
// package change.
func resolution(_ context.Context, r *run, s *site) error {
	if !s.logs() {
		return nil
	}
	if s.tenant.Kind == tenant.OceanBase || s.tenant.Kind == tenant.MySQL && s.tenant.Release.AtLeast(8, 0) {
		r.pass(s, "commit times in microseconds")
		return nil
	}
	text := "commit times in whole seconds"
	if r.Project.TwoWay() {
		text += ": of two conflicting writes within a second, the order of the sites may decide"
	}
	r.pass(s, "%s", text)
	return nil
}

// streamFix says how to bring about a change stream after err.
func streamFix(s *site, err error) string {
	switch {
	case denied(err):
		return seeRights
	case s.tenant.Kind == tenant.OceanBase:
		return fmt.Sprintf("CREATE BINLOG INSTANCE for the tenant, and name in `changes:` of site %s what serves it: ODP with the Binlog Service enabled, or the service itself", s.Name)
	}
	return "correct `changes:` of site " + s.Name
}
