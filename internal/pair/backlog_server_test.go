package pair_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/pair"
	servers "duplex/test/tenant"
)

// TestBacklogs: a run begins where both sites have written more than links and windows
// hold, and each applier first waits for the other site's reader to be at the end.
func TestBacklogs(t *testing.T) {
	s := newAgain(t, servers.MariaDB)
	s.text += "ddl: a\n"
	_, err := s.sides[0].Exec("CREATE TABLE shop.large (id int PRIMARY KEY, v mediumblob NOT NULL) ENGINE=InnoDB")
	require.NoError(t, err)
	require.NoError(t, s.run(t, "policy: newest", func(*pair.Pair) {}))
	const rows = 30 // of 1 MB
	for side, db := range s.sides {
		for n := range rows {
			_, err := db.Exec(fmt.Sprintf("INSERT INTO shop.large VALUES (%d, REPEAT(MD5(RAND()), 32768))", 2*n+side))
			require.NoError(t, err)
		}
	}
	require.NoError(t, s.run(t, "policy: newest", func(*pair.Pair) {}))
	for _, db := range s.sides {
		require.Equal(t, fmt.Sprintln(2*rows), dump(t, db, "SELECT COUNT(*) FROM shop.large"))
	}
}
