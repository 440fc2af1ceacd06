package binlog

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

// A typeCase is a column type and values for it, as SQL.
type typeCase struct {
	typ    string
	values []string
	only   servers.Kind // empty: all
	kernel []string     // values for OceanBase; nil: the same; none: it has not the type
}

var none = []string{}

// of gives the values for a kind of server; none where it has not the type.
func (c *typeCase) of(kind servers.Kind) []string {
	switch {
	case c.only != "" && c.only != kind:
		return none
	case kind == servers.OceanBase && c.kernel != nil:
		return c.kernel
	}
	return c.values
}

// typeCases are all column types with their edges.
var typeCases = []typeCase{
	{typ: "tinyint", values: []string{"-128", "-1", "0", "127"}},
	{typ: "tinyint unsigned", values: []string{"0", "128", "255"}},
	{typ: "smallint", values: []string{"-32768", "-1", "32767"}},
	{typ: "smallint unsigned", values: []string{"0", "32768", "65535"}},
	{typ: "mediumint", values: []string{"-8388608", "-1", "8388607"}},
	{typ: "mediumint unsigned", values: []string{"0", "8388608", "16777215"}},
	{typ: "int", values: []string{"-2147483648", "-1", "2147483647"}},
	{typ: "int unsigned", values: []string{"0", "2147483648", "4294967295"}},
	{typ: "int(6) zerofill", values: []string{"0", "42", "4294967295"}},
	{typ: "bigint", values: []string{"-9223372036854775808", "-1", "9223372036854775807"}},
	{typ: "bigint unsigned", values: []string{"0", "9223372036854775808", "18446744073709551615"}},
	{typ: "bool", values: []string{"true", "false", "7"}},
	{typ: "decimal(65,30)", values: []string{strings.Repeat("9", 35) + "." + strings.Repeat("9", 30), "-" + strings.Repeat("9", 35) + "." + strings.Repeat("9", 30), "0.000000000000000000000000000001", "-0.000000000000000000000000000001", "-0", "123456789.123456789", "1000000000"}},
	{typ: "decimal(65,0)", values: []string{strings.Repeat("9", 65), "-" + strings.Repeat("9", 65), "0", "-1"}},
	{typ: "decimal(30,30)", values: []string{"0." + strings.Repeat("9", 30), "-0." + strings.Repeat("9", 30), "0"}},
	{typ: "decimal(10,2) unsigned", values: []string{"0", "0.05", "99999999.99", "100000000.00 - 90000000"}},
	{typ: "decimal(1,0)", values: []string{"9", "-9", "0"}},
	{typ: "decimal(20,11)", values: []string{"123456789.00000000001", "-100000000.90000000009", "10.0"}},
	{typ: "float", values: []string{"3.4028234e38", "-3.4028234e38", "1.17549435e-38", "1e-45", "0", "-0e0", "0.1", "16777217", "123456.789"}},
	{typ: "float(7,3)", values: []string{"1234.567", "-0.001"}},
	{typ: "float unsigned", values: []string{"0.3"}},
	{typ: "double", values: []string{"1.7976931348623157e308", "-1.7976931348623157e308", "2.2250738585072014e-308", "5e-324", "0", "-0e0", "0.1", "9007199254740993"}},
	{typ: "double(20,5)", values: []string{"123456789012345.12345"}},
	{typ: "bit(1)", values: []string{"b'0'", "b'1'"}},
	{typ: "bit(9)", values: []string{"b'0'", "b'111111111'", "256"}},
	{typ: "bit(33)", values: []string{"1", "8589934591"}},
	{typ: "bit(64)", values: []string{"0", "18446744073709551615", "9223372036854775808"}},
	{typ: "date", values: []string{"'0000-00-00'", "'0001-01-01'", "'1000-01-01'", "'9999-12-31'", "'2024-02-29'", "'2024-00-00'", "'2024-05-00'", "'2023-02-31'"}},
	{typ: "datetime", values: []string{"'0000-00-00 00:00:00'", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'", "'2024-00-00 01:02:03'", "'0001-01-01 00:00:01'", "'2023-02-31 10:00:00'"}},
	{typ: "datetime(1)", values: []string{"'2024-01-02 03:04:05.9'", "'0000-00-00 00:00:00.0'"}},
	{typ: "datetime(3)", values: []string{"'2024-01-02 03:04:05.999'", "'1000-01-01 00:00:00.001'"}},
	{typ: "datetime(5)", values: []string{"'2024-01-02 03:04:05.00001'", "'2024-01-02 03:04:05.99999'"}},
	{typ: "datetime(6)", values: []string{"'9999-12-31 23:59:59.999999'", "'0000-00-00 00:00:00'", "'1969-12-31 23:59:59.000001'"}},
	{typ: "timestamp NULL", values: []string{"'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'0000-00-00 00:00:00'", "'2024-03-31 02:30:00'"}},
	{typ: "timestamp(2) NULL", values: []string{"'1970-01-01 00:00:01.01'", "'2024-01-02 03:04:05.99'", "'0000-00-00 00:00:00'"}},
	{typ: "timestamp(4) NULL", values: []string{"'2024-01-02 03:04:05.0001'"}},
	{typ: "timestamp(6) NULL", values: []string{"'1970-01-01 00:00:01.000001'", "'2038-01-19 03:14:07.999999'", "'0000-00-00 00:00:00'"}},
	{typ: "time", values: []string{"'00:00:00'", "'838:59:59'", "'-838:59:59'", "'-00:00:01'", "'23:59:59'"}},
	{typ: "time(1)", values: []string{"'-00:00:00.1'", "'00:00:00.9'", "'-12:34:56.7'", "'838:59:59.0'"}},
	{typ: "time(2)", values: []string{"'-00:00:00.01'", "'-00:00:00.99'", "'-00:00:01.00'", "'-00:00:01.10'", "'12:00:00.05'"}},
	{typ: "time(3)", values: []string{"'-00:00:00.001'", "'-12:34:56.789'", "'00:00:00.100'"}},
	{typ: "time(4)", values: []string{"'-00:00:00.0001'", "'-01:00:00.9999'", "'00:00:00.0100'"}},
	{typ: "time(5)", values: []string{"'-00:00:00.00001'", "'12:34:56.00010'"}},
	{typ: "time(6)", values: []string{"'838:59:58.999999'", "'-838:59:58.999999'", "'-00:00:00.000001'", "'-00:00:01.000001'", "'00:00:00.000000'"}},
	{typ: "year", values: []string{"0", "1901", "2155", "2000", "1970"}},
	{typ: "char(0)", values: []string{"''"}},
	{typ: "char(10) character set utf8mb4", values: []string{"''", "'abc'", "'abc  '", "'😀😀'", "'naïve'"}},
	{typ: "char(255) character set utf8mb4", values: []string{"''", "repeat('€', 255)", "'x'"}},
	{typ: "char(10) character set latin1", values: []string{"'é'", "''", "x'80'", "'ab '"}},
	{typ: "char(10) character set ucs2", values: []string{"'aé€'", "''", "'a '"}, kernel: none},
	{typ: "char(10) character set utf16", values: []string{"'a😀'", "''"}},
	{typ: "char(10) character set utf32", values: []string{"'a😀'", "''"}, kernel: none},
	{typ: "char(10) character set gbk", values: []string{"'中文'", "''"}},
	{typ: "char(10) character set binary", values: []string{"'ab'", "x'0061ff00'", "x'6100'", "x'6120'", "''"}},
	{typ: "varchar(10) character set utf8mb4", values: []string{"''", "'a  '", "'\\0\\n''\\\\'"}},
	{typ: "varchar(255) character set latin1", values: []string{"repeat('é', 255)", "''"}},
	{typ: "varchar(256) character set latin1", values: []string{"repeat('é', 256)", "''"}},
	{typ: "varchar(300) character set gbk collate gbk_bin", values: []string{"repeat('中', 300)"}},
	{typ: "varchar(100) character set utf8", values: []string{"'中é'", "''"}},
	{typ: "binary(1)", values: []string{"x'00'", "x'20'", "x'ff'"}},
	{typ: "binary(5)", values: []string{"x'0000000000'", "'ab'", "x'6120202020'", "x'6100200020'", "x'0061626300'"}},
	{typ: "binary(255)", values: []string{"''", "repeat(x'ff', 255)"}},
	{typ: "varbinary(5)", values: []string{"''", "x'0000'", "x'6120'"}},
	{typ: "varbinary(1000)", values: []string{"repeat(x'00', 1000)", "''"}},
	{typ: "tinytext", values: []string{"''", "repeat('x', 255)"}},
	{typ: "text character set latin1", values: []string{"repeat('é', 65535)", "''"}},
	// The stand-in's log of OceanBase takes no larger objects.
	{typ: "mediumtext", values: []string{"repeat('😀', 400000)", "''"}, kernel: []string{"repeat('😀', 40000)", "''"}},
	{typ: "longtext", values: []string{"repeat('y', 3000000)", "''"}, kernel: []string{"repeat('y', 200000)", "''"}},
	{typ: "tinyblob", values: []string{"''", "repeat(x'00', 255)"}},
	{typ: "blob", values: []string{"''", "repeat(x'fe', 65535)"}},
	{typ: "mediumblob", values: []string{"repeat(x'00ff', 1000000)"}, kernel: []string{"repeat(x'00ff', 100000)"}},
	{typ: "longblob", values: []string{"repeat('z', 4000000)", "''"}, kernel: []string{"repeat('z', 200000)", "''"}},
	{typ: "enum('a','b','ü')", values: []string{"'a'", "'ü'", "0"}},
	{typ: enumOf(300), values: []string{"'v1'", "'v300'"}},
	{typ: "set('a','b','c')", values: []string{"''", "'a,c'", "'a,b,c'"}},
	{typ: setOf(64), values: []string{"''", "'s1'", "'s64'", "18446744073709551615"}},
	{typ: setOf(20), values: []string{"'s1,s20'", "1048575"}},
	{typ: "geometry", values: []string{"ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0))', 4326)"},
		kernel: []string{"ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0))')"}}, // it knows no reference systems
	{typ: "point", values: []string{"ST_GeomFromText('POINT(-1.5 2e300)')"}},
	{typ: "multilinestring", values: []string{"ST_GeomFromText('MULTILINESTRING((0 0,1 1),(2 2,3 3))')"}},
	{typ: "geometrycollection", values: []string{"ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')"}},
	{typ: "json", values: []string{`'{"a": [1, 2.50, null, "ü"]}'`, "'null'", "'[]'"}, only: servers.MariaDB},
	{typ: "inet6", values: []string{"'::'", "'::1'", "'2001:db8::'", "'::ffff:192.0.2.1'", "'ffff::'", "'::2000'", "'2020::'"}, only: servers.MariaDB},
	{typ: "inet4", values: []string{"'0.0.0.0'", "'10.0.0.0'", "'255.255.255.255'", "'32.32.32.32'"}, only: servers.MariaDB},
	{typ: "uuid", values: uuids(), only: servers.MariaDB},
	{typ: "varchar(500) compressed", values: []string{"''", "'short'", "repeat('long', 100)", "repeat('é', 500)"}, only: servers.MariaDB},
	{typ: "text compressed", values: []string{"''", "'short'", "repeat('longer', 10000)"}, only: servers.MariaDB},
	{typ: "longblob compressed", values: []string{"''", "x'00'", "repeat(x'00ff', 1000000)"}, only: servers.MariaDB},
}

func enumOf(n int) string { return "enum(" + labels("v", n) + ")" }
func setOf(n int) string  { return "set(" + labels("s", n) + ")" }

func labels(prefix string, n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("'%s%d'", prefix, i+1))
	}
	return strings.Join(out, ",")
}

// uuids are of all versions and variants, and the extremes.
func uuids() []string {
	r := rand.New(rand.NewPCG(1, 2))
	out := []string{"'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
		"'00000000-0000-1000-8000-000000000000'", "'ffffffff-0000-6000-8000-000000000000'"}
	for version := range 16 {
		for variant := range 16 {
			b := make([]byte, 16)
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			b[6] = b[6]&15 | byte(version)<<4
			b[8] = b[8]&15 | byte(variant)<<4
			if version%2 == 0 {
				b[15], b[14] = 0, 0 // a log leaves zeros at the end out
			}
			out = append(out, "'"+string(appendUUID(nil, b))+"'")
		}
	}
	return out
}

// TestTypes compares what the log has with what a SELECT has.
func TestTypes(t *testing.T) {
	logKinds(t, func(t *testing.T, s *site) { testTypes(t, s, "") })
}

// TestTypesWithoutMetadata does it on a log that says no more of a table than
// an OceanBase or MySQL 5.6 log.
func TestTypesWithoutMetadata(t *testing.T) {
	testTypes(t, newSite(t, servers.MariaDB, servers.WithRowMetadata("NO_LOG"), servers.WithFlags("--log-bin-compress=1", "--log-bin-compress-min-len=10")), "")
}

// TestOldTemporals reads MariaDB's own format of temporals.
func TestOldTemporals(t *testing.T) {
	s := newSite(t, servers.MariaDB)
	s.exec("SET GLOBAL mysql56_temporal_format = OFF")
	testTypes(t, s, "old")

	s.exec("CREATE TABLE f (id int PRIMARY KEY, at datetime(3))")
	r := s.open(s.end())
	s.exec("INSERT INTO f VALUES (1, '2024-01-01 00:00:00.5')")
	_, err := r.Next(t.Context())
	require.ErrorContains(t, err, "column at: fractions of seconds are kept in MariaDB's old format")
	require.Equal(t, tenant.Fatal, tenant.Classify(err))
}

func testTypes(t *testing.T, s *site, what string) {
	from := s.end()
	s.exec("SET GLOBAL max_allowed_packet = 67108864")
	session := typeSession(t, s)
	tables := 0
	for i, c := range typeCases {
		values := c.of(s.server.Kind())
		if len(values) == 0 {
			continue
		}
		if what == "old" {
			if _, _, fraction := strings.Cut(c.typ, "("); fraction || !strings.HasPrefix(c.typ, "time") && !strings.HasPrefix(c.typ, "date") {
				continue
			}
		}
		table := fmt.Sprintf("%s.t%d", s.database, i)
		_, err := session.Exec(t.Context(), fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY, v %s, w %s) DEFAULT CHARSET=utf8mb4", table, c.typ, c.typ))
		require.NoError(t, err, c.typ)
		for j, v := range values {
			_, err := session.Exec(t.Context(), fmt.Sprintf("INSERT INTO %s VALUES (%d, %s, NULL)", table, j, v))
			require.NoError(t, err, "%s: %s", c.typ, v)
		}
		_, err = session.Exec(t.Context(), fmt.Sprintf("UPDATE %s SET w = v", table))
		require.NoError(t, err)
		tables++
	}
	r := s.open(from)
	images := map[string]map[string][]change.Value{}
	for _, txn := range until(t, r, s.beat()) {
		require.NoError(t, txn.Rows.Each(func(row *change.Row) error {
			n := row.Table.Name
			if images[n] == nil {
				images[n] = map[string][]change.Value{}
			}
			if row.Op == change.Update {
				requireEqual(t, row.Table, images[n][row.Table.Columns[0].Format(row.Before[0])], row.Before)
			}
			images[n][row.Table.Columns[0].Format(row.After[0])] = row.After
			return nil
		}))
	}
	require.Len(t, images, tables)
	for name, rows := range images {
		definition, err := s.tenant.Table(t.Context(), s.database, name)
		require.NoError(t, err)
		table := definition.Change()
		stored := selectAll(t, session, table)
		require.Len(t, stored, len(rows))
		for id, image := range stored {
			requireEqual(t, table, image, rows[id])
		}
	}
}

func typeSession(t *testing.T, s *site) *tenant.Session {
	t.Helper()
	session, err := s.tenant.Session(t.Context(), tenant.Read, 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, session.Close()) })
	return session
}

func requireEqual(t *testing.T, table *change.Table, want, got []change.Value) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		c := &table.Columns[i]
		if !want[i].Equal(got[i]) {
			cut := func(v change.Value) string { return head(c.Format(v)) }
			t.Errorf("%s.%s: want %v %s, got %v %s", table, c.Name, want[i].Kind, cut(want[i]), got[i].Kind, cut(got[i]))
		}
	}
}

// selectAll reads a table as copy and apply do, by the text of column 0.
func selectAll(t *testing.T, session *tenant.Session, table *change.Table) map[string][]change.Value {
	t.Helper()
	q := []byte("SELECT ")
	for i := range table.Columns {
		if i > 0 {
			q = append(q, ',')
		}
		q = table.Columns[i].AppendSelect(q)
	}
	rows, err := session.Query(t.Context(), string(table.AppendName(append(q, " FROM "...))))
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	out := map[string][]change.Value{}
	for rows.Next() {
		raw := make([]sql.RawBytes, len(table.Columns))
		into := make([]any, len(raw))
		for i := range raw {
			into[i] = &raw[i]
		}
		require.NoError(t, rows.Scan(into...))
		var image []change.Value
		for i := range raw {
			v, err := table.Columns[i].ParseText(raw[i])
			require.NoError(t, err)
			image = append(image, v.Clone())
		}
		out[table.Columns[0].Format(image[0])] = image
	}
	require.NoError(t, rows.Err())
	return out
}
