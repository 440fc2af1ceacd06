package schema

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shape writes a table as rows see it: columns with what the codec knows, the
// origin of each, and its keys.
func shape(v *Version) string {
	if v.Table == nil {
		return v.Name.Name + " is gone"
	}
	var out []string
	for i := range v.Table.Columns {
		c := &v.Table.Columns[i]
		s := c.Name + " " + c.Type
		if c.Charset != "" {
			s += " " + c.Charset
		}
		if !c.Nullable {
			s += " !"
		}
		if c.Default != nil && *c.Default != "NULL" {
			s += "=" + *c.Default
		}
		if v.Origin != nil && v.Origin[i] != c.Name {
			s += "<" + v.Origin[i]
		}
		out = append(out, s)
	}
	for i := range v.Table.Keys {
		out = append(out, v.Table.Keys[i].Name+" "+v.Table.Keys[i].text())
	}
	text := v.Name.Name + ": " + strings.Join(out, "; ")
	if v.Was.Name != "" && v.Was != v.Name {
		text += " was " + v.Was.Name
	}
	if v.Vague {
		text += " (vague)"
	}
	return text
}

func evolved(t *testing.T, before map[Name]*Table, text string) string {
	t.Helper()
	versions, err := Evolve(text, "d", func(n Name) *Table { return before[n] },
		func(string) Database { return Database{"d", "utf8mb4", "utf8mb4_bin"} }, MySQL)
	if err != nil {
		require.ErrorIs(t, err, ErrUnclear)
		return "unclear"
	}
	var out []string
	for i := range versions {
		out = append(out, shape(&versions[i]))
	}
	return strings.Join(out, " | ")
}

func TestEvolve(t *testing.T) {
	base := map[Name]*Table{}
	for _, text := range []string{
		"CREATE TABLE t (id int NOT NULL, v varchar(20) DEFAULT 'x', n bigint unsigned, PRIMARY KEY (id), KEY by_v (v), UNIQUE KEY by_n (n))",
		"CREATE TABLE u (a int PRIMARY KEY)",
	} {
		versions, err := Evolve(text, "d", func(Name) *Table { return nil }, func(string) Database { return Database{"d", "utf8mb4", "utf8mb4_bin"} }, MySQL)
		require.NoError(t, err)
		base[versions[0].Name] = versions[0].Table
	}
	const rest = "; PRIMARY primary (id); by_n unique (n); by_v plain (v)"
	const plain = "t: id int !; v varchar(20) utf8mb4='x'; n bigint unsigned"
	for _, c := range []struct{ sql, want string }{
		{"CREATE TABLE x (id int unsigned AUTO_INCREMENT PRIMARY KEY, b bool, d decimal(5), c char, j json, e enum('a','b '), s datetime(3))",
			"x: id int unsigned !; b tinyint(1); d decimal(5,0); c char(1) utf8mb4; j json; e enum('a','b') utf8mb4; s datetime(3); PRIMARY primary (id)"},
		{"CREATE TABLE x (a varchar(3) CHARACTER SET latin1 COLLATE latin1_bin, b text COLLATE utf8mb4_bin) DEFAULT CHARSET=utf8mb4 COMMENT 'a, b'",
			"x: a varchar(3) latin1; b text utf8mb4 (vague)"},
		{"CREATE TABLE IF NOT EXISTS `x` (`a` integer(3) zerofill not null default '7', unique (a), key (a))",
			"x: a int(3) zerofill !='7'; a unique (a); a_2 plain (a)"},
		{"CREATE TABLE x (a int) PARTITION BY HASH (a) PARTITIONS 3", "x: a int (vague)"},
		{"CREATE TABLE x LIKE t", "x: id int !; v varchar(20) utf8mb4='x'; n bigint unsigned" + rest},
		{"CREATE TABLE x (LIKE t)", "x: id int !; v varchar(20) utf8mb4='x'; n bigint unsigned" + rest},
		{"CREATE TABLE x LIKE nowhere", "unclear"},
		{"CREATE TABLE x SELECT 1", "unclear"},
		{"CREATE TABLE x (a strange)", "unclear"},
		{"CREATE TEMPORARY TABLE x (a int)", ""},
		{"DROP TABLE t, u", "t is gone | u is gone"},
		{"TRUNCATE t", ""},
		{"RENAME TABLE t TO x, u TO t, x TO u", "t: a int !; PRIMARY primary (a) was u | x is gone | u: id int !; v varchar(20) utf8mb4='x'; n bigint unsigned" + rest + " was t"},
		{"ALTER TABLE t RENAME d.x", "t is gone | x: id int !; v varchar(20) utf8mb4='x'; n bigint unsigned" + rest + " was t"},
		{"RENAME TABLE nowhere TO x", "unclear"},
		{"ALTER TABLE t ADD COLUMN w int", plain + "; w int<" + rest},
		{"ALTER TABLE t ADD w int NOT NULL DEFAULT 7 FIRST, ADD (x int, y tinyint(1) unsigned)",
			"t: w int !=7<; id int !; v varchar(20) utf8mb4='x'; n bigint unsigned; x int<; y tinyint(1) unsigned<" + rest},
		{"ALTER TABLE t ADD w double precision DEFAULT -1.5 AFTER `id`", "t: id int !; w double=-1.5<; v varchar(20) utf8mb4='x'; n bigint unsigned" + rest},
		{"ALTER TABLE t DROP COLUMN v", "t: id int !; n bigint unsigned; PRIMARY primary (id); by_n unique (n)"},
		{"ALTER TABLE t DROP v, DROP INDEX by_n", "t: id int !; n bigint unsigned; PRIMARY primary (id)"},
		{"ALTER TABLE t MODIFY v varchar(40) NOT NULL", "t: id int !; v varchar(40) utf8mb4 !; n bigint unsigned" + rest},
		{"ALTER TABLE t MODIFY n bigint FIRST", "t: n bigint; id int !; v varchar(20) utf8mb4='x'" + rest},
		{"ALTER TABLE t CHANGE v `w` varchar(20)", "t: id int !; w varchar(20) utf8mb4<v; n bigint unsigned; PRIMARY primary (id); by_n unique (n); by_v plain (w)"},
		{"ALTER TABLE t RENAME COLUMN V TO w", "t: id int !; w varchar(20) utf8mb4='x'<v; n bigint unsigned; PRIMARY primary (id); by_n unique (n); by_v plain (w)"},
		{"ALTER TABLE t ALTER v SET DEFAULT 'y', ALTER COLUMN n DROP DEFAULT", "t: id int !; v varchar(20) utf8mb4='y'; n bigint unsigned" + rest},
		{"ALTER TABLE t ADD UNIQUE INDEX u (v(3) DESC, n), ADD KEY (n)",
			plain + "; PRIMARY primary (id); by_n unique (n); u unique (v(3) desc, n); by_v plain (v); n plain (n)"},
		{"ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (id, v)", "t: id int !; v varchar(20) utf8mb4 !='x'; n bigint unsigned; PRIMARY primary (id, v); by_n unique (n); by_v plain (v)"},
		{"CREATE UNIQUE INDEX u ON t (v)", plain + "; PRIMARY primary (id); by_n unique (n); u unique (v); by_v plain (v)"},
		{"CREATE INDEX i USING BTREE ON t (v) COMMENT 'c'", plain + "; PRIMARY primary (id); by_n unique (n); by_v plain (v); i plain (v) (vague)"},
		{"DROP INDEX by_v ON d.t", plain + "; PRIMARY primary (id); by_n unique (n)"},
		{"ALTER TABLE t RENAME INDEX by_v TO z", plain + "; PRIMARY primary (id); by_n unique (n); z plain (v)"},
		{"ALTER TABLE t COMMENT 'x, y' ENGINE=InnoDB, ALGORITHM=INPLACE, LOCK=NONE", plain + rest},
		{"ALTER /*!50000 ONLINE */ TABLE t /* a, b */ ADD /*!80000 COLUMN */ w int -- c, d", plain + "; w int<" + rest},
		{"ALTER TABLE t ADD PARTITION (PARTITION p9 VALUES LESS THAN (9))", plain + rest + " (vague)"},
		{"ALTER TABLE t TRUNCATE PARTITION p1, p2", plain + rest},
		{"ALTER TABLE t DROP PARTITION p1", plain + rest + " (vague)"},
		{"ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (n) REFERENCES u (a) ON DELETE CASCADE", plain + rest + " (vague)"},
		{"ALTER TABLE t ADD COLUMN IF NOT EXISTS v int, DROP COLUMN IF EXISTS zzz", plain + rest},
		{"ALTER TABLE t ADD v int", "unclear"},
		{"ALTER TABLE t DROP zzz", "unclear"},
		{"ALTER TABLE t CONVERT TO CHARACTER SET latin1", "unclear"},
		{"ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u", "unclear"},
		{"ALTER TABLE t ADD w national varchar(3)", "unclear"},
		{"ALTER TABLE nowhere ADD w int", "unclear"},
		{"ALTER TABLE t DISCARD TABLESPACE", "unclear"},
		{"ALTER TABLE t ADD SYSTEM VERSIONING", "unclear"},
		{"DROP DATABASE d", "unclear"},
		{"CREATE VIEW w AS SELECT 1", ""},
	} {
		require.Equal(t, c.want, evolved(t, base, c.sql), c.sql)
	}
}
