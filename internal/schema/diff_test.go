package schema

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDiffNames(t *testing.T) {
	at := func(b *Table, name string) *Column { return &b.Columns[b.Column(name)] }
	serious, light := true, false
	for _, c := range []struct {
		name   string
		change func(b *Table)
		want   []Difference
	}{
		{"nothing", func(*Table) {}, nil},
		{"type", func(b *Table) { at(b, "price").Type = "decimal(12,2)" },
			[]Difference{{"column price", "type", "decimal(10,2)", "decimal(12,2)", serious}}},
		{"sign", func(b *Table) { at(b, "id").Type = "bigint(20)" },
			[]Difference{{"column id", "type", "bigint(20) unsigned", "bigint(20)", serious}}},
		{"labels", func(b *Table) { at(b, "label").Type = "enum('a','b''c','')" },
			[]Difference{{"column label", "type", `enum('a','b\'c','x\\y','')`, "enum('a','b''c','')", serious}}},
		{"zerofill", func(b *Table) { at(b, "id").Type = "bigint(20) unsigned zerofill" },
			[]Difference{{"column id", "display", "bigint(20) unsigned", "bigint(20) unsigned zerofill", light}}},
		{"missing", func(b *Table) { b.Columns = b.Columns[:len(b.Columns)-1] },
			[]Difference{{"column small", "missing", "text compressed", "", serious}}},
		{"more", func(b *Table) { b.Columns = append(b.Columns, column("new", "int(11)", "NULL")) },
			[]Difference{{"column new", "missing", "", "int(11)", serious}}},
		{"collation", func(b *Table) { at(b, "old").Collation = "utf8mb3_general_ci" },
			[]Difference{{"column old", "collation", "utf8_bin", "utf8_general_ci", serious}}},
		{"charset", func(b *Table) { at(b, "old").Charset = "utf8mb4" },
			[]Difference{{"column old", "character set", "utf8", "utf8mb4", serious}}},
		{"null", func(b *Table) { at(b, "price").Nullable = true },
			[]Difference{{"column price", "null", "NOT NULL", "NULL", serious}}},
		{"expression", func(b *Table) { at(b, "made").Expression = "`id` + 2" },
			[]Difference{{"column made", "generated", "`id` + 1", "`id` + 2", serious}}},
		{"not generated", func(b *Table) { at(b, "made").Generated, at(b, "made").Expression = false, "" },
			[]Difference{{"column made", "generated", "`id` + 1", "", serious}}},
		{"stored", func(b *Table) { at(b, "made").Stored = true },
			[]Difference{{"column made", "stored", "no", "yes", light}}},
		{"default", func(b *Table) { at(b, "price").Default = ptr("8") },
			[]Difference{{"column price", "default", "7.50", "8", light}}},
		{"no default", func(b *Table) { at(b, "price").Default = nil },
			[]Difference{{"column price", "default", "7.50", "", light}}},
		{"on update", func(b *Table) { at(b, "seen").OnUpdate = "" },
			[]Difference{{"column seen", "on update", "current_timestamp(3)", "", light}}},
		{"auto_increment", func(b *Table) { at(b, "id").AutoIncrement = false },
			[]Difference{{"column id", "auto_increment", "yes", "no", light}}},
		{"comment", func(b *Table) { at(b, "label").Comment = "x" },
			[]Difference{{"column label", "comment", "don't\n\\", "x", light}}},
		{"primary key", func(b *Table) { b.Keys[0].Parts[0].Column = "id" },
			[]Difference{{"primary key", "definition", "primary (guid)", "primary (id)", serious}}},
		{"no primary key", func(b *Table) { b.Keys = b.Keys[1:] },
			[]Difference{{"primary key", "missing", "primary (guid)", "", serious}}},
		{"prefix", func(b *Table) { b.Keys[1].Parts[1].Prefix = 6 },
			[]Difference{{"key u", "definition", "unique (price, old(5) desc)", "unique (price, old(6) desc)", serious}}},
		{"plain key", func(b *Table) { b.Keys = b.Keys[:6] },
			[]Difference{{"key s", "missing", "spatial (shape)", "", light}}},
		{"key by another name", func(b *Table) { b.Keys[1].Name = "v" },
			[]Difference{{"key u", "name", "u", "v", light}}},
		{"foreign key", func(b *Table) { b.ForeignKeys[0].OnDelete = "RESTRICT" }, []Difference{
			{"foreign key", "missing", "(price, old) to mall.t (a, b) on delete CASCADE on update SET NULL", "", serious},
			{"foreign key", "missing", "", "(price, old) to mall.t (a, b) on delete RESTRICT on update SET NULL", serious}}},
		{"check", func(b *Table) { b.Checks = b.Checks[1:] },
			[]Difference{{"check", "missing", "price > 0", "", serious}}},
		{"partitions", func(b *Table) { b.Partition = nil },
			[]Difference{{"partitions", "definition", "PARTITION BY HASH (`id`) PARTITIONS 4", "", light}}},
		{"bounds", func(b *Table) {
			b.Partition = &Partitioning{Method: "RANGE", Operands: "id", Parts: []Partition{{Name: "p", Values: "9"}}}
		}, []Difference{{"partitions", "definition", "PARTITION BY HASH (`id`) PARTITIONS 4",
			"PARTITION BY RANGE (id) (PARTITION `p` VALUES LESS THAN (9))", serious}}},
		{"engine", func(b *Table) { b.Engine = "MyISAM" },
			[]Difference{{"table", "engine", "InnoDB", "MyISAM", serious}}},
		{"table comment", func(b *Table) { b.Comment = "" },
			[]Difference{{"table", "comment", "it's \"odd\" \\ `x`\n; -- #", "", light}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := everything()
			c.change(b)
			require.Equal(t, c.want, Diff(everything(), b))
		})
	}
	a, b := everything(), everything()
	a.Columns, b.Columns = a.Columns[:2], []Column{b.Columns[1], b.Columns[0]}
	require.Equal(t, []Difference{{"table", "order of columns", "id, price", "price, id", serious}}, Diff(a, b))
	require.Equal(t, "column x: null: NULL and nothing", Difference{Object: "column x", What: "null", A: "NULL"}.String())
}

// TestDiffMeans has what servers print differently and mean the same.
func TestDiffMeans(t *testing.T) {
	a := &Table{Dialect: MariaDB, Database: "x", Name: "t", Charset: "utf8mb3", Collation: "utf8mb3_bin", Engine: "InnoDB",
		Columns: []Column{
			column("i", "int(11)", "5"),
			column("t", "datetime(3)", "current_timestamp(3)", func(c *Column) { c.OnUpdate = "current_timestamp(3)" }),
			column("d", "datetime", "current_timestamp()"),
			column("n", "decimal(5,2)", "1.50"),
			column("g", "int(11)", "", func(c *Column) { c.Generated, c.Expression = true, "`i` + 1" }),
			column("s", "varchar(9)", "NULL", func(c *Column) { c.Charset, c.Collation = "utf8mb3", "utf8mb3_bin" }),
		},
		Keys:        []Key{{Name: "f", Kind: Plain, Parts: []KeyPart{{Column: "i"}}}},
		ForeignKeys: []ForeignKey{{Name: "t_ibfk_1", Columns: []string{"i"}, RefDatabase: "x", RefTable: "u", RefColumns: []string{"i"}, OnDelete: "RESTRICT", OnUpdate: "NO ACTION"}},
		Checks:      []Check{{Name: "CONSTRAINT_1", Expression: "`i` > 0 and `s` <> 'a''b'"}},
		Partition:   hashed("`i`", 2),
		RowFormat:   "DYNAMIC",
	}
	b := &Table{Dialect: OceanBase, Database: "y", Name: "t2", Charset: "utf8", Collation: "utf8_bin",
		Columns: []Column{
			column("i", "int", "'5'"),
			column("t", "datetime(3)", "CURRENT_TIMESTAMP(3)", func(c *Column) { c.OnUpdate = "CURRENT_TIMESTAMP(3)" }),
			column("d", "datetime", "CURRENT_TIMESTAMP"),
			column("n", "decimal(5,2)", "'1.5'"),
			column("g", "int", "", func(c *Column) { c.Generated, c.Expression = true, "(`i` + 1)" }),
			column("s", "varchar(9)", "NULL", func(c *Column) { c.Charset, c.Collation = "utf8", "utf8_bin" }),
		},
		ForeignKeys: []ForeignKey{{Name: "t_OBFK_1", Columns: []string{"i"}, RefDatabase: "y", RefTable: "u", RefColumns: []string{"i"}, OnUpdate: "RESTRICT"}},
		Checks:      []Check{{Name: "t_OBCHECK_1", Expression: `((i > 0) AND (s <> 'a\'b'))`}},
		Partition:   hashed("i", 2),
	}
	require.Empty(t, Diff(a, b))
	require.Empty(t, Diff(b, a))
}

func TestNormalExpression(t *testing.T) {
	require.NotEqual(t, normalExpression("(a+b)*c", false), normalExpression("a+b*c", false))
	require.Equal(t, normalExpression("((`A` + 1))", false), normalExpression("a+1", false))
	require.NotEqual(t, normalExpression("(a)+(b)", false), normalExpression("a)+(b", false))
	require.Equal(t, normalExpression("concat(_utf8mb4'x',`a`)", false), normalExpression("CONCAT('x', a)", false))
	require.NotEqual(t, normalExpression("'a b'", true), normalExpression("'ab'", true))
}

// TestDiffWidened: what OceanBase calls utf8 is utf8mb4. A table that was made
// there for one of utf8 fits, one the other way round does not.
func TestDiffWidened(t *testing.T) {
	of := func(d Dialect, charset string) *Table {
		c := column("v", "varchar(20)", "NULL", func(c *Column) { c.Charset, c.Collation = charset, charset+"_bin" })
		return &Table{Dialect: d, Columns: []Column{c}}
	}
	for _, c := range []struct {
		a, b    *Table
		serious bool
	}{
		{of(MySQL, "utf8"), of(OceanBase, "utf8mb4"), false},
		{of(MariaDB, "utf8mb3"), of(OceanBase, "utf8mb4"), false},
		{of(OceanBase, "utf8mb4"), of(MySQL, "utf8"), true},
		{of(MySQL, "utf8"), of(MariaDB, "utf8mb4"), true},
		{of(MySQL, "latin1"), of(OceanBase, "utf8mb4"), true},
	} {
		got := Diff(c.a, c.b)
		require.Len(t, got, 2)
		for _, d := range got {
			require.Equal(t, c.serious, d.Serious, d)
		}
	}
}
