package kernel_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/config"
	"duplex/internal/precheck"
)

const pairFile = `name: numbers
scenario: active-active
sites:
  %s: {address: "%s", user: %s, password: %s}
  %s: {address: "%s", user: %s, password: %s}
source: %[1]s
ddl: %[1]s
tables:
  include: ["numbers.*"]
`

// testNumbers does what the precheck says about sequences and AUTO_INCREMENT, and
// then takes numbers on both sides.
func testNumbers(t *testing.T, a, b *site) {
	sites := map[string]*site{"a": a, "b": b}
	statements := lines(t, "numbers.sql")
	for _, s := range sites {
		s.fresh(t, "numbers")
		require.NoError(t, s.on(t, "numbers", statements...))
		defer s.exec(t, "SET GLOBAL auto_increment_increment = 1", "SET GLOBAL auto_increment_offset = 1")
	}
	require.NoError(t, b.on(t, "numbers", "DROP SEQUENCE alone"))
	names := []string{"plain", "down", "round", "alone"}
	given := map[string][]string{} // what a sequence gave
	take := func(s *site, name string, n int) {
		for range n {
			given[name] = append(given[name], s.rows(t, "SELECT numbers."+name+".NEXTVAL")...)
		}
	}
	for _, name := range names {
		take(a, name, 3)
	}

	text := fmt.Sprintf(pairFile, "a", a.Addr(), a.User(), a.Password(), "b", b.Addr(), b.User(), b.Password())
	cfg, err := config.Parse("numbers.yaml", []byte(text), nil, nil)
	require.NoError(t, err)
	check := func() (fixes []precheck.Statement, found string) {
		results, err := precheck.Run(t.Context(), precheck.Config{Project: cfg, Wait: time.Second}, nil)
		require.NoError(t, err)
		for _, r := range results {
			if r.Check == "sequences" || r.Check == "auto-increment" || r.Check == "partition-keys" {
				found += fmt.Sprintln(r.Status, r.Object, r.Message)
			}
		}
		return precheck.Fixes(results, "a", "b"), found
	}
	fixes, found := check()
	require.Contains(t, found, "warn numbers.alone missing at b")
	require.Contains(t, found, "warn numbers.spread unique key ug is GLOBAL and lacks column part, by which the table is partitioned")
	require.NotContains(t, found, "lost")
	for _, f := range fixes {
		require.NoError(t, sites[f.Site].on(t, "numbers", f.SQL))
	}

	for _, name := range names {
		take(a, name, 15)
		take(b, name, 15)
		got := slices.Clone(given[name])
		slices.Sort(got)
		if name != "round" { // which comes by again
			require.Len(t, slices.Compact(got), 33, "%s: %v", name, given[name])
		}
	}
	around := given["round"][3:]
	for _, x := range around[:15] {
		require.NotContains(t, around[15:], x)
	}
	for _, table := range []string{"counted", "spread"} {
		var ids []string
		for _, s := range sites {
			require.NoError(t, s.on(t, "numbers", strings.Split(strings.Repeat("INSERT INTO "+table+" (part) VALUES (1);", 9)+"DO 0", ";")...))
			ids = append(ids, s.rows(t, "SELECT id FROM numbers."+table)...)
		}
		slices.Sort(ids)
		require.Len(t, slices.Compact(ids), 18, table)
	}
	fixes, found = check()
	require.Empty(t, fixes, found)
	require.Contains(t, found, "pass  4 sequences, of which none gives a number on both sides")
	require.Contains(t, found, "pass  steps of 2")
}
