package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/checkpoint"
	"duplex/internal/project"
)

func TestMoment(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ text, want string }{
		{"", "0001-01-01T00:00:00Z"}, {"1h", "2026-03-02T11:00:00Z"}, {"90s", "2026-03-02T11:58:30Z"}, {"30d", "2026-01-31T12:00:00Z"}, {"0d", "2026-03-02T12:00:00Z"},
		{"2026-01-02T03:04:05+01:00", "2026-01-02T02:04:05Z"}, {"2026-01-02 03:04:05", "2026-01-02T03:04:05Z"}, {"2026-01-02", "2026-01-02T00:00:00Z"},
		{"yesterday", ""}, {"-1h", ""}, {"-3d", ""}, {"1dd", ""}, {"d", ""}, {"2026-13-01", ""}, {"7", ""},
	} {
		got, err := moment("--since", c.text, now)
		if c.want == "" {
			exit, ok := errors.AsType[*exitError](err)
			require.True(t, ok, c.text)
			require.Equal(t, exitUsage, exit.code)
			continue
		}
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, got.UTC().Format(time.RFC3339), c.text)
	}
}

func TestDifference(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{`{"id":1,"name":"Ada","n":null}`, `{"id":1,"name":"Eve","n":2}`, `name "Ada" → "Eve", n NULL → 2`},
		{`{"id":1}`, `{"id":1}`, "the same"},
		{``, `{"id":1,"raw":{"base64":"AP8="}}`, "no row → id=1, raw=0x00ff"},
		{`{"id":1}`, ``, "id=1 → no row"},
		{``, ``, "no row"},
		{`{"t":"\u001b[31mred\n"}`, `{"t":"x"}`, `t "·[31mred·" → "x"`},
		{`{"t":"李李李李李李李李李李李李李李"}`, `{"t":""}`, `t "李李李李李李李李李李李… → ""`},
		{`{"old":1,"id":2}`, `{"id":3,"new":1}`, "id 2 → 3"},
	} {
		require.Equal(t, c.want, difference([]byte(c.from), []byte(c.to)))
	}
}

func TestConflictSheet(t *testing.T) {
	c := project.Conflict{Site: "west", Conflict: checkpoint.Conflict{
		ID: 12, Link: "east>west", Table: "shop.stock", Key: "id=5", Kind: "update-delete", Policy: "newest", Winner: "incoming",
		Local: []byte(`{"id":5,"name":"李"}`), LocalStamp: "3/4", DecidedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Ambiguous: true,
	}}
	want := `west:12  shop.stock  id=5

kind     update-delete
policy   newest
winner   incoming, ambiguous: the two versions are nearer to each other than the clocks are
link     east>west
decided  2026-01-02 03:04:05 UTC

             local (lost)  incoming (kept)  now
  committed  -             -
  stamp      3/4           -
                           no row
  id         5                              5
  name       "李"                           "Bo"
  extra      -                              1
`
	require.Equal(t, want, conflictSheet(&c, []byte(`{"id":5,"name":"Bo","extra":1}`), ""))
	require.Contains(t, conflictSheet(&c, nil, "no such table"), "the row as it is now cannot be read: no such table")
	c.Incoming, c.Winner = []byte(`{"id":5,"name":"Eve"}`), "local"
	require.Regexp(t, `(?m)^\*  name +"李" +"Eve" +"Bo"$`, conflictSheet(&c, []byte(`{"id":5,"name":"Bo"}`), ""))
}

// TestConflictsLife decides nothing itself: it logs conflicts by hand and goes
// through the commands while the project runs.
func TestConflictsLife(t *testing.T) {
	w := newTwo(t)
	out, _ := w.says(t, exitGood, "conflicts", "list", w.file)
	require.Equal(t, "no conflicts\n", out)
	c := launch(t, nil, "run", w.file, "--skip-check")
	c.until(t, "are equal")

	log := func(db *sql.DB, link, table, key, kind, winner, lost, kept string) {
		store := checkpoint.New(nil, "inn", link)
		x := checkpoint.Conflict{Table: table, Key: key, Kind: kind, Policy: "newest", Winner: winner, Local: []byte(lost), Incoming: []byte(kept)}
		run(t, db, string(store.AppendConflict(nil, &x)))
	}
	log(w.west, "east>west", "inn.room", "no=1", "update-update", "incoming", `{"no":1,"guest":"Zoë"}`, `{"no":1,"guest":"Ada"}`)
	log(w.east, "west>east", "inn.room", "no=9", "update-delete", "incoming", `{"no":9,"guest":"it's \"9\""}`, ``)
	log(w.east, "west>east", "inn.gone", "no=1", "drift", "incoming", `{"no":1}`, `{"no":2}`)

	out, _ = w.says(t, exitGood, "conflicts", "list", w.file)
	require.Contains(t, out, `guest "Zoë" → "Ada"`)
	require.Contains(t, out, "3 conflicts: 1 drift, 1 update-delete, 1 update-update")
	out, _ = w.says(t, exitGood, "conflicts", "list", w.file, "--site", "east", "--kind", "drift", "--since", "1h", "--open", "--json")
	var list conflictList
	require.NoError(t, json.Unmarshal([]byte(out), &list))
	require.Len(t, list.Conflicts, 1)
	require.Equal(t, "east:4", list.Conflicts[0].ID)
	require.JSONEq(t, `{"no":1}`, string(list.Conflicts[0].Local))
	out, _ = w.says(t, exitGood, "conflicts", "list", w.file, "--limit", "1")
	require.Contains(t, out, "3 conflicts, the newest 1 listed")

	out, _ = w.says(t, exitGood, "conflicts", "show", w.file, "west:1")
	require.Regexp(t, `\*  guest +"Zoë" +"Ada" +"Ada"`, out)
	_, err := w.says(t, exitFailed, "conflicts", "show", w.file, "west:77")
	require.Contains(t, err, "no such conflict")
	_, err = w.says(t, exitUsage, "conflicts", "undo", w.file)
	require.Contains(t, err, "no conflict is named")
	_, err = w.says(t, exitUsage, "conflicts", "undo", w.file, "north:1")
	require.Contains(t, err, "west and east")

	out, _ = w.says(t, exitFailed, "conflicts", "undo", w.file, "--since", "1h", "--dry-run")
	require.Contains(t, out, "2 would be undone, 1 would fail; nothing was changed")
	out, err = w.says(t, exitFailed, "conflicts", "undo", w.file, "--since", "1h")
	require.Contains(t, out, `✓ west:1  inn.room no=1  guest "Ada" → "Zoë"`)
	require.Contains(t, out, "✗ undo east:4: site east: read the definition of inn.gone: no such table")
	require.Contains(t, out, "2 undone, 1 failed")
	require.Contains(t, err, "not all was undone: 1 of 3 conflicts failed")
	_, err = w.says(t, exitFailed, "conflicts", "undo", w.file, "west:1", "--json")
	require.Contains(t, err, "not all was undone")

	w.says(t, exitGood, "barrier", w.file)
	for _, db := range []*sql.DB{w.west, w.east} { // both links carry an undo
		var guests string
		require.NoError(t, db.QueryRow("SELECT GROUP_CONCAT(no, guest ORDER BY no) FROM inn.room").Scan(&guests))
		require.Equal(t, `1Zoë,3李娜,9it's "9"`, guests)
	}
	out, _ = w.says(t, exitGood, "conflicts", "accept", w.file, "--table", "inn.gone")
	require.Equal(t, "1 conflict accepted\n", out)
	out, _ = w.says(t, exitGood, "conflicts", "list", w.file, "--open")
	require.Equal(t, "no conflicts\n", out)
	out, _ = w.says(t, exitGood, "status", w.file, "--json")
	var st project.Status
	require.NoError(t, json.Unmarshal([]byte(out), &st))
	require.Equal(t, []uint64{1, 1, 1, 0}, []uint64{st.Links[0].Conflicts, st.Links[0].Drifts, st.Links[1].Conflicts, st.Links[1].Drifts})
	out, _ = w.says(t, exitGood, "conflicts", "purge", w.file, "--before", "0s", "--json")
	require.Contains(t, out, `"deleted": 5`)
	c.interrupt(t)
	require.Equal(t, exitInterrupted, c.wait(t))
}

// TestManyUndos undoes a batch, and prints how long that takes.
func TestManyUndos(t *testing.T) {
	w := newTwo(t)
	w.says(t, exitGood, "run", w.file, "--skip-check", "--until", "caught-up")
	const rows = 2000
	var all []checkpoint.Conflict
	for i := range rows {
		all = append(all, checkpoint.Conflict{Table: "inn.room", Key: fmt.Sprint("no=", i+10), Kind: "update-delete", Winner: "incoming", Local: fmt.Appendf(nil, `{"no":%d,"guest":"g"}`, i+10)})
	}
	run(t, w.west, string(checkpoint.New(nil, "inn", "east>west").AppendConflicts(nil, all)))
	began := time.Now()
	out, _ := w.says(t, exitGood, "conflicts", "undo", w.file, "--kind", "update-delete")
	t.Logf("%d undone in %s", rows, time.Since(began).Round(time.Millisecond))
	require.Contains(t, out, "2,000 undone, 0 failed")
	var n int
	require.NoError(t, w.west.QueryRow("SELECT COUNT(*) FROM inn.room WHERE no >= 10").Scan(&n))
	require.Equal(t, rows, n)
	require.NoError(t, w.west.QueryRow("SELECT COUNT(*) FROM duplex.conflict WHERE kind = 'undo'").Scan(&n))
	require.Equal(t, rows, n)
}

// TestVerifyLooksAtParkedRows: two guests want one name; the loser waits aside at
// both sites, and a comparison sees whether it does.
func TestVerifyLooksAtParkedRows(t *testing.T) {
	w := newTwo(t)
	run(t, w.west, "CREATE TABLE inn.guest (id int PRIMARY KEY, name varchar(20) NOT NULL UNIQUE)")
	out, _ := w.says(t, exitGood, "run", w.file, "--skip-check", "--until", "verified")
	require.NotContains(t, out, "parked")
	run(t, w.west, "INSERT INTO inn.guest VALUES (1, 'Ada')")
	run(t, w.east, "INSERT INTO inn.guest VALUES (2, 'Ada')")
	w.says(t, exitGood, "run", w.file, "--skip-check", "--until", "verified")
	out, _ = w.says(t, exitGood, "verify", w.file)
	require.Regexp(t, `duplex\.parked +CONSISTENT +1 `, out)
	for _, db := range []*sql.DB{w.west, w.east} {
		var guests, parked int
		require.NoError(t, db.QueryRow("SELECT (SELECT COUNT(*) FROM inn.guest), (SELECT COUNT(*) FROM duplex.parked)").Scan(&guests, &parked))
		require.Equal(t, []int{1, 1}, []int{guests, parked})
	}
	run(t, w.east, "DELETE FROM duplex.parked")
	out, _ = w.says(t, exitDiffers, "verify", w.file)
	require.Regexp(t, `duplex\.parked +INCONSISTENT`, out)
}
