package pair_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/pair"
	servers "duplex/test/tenant"
)

// before is what side 0 holds at first: many rows that nobody writes, and, last
// in the order in which they are copied, those that all write.
func before() []string {
	const still = 300
	values := func(row func(i int) string) string {
		rows := make([]string, still)
		for i := range rows {
			rows[i] = row(i)
		}
		return strings.Join(rows, ",")
	}
	queries := []string{
		"INSERT INTO shop.plain VALUES " + values(func(i int) string { return fmt.Sprintf("(%d, 'still', 0)", i-still) }),
		"INSERT INTO shop.one VALUES " + values(func(i int) string { return fmt.Sprintf("(%d, NULL, 'still')", i-still) }),
		"INSERT INTO shop.two VALUES " + values(func(i int) string { return fmt.Sprintf("('a%03d', NULL, 'still', NULL, '')", i) }),
		"INSERT INTO shop.parent VALUES " + values(func(i int) string { return fmt.Sprintf("(%d, NULL, 'still')", i-still) }),
		"INSERT INTO shop.child VALUES " + values(func(i int) string { return fmt.Sprintf("(%d, %d, 'still')", i-still, i-still) }),
	}
	for id := range 6 {
		queries = append(queries,
			fmt.Sprintf("INSERT INTO shop.plain VALUES (%d, 'first', 0)", id), fmt.Sprintf("INSERT INTO shop.one VALUES (%d, NULL, 'first')", id),
			fmt.Sprintf("INSERT INTO shop.parent VALUES (%d, NULL, 'first')", id), fmt.Sprintf("INSERT INTO shop.child VALUES (%d, %d, 'first')", id, id))
	}
	return queries
}

// TestBothSidesEndEqualOverACopy: both sides write the rows that are being
// copied, where side 1 has no foreign keys yet.
func TestBothSidesEndEqualOverACopy(t *testing.T) {
	for _, kind := range servers.LogKinds() {
		t.Run(string(kind), func(t *testing.T) {
			s := newStage(t, kind, "limits: {rows_per_second: 800}\n", before()...)
			require.Eventually(t, func() bool {
				_, err := s.sides[1].Exec("SELECT 1 FROM shop.plain, shop.one, shop.two, shop.parent, shop.child LIMIT 1")
				return err == nil
			}, 2*time.Minute, 10*time.Millisecond)
			s.exec(t, 1, "INSERT INTO shop.child VALUES (1000, 2000, 'without a parent')")
			var wg sync.WaitGroup
			rounds := 0
			for s.pair.Status().Phase != pair.Incremental {
				for side := range s.sides {
					for w := range 2 {
						wg.Go(func() { fight(t, s.sides[side], side, 2*rounds+w) })
					}
				}
				wg.Wait()
				rounds++
			}
			s.barrier(t)
			s.equal(t)
			t.Logf("%d rounds", rounds)
			require.Contains(t, dump(t, s.sides[1], "SHOW CREATE TABLE shop.child"), "FOREIGN KEY")
			require.Equal(t, "5\n", dump(t, s.sides[1], "SELECT COUNT(*) FROM duplex.copy_chunk WHERE chunk = 0 AND state = 'rooted' AND table_name <> ''"))
			orphan := "SELECT id FROM shop.child WHERE id = 1000"
			for side := range s.sides {
				require.Empty(t, dump(t, s.sides[side], orphan), "it has no parent")
			}
			s.exec(t, 0, "INSERT INTO shop.parent VALUES (2000, NULL, 'late')")
			s.barrier(t)
			s.equal(t)
			require.NotEmpty(t, dump(t, s.sides[0], orphan), "it has one")
		})
	}
}
