package types_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	servers "duplex/test/tenant"
)

// A peculiarity is a table whose columns the server fills by itself, and what
// an application does to it on one side, then on the other.
type peculiarity struct {
	name   string
	table  string
	before []string // on a, to be copied
	a, b   []string // one after the other has settled
	look   string
	only   servers.Kind
}

var peculiarities = []peculiarity{
	{
		name: "moments",
		table: "id int PRIMARY KEY, v int NULL, made timestamp DEFAULT CURRENT_TIMESTAMP, " +
			"changed datetime(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), " +
			"seen timestamp(3) NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP(3)",
		before: []string{"INSERT INTO {t} (id, v) VALUES (1, 1), (2, 2)", "INSERT INTO {t} VALUES (3, 3, '2001-02-03 04:05:06', '2001-01-01', NULL)"},
		a:      []string{"UPDATE {t} SET v = v + 1", "INSERT INTO {t} (id, v) VALUES (10, 1)", "UPDATE {t} SET v = NULL, changed = '1999-01-01', seen = '1999-01-01' WHERE id = 2"},
		b:      []string{"UPDATE {t} SET v = 7 WHERE id IN (1, 10)", "INSERT INTO {t} (id, changed) VALUES (11, NULL)", "UPDATE {t} SET seen = NULL, v = 8 WHERE id = 2", "DELETE FROM {t} WHERE id = 3"},
		look:   "v, made, changed, seen",
	},
	{
		name:   "counter",
		table:  "id int PRIMARY KEY AUTO_INCREMENT, v int NULL",
		before: []string{"SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'", "INSERT INTO {t} VALUES (0, 1), (-5, 2), (7, 3)"},
		a:      []string{"UPDATE {t} SET v = 10 WHERE id = 0", "INSERT INTO {t} VALUES (-6, 1), (NULL, 2)", "UPDATE {t} SET id = -7 WHERE id = -5"},
		b:      []string{"UPDATE {t} SET id = 0 WHERE id = -6 AND 1 = 0", "DELETE FROM {t} WHERE id = 0", "INSERT INTO {t} VALUES (20, 20)"},
		look:   "v",
	},
	{
		name: "generated", only: servers.MariaDB,
		table: "id int PRIMARY KEY, a int NULL, v int AS (a + 1) VIRTUAL, s varchar(40) AS (CONCAT('x''y\\\\', a)) STORED, " +
			"d date NULL, m int AS (MONTH(d)) STORED, KEY (v), UNIQUE KEY (s)",
		before: []string{"INSERT INTO {t} (id, a, d) VALUES (1, 1, '2024-02-29'), (2, NULL, NULL), (3, 2147483646, '0000-00-00')"},
		a:      []string{"UPDATE {t} SET a = a - 1, d = '2024-12-31'", "INSERT INTO {t} (id, a) VALUES (10, -1)"},
		b:      []string{"UPDATE {t} SET a = NULL WHERE id = 1", "UPDATE {t} SET a = 5 WHERE id = 2", "DELETE FROM {t} WHERE id = 3", "INSERT INTO {t} (id, a) VALUES (11, 0)"},
		look:   "a, v, HEX(s), d, m",
	},
	{
		name: "invisible", only: servers.MariaDB,
		table:  "id int PRIMARY KEY, v int NULL, h varchar(20) INVISIBLE DEFAULT 'hidden', n int INVISIBLE NOT NULL DEFAULT 5",
		before: []string{"INSERT INTO {t} VALUES (1, 1), (2, NULL)", "INSERT INTO {t} (id, v, h, n) VALUES (3, 3, NULL, -1)"},
		a:      []string{"UPDATE {t} SET h = 'seen' WHERE id = 1", "INSERT INTO {t} VALUES (10, 10)"},
		b:      []string{"UPDATE {t} SET h = NULL, n = 9 WHERE id IN (2, 10)", "DELETE FROM {t} WHERE id = 3"},
		look:   "v, h, n",
	},
	{
		name: "defaults",
		table: "id int PRIMARY KEY, a varchar(20) NOT NULL DEFAULT 'it''s', b int NULL DEFAULT 5, c bit(5) NULL DEFAULT b'101', " +
			"d enum('x','y') NULL DEFAULT 'y', e decimal(5,2) NULL DEFAULT 1.5, f binary(4) NULL DEFAULT 'ab'",
		before: []string{"INSERT INTO {t} (id) VALUES (1)", "INSERT INTO {t} VALUES (2, '', NULL, NULL, NULL, NULL, NULL)"},
		a:      []string{"INSERT INTO {t} (id) VALUES (10)", "UPDATE {t} SET b = NULL, c = NULL, d = NULL, e = NULL, f = NULL WHERE id = 1"},
		b:      []string{"UPDATE {t} SET b = DEFAULT, c = DEFAULT, d = DEFAULT, e = DEFAULT, f = DEFAULT WHERE id IN (1, 2)", "DELETE FROM {t} WHERE id = 10"},
		look:   "HEX(a), b, c + 0, d, e, HEX(f)",
	},
}

// TestColumnsThatFillThemselves: what the server at home put in is what the
// other one has, and nothing fires a second time when it is applied.
func TestColumnsThatFillThemselves(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	for _, kinds := range chosen([][2]servers.Kind{
		{servers.MariaDB, servers.MariaDB},
		{servers.MySQL56, servers.MariaDB},
		{servers.OceanBase, servers.OceanBase},
	}) {
		t.Run(string(kinds[0])+"-"+string(kinds[1]), func(t *testing.T) {
			a, b := newSide(t, "a", kinds[0]), newSide(t, "b", kinds[1])
			a.exec(t, "CREATE DATABASE matrix DEFAULT CHARACTER SET utf8mb4")
			var all []peculiarity
			for _, c := range peculiarities {
				if c.only == "" || c.only == kinds[0] && c.only == kinds[1] {
					all = append(all, c)
					a.exec(t, "CREATE TABLE matrix."+c.name+" ("+c.table+")")
					a.exec(t, c.in(c.before)...)
				}
			}
			p := start(t, a, b)
			compare := func(what string) {
				p.settle(t)
				for _, c := range all {
					q := "SELECT id, " + c.look + " FROM matrix." + c.name
					require.Equal(t, a.dump(t, q), b.dump(t, q), "%s: %s", what, c.name)
				}
			}
			compare("copied")
			for _, c := range all {
				a.exec(t, c.in(c.a)...)
			}
			compare("changed on a")
			for _, c := range all {
				b.exec(t, c.in(c.b)...)
			}
			compare("changed on b")
			report, err := p.run.Verify(t.Context())
			require.NoError(t, err)
			require.True(t, report.Equal, "%+v", report)
			require.Len(t, report.Tables, len(all))
		})
	}
}

func (c *peculiarity) in(queries []string) []string {
	out := make([]string, len(queries))
	for i, q := range queries {
		out[i] = strings.ReplaceAll(q, "{t}", "matrix."+c.name)
	}
	return out
}

// TestValueThatDoesNotFit: a column that somebody made narrower on one side
// stops the link before a value is cut.
func TestValueThatDoesNotFit(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	a, b := newSide(t, "a", servers.MariaDB), newSide(t, "b", servers.MariaDB)
	for i, c := range []struct{ table, narrower, before, row, want string }{
		{"v varchar(20)", "MODIFY v varchar(5)", "'abcde'", "'abcdef'", "Data too long"},
		{"v int", "MODIFY v smallint", "32767", "32768", "Out of range"},
	} {
		for _, s := range []*side{a, b} {
			s.exec(t, "DROP DATABASE IF EXISTS matrix", "DROP DATABASE IF EXISTS duplex")
		}
		table := fmt.Sprintf("matrix.t%d", i)
		a.exec(t, "CREATE DATABASE matrix", "CREATE TABLE "+table+" (id int PRIMARY KEY, "+c.table+")", "INSERT INTO "+table+" VALUES (1, "+c.before+")")
		p := start(t, a, b)
		p.settle(t)
		b.exec(t, "ALTER TABLE "+table+" "+c.narrower)
		p.settle(t)
		a.exec(t, "INSERT INTO "+table+" VALUES (2, "+c.row+")")
		select {
		case err := <-p.done:
			p.done <- nil
			require.ErrorContains(t, err, c.want)
		case <-time.After(time.Minute):
			require.Fail(t, "the link went on")
		}
		require.Equal(t, map[string]string{"1": "|" + strings.Trim(c.before, "'")}, b.dump(t, "SELECT * FROM "+table))
	}
}
