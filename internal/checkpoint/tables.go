// Package checkpoint owns our tables in a tenant: what they hold, how they are
// written and read. What the rows mean is the callers' business.
package checkpoint

import (
	"context"
	"fmt"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// ddl makes the tables. Names are compared byte for byte. No column is wider
// than the 767 bytes that an old server indexes.
var ddl = []string{
	"CREATE DATABASE IF NOT EXISTS `duplex`",

	"CREATE TABLE IF NOT EXISTS `duplex`.`checkpoint` (" +
		"`project` varchar(64) NOT NULL, `link` varchar(80) NOT NULL, `lane` int NOT NULL, `epoch` bigint unsigned NOT NULL, " +
		"`position` mediumblob NOT NULL, `low` bigint unsigned NOT NULL, `applied` mediumtext NOT NULL, `carried` mediumblob NOT NULL, " +
		"`version` bigint NOT NULL, `notes` mediumblob NOT NULL, `settled` bigint unsigned NOT NULL, `settled_position` mediumblob NOT NULL, `committed_at` datetime(6) NULL, " +
		"PRIMARY KEY (`project`, `link`, `lane`)) " + charset,

	"CREATE TABLE IF NOT EXISTS `duplex`.`copy_chunk` (" +
		"`project` varchar(64) NOT NULL, `table_name` varchar(130) NOT NULL, `chunk` int NOT NULL, " +
		"`low_key` mediumtext NULL, `high_key` mediumtext NULL, `rows` bigint unsigned NOT NULL, " +
		"`bytes` bigint unsigned NOT NULL, `state` varchar(16) NOT NULL, `changed_at` datetime(6) NOT NULL, " +
		"PRIMARY KEY (`project`, `table_name`, `chunk`)) " + charset,

	"CREATE TABLE IF NOT EXISTS `duplex`.`ddl_log` (" +
		"`project` varchar(64) NOT NULL, `link` varchar(80) NOT NULL, `seq` bigint unsigned NOT NULL, `statement` mediumtext NOT NULL, " +
		"`state` varchar(16) NOT NULL, `reason` mediumtext NOT NULL, `sessions` mediumtext NOT NULL, `was` varchar(64) NOT NULL, " +
		"`seen` mediumtext NOT NULL, `at` datetime(6) NOT NULL, PRIMARY KEY (`project`, `link`, `seq`)) " + charset,

	"CREATE TABLE IF NOT EXISTS `duplex`.`heartbeat` (" +
		"`site` varchar(64) NOT NULL, `beat` bigint unsigned NOT NULL, `at` datetime(6) NOT NULL, `seq` bigint unsigned NOT NULL, " +
		"PRIMARY KEY (`site`)) " + charset,

	"CREATE TABLE IF NOT EXISTS `duplex`.`parked` (" +
		"`project` varchar(64) NOT NULL, `table_name` varchar(190) NOT NULL, `key_hash` bigint unsigned NOT NULL, " +
		"`row_id` mediumblob NOT NULL, `image` mediumblob NOT NULL, `version` bigint NOT NULL, `site_rank` int NOT NULL, `sub` int NOT NULL, " +
		"`reason` varchar(64) NOT NULL, `blocked_by` varchar(255) NOT NULL, `parked_at` datetime(6) NOT NULL, " +
		"PRIMARY KEY (`project`, `table_name`, `key_hash`)) " + charset,

	"CREATE TABLE IF NOT EXISTS `duplex`.`rules` (" +
		"`project` varchar(64) NOT NULL, `number` int unsigned NOT NULL, `rules` mediumtext NOT NULL, `from_version` bigint NOT NULL, " +
		"`at` datetime(6) NOT NULL, PRIMARY KEY (`project`, `number`)) " + charset,

	"CREATE TABLE IF NOT EXISTS `duplex`.`schema_history` (" +
		"`project` varchar(64) NOT NULL, `from_seq` bigint unsigned NOT NULL, `table_name` varchar(130) NOT NULL, " +
		"`definition` mediumtext NOT NULL, `at` datetime(6) NOT NULL, PRIMARY KEY (`project`, `from_seq`, `table_name`)) " + charset,

	// The indexes hold what the filters ask for, so that counting and searching read no image.
	"CREATE TABLE IF NOT EXISTS `duplex`.`conflict` (" +
		"`id` bigint unsigned NOT NULL AUTO_INCREMENT, `project` varchar(64) NOT NULL, `link` varchar(80) NOT NULL, " +
		"`table_name` varchar(190) NOT NULL, `row_key` mediumtext NOT NULL, `kind` varchar(20) NOT NULL, `policy` varchar(20) NOT NULL, " +
		"`winner` varchar(10) NOT NULL, `ambiguous` tinyint NOT NULL, `local_image` longtext NULL, `incoming_image` longtext NULL, " +
		"`local_stamp` varchar(64) NOT NULL, `incoming_stamp` varchar(64) NOT NULL, " +
		"`local_committed_at` datetime(6) NULL, `incoming_committed_at` datetime(6) NULL, " +
		"`decided_at` datetime(6) NOT NULL, `undone_at` datetime(6) NULL, `accepted_at` datetime(6) NULL, PRIMARY KEY (`id`), " +
		"KEY `by_time` (`project`, `decided_at`, `id`, `kind`, `winner`, `ambiguous`, `undone_at`, `accepted_at`), " +
		"KEY `by_table` (`project`, `table_name`, `decided_at`, `id`, `kind`, `winner`, `ambiguous`, `undone_at`, `accepted_at`), " +
		"KEY `by_kind` (`project`, `kind`, `decided_at`, `id`, `winner`, `ambiguous`, `undone_at`, `accepted_at`), " +
		"KEY `by_link` (`project`, `link`, `kind`), KEY `by_key` (`row_key`(100))) " + charset,
}

const charset = "DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"

// inRow keeps the values of our own rows in OceanBase's log, before and after:
// of one that lies outside of its row the log has only what is written. All
// columns of a row together have 1.5 MB. A kernel that does not know the option
// has no such values.
const inRow = " LOB_INROW_THRESHOLD=131072"

// Create makes database duplex and its tables where they are missing.
func Create(ctx context.Context, t *tenant.Tenant) error {
	for i, q := range ddl {
		var err error
		if t.Kind == tenant.OceanBase && i > 0 {
			_, err = t.DB().ExecContext(ctx, q+inRow)
		}
		if i == 0 || t.Kind != tenant.OceanBase || tenant.Code(err) == syntaxError {
			_, err = t.DB().ExecContext(ctx, q)
		}
		if err != nil {
			return fmt.Errorf("site %s: create our own tables: %w", t.Site, err)
		}
	}
	return nil
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
