package precheck_test

import (
	"database/sql"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/precheck"
)

// testNumbers does what the check says about AUTO_INCREMENT, and then inserts on
// both sides.
func testNumbers(t *testing.T, r *rig) {
	r.reset(t)
	same := "SET GLOBAL auto_increment_increment = 1; SET GLOBAL auto_increment_offset = 1"
	exec(t, r.dbs[0], same)
	exec(t, r.dbs[1], same+"; "+shop)
	fixes := precheck.Fixes(r.run(t), "hangzhou", "shanghai")
	require.Equal(t, []precheck.Statement{
		{Site: "hangzhou", SQL: "SET GLOBAL auto_increment_increment = 2"}, {Site: "hangzhou", SQL: "SET GLOBAL auto_increment_offset = 1"},
		{Site: "shanghai", SQL: "SET GLOBAL auto_increment_increment = 2"}, {Site: "shanghai", SQL: "SET GLOBAL auto_increment_offset = 2"},
	}, fixes)
	for _, f := range fixes {
		exec(t, r.dbs[slices.Index([]string{"hangzhou", "shanghai"}, f.Site)], f.SQL)
	}
	given := map[int]bool{}
	for i, db := range r.dbs {
		db.SetMaxIdleConns(0) // a session that was open goes on as before
		for range 20 {
			exec(t, db, "INSERT INTO shop.customer (name) VALUES ('new')")
		}
		for _, id := range numbers(t, db) {
			require.False(t, given[id], "%d was given on both sides", id)
			require.Equal(t, i, 1-id%2)
			given[id] = true
		}
	}
	require.Len(t, given, 40)
	require.Empty(t, precheck.Fixes(r.run(t), "hangzhou", "shanghai"))
}

// numbers lists the ids of the rows that testNumbers inserts.
func numbers(t *testing.T, db *sql.DB) (out []int) {
	rows, err := db.Query("SELECT id FROM shop.customer WHERE name = 'new'")
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var id int
		require.NoError(t, rows.Scan(&id))
		out = append(out, id)
	}
	require.NoError(t, rows.Err())
	return out
}
