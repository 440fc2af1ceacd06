package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/test/tenant"
)

// secret is the password of the user in these tests: it must not be seen in
// anything that a command writes.
const secret = "Sesam-öffne-dich"

// two is a project between two real tenants, with a little data at the first.
type two struct {
	west, east *sql.DB
	file       string // the project file
	wrong      string // the same with a wrong password
	guest      string // the same with a user that has no rights
}

func newTwo(t *testing.T) two {
	t.Helper()
	if testing.Short() {
		t.Skip("needs servers")
	}
	var out two
	dir := t.TempDir()
	var sites [2]string
	for i, db := range []**sql.DB{&out.west, &out.east} {
		s := tenant.For(t, tenant.LogKinds()[0], tenant.WithPool(32, 16))
		*db = s.DB(t)
		run(t, *db, "SET GLOBAL auto_increment_increment = 2", fmt.Sprintf("SET GLOBAL auto_increment_offset = %d", i+1),
			"CREATE USER app@'127.0.0.1' IDENTIFIED BY '"+secret+"'", "GRANT ALL ON *.* TO app@'127.0.0.1'",
			"CREATE USER guest@'127.0.0.1' IDENTIFIED BY '"+secret+"'")
		(*db).SetMaxIdleConns(0) // what is connected has the counters as they were
		(*db).SetMaxIdleConns(2)
		sites[i] = s.Addr()
	}
	run(t, out.west, "CREATE DATABASE inn", "CREATE TABLE inn.room (no int PRIMARY KEY, guest varchar(40))",
		"INSERT INTO inn.room VALUES (1, 'Ada'), (2, NULL), (3, '李娜')")
	text := "name: inn\nscenario: active-active\nsites:\n" +
		"  west: {address: \"%s\", user: app, password: %s}\n  east: {address: \"%s\", user: app, password: %s}\n" +
		"source: west\ntables: {include: [\"inn.*\"]}\n"
	out.file, out.wrong = filepath.Join(dir, "inn.yaml"), filepath.Join(dir, "wrong.yaml")
	require.NoError(t, os.WriteFile(out.file, fmt.Appendf(nil, text, sites[0], secret, sites[1], secret), 0o600))
	out.guest = filepath.Join(dir, "guest.yaml")
	guest := strings.ReplaceAll(text, "user: app", "user: guest")
	require.NoError(t, os.WriteFile(out.guest, fmt.Appendf(nil, guest, sites[0], secret, sites[1], secret), 0o600))
	require.NoError(t, os.WriteFile(out.wrong, fmt.Appendf(nil, text, sites[0], secret+"!", sites[1], secret), 0o600))
	return out
}

func run(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, q := range statements {
		_, err := db.Exec(q)
		require.NoError(t, err, q)
	}
}

// says runs the command, wants an exit code, and gives both outputs.
func (w two) says(t *testing.T, code int, args ...string) (out, err string) {
	t.Helper()
	got, out, err := call(t, args...)
	require.Equal(t, code, got, "duplex %s\n%s%s", strings.Join(args, " "), out, err)
	require.NotContains(t, out+err, secret, "duplex %s", strings.Join(args, " "))
	return out, err
}

// TestLife goes through the commands as a user would.
func TestLife(t *testing.T) {
	w := newTwo(t)

	out, _ := w.says(t, exitGood, "status", w.file)
	require.Contains(t, out, "inn  active-active  new, stopped")
	_, err := w.says(t, exitFailed, "barrier", w.file)
	require.Contains(t, err, "start `duplex run FILE`")
	_, err = w.says(t, exitDiffers, "verify", w.file)
	require.Contains(t, err, "compared as they are, without a barrier")
	_, err = w.says(t, exitFailed, "status", w.wrong)
	require.Contains(t, err, "look at user and password")
	_, err = w.says(t, exitRefused, "run", "--skip-check", w.guest)
	require.Contains(t, err, "names the GRANT")
	out, _ = w.says(t, exitDiffers, "check", w.guest)
	require.Contains(t, out, "✗ rights")

	out, _ = w.says(t, exitGood, "check", w.file, "--log-level", "debug")
	require.Contains(t, out, "✓ loop-probe")

	run(t, w.west, "CREATE TABLE inn.bill (no int AUTO_INCREMENT PRIMARY KEY)")
	run(t, w.east, "SET GLOBAL auto_increment_offset = 1")
	out, _ = w.says(t, exitGood, "check", "--fix-sql", w.file)
	mode := ""
	if tenant.LogKinds()[0] == tenant.OceanBase { // whose counter every applied row would move otherwise
		mode = "ALTER TABLE `inn`.`bill` AUTO_INCREMENT_MODE = 'NOORDER';\n"
	}
	require.Equal(t, "-- at west\n"+mode+`SET GLOBAL auto_increment_increment = 2;
SET GLOBAL auto_increment_offset = 1;
-- at east
SET GLOBAL auto_increment_increment = 2;
SET GLOBAL auto_increment_offset = 2;
`, out)
	run(t, w.east, "SET GLOBAL auto_increment_offset = 2")
	run(t, w.west, "DROP TABLE inn.bill")

	out, err = w.says(t, exitGood, "run", w.file, "--until", "verified", "--log-level", "debug")
	require.Contains(t, err, "incremental")
	require.Contains(t, out, "west and east are equal")
	require.Contains(t, out, "inn  incremental after")

	out, _ = w.says(t, exitGood, "run", w.file, "--until", "caught-up", "--skip-check", "--json")
	var s summary
	require.NoError(t, json.Unmarshal([]byte(out), &s))
	require.Equal(t, "inn", s.Name)
	require.Empty(t, s.Error)
	require.Len(t, s.Links, 2)

	out, _ = w.says(t, exitGood, "verify", w.file, "--json")
	require.Contains(t, out, `"equal": true`)
	run(t, w.east, "UPDATE inn.room SET guest = 'Eve' WHERE no = 2")
	out, err = w.says(t, exitDiffers, "verify", w.file)
	require.Contains(t, out, "no=2")
	require.Contains(t, err, "the data differ")

	_, err = w.says(t, exitFailed, "clean", w.file)
	require.Contains(t, err, "nothing was dropped")
	out, _ = w.says(t, exitGood, "clean", w.file, "--yes")
	require.Contains(t, out, "west: database duplex dropped")
	for _, db := range []*sql.DB{w.west, w.east} {
		var n int
		require.NoError(t, db.QueryRow("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'duplex'").Scan(&n))
		require.Zero(t, n)
	}
}

// TestReread changes the project file of a run that goes on.
func TestReread(t *testing.T) {
	w := newTwo(t)
	before, err := os.ReadFile(w.file)
	require.NoError(t, err)
	c := launch(t, nil, "run", w.file, "--skip-check")
	c.until(t, "are equal")
	reread := func(text, says string) {
		require.NoError(t, os.WriteFile(w.file, []byte(text), 0o600))
		require.NoError(t, c.cmd.Process.Signal(syscall.SIGHUP))
		c.until(t, says)
	}
	reread(string(before)+"conflict: {policy: best}\n", "policy \\\"best\\\" is unknown")
	reread(string(before)+"limits: {workers: 2}\n", "only `conflict` can change while the project runs")
	reread(string(before)+"conflict: {policy: site, site: east}\n", "conflict rule changed")
	w.says(t, exitGood, "barrier", w.file)
	byColumn := string(before) + "conflict: {tables: {inn.room: {policy: newest-by-column, columns: [no]}}}\n"
	reread(byColumn, "newest-by-column (no)")
	w.says(t, exitGood, "barrier", w.file)
	reread(string(before)+"conflict: {tables: {inn.room: {policy: stop}}}\n", "to=stop")
	w.says(t, exitGood, "barrier", w.file)
	reread(byColumn, "conflict rules are as before")
	run(t, w.west, "UPDATE inn.room SET guest = 'Bo' WHERE no = 3")
	w.says(t, exitGood, "barrier", w.file)
	w.says(t, exitGood, "verify", w.file)
	c.interrupt(t)
	require.Equal(t, exitInterrupted, c.wait(t))
}

// TestInterrupt stops a run and starts it again.
func TestInterrupt(t *testing.T) {
	w := newTwo(t)
	for range 2 {
		c := launch(t, nil, "run", w.file, "--skip-check")
		c.until(t, "are equal")
		out, err := w.says(t, exitFailed, "clean", "--yes", w.file)
		require.Contains(t, err, "the project is running", out)
		out, _ = w.says(t, exitGood, "barrier", w.file, "--token")
		require.Regexp(t, `(?m)^west>east beat=\d+ seq=\d+$`, out)
		out, _ = w.says(t, exitGood, "status", w.file)
		require.Contains(t, out, "incremental, running")
		run(t, w.west, "UPDATE inn.room SET guest = 'Bo' WHERE no = 3")

		c.interrupt(t)
		require.Equal(t, exitInterrupted, c.wait(t))
		out, err = c.text()
		require.Contains(t, err, "duplex: interrupted")
		require.Contains(t, out, "all that was acknowledged is kept")
		require.NotContains(t, out+err, secret)
	}
	w.says(t, exitGood, "run", w.file, "--skip-check", "--until", "verified")
}

// TestFenced lets a second run take the project over from the first.
func TestFenced(t *testing.T) {
	w := newTwo(t)
	first := launch(t, nil, "run", w.file, "--skip-check", "--json")
	first.until(t, "incremental")
	w.says(t, exitGood, "run", w.file, "--skip-check", "--until", "caught-up")
	run(t, w.west, "UPDATE inn.room SET guest = 'Cy' WHERE no = 1")
	require.Equal(t, exitRefused, first.wait(t))
	out, err := first.text()
	require.Contains(t, err, "a newer run of this project has taken the link over")
	require.Contains(t, err, "leave it to the newer run")
	var s summary
	require.NoError(t, json.Unmarshal([]byte(out), &s), out)
	require.Contains(t, s.Error, "fenced")
}

// TestDemo plays the demo as a process and looks for what it leaves behind.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("needs servers")
	}
	if _, err := tenant.Find(tenant.MariaDB); err != nil && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	for _, c := range []struct {
		name string
		stop func(t *testing.T, c *called)
		args []string
	}{
		{"for", nil, []string{"--for", "4s"}},
		{"interrupted", func(t *testing.T, c *called) { c.until(t, "= "); c.interrupt(t) }, nil},
		{"at once", func(t *testing.T, c *called) { c.until(t, "starting two tenants"); c.interrupt(t) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "d") // a short path
			require.NoError(t, err)
			defer os.RemoveAll(dir)
			d := launch(t, []string{"TMPDIR=" + dir}, append([]string{"demo", "--orders", "1000", "--rate", "60"}, c.args...)...)
			if c.stop != nil {
				c.stop(t, d)
			}
			code := d.wait(t)
			out, text := d.text()
			if c.name == "at once" {
				require.Equal(t, exitInterrupted, code, "%s%s", out, text)
			} else {
				require.Equal(t, exitGood, code, "%s%s", out, text)
				require.Contains(t, out, "verdict: EQUAL\n")
				require.Regexp(t, `conflicts hangzhou decided \d`, out)
				require.Contains(t, out, "both tables say so, product by product")
				require.Contains(t, out, "rows wait for a unique value, the same at both sides")
				require.Contains(t, out, "shop.order_lines")
			}

			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left, "what the demo left")
			require.Empty(t, using(t, dir), "processes that the demo left")
		})
	}
}

// using gives the command lines of processes that name a folder.
func using(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	var found []string
	for _, f := range files {
		line, err := os.ReadFile(f)
		if err == nil && strings.Contains(string(line), dir) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// TestDemoJSON wants one document on standard output.
func TestDemoJSON(t *testing.T) {
	if testing.Short() {
		t.Skip("needs servers")
	}
	if _, err := tenant.Find(tenant.MariaDB); err != nil && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	c := launch(t, nil, "demo", "--orders", "400", "--rate", "30", "--clashes", "20", "--json")
	fought := regexp.MustCompile(`[1-9]\d* \+ [1-9]\d* \(.*= `) // conflicts of both sides, and a moment compared
	require.Eventually(t, func() bool {
		_, text := c.text()
		return fought.MatchString(text)
	}, limit, 20*time.Millisecond)
	c.interrupt(t)
	code := c.wait(t)
	out, text := c.text()
	require.Equal(t, exitGood, code, "%s%s", out, text)
	var d demoAnswer
	require.NoError(t, json.Unmarshal([]byte(out), &d))
	require.True(t, d.Equal)
	tables := 5
	if d.Sites[0].Parked > 0 {
		tables++ // the rows that wait aside
	}
	require.Len(t, d.Verify.Tables, tables)
	require.NotNil(t, d.Last)
	require.Empty(t, d.Parked)
	require.Empty(t, d.Stock.Wrong)
	require.Equal(t, d.Sites[0].Parked, d.Sites[1].Parked)
	for i, s := range d.Sites {
		require.NotZero(t, s.Conflicts)
		require.Zero(t, s.Kinds["drift"], "%s", s.Name)
		require.Equal(t, d.Stock.Start+d.Stock.Added[0]+d.Stock.Added[1], d.Stock.Held[i])
	}
	require.Len(t, d.Links, 2)
	for _, l := range d.Links {
		require.Zero(t, l.Echo)
	}
	require.Contains(t, text, "/shop.yaml")
}
