package kernel_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/schema"
	servers "duplex/test/tenant"
)

// everywhere are tables that each kind can have.
var everywhere = []string{
	"numbers (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, a tinyint NULL, b smallint unsigned NOT NULL DEFAULT 7, c mediumint, " +
		"d int DEFAULT -3, e bigint, f float, g double, h decimal(65,30), i decimal(10,2) DEFAULT 7.5, j bit(1) DEFAULT b'1', k bit(64), l year, m bool NOT NULL DEFAULT true)",
	"texts (id int PRIMARY KEY, a char(10) DEFAULT 'x''y\\\\z', b varchar(20) NOT NULL DEFAULT '', c tinytext, d text, e mediumtext, f longtext, " +
		"g binary(16), h varbinary(300), i tinyblob, j blob, k mediumblob, l longblob, m varchar(20) CHARACTER SET gbk, n varchar(20) CHARACTER SET latin1, " +
		"o varchar(20) COLLATE utf8mb4_bin, p enum('a','b''c','d,e','ß') DEFAULT 'b''c', q set('x','y z','q\"r') NOT NULL DEFAULT 'x') COMMENT 'it''s odd'",
	"moments (id int PRIMARY KEY, a date DEFAULT '2020-01-02', b datetime DEFAULT CURRENT_TIMESTAMP, c datetime(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), " +
		"d timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, e timestamp(3) NULL DEFAULT NULL, f time(2) DEFAULT '-12:13:14.25', h datetime(3) DEFAULT '1999-12-31 23:59:59.123')",
	"composite (a varchar(20) COLLATE utf8mb4_bin, b int, c decimal(5,2), d int NULL, e varchar(30), PRIMARY KEY (a, b, c), UNIQUE KEY u (d), KEY k (e, b), UNIQUE KEY v (e, d))",
	"unique_only (a int NOT NULL, b varchar(10) NOT NULL, c int, UNIQUE KEY ua (a, b))",
	"parent (a int, b int, c varchar(20), PRIMARY KEY (a, b), UNIQUE KEY uc (c))",
	"child (id int PRIMARY KEY, a int, b int, c varchar(20), KEY ab (a, b), CONSTRAINT of_parent FOREIGN KEY (a, b) REFERENCES parent (a, b) ON DELETE CASCADE)",
	"ranged (id int, d date, v int, PRIMARY KEY (id, d), KEY v (v)) PARTITION BY RANGE COLUMNS (d) " +
		"(PARTITION p0 VALUES LESS THAN ('2020-01-01'), PARTITION p1 VALUES LESS THAN ('2021-01-01'), PARTITION pm VALUES LESS THAN (MAXVALUE))",
	"hashed (id int PRIMARY KEY, v int) PARTITION BY HASH (id) PARTITIONS 4",
	"listed (id int, r varchar(10), PRIMARY KEY (id, r)) PARTITION BY LIST COLUMNS (r) (PARTITION pa VALUES IN ('a','b'), PARTITION pc VALUES IN ('c'))",
	"`odd``name` (`two words` int, `q``t` varchar(10), `ä` int, PRIMARY KEY (`two words`), KEY `k``1` (`q``t`), UNIQUE KEY `ü` (`ä`))",
	"shapes (id int PRIMARY KEY, g geometry, p point NOT NULL, l linestring, o polygon)",
}

// own are tables of one kind that the other has to get in a form of its own.
var own = map[servers.Kind][]string{
	servers.MariaDB: {
		"computed (id int PRIMARY KEY, a int, v int AS (a + 1) VIRTUAL, s varchar(40) AS (CONCAT('x', a)) STORED, CHECK (a < 1000))",
		"documents (id int PRIMARY KEY, j json, k json NOT NULL)",
		"named (id int PRIMARY KEY, old varchar(20) CHARACTER SET utf8mb3)",
	},
	servers.MySQL56: {
		"named (id int PRIMARY KEY, old varchar(20) CHARACTER SET utf8)",
		"indexed (id int PRIMARY KEY, b text, KEY kb (b(10)))",
	},
	servers.SeekDB: {
		"computed (id int PRIMARY KEY, a int, v int AS (a + 1) VIRTUAL, s varchar(40) AS (CONCAT('x', a)) STORED, CHECK (a < 1000))",
		"documents (id int PRIMARY KEY, j json, k json NOT NULL)",
	},
}

// testSchema reads the tables of one server, makes them on another, and reads
// and compares them there.
func testSchema(t *testing.T, from, to *site) {
	from.fresh(t, "origin")
	to.fresh(t, "made")
	for _, table := range append(append([]string{}, everywhere...), own[from.Kind()]...) {
		from.exec(t, "CREATE TABLE origin."+strings.ReplaceAll(table, "REFERENCES ", "REFERENCES origin."))
	}
	tables, err := from.tenant.Tables(t.Context(), func(d, _ string) bool { return d == "origin" })
	require.NoError(t, err)
	require.Len(t, tables, len(everywhere)+len(own[from.Kind()]))
	print := schema.PrintOptions{Dialect: schema.Dialect(to.tenant.Kind), WithoutIndexes: true, WithoutForeignKeys: true}
	want := map[string]*schema.Table{}
	var later []string
	for _, x := range tables {
		require.Empty(t, x.Unsupported, x)
		placed := *x
		placed.Database = "made"
		for i := range placed.ForeignKeys {
			placed.ForeignKeys[i].RefDatabase = "made"
		}
		want[x.Name] = &placed
		to.exec(t, placed.CreateSQL(print))
		to.exec(t, placed.IndexSQL(print)...)
		later = append(later, placed.ForeignKeySQL(print)...)
	}
	to.exec(t, later...)
	made, err := to.tenant.Tables(t.Context(), func(d, _ string) bool { return d == "made" })
	require.NoError(t, err)
	require.Len(t, made, len(want))
	for _, m := range made {
		w := want[m.Name]
		require.NotNil(t, w, m.Name)
		for _, d := range schema.Diff(w, m) {
			if m.Name == "documents" && from.Kind() == servers.SeekDB && to.Kind() != servers.SeekDB {
				continue // JSON is a text there: every difference of these columns is named
			}
			require.False(t, d.Serious, "%s: %s", m.Name, d)
		}
		require.Equal(t, kinds(w), kinds(m), m.Name)
		require.Len(t, m.Keys, len(w.Keys), m.Name)
		require.Len(t, m.ForeignKeys, len(w.ForeignKeys), m.Name)
	}
}

// kinds is how the values of a table's columns are held.
func kinds(t *schema.Table) (out []string) {
	for i := range t.Columns {
		c := &t.Columns[i]
		kind := c.Kind
		if kind == change.JSON {
			kind = change.Text // what a server without a JSON type has for it
		}
		out = append(out, fmt.Sprintf("%s %v %d %d %v", c.Name, kind, c.Length, c.Scale, c.Generated))
	}
	return out
}
