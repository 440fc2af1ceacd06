package project_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/project"
	"duplex/internal/schema"
	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

// undoing is a project between servers of two kinds, with conflicts made by hand.
type undoing struct {
	*testing.T
	sites *project.Sites
	undo  *project.Undoer
}

func newUndoing(t *testing.T) *undoing {
	if testing.Short() {
		t.Skip("starts servers")
	}
	kinds := servers.LogKinds()
	a, b := servers.For(t, kinds[0]), servers.For(t, kinds[len(kinds)-1])
	p := parse(t, fmt.Sprintf(`
name: shop
scenario: active-active
sites:
  west: {address: "%s", user: root, password: duplex}
  east: {address: "%s", user: root, password: duplex}
source: west
tables: {include: ["shop.*"]}
`, a.Addr(), b.Addr()))
	s, err := project.OpenSites(t.Context(), p, quiet(t))
	require.NoError(t, err)
	u := &undoing{t, s, s.Undoer()}
	t.Cleanup(func() {
		require.NoError(t, u.undo.Close())
		require.NoError(t, s.Close())
	})
	for _, site := range []string{"west", "east"} {
		require.NoError(t, checkpoint.Create(t.Context(), s.Tenant(site)))
		u.exec(site, "CREATE DATABASE shop")
		u.exec(site, "CREATE TABLE shop.stock (id int PRIMARY KEY, code varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin UNIQUE, qty int, "+
			"price decimal(30,10), raw varbinary(40), latin varchar(20) CHARACTER SET latin1, at timestamp(3) NULL, pick enum('a','b')) CHARSET utf8mb4")
		u.exec(site, "CREATE TABLE shop.gone (id int PRIMARY KEY)")
	}
	return u
}

func (u *undoing) exec(site, query string) {
	u.Helper()
	_, err := u.sites.Tenant(site).DB().ExecContext(context.WithoutCancel(u.Context()), query)
	require.NoError(u, err, query)
}

// row gives a row's image as it is; "" where there is none.
func (u *undoing) row(site, table string, id int) string {
	u.Helper()
	c := project.Conflict{Site: site, Conflict: checkpoint.Conflict{Table: "shop." + table, Local: fmt.Appendf(nil, `{"id":%d}`, id)}}
	now, err := u.undo.Row(u.Context(), &c)
	require.NoError(u, err)
	return string(now)
}

// conflict logs one and gives its name.
func (u *undoing) conflict(site string, c checkpoint.Conflict) project.ConflictRef {
	u.Helper()
	if c.Table == "" {
		c.Table = "shop.stock"
	}
	link := map[string]string{"west": "east>west", "east": "west>east"}[site]
	u.exec(site, string(checkpoint.New(u.sites.Tenant(site), "shop", link).AppendConflict(nil, &c)))
	all, err := u.sites.Conflicts(u.Context(), project.ConflictFilter{Site: site}, 1)
	require.NoError(u, err)
	return all[0].Ref()
}

func TestUndo(t *testing.T) {
	u := newUndoing(t)
	for _, site := range []string{"west", "east"} {
		for _, test := range []struct {
			name string
			run  func(u *undoing, site string)
		}{
			{"exact", undoExact}, {"each way", undoEachWay}, {"refused", undoRefused},
			{"other columns", undoOtherColumns}, {"locked", undoLocked}, {"renamed", undoRenamed},
		} {
			t.Run(site+" "+test.name, func(t *testing.T) {
				u.exec(site, "DELETE FROM shop.stock")
				test.run(&undoing{t, u.sites, u.undo}, site)
			})
		}
	}
}

// undoExact changes every value of a row, and gets each back.
func undoExact(u *undoing, site string) {
	u.exec(site, `INSERT INTO shop.stock VALUES (1, 'it''s "李"\\ \n', -7, -12345678901234567890.0123456789, x'00ff27', _latin1 x'e9', NULL, 2)`)
	lost := u.row(site, "stock", 1)
	require.Contains(u, lost, `"raw":{"base64":"AP8n"}`)
	u.exec(site, "UPDATE shop.stock SET code = NULL, qty = NULL, price = 0, raw = '', latin = NULL, at = '2026-01-02 03:04:05.678', pick = 1")
	kept := u.row(site, "stock", 1)
	ref := u.conflict(site, checkpoint.Conflict{Key: "id=1", Kind: "update-update", Policy: "newest", Winner: "incoming", Local: []byte(lost), Incoming: []byte(kept)})

	done, err := u.undo.Undo(u.Context(), ref, true)
	require.NoError(u, err)
	require.Equal(u, "update", done.Action)
	require.Equal(u, kept, u.row(site, "stock", 1), "a dry run")

	done, err = u.undo.Undo(u.Context(), ref, false)
	require.NoError(u, err)
	require.Equal(u, lost, u.row(site, "stock", 1))
	require.Equal(u, kept, string(done.Was))
	require.Equal(u, lost, string(done.Back))
	c, err := u.sites.Conflict(u.Context(), ref)
	require.NoError(u, err)
	require.WithinDuration(u, time.Now(), c.UndoneAt, time.Minute)

	all, err := u.sites.Conflicts(u.Context(), project.ConflictFilter{Site: site}, 1)
	require.NoError(u, err)
	log := all[0]
	require.Equal(u, []string{checkpoint.Undo, "incoming", "id=1", "shop.stock", c.Link}, []string{log.Kind, log.Winner, log.Key, log.Table, log.Link})
	require.Equal(u, []string{kept, lost}, []string{string(log.Local), string(log.Incoming)})
	_, err = u.undo.Undo(u.Context(), ref, false)
	require.ErrorIs(u, err, project.ErrUndone)

	_, err = u.undo.Undo(u.Context(), log.Ref(), false) // an undo can be undone
	require.NoError(u, err)
	require.Equal(u, kept, u.row(site, "stock", 1))
}

// undoEachWay has a case for each way in which a row can come, go and change.
func undoEachWay(u *undoing, site string) {
	image := func(id, qty int) []byte { return fmt.Appendf(nil, `{"id":%d,"code":"c%d","qty":%d}`, id, id, qty) }
	for _, c := range []struct {
		kind, winner    string
		local, incoming []byte
		now             bool // whether the row is there, with qty 9
		action          string
		want            string // its qty after, "" for no row
	}{
		{"insert-insert", "local", image(1, 9), image(1, 5), true, "update", `"qty":5`},
		{"insert-insert", "incoming", image(2, 5), image(2, 9), true, "update", `"qty":5`},
		{"update-delete", "incoming", image(3, 5), nil, false, "insert", `"qty":5`},
		{"update-delete", "local", image(4, 9), nil, true, "delete", ""},
		{"delete-update", "incoming", nil, image(5, 9), true, "delete", ""},
		{"delete-update", "local", nil, image(6, 5), false, "insert", `"qty":5`},
		{"drift", "incoming", image(7, 5), image(7, 9), true, "update", `"qty":5`},
		{"drift", "incoming", nil, image(8, 9), false, "none", ""}, // somebody deleted it since
		{"late", "incoming", image(9, 5), image(9, 8), false, "insert", `"qty":5`},
	} {
		local, incoming := c.local, c.incoming
		known := local
		if known == nil {
			known = incoming
		}
		id := int(known[6] - '0')
		if c.now {
			u.exec(site, fmt.Sprintf("INSERT INTO shop.stock (id, code, qty) VALUES (%d, 'c%d', 9)", id, id))
		}
		ref := u.conflict(site, checkpoint.Conflict{Key: fmt.Sprint("id=", id), Kind: c.kind, Winner: c.winner, Local: local, Incoming: incoming})
		done, err := u.undo.Undo(u.Context(), ref, false)
		require.NoError(u, err, "%s %s", c.kind, c.winner)
		require.Equal(u, c.action, done.Action, "%s %s", c.kind, c.winner)
		if now := u.row(site, "stock", id); c.want == "" {
			require.Empty(u, now, "%s %s", c.kind, c.winner)
		} else {
			require.Contains(u, now, c.want, "%s %s", c.kind, c.winner)
		}
	}
}

// undoRenamed goes to the table that had the name when the conflict was decided.
func undoRenamed(u *undoing, site string) {
	u.exec(site, "INSERT INTO shop.stock (id, qty) VALUES (1, 9)")
	ref := u.conflict(site, checkpoint.Conflict{Table: "shop.store", Kind: "update-update", Winner: "incoming", Local: []byte(`{"id":1,"qty":5}`), Incoming: []byte(`{"id":1,"qty":9}`)})
	name := func(s string) schema.Name { return schema.Name{Database: "shop", Name: s} }
	h := checkpoint.NewHistory(u.sites.Tenant(site), "shop")
	require.NoError(u, h.Add(u.Context(), []schema.Placed{
		{From: 7, Version: schema.Version{Name: name("store")}},
		{From: 7, Version: schema.Version{Name: name("stock"), Was: name("store"), Table: &schema.Table{}}},
		{From: 9, Version: schema.Version{Name: name("store"), Table: &schema.Table{}}},
	}))
	done, err := u.undo.Undo(u.Context(), ref, false)
	require.NoError(u, err)
	require.Equal(u, "update", done.Action)
	require.Contains(u, u.row(site, "stock", 1), `"qty":5`)
	all, err := u.sites.Conflicts(u.Context(), project.ConflictFilter{Site: site}, 1)
	require.NoError(u, err)
	require.Equal(u, "shop.stock", all[0].Table)

	gone := u.conflict(site, checkpoint.Conflict{Table: "shop.gone", Winner: "incoming", Local: []byte(`{"id":1}`)})
	require.NoError(u, h.Add(u.Context(), []schema.Placed{{From: 11, Version: schema.Version{Name: name("gone")}}}))
	_, err = u.undo.Undo(u.Context(), gone, false)
	require.ErrorIs(u, err, tenant.ErrNoTable)
	require.ErrorContains(u, err, "was dropped since")
	require.NoError(u, h.Clear(u.Context()))
}

// undoRefused leaves everything as it was.
func undoRefused(u *undoing, site string) {
	u.exec(site, "INSERT INTO shop.stock (id, code) VALUES (1, 'taken')")
	taken := u.conflict(site, checkpoint.Conflict{Kind: "unique-key", Winner: "incoming", Local: []byte(`{"id":2,"code":"taken"}`), Incoming: []byte(`{"id":1,"code":"taken"}`)})
	_, err := u.undo.Undo(u.Context(), taken, false)
	require.Equal(u, tenant.Duplicate, tenant.Classify(err), err)
	require.Empty(u, u.row(site, "stock", 2))
	c, err := u.sites.Conflict(u.Context(), taken)
	require.NoError(u, err)
	now, err := u.undo.Row(u.Context(), &c)
	require.NoError(u, err)
	require.Empty(u, now, "the row that lost, not the one that has the value")
	require.True(u, c.UndoneAt.IsZero())

	merged := u.conflict(site, checkpoint.Conflict{Kind: "update-update", Winner: "both", Local: []byte(`{"id":1}`), Incoming: []byte(`{"id":1}`)})
	_, err = u.undo.Undo(u.Context(), merged, false)
	require.ErrorIs(u, err, project.ErrNothingLost)
	gone := u.conflict(site, checkpoint.Conflict{Table: "shop.no_such", Winner: "incoming", Local: []byte(`{"id":1}`)})
	_, err = u.undo.Undo(u.Context(), gone, false)
	require.ErrorIs(u, err, tenant.ErrNoTable)
	_, err = u.undo.Undo(u.Context(), project.ConflictRef{Site: site, ID: 1 << 40}, false)
	require.ErrorIs(u, err, checkpoint.ErrNoConflict)
	broken := u.conflict(site, checkpoint.Conflict{Winner: "incoming", Local: []byte(`{"qty":1}`)})
	_, err = u.undo.Undo(u.Context(), broken, false)
	require.ErrorIs(u, err, project.ErrNoKey)
	long := u.conflict(site, checkpoint.Conflict{Winner: "incoming", Local: []byte(`{"id":3,"code":"` + fmt.Sprintf("%030d", 0) + `"}`)})
	_, err = u.undo.Undo(u.Context(), long, false)
	require.ErrorContains(u, err, "code", "nothing is cut")
	require.Empty(u, u.row(site, "stock", 3))

	u.exec(site, "CREATE TABLE shop.part (id int PRIMARY KEY, stock int, FOREIGN KEY (stock) REFERENCES shop.stock (id))")
	orphan := u.conflict(site, checkpoint.Conflict{Table: "shop.part", Winner: "incoming", Local: []byte(`{"id":1,"stock":99}`)})
	_, err = u.undo.Undo(u.Context(), orphan, false)
	require.EqualValues(u, 1452, tenant.Code(err), err)
	require.Empty(u, u.row(site, "part", 1))
	u.exec(site, "DROP TABLE shop.part")
}

// undoOtherColumns undoes what was decided before the table was altered.
func undoOtherColumns(u *undoing, site string) {
	u.exec(site, "CREATE TABLE shop.altered (id int PRIMARY KEY, old int, was int, at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)")
	u.exec(site, "INSERT INTO shop.altered VALUES (1, 10, 20, '2026-01-01 00:00:00')")
	lost := []byte(`{"id":1,"old":11,"was":21,"at":"2025-05-05 05:05:05"}`)
	u.exec(site, "ALTER TABLE shop.altered DROP COLUMN old, ADD COLUMN added varchar(10) NOT NULL DEFAULT 'new'")
	u.exec(site, "UPDATE shop.altered SET added = 'kept'")
	ref := u.conflict(site, checkpoint.Conflict{Table: "shop.altered", Winner: "incoming", Local: lost, Incoming: []byte(`{"id":1}`)})
	_, err := u.undo.Undo(u.Context(), ref, false)
	require.NoError(u, err)
	require.Equal(u, `{"id":1,"was":21,"at":"2025-05-05 05:05:05","added":"kept"}`, u.row(site, "altered", 1))

	ref = u.conflict(site, checkpoint.Conflict{Table: "shop.altered", Winner: "incoming", Local: []byte(`{"id":2,"was":22,"old":5}`)})
	_, err = u.undo.Undo(u.Context(), ref, false)
	require.NoError(u, err)
	require.Contains(u, u.row(site, "altered", 2), `"was":22`)
	require.Contains(u, u.row(site, "altered", 2), `"added":"new"`)
}

// undoLocked waits for another writer of the row, and puts the image over what
// that one wrote.
func undoLocked(u *undoing, site string) {
	u.exec(site, "INSERT INTO shop.stock (id, qty) VALUES (1, 1)")
	ref := u.conflict(site, checkpoint.Conflict{Key: "id=1", Winner: "incoming", Local: []byte(`{"id":1,"qty":2}`)})
	tx, err := u.sites.Tenant(site).DB().BeginTx(u.Context(), nil)
	require.NoError(u, err)
	_, err = tx.ExecContext(u.Context(), "UPDATE shop.stock SET qty = 77")
	require.NoError(u, err)
	type result struct {
		done project.Undone
		err  error
	}
	ended := make(chan result, 1)
	go func() {
		done, err := u.undo.Undo(u.Context(), ref, false)
		ended <- result{done, err}
	}()
	waits := "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
	if u.sites.Tenant(site).Kind == tenant.OceanBase {
		waits = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT%shop%stock%FOR UPDATE'"
	}
	require.Eventually(u, func() bool {
		var n int
		err := u.sites.Tenant(site).DB().QueryRowContext(u.Context(), waits).Scan(&n)
		return err == nil && n == 1
	}, 9*time.Second, 250*time.Millisecond) // the server shows the same as before to who asks again within 0.1 s
	require.NoError(u, tx.Commit())
	r := <-ended
	require.NoError(u, r.err)
	image, err := change.ParseJSON([]change.Column{{Name: "qty", Kind: change.Int}}, r.done.Was)
	require.NoError(u, err)
	require.Equal(u, change.OfInt(77), image[0])
	require.Contains(u, u.row(site, "stock", 1), `"qty":2`)
}

// TestConflictsOfBothSites merges the logs, and counts per link.
func TestConflictsOfBothSites(t *testing.T) {
	u := newUndoing(t)
	ctx := t.Context()
	at := func(second int) time.Time { return time.Date(2026, 1, 2, 3, 4, second, 0, time.UTC) }
	for i := range 6 {
		site := []string{"west", "east"}[i%2]
		kind := []string{"update-update", "drift", "late"}[i%3]
		u.exec(site, string(checkpoint.New(nil, "shop", map[string]string{"west": "east>west", "east": "west>east"}[site]).
			AppendConflict(nil, &checkpoint.Conflict{Table: "shop.stock", Key: fmt.Sprint("id=", i), Kind: kind, Winner: "incoming", DecidedAt: at(i)})))
	}
	list, err := u.sites.Conflicts(ctx, project.ConflictFilter{}, 4)
	require.NoError(t, err)
	var got []string
	for _, c := range list {
		got = append(got, c.Site+" "+c.Key)
	}
	require.Equal(t, []string{"east id=5", "west id=4", "east id=3", "west id=2"}, got)
	kinds, err := u.sites.ConflictKinds(ctx, project.ConflictFilter{})
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{"update-update": 2, "drift": 2, "late": 2}, kinds)

	refs, err := u.sites.FindConflicts(ctx, project.ConflictFilter{ConflictFilter: checkpoint.ConflictFilter{Kind: "drift"}})
	require.NoError(t, err)
	require.Equal(t, []string{"west:3", "east:1"}, []string{refs[0].String(), refs[1].String()})
	n, err := u.sites.AcceptConflicts(ctx, refs, func(int) {})
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	open, err := u.sites.FindConflicts(ctx, project.ConflictFilter{ConflictFilter: checkpoint.ConflictFilter{Open: true}})
	require.NoError(t, err)
	require.Len(t, open, 4)
	_, err = u.sites.Conflicts(ctx, project.ConflictFilter{Site: "north"}, 1)
	require.ErrorContains(t, err, "west and east")
	for _, broken := range []string{"west", "west:", "west:x", "north:1", ":1"} {
		_, err := u.sites.ConflictRef(broken)
		require.Error(t, err, broken)
	}

	n, err = u.sites.PurgeConflicts(ctx, "", at(4), func(int64) {})
	require.NoError(t, err)
	require.EqualValues(t, 4, n)
	list, err = u.sites.Conflicts(ctx, project.ConflictFilter{}, 0)
	require.NoError(t, err)
	require.Len(t, list, 2)
}
