package binlog

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	servers "duplex/test/tenant"
)

func TestLocalTransactions(t *testing.T) {
	logKinds(t, func(t *testing.T, s *site) {
		s.exec("CREATE TABLE t (id int PRIMARY KEY, v varchar(20), n bigint unsigned)", "CREATE TABLE other (id int)")
		r := s.open(s.end())
		before := time.Now().Add(-time.Second)

		s.exec("INSERT INTO t VALUES (1, 'one', 18446744073709551615), (2, NULL, 2)")
		s.exec("INSERT INTO other VALUES (1)")
		s.tx("UPDATE t SET v = 'two' WHERE id = 2", "INSERT INTO other VALUES (2)", "DELETE FROM t WHERE id = 1", "UPDATE t SET id = 3 WHERE id = 2")
		got := until(t, r, s.beat())

		require.Len(t, got, 2)
		require.Equal(t, []string{"insert t - (1,\"one\",18446744073709551615)", "insert t - (2,NULL,2)"}, rowsIn(t, got[0]))
		moved := []string{"update t (2,\"two\",2) (3,\"two\",2)"}
		if s.server.Kind() == servers.OceanBase { // as the stand-in has a key that changes
			moved = []string{"delete t (2,\"two\",2) -", "insert t - (3,\"two\",2)"}
		}
		require.Equal(t, append([]string{
			"update t (2,NULL,2) (2,\"two\",2)",
			"delete t (1,\"one\",18446744073709551615) -",
		}, moved...), rowsIn(t, got[1]))
		for i, txn := range got {
			require.Equal(t, uint64(i), txn.Stamp.Seq)
			require.NotEmpty(t, txn.ID)
			require.WithinRange(t, txn.Committed, before, time.Now().Add(time.Second))
		}
		require.Greater(t, got[1].Stamp.Version, got[0].Stamp.Version)
		state := r.State()
		require.Equal(t, uint64(3), state.Seq)
		require.Equal(t, uint64(3), state.Local)
		require.Equal(t, uint64(1), state.Skipped)
	})
}

func TestAppliedTransactions(t *testing.T) {
	logKinds(t, func(t *testing.T, s *site) {
		s.exec("CREATE TABLE t (id int PRIMARY KEY)")
		r := s.open(s.end())
		future := time.Now().Add(time.Hour).UnixMicro()

		s.exec("INSERT INTO t VALUES (1)")
		s.tx(mark(testInbound, 0, future, change.Stamp{Seq: 0, Version: 5}, change.Stamp{Seq: 2, Version: future + 7}), "INSERT INTO t VALUES (2)")
		s.tx("INSERT INTO t VALUES (3)", mark(testInbound, 1, 9, change.Stamp{Seq: change.NoSeq, Version: 9}), "INSERT INTO t VALUES (4)")
		s.tx(mark("a>b", 0, 1, change.Stamp{Seq: 8, Version: 5}), "INSERT INTO t VALUES (5)")
		s.exec("DELETE FROM duplex.checkpoint WHERE lane = 1")
		s.exec("INSERT INTO t VALUES (6)")
		got := until(t, r, s.beat())

		require.Len(t, got, 3)
		require.Equal(t, change.Seqs{}, got[0].Stamp.Seen)
		require.Equal(t, []string{"insert t - (5)"}, rowsIn(t, got[1]))
		require.Equal(t, change.Stamp{Seq: 1, Version: future + 8, Seen: change.Seqs{Low: 1, Above: []change.Range{{From: 2, To: 3}}}}, got[1].Stamp)
		require.Equal(t, []string{"insert t - (6)"}, rowsIn(t, got[2]))
		require.Equal(t, future+9, got[2].Stamp.Version)
		state := r.State()
		require.Equal(t, uint64(2), state.Applied)
		echo := uint64(2) // events behind the marks
		if s.server.Kind() == servers.OceanBase {
			echo = 3 // the mark is always first
		}
		require.Equal(t, echo, state.Echo)
	})
}
