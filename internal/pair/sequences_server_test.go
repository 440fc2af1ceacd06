package pair

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/config"
	"duplex/internal/schema"
	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

// What the target lacks of the source's sequences is made, and goes on where
// that is. One kernel is both sites: the target's have other names.
func TestSequences(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	t.Parallel()
	server := servers.For(t, servers.SeekDB)
	db := server.DB(t)
	exec := func(queries ...string) {
		t.Helper()
		for _, q := range queries {
			_, err := db.ExecContext(t.Context(), q)
			require.NoError(t, err, q)
		}
	}
	exec("CREATE DATABASE s DEFAULT CHARACTER SET latin1", "CREATE DATABASE there", "CREATE SEQUENCE s.up START WITH 100 INCREMENT BY 3",
		"CREATE SEQUENCE s.used NOCACHE", "CREATE SEQUENCE s.has", "CREATE SEQUENCE s.out", "CREATE SEQUENCE there.has START WITH 77",
		"SELECT s.used.NEXTVAL", "SELECT s.used.NEXTVAL")
	text := fmt.Sprintf(`name: s
scenario: migration
source: a
tables:
  include: ["s.*"]
  exclude: ["s.out"]
  rename: {s.up: made.up, s.used: made.used, s.has: there.has}
sites:
  a: {address: %[1]q, user: %[2]q, password: %[3]q}
  b: {address: "127.0.0.1:1", user: %[2]q, password: %[3]q}
`, server.Addr(), server.User(), server.Password())
	p, err := config.Parse("p.yaml", []byte(text), nil, nil)
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	site, err := OpenSite(t.Context(), p.Sites[0], log)
	require.NoError(t, err)
	defer func() { require.NoError(t, site.Close()) }()
	session, err := site.Session(t.Context(), tenant.Read, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, session.Close()) }()

	a := &attempt{cfg: Config{Project: p, Log: log}}
	for range 2 {
		require.NoError(t, a.makeSequences(t.Context(), site, site, session))
		made, err := site.Sequences(t.Context(), func(database, _ string) bool { return database == "made" || database == "there" })
		require.NoError(t, err)
		next := map[string]string{}
		for i := range made {
			next[made[i].String()] = made[i].Next + " by " + made[i].Increment
		}
		require.Equal(t, map[string]string{"made.up": "100 by 3", "made.used": "3 by 1", "there.has": "77 by 1"}, next)
	}
	databases, err := site.Databases(t.Context())
	require.NoError(t, err)
	require.Contains(t, databases, schema.Database{Name: "made", Charset: databaseOf(databases, "s").Charset, Collation: databaseOf(databases, "s").Collation})
	require.NotEqual(t, "utf8mb4", databaseOf(databases, "made").Charset)

	exec("SELECT s.up.NEXTVAL")
	of := func(name string) (q schema.Sequence) {
		all, err := site.Sequences(t.Context(), func(database, n string) bool { return database+"."+n == name })
		require.NoError(t, err)
		require.Len(t, all, 1)
		return all[0]
	}
	from, to := of("s.up"), of("made.up")
	require.True(t, to.Behind(&from))
	exec(to.RestartSQL(&from))
	to = of("made.up")
	require.False(t, to.Behind(&from))
	require.Equal(t, from.Next, to.Next)

	p.Scenario = config.ActiveActive
	exec("DROP SEQUENCE made.up")
	require.NoError(t, a.makeSequences(t.Context(), site, site, session))
	made, err := site.Sequences(t.Context(), func(database, _ string) bool { return database == "made" })
	require.NoError(t, err)
	require.Len(t, made, 1, "each of two sites has numbers of its own")
}
