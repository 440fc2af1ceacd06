package precheck_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/precheck"
	servers "duplex/test/tenant"
)

// An unfit tenant: what is done to the two servers, and what mends it.
type unfit struct {
	name         string
	a, b         string // SQL for either server
	undoA, undoB string // for what reset does not take back
	with         func(t *testing.T, r *rig)
	warns        bool // warnings only: passed
}

const grantAll = "CREATE USER app@'127.0.0.1' IDENTIFIED BY 'secret'; GRANT ALL ON shop.* TO app@'127.0.0.1'; GRANT ALL ON duplex.* TO app@'127.0.0.1';"

func asApp(_ *testing.T, r *rig) { r.userA, r.passwordA = "app", "secret" }

var unfits = []unfit{
	{name: "wrong-password", with: func(_ *testing.T, r *rig) { r.passwordA = "wrong" }},
	{name: "unreachable-port", with: func(t *testing.T, r *rig) { r.addressB = freePort(t) }},
	{name: "same-server", with: func(_ *testing.T, r *rig) {
		r.addressB = strings.Replace(r.addressA, "127.0.0.1", "localhost", 1)
		r.only = "distinct"
	}},
	{name: "other-servers-changes", with: func(_ *testing.T, r *rig) { r.changesA, r.wait = r.addressB, 2*time.Second }},
	{name: "read-only", b: "SET GLOBAL read_only = ON", undoB: "SET GLOBAL read_only = OFF", warns: true},
	{name: "no-replication-right", a: grantAll + "GRANT BINLOG MONITOR ON *.* TO app@'127.0.0.1'", with: asApp},
	{name: "no-select-right", with: asApp, a: "CREATE USER app@'127.0.0.1' IDENTIFIED BY 'secret'; GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO app@'127.0.0.1';" +
		"GRANT ALL ON duplex.* TO app@'127.0.0.1'"},
	{name: "format-statement", a: "SET GLOBAL binlog_format = 'STATEMENT'", undoA: "SET GLOBAL binlog_format = 'ROW'",
		with: func(_ *testing.T, r *rig) { r.only = "log-format" }},
	{name: "row-image-minimal", b: "SET GLOBAL binlog_row_image = 'MINIMAL'", undoB: "SET GLOBAL binlog_row_image = 'FULL'",
		with: func(_ *testing.T, r *rig) { r.only = "row-image" }},
	{name: "checksum-none", a: "SET GLOBAL binlog_checksum = 'NONE'", undoA: "SET GLOBAL binlog_checksum = 'CRC32'", warns: true},
	{name: "retention-short", a: "SET GLOBAL binlog_expire_logs_seconds = 600", b: "SET GLOBAL expire_logs_days = 0.5",
		undoA: "SET GLOBAL binlog_expire_logs_seconds = 0", undoB: "SET GLOBAL expire_logs_days = 0"},
	{name: "no-key", a: "CREATE TABLE shop.log (line TEXT, n INT UNIQUE)"},
	{name: "no-key-one-way", a: "CREATE TABLE shop.log (line TEXT, n INT UNIQUE)", warns: true,
		with: func(_ *testing.T, r *rig) { r.scenario, r.only = "migration", "keys" }},
	{name: "no-key-one-way-point", a: "CREATE TABLE shop.places (at POINT)", with: func(_ *testing.T, r *rig) { r.scenario, r.only = "migration", "keys" }},
	{name: "trigger", a: "CREATE TRIGGER shop.count_it AFTER INSERT ON shop.customer FOR EACH ROW SET @n = 1"},
	{name: "myisam", a: "CREATE TABLE shop.old (id INT PRIMARY KEY) ENGINE = MyISAM"},
	{name: "system-versioned", a: "CREATE TABLE shop.price (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING"},
	{name: "cascade", a: "CREATE TABLE shop.line (id INT PRIMARY KEY, `order` BIGINT, FOREIGN KEY of_order (`order`) REFERENCES shop.orders (id) ON DELETE CASCADE ON UPDATE SET NULL)"},
	{name: "foreign-key-outside", with: func(_ *testing.T, r *rig) { r.include = `"shop.orders"` }},
	{name: "events", a: "SET GLOBAL event_scheduler = ON; CREATE EVENT shop.nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM shop.orders", undoA: "SET GLOBAL event_scheduler = OFF", warns: true},
	{name: "auto-increment", b: "SET GLOBAL auto_increment_offset = 1", undoB: "SET GLOBAL auto_increment_offset = 2", warns: true},
	{name: "charset", b: "SET GLOBAL character_set_server = 'latin1'; SET GLOBAL collation_server = 'latin1_general_ci'; CREATE DATABASE shop COLLATE utf8mb4_bin",
		undoB: "SET GLOBAL character_set_server = 'utf8mb4'; SET GLOBAL collation_server = 'utf8mb4_general_ci'", warns: true},
	{name: "sql-mode", b: "SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_ENGINE_SUBSTITUTION'", undoB: "SET GLOBAL sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'", warns: true},
	{name: "time-zone", b: "SET GLOBAL time_zone = '+08:00'", undoB: "SET GLOBAL time_zone = '+00:00'", warns: true},
	{name: "packet", a: "SET GLOBAL max_allowed_packet = 4194304", b: "SET GLOBAL max_allowed_packet = 33554432",
		undoA: "SET GLOBAL max_allowed_packet = 67108864", undoB: "SET GLOBAL max_allowed_packet = 67108864"},
	{name: "connections", a: "SET GLOBAL max_connections = 12", undoA: "SET GLOBAL max_connections = 200", warns: true},
	{name: "target-not-empty", b: shop},
	{name: "target-differs", b: "CREATE DATABASE shop; CREATE TABLE shop.customer (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(90) COLLATE utf8mb4_bin NOT NULL DEFAULT 'x', at DATETIME(3))"},
	{name: "target-alone", b: "CREATE DATABASE shop; CREATE TABLE shop.own (id INT PRIMARY KEY)"},
	{name: "no-match", with: func(_ *testing.T, r *rig) { r.include = `"shop.*", "shop.custmer", "stock.*"` }},
	{name: "where", with: func(_ *testing.T, r *rig) {
		r.scenario = "migration"
		r.extra = "  where: {\"shop.customer\": \"regoin = 'x'\", \"shop.costumer\": \"id > 1\"}"
	}},
	{name: "policy", with: func(_ *testing.T, r *rig) {
		r.extra = `conflict:
  policy: ignore
  tables:
    shop.customer: {policy: delta, columns: [paid, name, balance, id]}
    shop.orders: {policy: overwrite}
    shop.stock: {policy: stop}`
	}},
	{name: "clock", with: asApp, warns: true,
		a: grantAll + "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO app@'127.0.0.1'; SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP() - 3600'", undoA: "SET GLOBAL init_connect = ''"},
	{name: "xa", a: "XA START 'x'; INSERT INTO shop.customer (name) VALUES ('Bo'); XA END 'x'; XA PREPARE 'x'; XA COMMIT 'x'", warns: true},
}

// TestUnfit shows what each unfit tenant is told.
func TestUnfit(t *testing.T) {
	skipShort(t)
	r := newRig(t, servers.MariaDB)
	for _, c := range unfits {
		t.Run(c.name, func(t *testing.T) {
			r.reset(t)
			t.Cleanup(func() {
				exec(t, r.dbs[0], c.undoA)
				exec(t, r.dbs[1], c.undoB)
			})
			exec(t, r.dbs[0], c.a)
			exec(t, r.dbs[1], c.b)
			if c.with != nil {
				c.with(t, r)
			}
			results := r.run(t)
			golden(t, "unfit-"+c.name, r.bad(results))
			require.Equal(t, c.warns, precheck.Passed(results))
		})
	}
}

// TestUnfitServers are the tenants whose fault is of their start.
func TestUnfitServers(t *testing.T) {
	skipShort(t)
	r := newRig(t, servers.MariaDB)

	t.Run("no-log", func(t *testing.T) {
		silent := servers.For(t, servers.MariaDB, flags, servers.WithFlags("--auto-increment-offset=2", "--skip-log-bin"))
		r.reset(t)
		r.addressB = silent.Addr()
		results := r.run(t)
		require.False(t, precheck.Passed(results))
		golden(t, "unfit-no-log", r.bad(results))

		r.reset(t)
		r.addressB, r.scenario = silent.Addr(), "primary-standby"
		results = r.run(t)
		require.True(t, precheck.Passed(results), "the target of one direction needs no log: %v", r.bad(results))
	})

	t.Run("case", func(t *testing.T) {
		folded := servers.For(t, servers.MariaDB, flags, servers.WithFlags("--auto-increment-offset=2", "--lower-case-table-names=1"))
		r.reset(t)
		r.addressB = folded.Addr()
		results := r.run(t)
		require.False(t, precheck.Passed(results))
		golden(t, "unfit-case", r.bad(results))
	})

	t.Run("oceanbase", func(t *testing.T) {
		kernel := servers.For(t, servers.SeekDB)
		r.reset(t)
		r.addressB = kernel.Addr()
		results := r.run(t)
		require.False(t, precheck.Passed(results))
		golden(t, "unfit-oceanbase", r.bad(results))

		r.reset(t)
		r.addressB, r.scenario = kernel.Addr(), "migration"
		results = r.run(t)
		require.True(t, precheck.Passed(results), "%v", r.bad(results))
		golden(t, "fit-oceanbase-target", results)
	})

	for _, kind := range servers.LogKinds() {
		t.Run("filtered-"+string(kind), func(t *testing.T) {
			if kind == servers.OceanBase {
				t.Skip("its log is not filtered by flags")
			}
			filtered := servers.For(t, kind, flags, servers.WithFlags("--auto-increment-offset=2", "--binlog-ignore-db=duplex"))
			r.reset(t)
			r.addressB, r.wait = filtered.Addr(), 2*time.Second
			results := r.run(t)
			require.False(t, precheck.Passed(results))
			golden(t, "unfit-filtered-"+string(kind), r.bad(results))
		})
	}
}
