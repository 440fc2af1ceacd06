package tenant_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/schema"
	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

func testKind(t *testing.T, s *server) {
	want := map[servers.Kind]tenant.Kind{
		servers.MariaDB: tenant.MariaDB, servers.MySQL56: tenant.MySQL, servers.SeekDB: tenant.OceanBase,
	}[s.Kind()]
	require.Equal(t, want, s.tenant.Kind)
	require.NotEmpty(t, s.tenant.Version)
	require.Equal(t, s.Kind() == servers.SeekDB, s.tenant.LowerCase != 0)
	require.True(t, s.tenant.Release.AtLeast(4, 3), "%v", s.tenant.Release)
	require.GreaterOrEqual(t, s.tenant.Packet, int64(1<<20))
	if want != tenant.OceanBase {
		require.Nil(t, s.tenant.OB)
		require.False(t, s.tenant.OB.Standby())
		require.Contains(t, s.tenant.Server(), s.tenant.Version)
		return
	}
	require.Equal(t, tenant.Release{Major: 4, Minor: 3}, s.tenant.Release, "the kernel's")
	require.Equal(t, "OceanBase seekdb "+s.tenant.OB.Kernel+", tenant sys", s.tenant.Server())
	require.Equal(t, tenant.Observer, s.tenant.OB.Via, "no proxy is between")
	require.Empty(t, s.tenant.OB.Role, "it has no DBA_OB_TENANTS")
}

// everyKind has a column of each type that all kinds of servers have, named by
// the kind that it must come out as.
const everyKind = `create table every (
	int_1 tinyint not null primary key, int_2 smallint, int_3 mediumint, int_4 int, int_5 bigint, int_6 bool,
	uint_1 tinyint unsigned, uint_2 smallint unsigned, uint_3 mediumint unsigned, uint_4 int zerofill, uint_5 bigint unsigned,
	float32 float, float64_1 double, float64_2 real, decimal_5_2 decimal(5,2), decimal_0 numeric(4),
	text_1 char(3), text_2 varchar(9), text_3 tinytext, text_4 text, text_5 mediumtext, text_6 longtext,
	binary_7 binary(7), binary_0 varbinary(9), binary_1 tinyblob, binary_2 blob, binary_3 mediumblob, binary_4 longblob,
	date date, datetime_0 datetime, datetime_6 datetime(6), timestamp_0 timestamp null, timestamp_3 timestamp(3) null,
	time_0 time, time_2 time(2), year year, bit_1 bit, bit_64 bit(64), enum enum('a','b'), set_1 set('a','b'),
	geometry_1 geometry, geometry_2 point, geometry_3 multipolygon)`

func testCatalogue(t *testing.T, s *server) {
	s.fill(t, "kinds", []string{everyKind})
	table, err := s.tenant.Table(t.Context(), "kinds", "every")
	require.NoError(t, err)
	require.Empty(t, table.Unsupported)
	kinds := map[string]change.Kind{
		"int": change.Int, "uint": change.Uint, "float32": change.Float32, "float64": change.Float64, "decimal": change.Decimal,
		"text": change.Text, "binary": change.Binary, "date": change.Date, "datetime": change.Datetime,
		"timestamp": change.Timestamp, "time": change.Time, "year": change.Year, "bit": change.Bit, "enum": change.Enum,
		"set": change.Set, "geometry": change.Geometry,
	}
	for _, c := range table.Columns {
		word, _, _ := strings.Cut(c.Name, "_")
		require.Equal(t, kinds[word], c.Kind, c.Name)
		require.Equal(t, c.Kind == change.Text || c.Kind == change.Enum || c.Kind == change.Set, c.Charset != "", c.Name)
	}
	column := func(name string) schema.Column { return table.Columns[table.Column(name)] }
	require.Equal(t, 2, column("decimal_5_2").Scale)
	require.Equal(t, 0, column("decimal_0").Scale)
	require.Equal(t, 7, column("binary_7").Length)
	require.Equal(t, 0, column("binary_0").Length)
	require.Equal(t, 64, column("bit_64").Length)
	require.Equal(t, 6, column("datetime_6").Scale)
	require.Equal(t, 3, column("timestamp_3").Scale)
	require.Equal(t, 2, column("time_2").Scale)
	require.Equal(t, []int{0}, table.Change().Key)

	_, err = s.tenant.Table(t.Context(), "kinds", "absent")
	require.ErrorIs(t, err, tenant.ErrNoTable)
	_, err = s.tenant.Table(t.Context(), "absent", "absent")
	require.ErrorIs(t, err, tenant.ErrNoTable)
	_, err = s.tenant.Table(t.Context(), "kinds", "EVERY")
	if s.tenant.LowerCase == 0 {
		require.ErrorIs(t, err, tenant.ErrNoTable)
	} else {
		require.NoError(t, err)
	}
	testUnsupported(t, s)
}

// testUnsupported reads the tables of testRoundTrip: each that cannot be
// replicated says why, and the rest of the catalogue comes all the same.
func testUnsupported(t *testing.T, s *server) {
	tables, err := s.tenant.Tables(t.Context(), in("origin"))
	require.NoError(t, err)
	got := map[string][]string{}
	for _, table := range tables {
		if table.Unsupported != nil {
			got[table.Name] = table.Unsupported
		}
	}
	want := map[servers.Kind]map[string][]string{
		servers.MariaDB: {
			"versioned":  {"the table is system versioned"},
			"two_digits": {"column y: type year(2): values of two digits do not tell the century"},
		},
		servers.MySQL56: {},
		servers.SeekDB: {
			"vectors": {"column v: type vector(3) is not known", "column r: type roaringbitmap is not known"},
		},
	}
	want[s.Kind()]["wide_set_key"] = []string{"key column s: servers do not compare a SET of 64 labels in the order of its index"}
	require.Equal(t, want[s.Kind()], got)
	require.NotContains(t, tables, "mv")
}

func testObjects(t *testing.T, s *server) {
	s.fill(t, "things", []string{
		"create table t (id int primary key, a varchar(9))",
		"create view b_lower as select id, a from t where a <> 'it''s'",
		"create view a_upper as select id from b_lower with cascaded check option",
		"create trigger g before insert on t for each row set new.a = 'x'",
	})
	ctx := t.Context()
	views, err := s.tenant.Views(ctx, in("things"))
	require.NoError(t, err)
	require.Len(t, views, 2)
	require.Equal(t, "things.a_upper", views[0].String())
	if s.Kind() != servers.SeekDB { // whose view of it says NONE
		require.Equal(t, "CASCADED", views[0].Check)
	}
	s.exec(t, "DROP VIEW things.a_upper, things.b_lower")
	for _, v := range schema.OrderViews(views) {
		s.exec(t, v.CreateSQL())
	}
	again, err := s.tenant.Views(ctx, in("things"))
	require.NoError(t, err)
	require.Equal(t, views, again)

	triggers, err := s.tenant.Triggers(ctx, in("things"))
	require.NoError(t, err)
	require.Equal(t, []schema.Trigger{{Database: "things", Name: "g", Table: "t", Timing: "BEFORE", Event: "INSERT"}}, triggers)

	databases, err := s.tenant.Databases(ctx)
	require.NoError(t, err)
	var names []string
	for _, d := range databases {
		names = append(names, d.Name)
		if d.Name == "things" {
			require.Equal(t, schema.Database{Name: "things", Charset: "utf8mb4", Collation: "utf8mb4_general_ci"}, d)
			s.exec(t, "DROP DATABASE things", d.CreateSQL(schema.Dialect(s.tenant.Kind)))
		}
	}
	require.Contains(t, names, "things")
	require.NotContains(t, names, "information_schema")
	require.NotContains(t, names, "mysql")

	variables, err := s.tenant.Variables(ctx, "lower_case_table_names", "BINLOG_ROW_IMAGE", "no_such_variable")
	require.NoError(t, err)
	require.Len(t, variables, 2)
	require.Equal(t, "FULL", variables["binlog_row_image"])
	grants, err := s.tenant.Grants(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, grants)
	require.Contains(t, grants[0], "GRANT ALL PRIVILEGES ON *.*")
	require.NotContains(t, grants[0], "PASSWORD")
}

func testSession(t *testing.T, s *server) {
	e := s.session(t, tenant.Apply, 2147473649)
	ask := func(query string) string {
		rows, err := e.Query(t.Context(), query)
		require.NoError(t, err, query)
		defer func() { require.NoError(t, rows.Close()) }()
		require.True(t, rows.Next(), query)
		var value string
		require.NoError(t, rows.Scan(&value))
		require.NoError(t, rows.Err())
		return value
	}
	require.Equal(t, "READ-COMMITTED", ask("SELECT @@tx_isolation"))
	require.Equal(t, "+00:00", ask("SELECT @@time_zone"))
	require.Equal(t, "1", ask("SELECT @@autocommit"))
	require.Equal(t, "0", ask("SELECT @@foreign_key_checks"))
	require.Equal(t, "1", ask("SELECT @@character_set_results IS NULL"))
	for _, mode := range []string{"STRICT", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "NO_ZERO_DATE"} {
		require.NotContains(t, ask("SELECT @@sql_mode"), mode)
	}
	switch s.tenant.Kind {
	case tenant.OceanBase:
		require.Equal(t, "2147473649", ask("SELECT @@ob_org_cluster_id"))
		require.Equal(t, "10000000", ask("SELECT @@ob_trx_lock_timeout"))
		require.Equal(t, "3600000000", ask("SELECT @@ob_query_timeout"))
		require.Equal(t, "86400000000", ask("SELECT @@ob_trx_timeout"))
		require.Equal(t, "120000000", ask("SELECT @@ob_trx_idle_timeout"))
		require.Equal(t, "STRONG", ask("SELECT @@ob_read_consistency"))
	case tenant.MySQL:
		require.Equal(t, "2147473649", ask("SELECT @@pseudo_thread_id"))
		require.Equal(t, "10", ask("SELECT @@innodb_lock_wait_timeout"))
	case tenant.MariaDB:
		require.Equal(t, "10", ask("SELECT @@innodb_lock_wait_timeout"))
	}
	require.Equal(t, "1", ask("SELECT COUNT(*) FROM information_schema.processlist WHERE id = "+uintText(e.ID)))
}

// testStoredBytes shows that a session reads text as it is stored and takes
// back values that a strict session would refuse.
func testStoredBytes(t *testing.T, s *server) {
	s.fill(t, "bytes", []string{
		`create table t (id int primary key auto_increment, l varchar(9) charset latin1, g varchar(9) charset gbk,
			w varchar(9) charset utf16, u varchar(9), e enum('a') charset latin1, d date, s datetime(3))`,
	})
	table, err := s.tenant.Table(t.Context(), "bytes", "t")
	require.NoError(t, err)
	e := s.session(t, tenant.Apply, 0)
	_, err = e.Exec(t.Context(), "INSERT INTO bytes.t VALUES (0, 'ä', '你', 'a', '😀', 0, '0000-00-00', '2020-02-31 00:00:00.120')")
	require.NoError(t, err)
	var query []byte
	for i := range table.Columns {
		if i > 0 {
			query = append(query, ", "...)
		}
		query = table.Columns[i].AppendSelect(query)
	}
	rows, err := e.Query(t.Context(), "SELECT "+string(query)+" FROM bytes.t")
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	require.True(t, rows.Next())
	raw := make([][]byte, len(table.Columns))
	into := make([]any, len(raw))
	for i := range raw {
		into[i] = &raw[i]
	}
	require.NoError(t, rows.Scan(into...))
	require.NoError(t, rows.Err())
	want := [][]byte{[]byte("0"), {0xe4}, {0xc4, 0xe3}, {0, 'a'}, []byte("😀"), []byte("0"), []byte("0000-00-00"), []byte("2020-02-31 00:00:00.120")}
	require.Equal(t, want, raw)
}

func TestOpenRefuses(t *testing.T) {
	_, err := tenant.Open(context.Background(), tenant.Config{Site: "here", Address: "127.0.0.1:1", User: "root"})
	require.ErrorContains(t, err, "site here, 127.0.0.1:1")
	require.Equal(t, tenant.Reconnect, tenant.Classify(err))
}

// testOrphans: a row that lost its parent with checks off is found.
func testOrphans(t *testing.T, s *server) {
	s.exec(t, "CREATE DATABASE orphans", "CREATE TABLE orphans.parent (id int PRIMARY KEY) ENGINE=InnoDB",
		"CREATE TABLE orphans.child (id int PRIMARY KEY, p int NOT NULL, FOREIGN KEY (p) REFERENCES orphans.parent (id)) ENGINE=InnoDB",
		"INSERT INTO orphans.parent VALUES (1), (2)", "INSERT INTO orphans.child VALUES (10, 1), (20, 2)",
		"SET foreign_key_checks = 0; DELETE FROM orphans.parent WHERE id = 2; SET foreign_key_checks = 1")
	var id int
	require.NoError(t, s.db.QueryRow("SELECT "+s.tenant.AsWritten()+
		"id FROM orphans.child AS c WHERE NOT EXISTS (SELECT 1 FROM orphans.parent AS p WHERE p.id = c.p)").Scan(&id))
	require.Equal(t, 20, id)
}
