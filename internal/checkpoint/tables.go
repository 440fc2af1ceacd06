// Package checkpoint owns our tables in a tenant: what they hold, how they are
// written and read. What the rows mean is the callers' business.
package checkpoint

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// ours are the tables. Names are compared byte for byte. No column is wider than
// the 767 bytes that an old server indexes.
var ours = []struct{ name, columns string }{
	{"checkpoint", "`project` varchar(64) NOT NULL, `link` varchar(80) NOT NULL, `lane` int NOT NULL, `epoch` bigint unsigned NOT NULL, " +
		"`position` mediumblob NOT NULL, `low` bigint unsigned NOT NULL, `applied` mediumtext NOT NULL, `carried` mediumblob NOT NULL, " +
		"`version` bigint NOT NULL, `notes` mediumblob NOT NULL, `settled` bigint unsigned NOT NULL, `settled_position` mediumblob NOT NULL, `committed_at` datetime(6) NULL, " +
		"PRIMARY KEY (`project`, `link`, `lane`)"},

	{"copy_chunk", "`project` varchar(64) NOT NULL, `table_name` varchar(130) NOT NULL, `chunk` int NOT NULL, " +
		"`low_key` mediumtext NULL, `high_key` mediumtext NULL, `rows` bigint unsigned NOT NULL, " +
		"`bytes` bigint unsigned NOT NULL, `state` varchar(16) NOT NULL, `changed_at` datetime(6) NOT NULL, " +
		"PRIMARY KEY (`project`, `table_name`, `chunk`)"},

	{"ddl_log", "`project` varchar(64) NOT NULL, `link` varchar(80) NOT NULL, `seq` bigint unsigned NOT NULL, `statement` mediumtext NOT NULL, " +
		"`state` varchar(16) NOT NULL, `reason` mediumtext NOT NULL, `sessions` mediumtext NOT NULL, `was` varchar(64) NOT NULL, " +
		"`seen` mediumtext NOT NULL, `at` datetime(6) NOT NULL, PRIMARY KEY (`project`, `link`, `seq`)"},

	{"heartbeat", "`site` varchar(64) NOT NULL, `beat` bigint unsigned NOT NULL, `at` datetime(6) NOT NULL, `seq` bigint unsigned NOT NULL, " +
		"PRIMARY KEY (`site`)"},

	{"lag", "`project` varchar(64) NOT NULL, `link` varchar(80) NOT NULL, `hop` varchar(16) NOT NULL, `transactions` bigint unsigned NOT NULL, " +
		"`p50_us` bigint unsigned NOT NULL, `p99_us` bigint unsigned NOT NULL, `max_us` bigint unsigned NOT NULL, " +
		"`counts_from` varchar(16) NOT NULL, `at` datetime(6) NOT NULL, PRIMARY KEY (`project`, `link`, `hop`)"},

	{"parked", "`project` varchar(64) NOT NULL, `table_name` varchar(190) NOT NULL, `key_hash` bigint unsigned NOT NULL, " +
		"`row_id` mediumblob NOT NULL, `image` mediumblob NOT NULL, `version` bigint NOT NULL, `site_rank` int NOT NULL, `sub` int NOT NULL, " +
		"`reason` varchar(64) NOT NULL, `blocked_by` varchar(255) NOT NULL, `parked_at` datetime(6) NOT NULL, " +
		"PRIMARY KEY (`project`, `table_name`, `key_hash`)"},

	{"rules", "`project` varchar(64) NOT NULL, `number` int unsigned NOT NULL, `rules` mediumtext NOT NULL, `from_version` bigint NOT NULL, " +
		"`at` datetime(6) NOT NULL, PRIMARY KEY (`project`, `number`)"},

	{"schema_history", "`project` varchar(64) NOT NULL, `from_seq` bigint unsigned NOT NULL, `table_name` varchar(130) NOT NULL, " +
		"`definition` mediumtext NOT NULL, `at` datetime(6) NOT NULL, PRIMARY KEY (`project`, `from_seq`, `table_name`)"},

	// The indexes hold what the filters ask for, so that counting and searching read no image.
	{"conflict", "`id` bigint unsigned NOT NULL AUTO_INCREMENT, `project` varchar(64) NOT NULL, `link` varchar(80) NOT NULL, " +
		"`table_name` varchar(190) NOT NULL, `row_key` mediumtext NOT NULL, `kind` varchar(20) NOT NULL, `policy` varchar(20) NOT NULL, " +
		"`winner` varchar(10) NOT NULL, `ambiguous` tinyint NOT NULL, `local_image` longtext NULL, `incoming_image` longtext NULL, " +
		"`local_stamp` varchar(64) NOT NULL, `incoming_stamp` varchar(64) NOT NULL, " +
		"`local_committed_at` datetime(6) NULL, `incoming_committed_at` datetime(6) NULL, " +
		"`decided_at` datetime(6) NOT NULL, `undone_at` datetime(6) NULL, `accepted_at` datetime(6) NULL, PRIMARY KEY (`id`), " +
		"KEY `by_time` (`project`, `decided_at`, `id`, `kind`, `winner`, `ambiguous`, `undone_at`, `accepted_at`), " +
		"KEY `by_table` (`project`, `table_name`, `decided_at`, `id`, `kind`, `winner`, `ambiguous`, `undone_at`, `accepted_at`), " +
		"KEY `by_kind` (`project`, `kind`, `decided_at`, `id`, `winner`, `ambiguous`, `undone_at`, `accepted_at`), " +
		"KEY `by_link` (`project`, `link`, `kind`), KEY `by_key` (`row_key`(100))"},
}

const charset = "DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"

// inRow keeps the values of our own rows in OceanBase's log, before and after:
// of one that lies outside of its row the log has only what is written. All
// columns of a row together have 1.5 MB. A kernel that does not know the option
// has no such values.
const inRow = " LOB_INROW_THRESHOLD=131072"

// Create makes database duplex and its tables where they are missing. Where all
// are there it runs no statement that changes definitions: such a one may have to
// wait for others.
func Create(ctx context.Context, t *tenant.Tenant) error {
	wrap := func(err error) error { return fmt.Errorf("site %s: create our own tables: %w", t.Site, err) }
	there, err := existing(ctx, t)
	if err != nil {
		return wrap(err)
	}
	if len(there) == 0 {
		if _, err := t.DB().ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS `"+change.Database+"`"); err != nil {
			return wrap(err)
		}
	}
	g, ctx := errgroup.WithContext(ctx) // OceanBase takes its time for each, and half of it for all at once
	for _, x := range ours {
		if !there[x.name] {
			g.Go(func() error { return create(ctx, t, x.name, x.columns) })
		}
	}
	if err := g.Wait(); err != nil {
		return wrap(err)
	}
	return nil
}

func create(ctx context.Context, t *tenant.Tenant, name, columns string) error {
	q := "CREATE TABLE IF NOT EXISTS `" + change.Database + "`.`" + name + "` (" + columns + ") " + charset
	if t.Kind == tenant.OceanBase {
		if _, err := t.DB().ExecContext(ctx, q+inRow); tenant.Code(err) != syntaxError {
			return err
		}
	}
	_, err := t.DB().ExecContext(ctx, q)
	return err
}

// existing gives the names of the tables that are there, in lower case.
func existing(ctx context.Context, t *tenant.Tenant) (map[string]bool, error) {
	rows, err := t.DB().QueryContext(ctx, "SELECT LOWER(table_name) FROM information_schema.tables WHERE table_schema = '"+change.Database+"'")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		out[name] = true
	}
	return out, rows.Err()
}

// Drop takes database duplex with all its tables out of the tenant.
func Drop(ctx context.Context, t *tenant.Tenant) error {
	if _, err := t.DB().ExecContext(ctx, "DROP DATABASE IF EXISTS `"+change.Database+"`"); err != nil {
		return fmt.Errorf("site %s: drop our own tables: %w", t.Site, err)
	}
	return nil
}

// syntaxError is the number of an error in the text of a statement.
const syntaxError = 1064

// noDatabase and noTable are the error numbers of a tenant in which Create has
// not run; a MySQL-protocol server names either.
const (
	noDatabase = 1049
	noTable    = 1146
)

// missing reports whether err says that Create has not run.
func missing(err error) bool {
	code := tenant.Code(err)
	return code == noDatabase || code == noTable
}
