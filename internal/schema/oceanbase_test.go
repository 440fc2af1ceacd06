package schema

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
)

// stated is a table as the views of OceanBase's catalogue tell it: what its
// statement adds is not there yet.
func stated() *Table {
	set := func(f func(c *Column)) func(c *Column) { return f }
	return &Table{
		Dialect: OceanBase, Database: "shop", Name: "stated", Charset: "utf8mb4", Collation: "utf8mb4_general_ci", Comment: "it's",
		Columns: []Column{
			column("id", "bigint(20)", "", set(func(c *Column) { c.AutoIncrement = true })),
			column("label", "enum('a','b''c')", "NULL"),
			column("made", "varchar(20)", "'concat(_utf8mb4''a'')'"),
			column("text", "text", "NULL"),
			column("doc", "json", "NULL"),
			column("y", "int(11)", "NULL"),
		},
		Keys: []Key{
			{Name: "PRIMARY", Kind: Primary, Parts: []KeyPart{{Column: "id"}, {Column: "y"}}},
			{Name: "u", Kind: Unique, Parts: []KeyPart{{Column: "y"}}},
			{Name: "g", Kind: Plain, Parts: []KeyPart{{Column: "y"}}, Comment: "k's"},
			{Name: "s`t", Kind: Plain, Parts: []KeyPart{{Column: "y"}, {Column: "id"}}, Options: "INVISIBLE"},
			{Name: "f", Kind: Plain, Parts: []KeyPart{{Column: "__word_segment_20"}, {Column: "__doc_id_1"}}},
			{Name: "mv", Kind: Plain, Parts: []KeyPart{{Expression: "json_query(…)"}, {Column: "id"}, {Column: "__doc_id_1"}}},
			{Name: "rowkey_vid_table", Kind: Plain, Parts: []KeyPart{{Column: "id"}}},
			{Name: "vi", Kind: Plain, Parts: []KeyPart{{Column: "__vid_1"}}},
		},
		Checks: []Check{{Name: "nope", Expression: "(`y` > 1)", Ignored: true}},
		Partition: &Partitioning{
			Method: "RANGE", Operands: "y", SubMethod: "LIST COLUMNS", SubOperands: "`id`",
			Parts: []Partition{
				{Name: "p0", Values: "10", Subs: []Partition{{Name: "p0sa", Values: PartitionValues("'a','it's'")}, {Name: "p0sd", Values: "DEFAULT"}}},
				{Name: "p1", Values: "MAXVALUE", Subs: []Partition{{Name: "p1sa", Values: PartitionValues("'a','it's'")}, {Name: "p1sd", Values: "DEFAULT"}}},
			},
		},
	}
}

func TestComplete(t *testing.T) {
	statement, err := os.ReadFile("testdata/stated.sql")
	require.NoError(t, err)
	table := stated()
	table.Complete(string(statement))
	require.Equal(t, "(concat(_utf8mb4'a'))", *table.Columns[2].Default)
	require.EqualValues(t, 1005, table.NextNumber)
	out := []string{
		table.CreateSQL(PrintOptions{TableGroups: []string{"one"}}),
		"-- to a release before column groups, without the table group, in steps",
		table.CreateSQL(PrintOptions{Release: "4.2.1.8", WithoutIndexes: true}),
	}
	out = append(out, table.IndexSQL(PrintOptions{Release: "4.2.1.8"})...)
	out = append(out, "-- to another kind of server", table.CreateSQL(PrintOptions{Dialect: MySQL}))
	out = append(out, "-- notes")
	for _, note := range table.Notes {
		out = append(out, "-- "+note)
	}
	golden(t, "stated_printed.sql", strings.Join(out, "\n\n")+"\n")
	require.Empty(t, Diff(table, table))

	bare := stated()
	bare.Complete("what no server prints")
	require.Len(t, bare.Keys, len(stated().Keys), "nothing is lost that is not understood")
}

// TestStorageDiff: what is about a tenant's machines does not count, what is
// about its rows does.
func TestStorageDiff(t *testing.T) {
	of := func(options string) *Table {
		x := &Table{Dialect: OceanBase, Columns: []Column{{Column: change.Column{Name: "id"}, Type: "int"}}}
		x.Complete("CREATE TABLE `x` (\n  `id` int(11) NOT NULL\n) " + options)
		return x
	}
	a := of("ORGANIZATION INDEX AUTO_INCREMENT = 5 AUTO_INCREMENT_MODE = 'ORDER' DEFAULT CHARSET = utf8mb4 COMPRESSION = 'zstd_1.3.8'")
	for options, what := range map[string]string{
		"ORGANIZATION INDEX AUTO_INCREMENT = 900 AUTO_INCREMENT_MODE = 'ORDER' DEFAULT CHARSET = gbk COMPRESSION = 'zstd_1.3.8' REPLICA_NUM = 3 BLOCK_SIZE = 65536 USE_BLOOM_FILTER = TRUE ENABLE_MACRO_BLOCK_BLOOM_FILTER = TRUE TABLET_SIZE = 1 PCTFREE = 10 PROGRESSIVE_MERGE_NUM = 7 PARALLEL 4 TABLEGROUP = 'g' DUPLICATE_SCOPE = 'CLUSTER' LOCALITY = 'F@z' PRIMARY_ZONE = 'z' READ ONLY COMMENT = 'x'": "",
		"ORGANIZATION HEAP AUTO_INCREMENT_MODE = 'ORDER' COMPRESSION = 'zstd_1.3.8'":                                 "organization",
		"ORGANIZATION INDEX AUTO_INCREMENT_MODE = 'NOORDER' COMPRESSION = 'zstd_1.3.8'":                              "options",
		"ORGANIZATION INDEX AUTO_INCREMENT_MODE = 'ORDER' COMPRESSION = 'lz4_1.0'":                                   "compression",
		"ORGANIZATION INDEX AUTO_INCREMENT_MODE = 'ORDER' COMPRESSION = 'zstd_1.3.8' LOB_INROW_THRESHOLD=0":          "options",
		"ORGANIZATION INDEX AUTO_INCREMENT_MODE = 'ORDER' COMPRESSION = 'zstd_1.3.8' WITH COLUMN GROUP(each column)": "column group",
	} {
		var got string
		for _, d := range Diff(a, of(options)) {
			require.False(t, d.Serious)
			got += d.What
		}
		require.Equal(t, what, got, options)
	}
	require.Equal(t, []string{"table option NEW_THING is not known, and not set on the other side"}, of("NEW_THING = 3 PCTFREE = 1").Notes)
}

// TestTemplateDiff: a template is what it stands for, and the order of LIST
// partitions says nothing.
func TestTemplateDiff(t *testing.T) {
	of := func(template bool, names ...string) *Table {
		p := &Partitioning{Method: "LIST", Operands: "a", SubMethod: "HASH", SubOperands: "b", Template: template}
		for _, n := range names {
			p.Parts = append(p.Parts, Partition{Name: n, Values: n[1:], Subs: []Partition{{Name: n + "sx"}, {Name: n + "sy"}}})
		}
		return &Table{Dialect: OceanBase, Partition: p}
	}
	require.Equal(t, "PARTITION BY LIST (a) SUBPARTITION BY HASH (b) SUBPARTITION TEMPLATE (SUBPARTITION `x`, SUBPARTITION `y`) (PARTITION `p1` VALUES IN (1))",
		of(true, "p1").Partition.SQL(OceanBase))
	require.Empty(t, Diff(of(true, "p1", "p2"), of(false, "p2", "p1")))
	require.Len(t, Diff(of(true, "p1", "p2"), of(true, "p1", "p3")), 1)
}

func TestPartitionValues(t *testing.T) {
	for text, want := range map[string]string{
		"10":                      "10",
		"MAXVALUE":                "MAXVALUE",
		"NULL,-7,8":               "NULL,-7,8",
		"'a','b'c','d\\e'":        `'a','b\'c','d\\e'`,
		"'it's\\','2020-01-01',5": `'it\'s\\','2020-01-01',5`,
		"(1,'x'),(2,'it's')":      `(1,'x'),(2,'it\'s')`,
		"'x'),('y','z'":           `'x\'),(\'y','z'`,
		"'ü,('":                   "'ü,('",
		"'\x00\xff',MAXVALUE":     "x'00ff',MAXVALUE",
		"''":                      "''",
		"'z',MAXVALUE,NULL":       "'z',MAXVALUE,NULL",
	} {
		require.Equal(t, want, PartitionValues(text))
	}
}

func TestSplit(t *testing.T) {
	of := func(next, step, low, high string, cycle bool) *Sequence {
		return &Sequence{Database: "d", Name: "s", Next: next, Increment: step, Min: low, Max: high, Cache: "20", Cycle: cycle}
	}
	for _, c := range []struct {
		name       string
		a, b       *Sequence
		forA, forB string
	}{
		{"other is behind", of("21", "1", "1", "1000", false), of("1", "1", "1", "1000", false),
			"ALTER SEQUENCE `d`.`s` INCREMENT BY 2 RESTART START WITH 21", "ALTER SEQUENCE `d`.`s` MINVALUE 2 INCREMENT BY 2 RESTART START WITH 22"},
		{"other is ahead", of("5", "3", "1", "1000", true), of("40", "3", "1", "1000", true),
			"ALTER SEQUENCE `d`.`s` INCREMENT BY 6 RESTART START WITH 43", "ALTER SEQUENCE `d`.`s` MINVALUE 4 INCREMENT BY 6 RESTART START WITH 46"},
		{"downwards", of("-7", "-2", "-100", "-1", false), of("-1", "-2", "-100", "-1", false),
			"ALTER SEQUENCE `d`.`s` INCREMENT BY -4 RESTART START WITH -9", "ALTER SEQUENCE `d`.`s` MAXVALUE -3 INCREMENT BY -4 RESTART START WITH -11"},
		{"alone", of("7", "1", "1", "99999999999999999999", false), nil,
			"ALTER SEQUENCE `d`.`s` INCREMENT BY 2 RESTART START WITH 7",
			"CREATE SEQUENCE `d`.`s` START WITH 8 INCREMENT BY 2 MINVALUE 2 MAXVALUE 99999999999999999999 CACHE 20 NOCYCLE NOORDER"},
		{"no room", of("9", "1", "1", "9", false), of("1", "1", "1", "9", false), "", ""},
	} {
		forA, forB, ok := Split(c.a, c.b)
		require.Equal(t, c.forA != "", ok, c.name)
		require.Equal(t, c.forA, forA, c.name)
		require.Equal(t, c.forB, forB, c.name)
		if c.b != nil {
			require.False(t, Apart(c.a, c.b), c.name)
		}
	}
	require.True(t, Apart(of("21", "2", "1", "1000", false), of("22", "2", "2", "1000", false)))
	require.True(t, Apart(of("21", "2", "1", "1000", true), of("22", "2", "2", "1000", true)))
	require.False(t, Apart(of("21", "2", "1", "1000", true), of("22", "2", "1", "1000", true)), "both begin anew with 1")
	require.False(t, Apart(of("1", "2", "1", "9", false), of("2", "4", "1", "9", false)))

	used := of("4", "1", "1", "3", false)
	require.Contains(t, used.CreateSQL(), " START WITH 3 ")
	used.Cycle = true
	require.Contains(t, used.CreateSQL(), " START WITH 1 ")
	require.Len(t, DiffSequences(used, of("1", "2", "0", "9", false)), 4)
}
