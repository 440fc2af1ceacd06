package ddl

import (
	"testing"

	"github.com/stretchr/testify/require"

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
}

func TestEachStatementTwoWay(t *testing.T) {
	for _, kind := range servers.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			s := newStage(t, kind, "ddl: a\n")
			stop := s.writers("t", "p", "x", "y")
			for _, q := range each {
				t.Log(q)
				s.exec(0, q)
				if kind == servers.MariaDB {
					s.barrier()
				}
			}
			stop()
			s.barrier()
			s.equal()
			for _, line := range s.log(1) {
				require.Regexp(t, "^done ", line)
			}
			require.Len(t, s.log(1), len(each))
			for _, line := range s.log(0) {
				require.Regexp(t, "^ignored ", line)
			}
			for _, l := range s.pair.Status().Links {
				require.Zero(t, l.Echo)
			}
		})
	}
}
