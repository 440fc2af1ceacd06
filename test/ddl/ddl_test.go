package ddl

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/apply"
	"duplex/internal/config"
	servers "duplex/test/tenant"
)

// each is every sort of statement that is carried while both sides are written.
var each = []string{
	"ALTER TABLE shop.t ADD COLUMN c1 int NOT NULL DEFAULT 7",
	"ALTER TABLE shop.t ADD COLUMN c2 varchar(10) DEFAULT 'x' FIRST, ADD c3 decimal(8,2) AFTER id",
	"ALTER TABLE shop.t MODIFY v varchar(60)",
	"ALTER TABLE shop.t MODIFY n bigint NOT NULL DEFAULT 3",
	"ALTER TABLE shop.t CHANGE u w int NULL",
	"ALTER TABLE shop.t ALTER c1 SET DEFAULT 9, COMMENT 'so /* it is */'",
	"ALTER TABLE shop.t ALTER c1 DROP DEFAULT",
	"CREATE INDEX by_n ON shop.t (n, v(5))",
	"ALTER TABLE shop.t DROP INDEX by_n, ADD KEY by_c1 (c1)",
	"DROP INDEX by_c1 ON shop.t",
	"ALTER TABLE shop.t DROP COLUMN c3",
	"ALTER TABLE shop.t DROP c2, /*!50000 ADD COLUMN c4 int */ COMMENT ''",
	"CREATE TABLE shop.x (id int PRIMARY KEY, v varchar(20), n int)",
	"CREATE TABLE IF NOT EXISTS shop.y LIKE shop.t",
	"ALTER TABLE shop.p ADD PARTITION (PARTITION p2 VALUES LESS THAN (300))",
	"ALTER TABLE shop.p TRUNCATE PARTITION p2",
	"ALTER TABLE shop.p DROP PARTITION p2",
	"CREATE VIEW shop.w AS SELECT id, v FROM shop.t",
	"ALTER VIEW shop.w AS SELECT id FROM shop.t",
	"DROP VIEW shop.w",
	"DROP TABLE shop.x",
	"DROP TABLE IF EXISTS shop.y, shop.nothing",
	"RENAME TABLE shop.t TO shop.s",
	"CREATE TABLE shop.t LIKE shop.s",
	"RENAME TABLE shop.t TO shop.r, shop.s TO shop.t, shop.r TO shop.s",
	"ALTER TABLE shop.s RENAME TO shop.r, ADD COLUMN c9 int NOT NULL DEFAULT 9",
	"CREATE TABLE shop.s LIKE shop.r",
	"RENAME TABLE shop.t TO shop.q, shop.s TO shop.t",
	"DROP TABLE shop.r",
}

// instead is what takes the place of a statement on OceanBase, which refuses some
// changes as one, and LIKE of tables that have the logs of test/obbinlog; and where a
// name passes from one table to another only behind a barrier.
var instead = map[string][]string{
	"ALTER TABLE shop.t DROP INDEX by_n, ADD KEY by_c1 (c1)": {"ALTER TABLE shop.t DROP INDEX by_n", "ALTER TABLE shop.t ADD KEY by_c1 (c1)"},
	"CREATE TABLE IF NOT EXISTS shop.y LIKE shop.t":          {"CREATE TABLE IF NOT EXISTS shop.y (id int PRIMARY KEY, v varchar(60), n int)"},
	"CREATE TABLE shop.y LIKE shop.x":                        {"CREATE TABLE shop.y (id int PRIMARY KEY, v varchar(20))"},
	"CREATE TABLE shop.t LIKE shop.s":                        {"CREATE TABLE shop.t (id int PRIMARY KEY, v varchar(60), n int)"},
	"CREATE TABLE shop.s LIKE shop.r":                        {"CREATE TABLE shop.s (id int PRIMARY KEY, v varchar(60), n int)"},
	"RENAME TABLE shop.t TO shop.r, shop.s TO shop.t, shop.r TO shop.s": {
		"RENAME TABLE shop.t TO shop.r", "RENAME TABLE shop.s TO shop.t", "RENAME TABLE shop.r TO shop.s",
	},
	"ALTER TABLE shop.s RENAME TO shop.r, ADD COLUMN c9 int NOT NULL DEFAULT 9": {"ALTER TABLE shop.s RENAME TO shop.r", "ALTER TABLE shop.r ADD COLUMN c9 int NOT NULL DEFAULT 9"},
	"RENAME TABLE shop.t TO shop.q, shop.s TO shop.t":                           {"RENAME TABLE shop.t TO shop.q", "RENAME TABLE shop.s TO shop.t"},
}

// taken gives statements as a kind of server takes them.
func taken(kind servers.Kind, all []string) []string {
	var out []string
	for _, q := range all {
		if others := instead[q]; kind == servers.OceanBase && others != nil {
			out = append(out, others...)
			continue
		}
		out = append(out, q)
	}
	return out
}

func TestEachStatementTwoWay(t *testing.T) {
	for _, kind := range servers.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			s := newStage(t, kind, "ddl: a\n")
			stop := s.writers("t", "p", "x", "y", "s", "r")
			all := taken(kind, each)
			for _, q := range all {
				t.Log(q)
				s.exec(0, q)
				if kind == servers.MariaDB || kind == servers.OceanBase && strings.Contains(q, "RENAME") {
					s.barrier()
				}
			}
			stop()
			s.barrier()
			s.equal()
			for _, line := range s.log(1) {
				require.Regexp(t, "^done ", line)
			}
			require.Len(t, s.log(1), len(all))
			for _, line := range s.log(0) {
				require.Regexp(t, "^ignored ", line)
			}
			for _, l := range s.pair.Status().Links {
				require.Zero(t, l.Echo)
			}
		})
	}
}

// A tool for schema changes copies a table beside it and lets the copy take its
// place. What it means for the table is carried, its rows are not.
func TestSchemaChangeTool(t *testing.T) {
	s := newStage(t, servers.MariaDB, "ddl: a\n")
	stop := s.writers("t", "p")
	defer stop()
	s.exec(0, "CREATE TABLE shop._t_gho LIKE shop.t")
	s.exec(0, "CREATE TABLE shop._t_ghc (id int PRIMARY KEY, hint varchar(64))")
	s.exec(0, "ALTER TABLE shop._t_gho ADD COLUMN c1 int NOT NULL DEFAULT 5, MODIFY v varchar(50), ADD KEY by_v (v)")
	s.exec(0, "INSERT INTO shop._t_ghc VALUES (1, 'x')")
	s.exec(0, "LOCK TABLES shop.t WRITE, shop._t_gho WRITE; INSERT INTO shop._t_gho (id, v, n, u) SELECT id, v, n, u FROM shop.t; UNLOCK TABLES")
	s.exec(0, "RENAME TABLE shop.t TO shop._t_del, shop._t_gho TO shop.t")
	s.exec(0, "DROP TABLE shop._t_ghc, shop._t_del")
	s.barrier()
	stop()
	s.barrier()
	for side := range s.sides {
		var n int
		require.NoError(t, s.sides[side].QueryRow("SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = 'shop' AND table_name = 't'").Scan(&n))
		require.Equal(t, 5, n)
		require.NoError(t, s.sides[side].QueryRow("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'shop'").Scan(&n))
		require.Equal(t, 2, n)
	}
	require.Len(t, s.log(1), 1)
}

// A statement of the site whose link carries none stops that link, until a person
// has said what is to become of it; or it is passed over, if the file says so.
func TestStatementElsewhere(t *testing.T) {
	s := newProject(t, servers.MariaDB, "ddl: a\n")
	s.start()
	s.barrier()
	s.exec(1, "ALTER TABLE shop.t ADD COLUMN c1 int")
	<-s.ended
	err := s.stop()
	require.ErrorIs(t, err, apply.ErrStatement)
	require.ErrorContains(t, err, "run on site b")
	require.ErrorContains(t, err, "duplex ddl skip")
	require.Equal(t, []string{"refused ALTER TABLE shop.t ADD COLUMN c1 int"}, s.log(0))

	// It is run at the side that carries, too: then both have it.
	s.exec(0, "UPDATE duplex.ddl_log SET state = 'done'")
	s.exec(0, "ALTER TABLE shop.t ADD COLUMN c1 int")
	s.start()
	s.barrier()
	s.exec(1, "INSERT INTO shop.t (id, v, c1) VALUES (1, 'x', 7)")
	s.barrier()
	require.Equal(t, []string{"done ALTER TABLE shop.t ADD COLUMN c1 int"}, s.log(1))
	s.equal()
	require.NoError(t, s.stop())

	text, err := os.ReadFile(s.file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.file, []byte(strings.Replace(string(text), "ddl: a", "ddl: {from: a, elsewhere: ignore}", 1)), 0o600))
	s.project, err = config.Load(s.file)
	require.NoError(t, err)
	s.start()
	s.barrier()
	s.exec(1, "CREATE INDEX by_v ON shop.t (v)")
	s.barrier()
	require.Contains(t, s.log(0), "ignored CREATE INDEX by_v ON shop.t (v)")
	require.NoError(t, s.stop())
}

// The other site carries once the project file says so and all is applied.
func TestSideChanges(t *testing.T) {
	kind := servers.LogKinds()[0]
	s := newStage(t, kind, "ddl: a\n")
	stop := s.writers("t", "p", "x")
	s.exec(0, "CREATE TABLE shop.x (id int PRIMARY KEY, v varchar(20), n int, KEY by_n (n))")
	s.barrier()
	require.NoError(t, s.stop())
	text, err := os.ReadFile(s.file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.file, []byte(strings.Replace(string(text), "ddl: a", "ddl: b", 1)), 0o600))
	s.project, err = config.Load(s.file)
	require.NoError(t, err)
	s.start()
	s.changed("b")
	for _, q := range taken(kind, []string{
		"ALTER TABLE shop.t ADD COLUMN c1 int NOT NULL DEFAULT 4 FIRST", "DROP INDEX by_n ON shop.x", "ALTER TABLE shop.x DROP n",
		"CREATE TABLE shop.y LIKE shop.x", "DROP TABLE shop.x",
	}) {
		s.exec(1, q)
		s.barrier()
	}
	stop()
	s.barrier()
	s.equal()
	require.Len(t, s.log(0), 5)

	// And back again, in a run that goes on.
	stop = s.writers("t", "p", "y")
	s.exec(1, "ALTER TABLE shop.t ADD COLUMN c2 int")
	s.barrier()
	back, err := config.Load(s.file)
	require.NoError(t, err)
	back.DDL = "a"
	s.pair.Change(back)
	s.changed("a")
	s.exec(0, "ALTER TABLE shop.t DROP COLUMN c2, ADD c3 int")
	s.barrier()
	stop()
	s.barrier()
	s.equal()
	require.Contains(t, s.log(0), "done ALTER TABLE shop.t ADD COLUMN c2 int")
	require.Contains(t, s.log(1), "done ALTER TABLE shop.t DROP COLUMN c2, ADD c3 int")
	require.NoError(t, s.stop())
}

// changed waits until a site carries, and both logs are beyond that moment.
func (s *stage) changed(site string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		var text string
		err := s.sides[0].QueryRow("SELECT rules FROM duplex.rules ORDER BY number DESC LIMIT 1").Scan(&text)
		return err == nil && strings.Contains(text, `"ddl":{"policy":"","site":"`+site+`"}`)
	}, time.Minute, 50*time.Millisecond)
	for n := range 2 { // what one has of the other raises its clock
		for side := range s.sides {
			s.exec(side, fmt.Sprintf("REPLACE INTO shop.p VALUES (50, '%d of %d')", n, side))
		}
		s.barrier()
	}
}
