package types_test

import (
	"fmt"
	"strings"

	servers "duplex/test/tenant"
)

// A column is a type and values for it, as SQL. The first value is a small one.
type column struct {
	typ       string
	values    []string
	look      look
	key       bool         // the type can be a primary key, and no two values are equal in it
	only      servers.Kind // empty: every kind has it
	notKernel bool         // OceanBase's kernel has it not
	also      []string     // values that only the kind of only has, where the type is everyone's
}

// look is how the servers are asked for a value, see side.dump.
type look string

// The ways to look: as text, as the bytes that are stored, as an integer, as
// the double that it is.
const (
	asText   look = "CONCAT(%s)"
	asBytes  look = "IF(LENGTH(%[1]s) < 400, HEX(%[1]s), CONCAT(LENGTH(%[1]s), ':', SHA1(%[1]s)))"
	asNumber look = "CAST(%s AS UNSIGNED)"
	asDouble look = "%s * 1e0"
)

const mib = 1 << 20

// columns are the types of all kinds.
var columns = concat(integers(), fractions(), labelled(), moments(), texts(), byteStrings(), shapes(), ownTypes())

func concat(lists ...[]column) (all []column) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func integers() []column {
	of := func(typ string, values ...string) column {
		return column{typ: typ, values: values, look: asText, key: true}
	}
	return []column{
		of("tinyint", "0", "-128", "127", "-1"),
		of("tinyint unsigned", "0", "255", "128"),
		of("smallint", "0", "-32768", "32767", "-1"),
		of("smallint unsigned", "0", "65535", "32768"),
		of("mediumint", "0", "-8388608", "8388607", "-1"),
		of("mediumint unsigned", "0", "16777215", "8388608"),
		of("int", "0", "-2147483648", "2147483647", "-1"),
		of("int unsigned", "0", "4294967295", "2147483648"),
		of("int(7) zerofill", "0", "42", "4294967295"),
		of("bigint", "0", "-9223372036854775808", "9223372036854775807", "-1"),
		of("bigint unsigned", "0", "18446744073709551615", "9223372036854775808"),
		of("bool", "true", "false", "-128"),
		of("year", "0", "1901", "2155", "2000"),
	}
}

func fractions() []column {
	nine := func(n int) string { return strings.Repeat("9", n) }
	exact := func(typ string, values ...string) column {
		return column{typ: typ, values: values, look: asText, key: true}
	}
	float := func(typ string, values ...string) column { return column{typ: typ, values: values, look: asDouble} }
	return []column{
		exact("decimal(65,30)", "0", nine(35)+"."+nine(30), "-"+nine(35)+"."+nine(30),
			"0.000000000000000000000000000001", "-0.000000000000000000000000000001", "123456789.123456789"),
		exact("decimal(65,0)", "0", nine(65), "-"+nine(65), "1000000000", "-1"),
		exact("decimal(30,30)", "0", "0."+nine(30), "-0."+nine(30), "0.000000001"),
		exact("decimal(10,2) unsigned", "0", "99999999.99", "0.01", "100000.1"),
		exact("decimal(1,0)", "0", "9", "-9"),
		exact("decimal(20,11)", "0", "123456789.00000000001", "-100000000.90000000009"),
		float("float", "0", "3.4028234e38", "-3.4028234e38", "1.17549435e-38", "1e-45", "-1e-45", "1.1e-40", "-0e0", "0.1", "16777217", "123456.789"),
		float("float(7,3)", "0", "1234.567", "-0.001"),
		float("float unsigned", "0", "0.3", "3.4028234e38"),
		float("double", "0", "1.7976931348623157e308", "-1.7976931348623157e308", "2.2250738585072014e-308", "5e-324", "-5e-324",
			"1.5e-310", "-0e0", "0.1", "0.30000000000000004", "9007199254740993", "-1e22"),
		float("double(20,5)", "0", "123456789012345.12345", "-0.00001"),
		float("double unsigned", "0", "1e-300"),
		{typ: "double precision", values: []string{"0", "0.1", "-1e300", "5e-324"}, look: asDouble, key: true},
	}
}

func labelled() []column {
	of := func(typ string, values ...string) column {
		return column{typ: typ, values: values, look: asNumber, key: true}
	}
	all := []column{
		of("enum('a','b','ü','','it''s','x,y')", "'a'", "'ü'", "'it''s'", "'x,y'", "''"),
		of("enum('é','z') character set latin1", "'z'", "'é'"),
		of("enum("+labels("v", 300)+")", "'v1'", "'v300'", "'v256'"),
		of("set('a','b','c')", "''", "'a'", "'a,c'", "'a,b,c'"),
		of("set("+labels("s", 20)+")", "''", "'s1,s20'", "1048575"),
		of("set("+labels("s", 63)+")", "''", "'s1'", "'s63'", "9223372036854775807", "'s1,s33,s63'"),
	}
	all = append(all, column{typ: "set(" + labels("s", 64) + ")", look: asNumber, // refused as a key
		values: []string{"''", "'s1'", "'s64'", "18446744073709551615", "'s1,s33,s64'"}})
	// The value 0 that a wrong label leaves, which no label has.
	all = append(all, column{typ: "enum('a','','c')", values: []string{"'a'", "0", "''", "'c'"}, look: asNumber})
	for _, n := range []int{1, 2, 7, 8, 9, 16, 24, 31, 32, 33, 48, 63, 64} {
		top := fmt.Sprint(uint64(1)<<(n-1)<<1 - 1)
		all = append(all, of(fmt.Sprintf("bit(%d)", n), "b'0'", "b'1'", top))
	}
	for i := range all {
		if all[i].typ == "bit(1)" {
			all[i].values = all[i].values[:2]
		}
	}
	return all
}

func labels(prefix string, n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("'%s%d'", prefix, i+1)
	}
	return strings.Join(out, ",")
}

func moments() []column {
	of := func(typ string, values ...string) column {
		for i := range values {
			values[i] = "'" + values[i] + "'"
		}
		return column{typ: typ, values: values, look: asText, key: true}
	}
	longest := of("time(6)", "00:00:00", "838:59:58.999999", "-838:59:58.999999", "838:59:59.000000", "-838:59:59", "-00:00:00.000001", "-00:00:01.000001")
	longest.only, longest.also = servers.MariaDB, []string{"'838:59:59.999999'", "'-838:59:59.999999'"}
	return []column{
		of("date", "2024-02-29", "0000-00-00", "0001-01-01", "1000-01-01", "9999-12-31", "2024-00-00", "2024-05-00", "0000-05-06", "2023-02-31"),
		of("datetime", "2024-01-02 03:04:05", "0000-00-00 00:00:00", "1000-01-01 00:00:00", "9999-12-31 23:59:59", "2024-00-00 01:02:03", "0001-01-01 00:00:01", "2023-02-31 10:00:00"),
		of("datetime(1)", "2024-01-02 03:04:05.9", "0000-00-00 00:00:00"),
		of("datetime(3)", "2024-01-02 03:04:05.999", "1000-01-01 00:00:00.001", "9999-12-31 23:59:59.999"),
		of("datetime(6)", "2024-01-02 03:04:05", "0000-00-00 00:00:00", "9999-12-31 23:59:59.999999", "1969-12-31 23:59:59.000001", "2024-00-10 00:00:00.1"),
		of("timestamp", "2024-03-31 02:30:00", "1970-01-01 00:00:01", "2038-01-19 03:14:07", "0000-00-00 00:00:00", "2024-10-27 02:30:00"),
		of("timestamp(1)", "2024-01-02 03:04:05.9", "1970-01-01 00:00:01.1"),
		of("timestamp(3)", "2024-01-02 03:04:05.001", "2038-01-19 03:14:07.999", "0000-00-00 00:00:00"),
		of("timestamp(6)", "2024-01-02 03:04:05", "1970-01-01 00:00:01.000001", "2038-01-19 03:14:07.999999", "0000-00-00 00:00:00"),
		of("time", "00:00:00", "838:59:59", "-838:59:59", "-00:00:01", "23:59:59"),
		of("time(1)", "00:00:00", "-00:00:00.1", "-12:34:56.7", "00:00:00.9"),
		of("time(3)", "00:00:00", "-00:00:00.001", "-12:34:56.789", "838:59:58.999"),
		longest,
	}
}

// odd are texts that a careless writer of literals breaks.
const odd = `'it''s "odd" \\ \0 \Z \n\r\t % _ ` + "`" + ` -- /* */ ; \''`

func texts() []column {
	of := func(typ string, values ...string) column { return column{typ: typ, values: values, look: asBytes} }
	keyed := func(typ string, values ...string) column {
		return column{typ: typ, values: values, look: asBytes, key: true}
	}
	all := []column{
		of("char(0)", "''"),
		keyed("char(10)", "'abc'", "''", "'😀😀'", "'naïve'", "'中文'"),
		of("char(255)", "'x'", "repeat('😀', 255)", "repeat('€', 255)", "''"),
		of("varchar(60)", "'a'", "'a  '", "''", odd, "'  '", "'😀é中'"),
		keyed("varchar(60) collate utf8mb4_bin", "'a'", "'A'", "''", odd, "'😀é中'", "'aé'"),
		keyed("varchar(60) collate utf8mb4_unicode_ci", "'a'", "'b'", "''", odd, "'中'"),
		of("varchar(8000)", "''", "repeat('😀', 8000)"),
		keyed("char(10) character set latin1", "'ab'", "'é'", "''", "x'80'", "x'ff'"),
		keyed("varchar(100) character set latin1 collate latin1_bin", "'ab '", "repeat('é', 100)", odd, "x'0080ff'"),
		keyed("varchar(50) character set gbk", "'中文'", "'a'", "''", odd, "x'815c'"), // a second byte that is a backslash
		keyed("varchar(50) character set gbk collate gbk_bin", "'中文'", "'a'", "x'815c27'", "x'fe5c'"),
		keyed("varchar(50) character set ucs2", "'aé€'", "''", "'a'", odd),
		keyed("varchar(50) character set utf16", "'a😀'", "''", "'a'", odd),
		of("char(10) character set utf32", "'a😀'", "''", "'ab'"),
		keyed("varchar(50) character set utf8", "'中é'", "''", "'a'", odd),
		keyed("varchar(50) character set ascii", "'a'", "''", odd),
		of("varchar(50) character set big5", "'中文'", "''", "'a'"),
		of("varchar(50) character set sjis", "'表'", "''", "'a'"), // second byte: backslash
		of("tinytext", "''", "repeat('x', 255)", odd, "'a '"),
		of("text", "''", "repeat('😀', 16383)", odd, "'a '"),
		of("text character set latin1", "''", "repeat('é', 65535)", odd),
		of("text character set gbk", "''", "repeat('中', 30000)", "x'815c'"),
		of("mediumtext", "''", fmt.Sprintf("repeat('😀', %d)", mib), odd),
		of("longtext", "''", fmt.Sprintf("repeat('y\\'\\\\', %d)", 2*mib), odd),
	}
	for i := range all {
		if strings.Contains(all[i].typ, "ucs2") || strings.Contains(all[i].typ, "utf32") {
			all[i].notKernel = true
		}
	}
	return all
}

func byteStrings() []column {
	of := func(typ string, values ...string) column { return column{typ: typ, values: values, look: asBytes} }
	keyed := func(typ string, values ...string) column {
		return column{typ: typ, values: values, look: asBytes, key: true}
	}
	every := "x'" + func() string {
		b := make([]byte, 256)
		for i := range b {
			b[i] = byte(i)
		}
		return fmt.Sprintf("%x", b)
	}() + "'"
	return []column{
		keyed("binary(1)", "x'61'", "x'00'", "x'20'", "x'ff'"),
		keyed("binary(5)", "'abcde'", "x'0000000000'", "'ab'", "x'6120202020'", "x'6100200020'", "x'0061626300'"),
		of("binary(255)", "''", "repeat(x'ff', 255)", "repeat(x'00', 254)"),
		keyed("char(10) character set binary", "'ab'", "x'0061ff00'", "x'61000020'"),
		keyed("varbinary(5)", "''", "x'00'", "x'0000'", "x'6120'", "x'61'", "x'275c001a22'"),
		of("varbinary(1000)", "''", every, "repeat(x'00', 1000)", "repeat(x'20', 10)"),
		of("tinyblob", "''", "repeat(x'00', 255)", "x'275c001a22'"),
		of("blob", "''", every, "repeat(x'fe', 65535)"),
		of("mediumblob", "''", fmt.Sprintf("repeat(x'00ff275c', %d)", mib)),
		of("longblob", "''", fmt.Sprintf("repeat(%s, %d)", every, 8*mib/256), every),
	}
}

func shapes() []column {
	of := func(typ string, values ...string) column {
		for i := range values {
			values[i] = "ST_GeomFromText('" + values[i] + "')"
		}
		return column{typ: typ, values: values, look: asBytes}
	}
	all := []column{
		of("point", "POINT(1 2)", "POINT(-1.5 2e300)", "POINT(0 0)"),
		of("linestring", "LINESTRING(0 0,1 1)", "LINESTRING(0 0,1 1,-2 5e-300)"),
		of("polygon", "POLYGON((0 0,10 0,10 10,0 10,0 0))", "POLYGON((0 0,10 0,10 10,0 10,0 0),(2 2,4 2,4 4,2 4,2 2))"),
		of("multipoint", "MULTIPOINT(1 1)", "MULTIPOINT(1 1,2 2,3 3)"),
		of("multilinestring", "MULTILINESTRING((0 0,1 1))", "MULTILINESTRING((0 0,1 1),(2 2,3 3))"),
		of("multipolygon", "MULTIPOLYGON(((0 0,1 0,1 1,0 0)))", "MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))"),
		of("geometrycollection", "GEOMETRYCOLLECTION(POINT(1 1))", "GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))"),
		of("geometry", "POINT(3 4)", "LINESTRING(0 0,1 1)"),
	}
	last := &all[len(all)-1]
	last.values = append(last.values, "ST_GeomFromText('POINT(1 1)', 4326)")
	return all
}

func ownTypes() []column {
	of := func(l look, typ string, values ...string) column {
		return column{typ: typ, values: values, look: l, only: servers.MariaDB}
	}
	keyed := func(typ string, values ...string) column {
		c := of(asText, typ, values...)
		c.key = true
		return c
	}
	return []column{
		of(asBytes, "json", `'{}'`, `'{"a": [1, 2.50, null, "ü😀", {"b":"it\\\\"}], "n": 18446744073709551615}'`, `'null'`, `'[]'`, `'"x"'`,
			"concat('[\"', repeat('j', 4000000), '\"]')"),
		{typ: "json", only: servers.OceanBase, look: asText, values: []string{`'{}'`, `'{"a": [1, 2.50, null, "ü😀", {"b":"it\\\\"}], "n": 18446744073709551615}'`,
			`'null'`, `'[]'`, `'"x"'`, `'-0.5'`, `'true'`}},
		keyed("inet6", "'::'", "'::1'", "'2001:db8::'", "'::ffff:192.0.2.1'", "'ffff::'", "'2020::'"),
		keyed("inet4", "'0.0.0.0'", "'10.0.0.0'", "'255.255.255.255'", "'32.32.32.32'"),
		keyed("uuid", "'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
			"'123e4567-e89b-12d3-a456-426655440000'", "'123e4567-e89b-42d3-a456-426655440000'", "'01890a5d-ac96-774b-bcce-b302099a8000'"),
		of(asBytes, "varchar(500) compressed", "''", "'short'", "repeat('long', 100)"),
		of(asBytes, "longblob compressed", "''", "x'00'", "repeat(x'00ff', 1000000)"),
	}
}
