package account_test

import (
	"database/sql"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/test/account"
	"duplex/test/e2e"
	"duplex/test/tenant"
)

// chosen are the kinds of server to run on: those of normal, or the one that
// DUPLEX_FIXTURE names.
func chosen(t *testing.T, normal ...tenant.Kind) []tenant.Kind {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	if kind := os.Getenv("DUPLEX_FIXTURE"); kind != "" {
		return []tenant.Kind{tenant.Kind(kind)}
	}
	return normal
}

// TestAccount: both sites write the same 200 rows, with clocks that are wrong,
// while the program is killed, databases are killed and connections cut. In the
// end both are the same, and each acknowledged write is visible, overwritten by
// one that had seen it, or in the conflict log. DUPLEX_FOR is for how long,
// DUPLEX_RECORD a file for all that is known, DUPLEX_ORPHANS
// 0 lets a child without a parent pass.
func TestAccount(t *testing.T) {
	kinds := tenant.LogKinds()
	if !slices.Contains(kinds, tenant.OceanBase) {
		kinds = append(kinds, tenant.OceanBase)
	}
	for _, kind := range chosen(t, kinds...) {
		t.Run(string(kind), func(t *testing.T) { testAccount(t, kind) })
	}
}

func testAccount(t *testing.T, kind tenant.Kind) {
	length, every := 12*time.Second, 4*time.Second
	work := &account.Work{Seed: uint64(e2e.Number(t, "DUPLEX_SEED", 1)), Writers: 4, Pause: 20 * time.Millisecond, Skew: 10 * time.Second}
	if kind == tenant.OceanBase { // two kernels are a lot for a small machine: no faults in a short run
		length, every = 4*time.Second, time.Hour
	}
	if text := os.Getenv("DUPLEX_FOR"); text != "" {
		var err error
		length, err = time.ParseDuration(text)
		require.NoError(t, err, "DUPLEX_FOR")
		every, work.Pause = 12*time.Second, 40*time.Millisecond
		work.Writers = e2e.Number(t, "DUPLEX_WRITERS", 16)
	}
	// K1 and k1 are one row where the case does not count.
	work.OneCase = e2e.Number(t, "DUPLEX_CASES", 1) == 0
	work.Pause = time.Duration(e2e.Number(t, "DUPLEX_PAUSE_MS", int(work.Pause.Milliseconds()))) * time.Millisecond
	var fill *account.Txn
	s := newStage(t, kind, work, "", func(db *sql.DB) (err error) {
		fill, err = account.Fill(t.Context(), db)
		return err
	})
	s.begin()
	end := time.Now().Add(length)
	blows := s.blows()
	if length < 30*time.Second {
		blows = blows[:2] // a database takes its time to come back
	}
	const enough = 200 // transactions, on a machine however slow
	s.suffer(every, blows, func() bool {
		acknowledged, _ := work.Counts()
		return time.Now().After(end) && acknowledged > enough
	})
	s.settle(2*time.Minute + length)

	record := &account.Record{Began: work.Began(), History: append([]*account.Txn{fill}, work.History()...)}
	report := quiet(func() (*account.Report, bool) {
		record.Sites = nil
		for _, db := range s.DBs {
			state, err := account.Read(t.Context(), db)
			require.NoError(t, err)
			record.Sites = append(record.Sites, state)
		}
		report := account.Check(record, account.Options{Orphans: e2e.Number(t, "DUPLEX_ORPHANS", 1) != 0})
		return report, len(report.Faults) == 0
	})
	t.Logf("%s", report)
	if path := os.Getenv("DUPLEX_RECORD"); path != "" {
		require.NoError(t, record.Save(path))
	}
	require.NoError(t, s.run.Interrupt())
	require.Zero(t, len(report.Faults), "faults")
	require.NotZero(t, report.Lost+report.AlsoLogged, "nobody met anybody")
	for _, site := range record.Sites { // the same without what was logged: the checker misses each
		site.Conflicts = nil
	}
	without := account.Check(record, account.Options{})
	require.Equal(t, report.Lost, without.Vanished)
	require.Len(t, without.Faults, without.Vanished)
}

// TestDelta: increments of few rows on both sites, under policy delta. In the
// end both have the exact sum. DUPLEX_INCREMENTS is how many.
func TestDelta(t *testing.T) {
	for _, kind := range chosen(t, tenant.LogKinds()...) {
		t.Run(string(kind), func(t *testing.T) { testDelta(t, kind) })
	}
}

func testDelta(t *testing.T, kind tenant.Kind) {
	n := e2e.Number(t, "DUPLEX_INCREMENTS", 10000)
	work := &account.Work{Seed: uint64(e2e.Number(t, "DUPLEX_SEED", 1)), Writers: 4, Skew: 10 * time.Second, Increments: int64(n)}
	work.Writers = e2e.Number(t, "DUPLEX_WRITERS", work.Writers)
	s := newStage(t, kind, work, "  tables: {account.stock: {policy: delta, columns: [qty]}}\n", func(db *sql.DB) error {
		return account.FillStock(t.Context(), db)
	})
	s.begin()
	every, blows := time.Second, s.blows()[:2]
	if n > 50_000 {
		every, blows = 15*time.Second, s.blows()
	}
	began := time.Now()
	s.suffer(every, blows, func() bool { added, _ := work.Added(); return added >= int64(n) })
	took := time.Since(began)
	s.settle(time.Minute + 10*took)
	faults := quiet(func() ([]string, bool) {
		faults, err := account.Sum(t.Context(), s.DBs, work.Sums())
		require.NoError(t, err)
		return faults, len(faults) == 0
	})
	added, unknown := work.Added()
	t.Logf("%d increments in %v, %d transactions unknown; sums %v", added, took.Round(time.Millisecond), unknown, fmt.Sprint(work.Sums()))
	require.NoError(t, s.run.Interrupt())
	require.Empty(t, faults)
}
