package obbinlog_test

import (
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/test/tenant"
)

// TestRig runs on one tenant, each part in a database of its own.
func TestRig(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	s := tenant.For(t, tenant.OceanBase)
	for _, part := range []struct {
		name string
		test func(t *testing.T, s *tenant.Server, name string, db *sql.DB)
	}{
		{"values", testValues}, {"kinds", testKinds}, {"writers", testWriters}, {"definitions", testDefinitions}, {"origin", testOrigin},
		{"relay", testRelay}, {"faults", testFaults}, {"kill", testKill}, {"doubt", testDoubt},
	} {
		t.Run(part.name, func(t *testing.T) {
			name, db := s.Database(t)
			exec(t, db, "CREATE TABLE mark (id int NOT NULL AUTO_INCREMENT PRIMARY KEY)")
			part.test(t, s, name, db)
		})
	}
}

// A sample is a column with values, and what a client that asks for the column
// gets where the log has a number instead.
type sample struct {
	column, ask string
	values      []string
}

var samples = []sample{
	{"tinyint", "", []string{"-128", "127", "0"}},
	{"tinyint unsigned", "", []string{"0", "255", "1"}},
	{"smallint", "", []string{"-32768", "32767", "1"}},
	{"mediumint", "", []string{"-8388608", "8388607", "-1"}},
	{"mediumint unsigned", "", []string{"16777215", "0", "1"}},
	{"int", "", []string{"-2147483648", "2147483647", "7"}},
	{"int unsigned", "", []string{"4294967295", "0", "7"}},
	{"bigint", "", []string{"-9223372036854775808", "9223372036854775807", "7"}},
	{"bigint unsigned", "", []string{"18446744073709551615", "0", "7"}},
	{"boolean", "", []string{"1", "0", "1"}},
	{"float", "%s * 1e0", []string{"0.1", "-3.4e38", "1.17549e-38", "-0e0"}},
	{"double", "", []string{"0.1", "1e300", "-5e-324"}},
	{"decimal(20,6)", "", []string{"-99999999999999.999999", "12345.678900", "-0.000001"}},
	{"decimal(65,30)", "", []string{"-1.5", "99999999999999999999999999999999999.000000000000000000000000000001", "0"}},
	{"decimal(9,0)", "", []string{"-999999999", "1", "0"}},
	{"bit(1)", "%s + 0", []string{"1", "0", "1"}},
	{"bit(12)", "%s + 0", []string{"4095", "1", "0"}},
	{"bit(64)", "%s + 0", []string{"18446744073709551615", "1", "0"}},
	{"date", "", []string{"'1000-01-01'", "'9999-12-31'", "'2024-02-29'"}},
	{"datetime", "", []string{"'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'", "'2024-02-29 12:34:56'"}},
	{"datetime(3)", "", []string{"'1000-01-01 00:00:00.001'", "'9999-12-31 23:59:59.999'", "'2024-02-29 12:34:56.120'"}},
	{"datetime(6)", "", []string{"'1000-01-01 00:00:00.000001'", "'9999-12-31 23:59:59.999999'", "'2024-02-29 12:34:56'"}},
	{"timestamp NULL", "", []string{"'1970-01-02 00:00:01'", "'2038-01-01 00:00:00'", "'2025-03-30 02:30:00'"}},
	{"timestamp(2) NULL", "", []string{"'1970-01-02 00:00:01.12'", "'2038-01-01 00:00:00.99'", "'2025-03-30 02:30:00'"}},
	{"timestamp(6) NULL", "", []string{"'1970-01-02 00:00:01.000001'", "'2038-01-01 00:00:00.5'", "'2025-03-30 02:30:00'"}},
	{"time", "", []string{"'-838:59:59'", "'838:59:59'", "'00:00:01'"}},
	{"time(1)", "", []string{"'-00:00:00.1'", "'10:11:12.9'", "'-01:00:00.5'"}},
	{"time(4)", "", []string{"'-00:00:01.0001'", "'10:11:12.9999'", "'-01:00:00'"}},
	{"time(6)", "", []string{"'-00:00:00.000001'", "'10:11:12.999999'", "'-01:00:00'"}},
	{"year", "", []string{"1901", "2155", "0"}},
	{"enum('a','b''c','四')", "%s + 0", []string{"'四'", "'a'", "2"}},
	{"set('x','y','z')", "%s + 0", []string{"'x,z'", "''", "'x,y,z'"}},
	{"set('1','2','3','4','5','6','7','8','9')", "%s + 0", []string{"'9'", "''", "'1,9'"}},
	{"set('" + strings.Join(strings.Split("123456789abcdefghijklmno", ""), "','") + "')", "CAST(%s AS UNSIGNED)", []string{"1048575", "16777215"}},
	{"char(8)", "", []string{"'ab'", "''", "'ÄÖÜ四'"}},
	{"char(200)", "", []string{"REPEAT('四', 200)", "''", "'x'"}},
	{"varchar(20)", "", []string{"'it''s  '", "''", "'\\\\ 四'"}},
	{"varchar(300)", "", []string{"REPEAT('ä', 300)", "''", "'x'"}},
	{"varchar(10) CHARACTER SET latin1", "CAST(%s AS BINARY)", []string{"'ä'", "''", "'x'"}},
	{"varchar(10) CHARACTER SET gbk", "CAST(%s AS BINARY)", []string{"'中'", "''", "'x'"}},
	{"binary(4)", "", []string{"x'00ff2700'", "x''", "x'20202020'"}},
	{"varbinary(300)", "", []string{"x'00ff5c27'", "x''", "REPEAT(x'ff00', 150)"}},
	{"tinytext", "", []string{"'a'", "''", "REPEAT('b', 255)"}},
	{"text", "", []string{"'四'", "''", "REPEAT('b', 20000)"}},
	{"mediumtext", "", []string{"'a'", "''", "REPEAT('bc', 20000)"}},
	{"longtext", "", []string{"'a'", "''", "REPEAT('c', 30000)"}},
	{"tinyblob", "", []string{"x'00'", "x''", "x'ff'"}},
	{"blob", "", []string{"x'00'", "x''", "REPEAT(x'ff', 30000)"}},
	{"mediumblob", "", []string{"x'00'", "x''", "REPEAT(x'ff', 30000)"}},
	{"longblob", "", []string{"x'00'", "x''", "REPEAT(x'fe', 30000)"}},
	{"geometry", "", []string{"ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('LINESTRING(0 0, 1 1)')", "ST_GeomFromText('POINT(-1 0.5)')"}},
}

// testValues writes every type, changes each value and takes it away again, and
// finds in the log what a SELECT gave each time.
func testValues(t *testing.T, s *tenant.Server, name string, db *sql.DB) {
	create, ask := "CREATE TABLE v (id int NOT NULL PRIMARY KEY", "SELECT id"
	for i, c := range samples {
		column := fmt.Sprintf("c%d", i)
		create += ", " + column + " " + c.column
		if c.ask == "" {
			c.ask = "%s"
		}
		ask += ", " + fmt.Sprintf(c.ask, column)
	}
	exec(t, db, create+")")
	from := executed(t, db)
	insert := func(id, which int) {
		q := fmt.Sprintf("INSERT INTO v VALUES (%d", id)
		for _, c := range samples {
			if which < 0 {
				q += ", NULL"
				continue
			}
			q += ", " + c.values[which%len(c.values)]
		}
		exec(t, db, "REPLACE"+q[len("INSERT"):]+")")
	}
	exec(t, db, "SET GLOBAL sql_mode = 'STRICT_ALL_TABLES'")
	var want [][]string
	for id, which := range []int{0, 1, 2, -1} {
		insert(id, which)
	}
	want = append(want, texts(t, db, ask+" FROM v ORDER BY id")...)
	for id := range 4 { // every value to another one
		insert(id, id+1)
		want = append(want, texts(t, db, fmt.Sprintf("%s FROM v WHERE id = %d", ask, id))...)
	}
	exec(t, db, "UPDATE v SET id = id + 100 WHERE id = 0", "UPDATE v SET c0 = -5 WHERE id = 1", "DELETE FROM v WHERE id = 2")
	mark(t, db)
	r := read(t, s, from)
	var inserted, all []row
	for _, x := range r.until(has(name + ".mark")) {
		for _, row := range x.rows {
			if row.table != name+".v" {
				continue
			}
			if all = append(all, row); row.op == "I" {
				inserted = append(inserted, row)
			}
		}
	}
	require.GreaterOrEqual(t, len(inserted), len(want))
	for i, w := range want {
		for c := range w {
			require.Equal(t, plain(w[c]), plain(show(c, inserted[i].after[c])), "row %d, column %s", i, columnOf(c))
		}
	}
	last := all[len(all)-4:] // the changed key is a row that goes and one that comes
	require.Equal(t, []string{"D", "I", "U", "D"}, []string{last[0].op, last[1].op, last[2].op, last[3].op})
	require.Equal(t, last[0].before[1:], last[1].after[1:])
	require.EqualValues(t, 100, last[1].after[0])
	require.Equal(t, last[2].before[2:], last[2].after[2:])
	require.EqualValues(t, -5, last[2].after[1])
}

// plain takes a fraction of zeros away: the library leaves it out of a negative
// time.
func plain(text string) string {
	if text == "0000" { // a year
		return "0"
	}
	if whole, fraction, ok := strings.Cut(text, "."); ok && strings.Trim(fraction, "0") == "" {
		return whole
	}
	return text
}

func columnOf(c int) string {
	if c == 0 {
		return "id"
	}
	return samples[c-1].column
}

// show prints a value of the library as the server would.
func show(c int, v any) string {
	unsigned := c > 0 && len(samples[c-1].column) > 8 && samples[c-1].column[len(samples[c-1].column)-8:] == "unsigned"
	switch x := v.(type) {
	case nil:
		return "NULL"
	case []byte:
		return string(x)
	case float32:
		return strconv.FormatFloat(float64(x), 'g', -1, 64)
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	case int8:
		if unsigned {
			return fmt.Sprint(uint8(x))
		}
	case int32:
		if unsigned && samples[c-1].column[0] == 'm' {
			return fmt.Sprint(uint32(x) & 0xffffff)
		}
		if unsigned {
			return fmt.Sprint(uint32(x))
		}
	case int64:
		if unsigned || samples[c-1].column == "bit(64)" {
			return fmt.Sprint(uint64(x))
		}
	case int:
		if samples[c-1].column == "year" {
			return fmt.Sprintf("%04d", x)
		}
	}
	return fmt.Sprint(v)
}
