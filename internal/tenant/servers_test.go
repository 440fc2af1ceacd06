package tenant_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a running server and how we see it.
type server struct {
	*servers.Server
	tenant *tenant.Tenant
	db     *sql.DB // takes several statements at once
}

func open(t *testing.T, kind servers.Kind) *server {
	if testing.Short() {
		t.Skip("starts a server")
	}
	s := &server{Server: servers.For(t, kind)}
	s.tenant = s.open(t)
	s.db = s.DB(t)
	return s
}

func (s *server) open(t *testing.T) *tenant.Tenant {
	tt, err := tenant.Open(t.Context(), tenant.Config{Site: "here", Address: s.Addr(), User: s.User(), Password: s.Password()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tt.Close()) })
	return tt
}

func (s *server) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, q := range statements {
		_, err := s.db.ExecContext(context.WithoutCancel(t.Context()), q)
		require.NoError(t, err, q)
	}
}

// session opens a session that ends with the test.
func (s *server) session(t *testing.T, purpose tenant.Purpose, origin uint32) *tenant.Session {
	t.Helper()
	e, err := s.tenant.Session(t.Context(), purpose, origin)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// TestServers runs every test that needs one server on one of each kind.
func TestServers(t *testing.T) {
	for _, kind := range servers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			s := open(t, kind)
			for _, c := range []struct {
				name string
				test func(t *testing.T, s *server)
			}{
				{"kind", testKind},
				{"round trip", testRoundTrip},
				{"catalogue", testCatalogue},
				{"torn", testTorn},
				{"objects", testObjects},
				{"orphans", testOrphans},
				{"session", testSession},
				{"plain user", testPlainUser},
				{"stored bytes", testStoredBytes},
				{"classes", testClasses},
				{"locks", testLocks},
				{"deadlock", testDeadlock},
				{"kill", testKill},
				{"end", testEnd},
				{"gone", testGone}, // last: ends the server
			} {
				t.Run(c.name, func(t *testing.T) { c.test(t, s) })
			}
		})
	}
}
