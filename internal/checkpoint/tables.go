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
		"`state` varchar(16) NOT NULL, `at` datetime(6) NOT NULL, PRIMARY KEY (`project`, `link`, `seq`)) " + charset,

	"CREATE TABLE IF NOT EXISTS `duplex`.`heartbeat` (" +
		"`site` varchar(64) NOT NULL, `beat` bigint unsigned NOT NULL, `at` datetime(6) NOT NULL, `seq` bigint unsigned NOT NULL, " +
		"PRIMARY KEY (`site`)) " + charset,
}

const charset = "DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"

// Create makes database duplex and its tables where they are missing.
func Create(ctx context.Context, t *tenant.Tenant) error {
	for _, q := range ddl {
		if _, err := t.DB().ExecContext(ctx, q); err != nil {
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
