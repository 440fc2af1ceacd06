package tenant_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/tenant"
)

// testPlainUser opens a writing session as a user who may only write rows: the
// origin id is left out where the user may not set it.
func testPlainUser(t *testing.T, s *server) {
	s.exec(t, "CREATE USER plain IDENTIFIED BY 'secret'", "CREATE DATABASE plainly", "GRANT SELECT, INSERT ON plainly.* TO plain",
		"CREATE TABLE plainly.t (id int PRIMARY KEY)")
	tt, err := tenant.Open(t.Context(), tenant.Config{Site: "here", Address: s.Addr(), User: "plain", Password: "secret"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tt.Close()) })
	e, err := tt.Session(t.Context(), tenant.Apply, 2147473649)
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	n, err := e.Exec(t.Context(), "INSERT INTO plainly.t VALUES (1)")
	require.NoError(t, err)
	require.Equal(t, int64(1), n)
}
