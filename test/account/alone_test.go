package account_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/stretchr/testify/require"

	"duplex/test/account"
	"duplex/test/tenant"
)

// TestAlone: two sites with nothing between them. Each is accounted for by its
// own history, over a SIGKILL of the server, and nothing is seen that was never
// written: the history is true. Against both histories the checker finds what
// is missing on either side.
func TestAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	for _, kind := range tenant.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			work := &account.Work{Seed: 1, Writers: 8, Pause: 4 * time.Millisecond, Skew: 10 * time.Second}
			if kind == tenant.OceanBase {
				work.Skew = 0
			}
			var states [2]*account.State
			var fill [2]*account.Txn
			var servers [2]*tenant.Server
			var dbs [2]*sql.DB
			for i := range servers {
				servers[i] = tenant.For(t, kind)
				dbs[i] = servers[i].DB(t)
				var err error
				fill[i], err = account.Fill(t.Context(), dbs[i])
				require.NoError(t, err)
				require.NoError(t, account.Prepare(t.Context(), dbs[i]))
				require.NoError(t, work.Start(i, servers[i]))
			}
			defer func() { require.NoError(t, work.Stop()) }()
			reach(t, work, 600)
			require.NoError(t, servers[0].Kill(t.Context()))
			require.NoError(t, servers[0].Restart(t.Context()))
			reach(t, work, 1500)
			require.NoError(t, work.Stop())
			for i := range states {
				var err error
				states[i], err = account.Read(t.Context(), dbs[i])
				require.NoError(t, err)
				r := &account.Record{Began: work.Began(), History: []*account.Txn{fill[i]}, Sites: []*account.State{states[i]}}
				for _, txn := range work.History() {
					if txn.Site == i {
						r.History = append(r.History, txn)
					}
				}
				report := account.Check(r, account.Options{Orphans: true})
				t.Logf("site %c alone: %s", 'a'+i, report)
				require.Empty(t, report.Faults)
				require.Zero(t, report.Returned)
				spoilRows(t, r)
			}
			both := &account.Record{Began: work.Began(), History: append([]*account.Txn{fill[0]}, work.History()...), Sites: states[:]}
			kinds := map[account.FaultKind]int{}
			for _, f := range account.Check(both, account.Options{}).Faults {
				kinds[f.Kind]++
			}
			require.NotZero(t, kinds[account.Differ])
		})
	}
}

func reach(t *testing.T, work *account.Work, transactions int64) {
	t.Helper()
	require.Eventually(t, func() bool { n, _ := work.Counts(); return n >= transactions }, time.Minute, 20*time.Millisecond)
}

// spoilRows takes rows away from a true state: each is missed, but for those of
// transactions that may have come to nothing, and what these may have taken away.
func spoilRows(t *testing.T, r *account.Record) {
	t.Helper()
	s := r.Sites[0]
	unknown := map[string]bool{}
	for _, txn := range r.History {
		for i := range txn.Rows {
			if txn.Outcome == account.Unknown {
				unknown[txn.Token(i)], unknown[txn.Rows[i].Seen] = true, true
			}
		}
	}
	for k, held := range s.Rows {
		if unknown[held.Token] {
			continue
		}
		delete(s.Rows, k)
		report := account.Check(r, account.Options{})
		require.Len(t, report.Faults, 1, "without %s", k)
		require.Equal(t, account.Vanished, report.Faults[0].Kind)
		require.Contains(t, report.Faults[0].Text, held.Token)
		s.Rows[k] = held
	}
}

// TestClock: a session's own clock is what the server's log has as the time of
// the commit.
func TestClock(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	for _, kind := range tenant.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			if kind == tenant.OceanBase {
				t.Skip("the kernel's clock alone counts")
			}
			s := tenant.For(t, kind)
			_, db := s.Database(t)
			conn, err := db.Conn(t.Context())
			require.NoError(t, err)
			defer conn.Close()
			_, err = conn.ExecContext(t.Context(), "CREATE TABLE t (id int NOT NULL PRIMARY KEY) ENGINE=InnoDB")
			require.NoError(t, err)
			for i, shift := range []time.Duration{5 * time.Second, -5 * time.Second, 0, -time.Hour} {
				from := end(t, db)
				now := time.Now()
				for _, q := range []string{
					fmt.Sprintf("SET timestamp = %d.000000", now.Add(shift).Unix()), "BEGIN",
					fmt.Sprintf("INSERT INTO t VALUES (%d)", i), "COMMIT",
				} {
					_, err := conn.ExecContext(t.Context(), q)
					require.NoError(t, err)
				}
				require.Equal(t, now.Add(shift).Unix(), committed(t, s, from), "shift %v", shift)
			}
		})
	}
}

// end is where the log ends.
func end(t *testing.T, db *sql.DB) (at mysql.Position) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SHOW MASTER STATUS")
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	rest := make([]any, len(columns))
	for i := range rest {
		rest[i] = new(sql.RawBytes)
	}
	rest[0], rest[1] = &at.Name, &at.Pos
	require.True(t, rows.Next())
	require.NoError(t, rows.Scan(rest...))
	require.NoError(t, rows.Err())
	return at
}

// committed is the time of the first commit behind a place in the log.
func committed(t *testing.T, s *tenant.Server, from mysql.Position) int64 {
	t.Helper()
	flavor := mysql.MySQLFlavor
	if s.Kind() == tenant.MariaDB {
		flavor = mysql.MariaDBFlavor
	}
	syncer := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{
		ServerID: 1 << 30, Flavor: flavor, Host: s.Host(), Port: uint16(s.Port()), User: s.User(), Password: s.Password(),
		Logger: slog.New(slog.DiscardHandler),
	})
	defer syncer.Close()
	stream, err := syncer.StartSync(from)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		e, err := stream.GetEvent(ctx)
		require.NoError(t, err)
		if _, ok := e.Event.(*replication.XIDEvent); ok {
			return int64(e.Header.Timestamp)
		}
	}
}
