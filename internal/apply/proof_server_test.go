package apply_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	servers "duplex/test/tenant"
)

// TestProof: the server's digest of a row is ours, whatever its columns hold. Each
// transaction is written without a look, and none has to be begun anew.
func TestProof(t *testing.T) {
	for _, kind := range servers.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			if kind == servers.OceanBase {
				t.Skip("there rows are always looked at")
			}
			a, b := newSide(t, "a", kind), newSide(t, "b", kind)
			const columns = `id int, i8 tinyint, u64 bigint unsigned NOT NULL, d decimal(20,6), d0 decimal(5,0), c char(10), v varchar(50) CHARACTER SET utf8,
				l varchar(20) CHARACTER SET latin1, x text CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, bin binary(6), vb varbinary(20), bl blob,
				da date, dt datetime, dt3 datetime(3), ts timestamp(6) NULL, ti time(2), ye year, e enum('one','zwei',''), s set('a','b','c'), bi bit(10)`
			values := []string{
				"1, -128, 18446744073709551615, -0.5, 99999, 'x  ', 'é|ü', 'é', '𝒳', x'0100', x'00', x'ff00', '2026-02-28', '2026-01-01 00:00:01', '1999-12-31 23:59:59.999', '2026-03-29 01:30:00.000001', '-838:59:59', 1999, 'zwei', 'a,c', 1023",
				"2, 0, 0, 0, 0, '', '', '', '', '', '', '', '1000-01-01', '9999-12-31 23:59:59', '2026-01-01 10:00:00.120', '2038-01-01 00:00:00', '00:00:00.50', 2155, 'one', '', 0",
				"3, NULL, 7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL",
			}
			for _, s := range []*side{a, b} {
				s.exec(t, "CREATE DATABASE shop",
					"CREATE TABLE shop.one ("+columns+", PRIMARY KEY (id)) ENGINE=InnoDB",
					"CREATE TABLE shop.two ("+columns+", PRIMARY KEY (id, u64)) ENGINE=InnoDB",
					"CREATE TABLE shop.plain (id int PRIMARY KEY, v varchar(20), w varchar(20)) ENGINE=InnoDB CHARACTER SET utf8mb4")
			}
			f := start(t, a, b, 1<<20)
			for _, table := range []string{"shop.one", "shop.two"} {
				for _, v := range values {
					a.exec(t, "INSERT INTO "+table+" VALUES ("+v+")")
				}
				f.settle(t)
				a.exec(t, "UPDATE "+table+" SET i8 = 5 WHERE id = 1", "UPDATE "+table+" SET i8 = NULL, dt = NULL, v = 'ganz' WHERE id = 2",
					"UPDATE "+table+" SET i8 = 1, c = 'c', dt3 = '2026-11-23 18:00:00.010' WHERE id = 3")
				f.settle(t)
				a.exec(t, "UPDATE "+table+" SET d0 = COALESCE(d0, 0) - 1")
				f.settle(t)
			}
			a.exec(t, "DELETE FROM shop.one", "INSERT INTO shop.plain VALUES (1, 'a|b', 'c'), (2, '', NULL)")
			f.settle(t)
			a.exec(t, "UPDATE shop.plain SET v = 'a', w = 'b|c'", "DELETE FROM shop.plain WHERE id = 1")
			f.settle(t)
			for _, table := range []string{"shop.one", "shop.two", "shop.plain"} {
				require.Equal(t, contents(t, a, table), contents(t, b, table), table)
			}
			s := f.applier.Status()
			require.Zero(t, s.Unproven)
			require.Equal(t, s.Groups, s.Proven)
			f.stop(t)
		})
	}
}

// TestProofFails: a row that is not as it was expected is met with a look, in each
// sort of statement, and so is an insert whose row is there.
func TestProofFails(t *testing.T) {
	a, b := newSide(t, "a", servers.MariaDB), newSide(t, "b", servers.MariaDB)
	for _, s := range []*side{a, b} {
		s.exec(t, "CREATE DATABASE shop", shop, "INSERT INTO shop.t VALUES (1, 10, 'x', 0), (2, 20, 'y', 0), (3, NULL, 'z', 0), (4, 40, 'w', 0)")
	}
	f := start(t, a, b, 1<<20)
	b.exec(t, "UPDATE shop.t SET v = NULL WHERE id = 1", "DELETE FROM shop.t WHERE id = 2", "UPDATE shop.t SET u = 30 WHERE id = 3",
		"INSERT INTO shop.t VALUES (5, 50, 'b', 0)")
	for i, q := range []string{
		"UPDATE shop.t SET n = 1 WHERE id = 1", "UPDATE shop.t SET n = 1 WHERE id = 2", "DELETE FROM shop.t WHERE id = 3",
		"INSERT INTO shop.t VALUES (5, 50, 'a', 0)",
	} {
		before := f.applier.Status()
		for n := range 200 { // until the lanes trust again
			a.exec(t, "UPDATE shop.t SET n = n + 1 WHERE id = 4")
			f.settle(t)
			if s := f.applier.Status(); s.Proven-before.Proven > 8 {
				break
			}
			require.Less(t, n, 199)
		}
		a.exec(t, q)
		f.settle(t)
		s := f.applier.Status()
		require.EqualValues(t, i+1, s.Drifts, q)
		require.LessOrEqual(t, s.Unproven, uint64(i+1), q)
	}
	require.NotZero(t, f.applier.Status().Unproven)
	require.Equal(t, contents(t, a, "shop.t"), contents(t, b, "shop.t"))
	f.stop(t)
}
