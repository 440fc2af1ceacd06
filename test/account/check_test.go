package account_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/test/account"
)

// A scene is a small record by hand: one row, k, and what it takes to judge it.
type scene struct {
	account.Record
	n int
}

var k, k2 = account.KeyOf("plain", "7"), account.KeyOf("plain", "8")

func newScene() *scene {
	s := &scene{}
	for range 2 {
		s.Sites = append(s.Sites, &account.State{Rows: map[account.Key]account.Held{}})
	}
	return s
}

// write adds a transaction; each row is given as key, token and token seen.
func (s *scene) write(site int, rows ...account.Row) *account.Txn {
	s.n++
	at := time.Duration(s.n) * time.Second
	t := &account.Txn{Site: site, N: s.n, Start: at, Ack: at + time.Millisecond, Outcome: account.Acknowledged, Rows: rows}
	s.History = append(s.History, t)
	return t
}

func (s *scene) hold(key account.Key, token string) {
	for _, site := range s.Sites {
		site.Rows[key] = account.Held{Token: token, Text: token}
	}
}

func (s *scene) park(key account.Key, token string) {
	for _, site := range s.Sites {
		site.Parked = append(site.Parked, account.Parked{Table: key.Table, Token: token, Text: key.String() + token})
	}
}

func (s *scene) log(site int, kind, winner string, local, incoming account.Image) *account.Conflict {
	s.n++
	log := &s.Sites[site].Conflicts
	*log = append(*log, account.Conflict{ID: int64(s.n), Link: []string{"b>a", "a>b"}[site], Table: "account.plain", RowKey: "id=7", Kind: kind, Winner: winner,
		Local: local, Incoming: incoming, LocalStamp: fmt.Sprint(s.n), IncomingStamp: fmt.Sprint(s.n)})
	return &(*log)[len(*log)-1]
}

func image(key account.Key, token string) account.Image {
	return account.Image{Key: key, Token: token, Text: "{" + token + "}"}
}

func row(key account.Key, token, seen string) account.Row {
	return account.Row{Key: key, Token: token, Seen: seen}
}

// conflict is a scene as it must be: y of site b loses to x of site a, and z,
// of another row, is overwritten and the row deleted.
func conflict() *scene {
	s := newScene()
	s.write(0, row(k, "s", ""))
	s.write(0, row(k, "x", "s"))
	s.write(1, row(k, "y", "s"))
	s.write(1, row(k2, "z", ""))
	s.write(0, row(k2, "", "z"))
	s.hold(k, "x")
	s.log(0, "update-update", "local", image(k, "x"), image(k, "y"))
	s.log(1, "update-update", "incoming", image(k, "y"), image(k, "x"))
	return s
}

// TestCheck shows that each fault is found, and what is no fault.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		want  []account.FaultKind
		spoil func(s *scene)
	}{
		{"as it must be", nil, func(*scene) {}},
		{"logged on one site only", nil, func(s *scene) { s.Sites[0].Conflicts = nil }},
		{"a write vanished", []account.FaultKind{account.Vanished}, func(s *scene) { s.Sites[0].Conflicts, s.Sites[1].Conflicts = nil, nil }},
		{"a visible write vanished", []account.FaultKind{account.Vanished}, func(s *scene) {
			delete(s.Sites[0].Rows, k)
			delete(s.Sites[1].Rows, k)
		}},
		{"the decision was undone, and nothing came back", []account.FaultKind{account.Vanished}, func(s *scene) {
			s.Sites[0].Conflicts[0].Undone, s.Sites[1].Conflicts[0].Undone = true, true
		}},
		{"a row differs", []account.FaultKind{account.Differ}, func(s *scene) { s.Sites[1].Rows[k] = account.Held{Token: "x", Text: "other"} }},
		{"a row on one site only", []account.FaultKind{account.Differ}, func(s *scene) { delete(s.Sites[1].Rows, k) }},
		{"a row on the other site only", []account.FaultKind{account.Differ}, func(s *scene) { delete(s.Sites[0].Rows, k) }},
		{"the loser is visible", []account.FaultKind{account.LostVisible, account.Vanished}, func(s *scene) { s.hold(k, "y") }},
		{"an overwritten write is visible", []account.FaultKind{account.OverVisible, account.Vanished}, func(s *scene) { s.hold(k, "s") }},
		{"a row is there in spite of its deletion", []account.FaultKind{account.OverVisible, account.Vanished}, func(s *scene) { s.hold(k2, "z") }},
		{"inserted again", nil, func(s *scene) { s.write(1, row(k2, "n", "")); s.hold(k2, "n") }},
		{"inserted before, and the deletion had no effect", []account.FaultKind{account.Vanished}, func(s *scene) {
			s.write(0, row(k2, "n", "")).Ack = 4 * time.Second
			s.hold(k2, "n")
		}},
		{"a deletion lost", nil, func(s *scene) {
			s.write(1, row(k2, "w", "z"))
			s.hold(k2, "w")
			s.log(0, "delete-update", "incoming", account.Image{}, image(k2, "w"))
		}},
		{"a deletion, and then a row that came and went", nil, func(s *scene) {
			s.write(0, row(k2, "", ""))
			s.write(1, row(k2, "w", "z"))
			s.hold(k2, "w")
		}},
		{"a deletion vanished", []account.FaultKind{account.Vanished}, func(s *scene) {
			s.write(1, row(k2, "w", "z"))
			s.hold(k2, "w")
		}},
		{"a deletion of the other site lost", []account.FaultKind{account.Vanished}, func(s *scene) {
			s.write(1, row(k2, "w", "z"))
			s.hold(k2, "w")
			s.log(0, "update-delete", "local", image(k2, "w"), account.Image{})
		}},
		{"a deletion of another time lost", []account.FaultKind{account.Vanished}, func(s *scene) {
			s.Began = time.Now()
			s.write(1, row(k2, "w", "z"))
			s.hold(k2, "w")
			s.log(0, "delete-update", "incoming", account.Image{}, image(k2, "w")).LostAt = s.Began.Add(8 * time.Second)
		}},
		{"a deletion lost by a clock that was wrong", nil, func(s *scene) {
			s.Began = time.Now()
			s.History[4].Shift = 3 * time.Second
			s.write(1, row(k2, "w", "z"))
			s.hold(k2, "w")
			s.log(0, "delete-update", "incoming", account.Image{}, image(k2, "w")).LostAt = s.Began.Add(8 * time.Second)
		}},
		{"a deletion vanished, and the key was inserted later", []account.FaultKind{account.Vanished}, func(s *scene) {
			s.write(1, row(k2, "w", "z"))
			s.write(0, row(k2, "q", "w"))
			s.write(0, row(k2, "", "q"))
			s.write(1, row(k2, "n", ""))
			s.hold(k2, "n")
		}},
		{"a deletion was seen", nil, func(s *scene) {
			s.write(0, row(k2, "n", ""))
			s.write(1, row(k2, "m", "n"))
			s.hold(k2, "m")
		}},
		{"overwritten by a refused one", []account.FaultKind{account.Vanished}, func(s *scene) {
			s.write(0, row(k, "r", "x")).Outcome = account.Refused
			delete(s.Sites[0].Rows, k)
			delete(s.Sites[1].Rows, k)
		}},
		{"overwritten by an unknown one", nil, func(s *scene) {
			s.write(0, row(k, "", "x")).Outcome = account.Unknown
			delete(s.Sites[0].Rows, k)
			delete(s.Sites[1].Rows, k)
		}},
		{"an unknown one came to nothing", nil, func(s *scene) { s.write(0, row(k, "u", "x")).Outcome = account.Unknown }},
		{"an unknown one is there", nil, func(s *scene) { s.write(0, row(k, "u", "x")).Outcome = account.Unknown; s.hold(k, "u") }},
		{"a refused one is visible", []account.FaultKind{account.RefusedThere, account.RefusedThere, account.Vanished}, func(s *scene) {
			s.write(0, row(k, "r", "x")).Outcome = account.Refused
			s.hold(k, "r")
		}},
		{"a refused one was seen", []account.FaultKind{account.RefusedThere}, func(s *scene) {
			s.write(0, row(k, "r", "x")).Outcome = account.Refused
			s.write(1, row(k, "v", "r"))
			s.write(1, row(k, "w", "x"), row(k2, "n", ""))
			s.hold(k, "w")
			s.hold(k2, "n")
			s.log(0, "update-update", "local", image(k, "w"), image(k, "v"))
		}},
		{"nobody wrote it", []account.FaultKind{account.NeverWritten, account.NeverWritten, account.Vanished}, func(s *scene) { s.hold(k, "?") }},
		{"in another row", []account.FaultKind{account.Elsewhere, account.Elsewhere, account.Vanished}, func(s *scene) { s.hold(k2, "x") }},
		{"a row twice in one reading", []account.FaultKind{account.Twice}, func(s *scene) { s.Sites[0].Faults = []string{"row plain 7 is there twice"} }},
		{"parked and in the table", []account.FaultKind{account.Twice, account.Twice}, func(s *scene) { s.park(k, "x") }},
		{"parked twice", []account.FaultKind{account.Twice, account.Twice}, func(s *scene) {
			clear(s.Sites[0].Rows)
			clear(s.Sites[1].Rows)
			s.park(k, "x")
			s.park(k, "x")
		}},
		{"parked", nil, func(s *scene) {
			clear(s.Sites[0].Rows)
			clear(s.Sites[1].Rows)
			s.park(k, "x")
			s.log(0, "unique-key", "incoming", image(k, "x"), image(k2, "z"))
		}},
		{"parked with its parent", nil, func(s *scene) {
			clear(s.Sites[0].Rows)
			clear(s.Sites[1].Rows)
			s.park(k, "x")
			s.log(0, "foreign-key", "incoming", image(k, "x"), account.Image{})
		}},
		{"parked on one site only", []account.FaultKind{account.ParkedDiffer}, func(s *scene) {
			s.write(0, row(account.KeyOf("plain", "9"), "p", ""))
			s.park(account.KeyOf("plain", "9"), "p")
			s.Sites[1].Parked = nil
		}},
		{"parked on the other site only", []account.FaultKind{account.ParkedDiffer}, func(s *scene) {
			s.write(0, row(account.KeyOf("plain", "9"), "p", ""))
			s.park(account.KeyOf("plain", "9"), "p")
			s.Sites[0].Parked = nil
		}},
		{"parked with nothing that was written", []account.FaultKind{account.NeverWritten, account.NeverWritten}, func(s *scene) { s.park(k, "?") }},
		{"back from where it was parked", nil, func(s *scene) { s.log(1, "unique-key", "incoming", image(k, "x"), image(k2, "z")) }},
		{"drift", []account.FaultKind{account.DriftLogged}, func(s *scene) { s.log(1, "drift", "incoming", image(k, "s"), image(k, "x")) }},
		{"logged twice", []account.FaultKind{account.LoggedTwice}, func(s *scene) { s.Sites[0].Conflicts = append(s.Sites[0].Conflicts, s.Sites[0].Conflicts[0]) }},
		{"the log holds what nobody wrote", []account.FaultKind{account.NeverWritten}, func(s *scene) {
			s.log(0, "update-update", "local", image(k, "x"), image(k, "?"))
		}},
		{"one token, two writes", []account.FaultKind{account.RepeatedHistory}, func(s *scene) { s.write(1, row(k, "y", "s")) }},
		{"a child without a parent", []account.FaultKind{account.ChildWithout}, func(s *scene) { s.Sites[0].Orphans = []account.Key{k} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := conflict()
			c.spoil(s)
			report := account.Check(&s.Record, account.Options{Orphans: true})
			var kinds []account.FaultKind
			for _, f := range report.Faults {
				kinds = append(kinds, f.Kind)
			}
			require.ElementsMatch(t, c.want, kinds, "%s", report)
			require.Equal(t, report.Writes, report.Visible+report.Overwritten+report.Lost+report.Vanished)
		})
	}
}

// TestTorn: of a transaction with two rows one vanished.
func TestTorn(t *testing.T) {
	s := conflict()
	s.write(0, row(k, "", "x"), row(account.KeyOf("seat", "1"), "t", ""))
	clear(s.Sites[0].Rows)
	clear(s.Sites[1].Rows)
	report := account.Check(&s.Record, account.Options{})
	require.Len(t, report.Faults, 1)
	require.Equal(t, 1, report.Torn)
	require.Contains(t, report.String(), "insert seat 1 t of transaction a:0:8, 1 of whose 2 rows vanished")
}

// TestStory: a vanished write comes with what both sites did to its row and
// what both logs say of it.
func TestStory(t *testing.T) {
	s := conflict()
	s.write(1, row(k, "v", "x"))
	told := account.Check(&s.Record, account.Options{}).String()
	for _, line := range []string{
		"VANISHED: update plain 7 v over x of transaction b:0:8, 1 of whose 1 rows vanished",
		"8.000 to     8.001 s, clock +0.0 s  update plain 7 v over x: acknowledged",
		"a holds x", "b holds x", "1 times vanished",
	} {
		require.Contains(t, told, line)
	}
	require.NotContains(t, told, "b:0:4", "it is of another row")
}

// TestRecord: what is written to a file is judged as before.
func TestRecord(t *testing.T) {
	s := conflict()
	s.Sites[0].Conflicts, s.Sites[1].Conflicts = nil, nil
	path := filepath.Join(t.TempDir(), "record")
	require.NoError(t, s.Save(path))
	r, err := account.Load(path)
	require.NoError(t, err)
	require.Equal(t, account.Check(&s.Record, account.Options{}), account.Check(r, account.Options{}))
}

// TestModel: two sites in memory write the same few rows and send each other
// all they did, the later one winning. The checker finds nothing; then one
// thing at a time is taken away or put back, and it finds each.
func TestModel(t *testing.T) {
	for seed := range uint64(10) {
		m := newModel(seed)
		report := account.Check(m.record(), account.Options{})
		require.Empty(t, report.Faults, "seed %d: %s", seed, report)
		require.NotZero(t, report.Lost)
		require.NotZero(t, report.Overwritten)
		m.spoil(t, seed)
	}
}

// A model is two sites in rounds: in each, both write on what they have, then
// each gets what the other wrote.
type model struct {
	rng    *rand.Rand
	n      int
	txns   []*account.Txn
	latest map[account.Key]string // what stays
	logs   [2][]account.Conflict
}

func newModel(seed uint64) *model {
	m := &model{rng: rand.New(rand.NewPCG(seed, 5)), latest: map[account.Key]string{}}
	for range 60 {
		m.round()
	}
	return m
}

func (m *model) round() {
	var wrote [2]map[account.Key]string
	for site := range wrote {
		wrote[site] = map[account.Key]string{}
		for range m.rng.IntN(4) {
			m.n++
			at := time.Duration(m.n) * time.Millisecond
			t := &account.Txn{Site: site, N: m.n, Start: at, Ack: at, Outcome: account.Acknowledged}
			for i := range 1 + m.rng.IntN(2) {
				key := account.KeyOf("plain", fmt.Sprint(2*m.rng.IntN(3)+i))
				seen, ok := wrote[site][key]
				if !ok {
					seen = m.latest[key]
				}
				token := t.Token(i)
				if seen != "" && m.rng.IntN(4) == 0 {
					token = ""
				}
				t.Rows = append(t.Rows, row(key, token, seen))
				wrote[site][key] = token
			}
			m.txns = append(m.txns, t)
		}
	}
	for site, rows := range wrote {
		for key, token := range rows {
			other, both := wrote[1-site][key]
			if both && site == 0 && (token != "" || other != "") { // b wins
				m.decide(key, token, other)
			}
			if !both || site == 1 {
				m.latest[key] = token
			}
		}
	}
}

// decide logs on both sites that lost gave way to won.
func (m *model) decide(key account.Key, lost, won string) {
	of := func(token string) account.Image {
		if token == "" {
			return account.Image{}
		}
		return image(key, token)
	}
	c := account.Conflict{ID: int64(m.n), Link: "b>a", Table: "account.plain", RowKey: "id=" + key.ID, Kind: "update-update", Winner: "incoming",
		Local: of(lost), Incoming: of(won), LocalStamp: fmt.Sprint(m.n), IncomingStamp: fmt.Sprint(m.n)}
	m.logs[0] = append(m.logs[0], c)
	c.Link, c.Winner, c.Local, c.Incoming = "a>b", "local", c.Incoming, c.Local
	m.logs[1] = append(m.logs[1], c)
}

func (m *model) record() *account.Record {
	r := &account.Record{History: m.txns}
	for _, log := range m.logs {
		s := &account.State{Rows: map[account.Key]account.Held{}, Conflicts: log}
		for key, token := range m.latest {
			if token != "" {
				s.Rows[key] = account.Held{Token: token, Text: token}
			}
		}
		r.Sites = append(r.Sites, s)
	}
	return r
}

// spoil breaks the record in one way after the other.
func (m *model) spoil(t *testing.T, seed uint64) {
	found := func(r *account.Record, what string, kind account.FaultKind) {
		t.Helper()
		report := account.Check(r, account.Options{})
		for _, f := range report.Faults {
			if f.Kind == kind {
				return
			}
		}
		t.Fatalf("seed %d: %s is not found: %s", seed, what, report)
	}
	for key, token := range m.latest {
		if token == "" {
			continue
		}
		r := m.record()
		delete(r.Sites[0].Rows, key)
		found(r, "a row missing on one site", account.Differ)
		delete(r.Sites[1].Rows, key)
		found(r, "a row missing on both sites", account.Vanished)
	}
	seen := map[string]bool{}
	for _, txn := range m.txns {
		for _, w := range txn.Rows {
			seen[w.Seen] = true
		}
	}
	for i, c := range m.logs[0] {
		if c.Local.Token == "" || seen[c.Local.Token] {
			continue
		}
		r := m.record()
		for _, s := range r.Sites {
			s.Conflicts = append(append([]account.Conflict(nil), s.Conflicts[:i]...), s.Conflicts[i+1:]...)
		}
		found(r, "a decision missing in both logs", account.Vanished)
		r = m.record()
		for _, s := range r.Sites {
			s.Rows[c.Local.Key] = account.Held{Token: c.Local.Token, Text: c.Local.Token}
		}
		found(r, "a loser come back", account.LostVisible)
	}
	for _, txn := range m.txns {
		r := m.record()
		r.History = append([]*account.Txn(nil), m.txns...)
		before := *txn
		txn.Outcome = account.Refused
		touched := false
		for _, w := range txn.Rows {
			touched = touched || w.Token != ""
		}
		if report := account.Check(r, account.Options{}); touched && len(report.Faults) == 0 {
			t.Fatalf("seed %d: that %s was rolled back is not found", seed, txn.ID())
		}
		*txn = before
	}
}
