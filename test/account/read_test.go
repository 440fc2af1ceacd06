package account_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	product "duplex/internal/tenant"
	"duplex/test/account"
	"duplex/test/tenant"
)

// TestRead: what the product writes into its own tables is read as what it
// means.
func TestRead(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	for _, kind := range tenant.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			s := tenant.For(t, kind)
			db := s.DB(t)
			fill, err := account.Fill(t.Context(), db)
			require.NoError(t, err)
			before, err := account.Read(t.Context(), db)
			require.NoError(t, err)
			require.Len(t, before.Rows, len(fill.Rows))
			require.Empty(t, before.Conflicts)

			x, err := product.Open(t.Context(), product.Config{Site: "a", Address: s.Addr(), User: s.User(), Password: s.Password()})
			require.NoError(t, err)
			defer x.Close()
			require.NoError(t, checkpoint.Create(t.Context(), x))
			columns := []change.Column{{Name: "id", Kind: change.Text, Charset: "utf8mb4"}, {Name: "code", Kind: change.Int}, {Name: "token", Kind: change.Text, Charset: "utf8mb4"}}
			row := func(id, token string) []change.Value {
				return []change.Value{change.OfText([]byte(id)), {}, change.OfText([]byte(token))}
			}
			image := func(id, token string) []byte { return change.AppendJSON(nil, columns, row(id, token)) }
			logged := []checkpoint.Conflict{
				{Table: "account.named", Key: `id="K3"`, Kind: "update-update", Policy: "newest", Winner: "incoming",
					Local: image("K3", "[b:1:2.3]"), Incoming: image("k3", "[a:4:5.6]"), LocalStamp: "7/8", IncomingStamp: "9/10"},
				{Table: "account.named", Key: `id="K4"`, Kind: "update-delete", Policy: "newest", Winner: "local", Local: image("k4", "[b:1:2.4]")},
				{Table: "account.badge", Key: `id=5`, Kind: "unique-key", Policy: "newest", Winner: "local"},
			}
			_, err = db.ExecContext(t.Context(), string(checkpoint.New(x, "account", "a>b").AppendConflicts(nil, logged)))
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), "INSERT INTO duplex.parked (project, table_name, key_hash, row_id, image, version, site_rank, sub, reason, "+
				"blocked_by, parked_at) VALUES ('account', '`account`.`named`', 1, 'k5', ?, 1, 0, 0, '', '', NOW())", change.AppendImage(nil, row("k5", "[a:1:22.3]")))
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), "SET foreign_key_checks = 0; DELETE FROM account.plain WHERE id = 6; SET foreign_key_checks = 1")
			require.NoError(t, err)

			state, err := account.Read(t.Context(), db)
			require.NoError(t, err)
			require.Equal(t, []account.Key{account.KeyOf("child", "6")}, state.Orphans)
			require.Len(t, state.Parked, 1)
			require.Equal(t, "named", state.Parked[0].Table)
			require.Equal(t, "[a:1:22.3]", state.Parked[0].Token)
			require.Len(t, state.Conflicts, 3)
			first := state.Conflicts[0]
			require.Equal(t, account.Image{Key: account.KeyOf("named", "k3"), Token: "[b:1:2.3]", Text: string(logged[0].Local)}, first.Local)
			require.Equal(t, "[a:4:5.6]", first.Incoming.Token)
			require.Equal(t, [3]string{"a>b", "7/8", "9/10"}, [3]string{first.Link, first.LocalStamp, first.IncomingStamp})
			for i, k := range []account.Key{account.KeyOf("named", "k3"), account.KeyOf("named", "k4"), account.KeyOf("badge", "5")} {
				require.Equal(t, k, state.Conflicts[i].Loser())
			}
		})
	}
}
