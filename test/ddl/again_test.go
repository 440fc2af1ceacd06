package ddl

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	servers "duplex/test/tenant"
)

// A table is made, dropped and made again before the other site has told anything.
func TestMadeAgain(t *testing.T) {
	s := newStage(t, servers.MariaDB, "ddl: a\n")
	for range 3 {
		s.exec(0, "CREATE TABLE shop.x (id int PRIMARY KEY, v varchar(20), n int)")
		s.exec(0, "INSERT INTO shop.x (id, v) VALUES (1, 'x'), (2, 'y')")
		s.exec(0, "DROP TABLE shop.x")
	}
	s.exec(0, "CREATE TABLE shop.x (id int PRIMARY KEY, v varchar(20), n int)")
	s.exec(0, "INSERT INTO shop.x (id, v) VALUES (1, 'last'), (2, 'of all')")
	s.barrier()
	s.equal()
}

// Rows of a table come in that the target's own site has dropped, and its reader
// has much to read before it comes to that.
func TestDroppedMeanwhile(t *testing.T) {
	s := newProject(t, servers.MariaDB, "ddl: a\n")
	s.exec(0, "CREATE TABLE shop.x (id int PRIMARY KEY, v varchar(20), n int)")
	s.start()
	s.barrier()
	require.NoError(t, s.stop())
	s.exec(1, "INSERT INTO shop.x (id, v) VALUES (1, 'x'), (2, 'y')")
	for n := range 50 {
		s.exec(0, fmt.Sprintf("INSERT INTO shop.t (id, v) SELECT %d + seq, 'x' FROM shop.seq_1_to_200", 200*n))
	}
	s.exec(0, "DROP TABLE shop.x")
	s.start()
	s.barrier()
	s.equal()
	require.NoError(t, s.stop())
}

// Each statement about indexes is carried, also where the catalogue is ahead of
// the log.
func TestIndexes(t *testing.T) {
	s := newProject(t, servers.MariaDB, "ddl: a\n")
	s.start()
	s.barrier()
	require.NoError(t, s.stop())
	for _, q := range []string{
		"CREATE INDEX by_n ON shop.t (n)", "ALTER TABLE shop.t DROP INDEX by_n", "CREATE INDEX by_u ON shop.t (u, v(3))", "ALTER TABLE shop.t ADD KEY (v)",
		"DROP INDEX by_u ON shop.t", "CREATE UNIQUE INDEX by_n ON shop.t (n, id)",
	} {
		s.exec(0, q)
	}
	s.start()
	s.barrier()
	s.equal()
	require.Len(t, s.log(1), 6)
	require.NoError(t, s.stop())
}
