package schema

import (
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
)

func ptr(s string) *string { return &s }

// column makes a column of a type as a server prints it.
func column(name, typ, def string, set ...func(*Column)) Column {
	t := ParseType(typ, MariaDB)
	c := Column{Column: change.Column{Name: name}, Type: t.String(), Default: ptr(def)}
	if def == "" {
		c.Default = nil
	}
	c.Nullable = def == "NULL"
	_ = t.Fill(&c.Column)
	if c.Kind == change.Text || c.Kind == change.Enum || c.Kind == change.Set {
		c.Charset, c.Collation = "utf8mb4", "utf8mb4_general_ci"
	}
	for _, f := range set {
		f(&c)
	}
	return c
}

// everything has one of everything that is printed.
func everything() *Table {
	return &Table{
		Dialect: MariaDB, Database: "shop", Name: "odd`name", Engine: "InnoDB", Charset: "utf8mb3", Collation: "utf8mb3_bin",
		RowFormat: "COMPRESSED", Options: "KEY_BLOCK_SIZE=8", Comment: "it's \"odd\" \\ `x`\n; -- #",
		Columns: []Column{
			column("id", "bigint(20) unsigned", "", func(c *Column) { c.AutoIncrement = true }),
			column("price", "decimal(10,2)", "7.50"),
			column("label", "enum('a','b''c','x\\\\y','')", "'b\\'c'", func(c *Column) { c.Comment = "don't\n\\" }),
			column("old", "varchar(20)", "NULL", func(c *Column) { c.Charset, c.Collation = "utf8mb3", "utf8mb3_bin" }),
			column("made", "int(11)", "", func(c *Column) { c.Generated, c.Expression, c.Nullable = true, "`id` + 1", true }),
			column("kept", "int(11)", "", func(c *Column) { c.Generated, c.Expression, c.Stored = true, "(`id` + 2)", true }),
			column("seen", "timestamp(3)", "NULL", func(c *Column) { c.OnUpdate = "current_timestamp(3)" }),
			column("born", "datetime", "current_timestamp()"),
			column("guid", "uuid", "uuid()"),
			column("note", "text", "'none'"),
			column("doc", "longtext", "NULL", func(c *Column) { c.Collation = "utf8mb4_bin" }),
			column("bits", "bit(7)", "b'101'"),
			column("shape", "point", ""),
			column("dark", "int(11)", "3", func(c *Column) { c.Invisible = true }),
			column("small", "text /*M!100301 COMPRESSED*/", "NULL"),
		},
		Keys: []Key{
			{Name: "PRIMARY", Kind: Primary, Parts: []KeyPart{{Column: "guid"}}},
			{Name: "u", Kind: Unique, Parts: []KeyPart{{Column: "price"}, {Column: "old", Prefix: 5, Descending: true}}, Options: "USING HASH"},
			{Name: "by`note", Kind: Plain, Parts: []KeyPart{{Column: "note", Prefix: 10}}, Comment: "k's"},
			{Name: "counter", Kind: Plain, Parts: []KeyPart{{Column: "id"}}},
			{Name: "expr", Kind: Plain, Parts: []KeyPart{{Expression: "upper(`old`)"}}, Options: "IGNORED"},
			{Name: "f", Kind: Fulltext, Parts: []KeyPart{{Column: "note"}, {Column: "doc"}}},
			{Name: "s", Kind: Spatial, Parts: []KeyPart{{Column: "shape"}}},
		},
		ForeignKeys: []ForeignKey{
			{Name: "named", Columns: []string{"price", "old"}, RefDatabase: "mall", RefTable: "t", RefColumns: []string{"a", "b"},
				OnDelete: "CASCADE", OnUpdate: "SET NULL"},
			{Name: "odd_ibfk_1", Columns: []string{"id"}, RefDatabase: "shop", RefTable: "u", RefColumns: []string{"id"}, OnDelete: "RESTRICT"},
		},
		Checks: []Check{
			{Name: "CONSTRAINT_1", Expression: "`price` > 0"}, {Name: "cheap", Expression: "`price` < 100"},
			{Column: "doc", Expression: "json_valid(`doc`)"},
		},
		Partition: hashed("`id`", 4),
	}
}

// hashed is PARTITION BY HASH.
func hashed(operands string, n int) *Partitioning {
	p := &Partitioning{Method: "HASH", Operands: operands}
	for i := range n {
		p.Parts = append(p.Parts, Partition{Name: "p" + strconv.Itoa(i)})
	}
	return p
}

var update = flag.Bool("update", false, "write the golden files")

// golden compares with testdata/name, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestPrint(t *testing.T) {
	for _, d := range []Dialect{MariaDB, MySQL, OceanBase} {
		table := everything()
		out := []string{table.CreateSQL(PrintOptions{Dialect: d})}
		o := PrintOptions{Dialect: d, WithoutIndexes: true, WithoutForeignKeys: true}
		out = append(out, table.CreateSQL(o))
		out = append(out, table.IndexSQL(o)...)
		out = append(out, table.ForeignKeySQL(o)...)
		golden(t, "print_"+string(d)+".sql", strings.Join(out, ";\n\n")+";\n")
	}
}

func TestPrintViews(t *testing.T) {
	views := []View{
		{Database: "d", Name: "a", Definition: "select 1 from `d`.`b` join e.c on b.x = c.x"},
		{Database: "d", Name: "b", Definition: "select `c` from `c`", Check: "LOCAL", Security: "INVOKER"},
		{Database: "d", Name: "c", Definition: "select 1 from a"}, // a circle cannot be, but must not hang us
		{Database: "e", Name: "c", Definition: "select 1"},
	}
	var got []string
	for _, v := range OrderViews(views) {
		got = append(got, v.String())
	}
	require.Equal(t, []string{"d.c", "d.b", "e.c", "d.a"}, got)
	require.Equal(t, "CREATE SQL SECURITY INVOKER VIEW `d`.`b` AS select `c` from `c` WITH LOCAL CHECK OPTION", views[1].CreateSQL())
	d := Database{Name: "d", Charset: "utf8", Collation: "utf8_bin"}
	require.Equal(t, "CREATE DATABASE `d` DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_bin", d.CreateSQL(MariaDB))
	require.Equal(t, "CREATE DATABASE `d` DEFAULT CHARSET=utf8 COLLATE=utf8_bin", d.CreateSQL(MySQL))
}

func TestParseType(t *testing.T) {
	for _, c := range []struct {
		text    string
		dialect Dialect
		want    string
		normal  string
		labels  []string
	}{
		{"INT(11)", MariaDB, "int(11)", "int", nil},
		{"bigint(20) unsigned", MySQL, "bigint(20) unsigned", "bigint unsigned", nil},
		{"smallint(5) unsigned zerofill", MySQL, "smallint(5) unsigned zerofill", "smallint unsigned", nil},
		{"decimal(10,2)", MySQL, "decimal(10,2)", "decimal(10,2)", nil},
		{"year(4)", MySQL, "year(4)", "year", nil},
		{"year(2)", MariaDB, "year(2)", "year(2)", nil},
		{"geomcollection", OceanBase, "geomcollection", "geometrycollection", nil},
		{"text /*M!100301 COMPRESSED*/", MariaDB, "text compressed", "text", nil},
		{"enum('a','b''c','')", MySQL, `enum('a','b\'c','')`, `enum('a','b\'c','')`, []string{"a", "b'c", ""}},
		{`set('A','x\\y')`, MySQL, `set('A','x\\y')`, `set('A','x\\y')`, []string{"A", `x\y`}},
		{`enum('a','b'c','d,e','','x\y')`, OceanBase, `enum('a','b\'c','d,e','','x\\y')`, `enum('a','b\'c','d,e','','x\\y')`,
			[]string{"a", "b'c", "d,e", "", `x\y`}},
		{"enum('b''c')", OceanBase, `enum('b\'c')`, `enum('b\'c')`, []string{"b'c"}},
		{"enum()", OceanBase, "enum()", "enum()", nil},
		{"", MySQL, "", "", nil},
	} {
		got := ParseType(c.text, c.dialect)
		require.Equal(t, c.want, got.String(), c.text)
		require.Equal(t, c.normal, got.Normal(), c.text)
		require.Equal(t, c.labels, got.Labels, c.text)
	}
	for _, text := range []string{"vector(3)", "ARRAY(INT)", "year(2)", "roaringbitmap", ""} {
		var c change.Column
		require.Error(t, ParseType(text, OceanBase).Fill(&c), text)
		require.NotEqual(t, change.Null, c.Kind, text)
	}
}

func TestLiterals(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		{`'a'`, "a"}, {`'a''b'`, "a'b"}, {`'a\'b'`, "a'b"}, {`"a'b"`, "a'b"}, {`'\n\t\0\Z\b\r\\\q'`, "\n\t\x00\x1a\b\r\\q"}, {`'\%\_'`, `\%\_`},
	} {
		got, ok := Unquote(c.sql)
		require.True(t, ok, c.sql)
		require.Equal(t, c.want, got, c.sql)
	}
	for _, sql := range []string{"", "'", "a", "'a' 'b'", "'a", "`a`"} {
		_, ok := Unquote(sql)
		require.False(t, ok, sql)
	}
	require.Equal(t, "`a``b`", Ident("a`b"))
}
