package binlog

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// texts gives the text in the second column of each row of shop.t.
func texts(t *testing.T, txns []*change.Txn) []string {
	t.Helper()
	var out []string
	for _, x := range txns {
		require.NoError(t, x.Rows.Each(func(row *change.Row) error {
			image := row.After
			if image == nil {
				image = row.Before
			}
			out = append(out, string(image[1].Bytes))
			return nil
		}))
	}
	return out
}

// plainStream has n transactions of a row each, whose text is the time.
func plainStream(commits ...int64) *stream {
	s := newStream().begin()
	for n, c := range commits {
		s.txn(c, 1, inserted(obPlain, plainRow(n, fmt.Sprint(c-obCommit), 1)))
	}
	return s
}

// TestServiceStatements logs in where the question for checksums is answered,
// answered with an OK, or refused.
func TestServiceStatements(t *testing.T) {
	for answer, want := range map[string]string{"CRC32": "CRC32", "NONE": "NONE", "-": "CRC32", "!": "CRC32"} {
		t.Run(answer, func(t *testing.T) {
			s := serve(t, plainStream(obCommit).bytes)
			s.checksum, s.end = answer, "eof"
			r := openService(t, s, obStart)
			require.Equal(t, []string{"0"}, texts(t, ended(t, r)))
			queries := s.queries()
			require.Contains(t, queries, "SET @master_binlog_checksum = '"+want+"'")
			for _, q := range queries[1:] {
				require.Regexp(t, `^SET @?[a-z_]+ = ('[-A-Za-z0-9]+'|[0-9]+)$`, q, "what the service's grammar knows")
			}
		})
	}
}

// TestUncheckedRotation has a service that was told of checksums, and sends the
// first event without one.
func TestUncheckedRotation(t *testing.T) {
	first := newStream()
	first.checksum = false
	first.rotation(0x20, false, "mysql-bin.000001", 4)
	whole := plainStream(obCommit)
	size := binary.LittleEndian.Uint32(whole.bytes[9:])
	s := serve(t, append(first.bytes, whole.bytes[size:]...))
	s.end = "eof"
	r := openService(t, s, obStart)
	require.Equal(t, []string{"0"}, texts(t, ended(t, r)))
	require.Equal(t, "mysql-bin.000001", r.file)
}

// TestLoginFails has a server that wants what the library does not have.
func TestLoginFails(t *testing.T) {
	s := serve(t, nil)
	s.auth = gomysql.AUTH_CACHING_SHA2_PASSWORD
	_, err := Open(t.Context(), obConfig(t, s), obStart)
	require.ErrorContains(t, err, "log in to the change stream")
	require.Equal(t, tenant.Reconnect, tenant.Classify(err))
}

// TestServiceDump asks by set and by file.
func TestServiceDump(t *testing.T) {
	whole := plainStream(obCommit, obCommit+1)
	s := serve(t, whole.bytes)
	s.end = "eof"
	r := openService(t, s, "1|file|mysql-bin.000001:4|0|0|0|0|")
	require.Equal(t, []string{"0", "1"}, texts(t, ended(t, r)))
	require.Equal(t, change.Position(fmt.Sprintf("1|file|mysql-bin.000001:%d|0|2|%d|0|", whole.at, obCommit+1)), r.State().Position)
	require.Equal(t, append([]byte{gomysql.COM_BINLOG_DUMP, 4, 0, 0, 0, 0, 0}, s.commands[0][7:11]...), s.commands[0][:11])
	require.Equal(t, "mysql-bin.000001", string(s.commands[0][11:]))

	r = openService(t, s, "1|gtid|"+uuidA+":1-5|0|0|0|0|")
	ended(t, r)
	set, err := gomysql.DecodeMysqlGTIDSet(s.commands[1][1+2+4+4+8+4:])
	require.NoError(t, err)
	require.Equal(t, uuidA+":1-5", set.String())
}

// TestServiceRefuses tells a position that is lost from what may pass: the
// service has one number for both.
func TestServiceRefuses(t *testing.T) {
	for text, lost := range map[string]bool{
		"The requested gtid transaction no longer exists and may have been cleaned up":               true,
		"Could not find first log file name in binary log index file":                                true,
		"Client requested master to start replication from position > file size":                     true,
		"Failed to verify first event from starting position":                                        true,
		"Insufficient binlog instance resources":                                                     false,
		"I/O error reading log event":                                                                false,
		"Slave can not handle replication events with the checksum that master is configured to log": false,
	} {
		s := serve(t, nil)
		s.end = text
		r := openService(t, s, obStart)
		_, err := all(t, r)
		require.ErrorContains(t, err, text)
		if !lost {
			require.NotErrorIs(t, err, ErrPositionLost)
			require.Equal(t, tenant.Reconnect, tenant.Classify(err), text)
			continue
		}
		require.ErrorIs(t, err, ErrPositionLost)
		require.Equal(t, tenant.Fatal, tenant.Classify(err))
		require.ErrorContains(t, err, "binlog_expire_logs_seconds")
		require.ErrorContains(t, err, "only a new copy")
	}
}

// TestAnchor opens each position of a log again: the transaction before it is
// asked for once more, as a proof, and does not come out.
func TestAnchor(t *testing.T) {
	s := serve(t, plainStream(obCommit, obCommit+1, obCommit+1, obCommit+2).bytes)
	s.skip, s.end = true, "eof"
	whole := ended(t, openService(t, s, obStart))
	require.Equal(t, []string{"0", "1", "1", "2"}, texts(t, whole))
	for i, txn := range whole {
		r := openService(t, s, txn.Position)
		require.Equal(t, plainOf(t, whole[i+1:]), plainOf(t, ended(t, r)))
		set, err := gomysql.DecodeMysqlGTIDSet(s.commands[len(s.commands)-1][1+2+4+4+8+4:])
		require.NoError(t, err)
		require.Equal(t, []string{"", obUUID + ":1", obUUID + ":1-2", obUUID + ":1-3"}[i], set.String())
	}
}

// TestRenumbered creates the instance anew: its transactions have other numbers,
// under the same UUID, and there may be older ones in it. The place is found by
// the time of commit, so that nothing is left out and nothing comes twice.
func TestRenumbered(t *testing.T) {
	old := serve(t, plainStream(obCommit, obCommit+1, obCommit+1, obCommit+2, obCommit+2).bytes)
	old.end = "eof"
	whole := ended(t, openService(t, old, obStart))
	again := plainStream(obCommit-2, obCommit-1, obCommit, obCommit+1, obCommit+1, obCommit+2, obCommit+2, obCommit+3)
	for _, c := range []struct {
		read    int // transactions, before
		stream  *stream
		want    []string
		refused string
	}{
		{read: 2, stream: again, want: []string{"1", "2", "2", "3"}},
		{read: 3, stream: again, want: []string{"2", "2", "3"}},
		{read: 4, stream: again, want: []string{"2", "3"}},
		{read: 5, stream: again, want: []string{"3"}},
		{read: 4, stream: plainStream(obCommit+3, obCommit+4), refused: "the log begins later"},
		{read: 4, stream: plainStream(obCommit, obCommit+3), refused: "no transaction has that time"},
		{read: 4, stream: plainStream(obCommit, obCommit+1, obCommit, obCommit+3), refused: "times of commit go back"},
		{read: 1, stream: plainStream(obCommit+1, obCommit+2), refused: "times of commit do not tell the place"},
	} {
		s := serve(t, c.stream.bytes)
		s.skip = true
		if c.refused == "" {
			s.end = "eof"
		}
		r, err := openSoon(t, s, whole[c.read-1].Position)
		if err == nil {
			var got []*change.Txn
			if got, err = all(t, r); c.refused == "" {
				require.Equal(t, c.want, texts(t, got))
				require.Equal(t, whole[c.read-1].Stamp.Seq+1, got[0].Stamp.Seq)
				next := openService(t, s, got[0].Position) // by the new numbers
				require.Equal(t, c.want[1:], append([]string{}, texts(t, ended(t, next))...))
			}
		}
		if c.refused != "" {
			require.ErrorIs(t, err, ErrPositionLost)
			require.ErrorContains(t, err, c.refused)
		}
	}
}

// TestDisorder has a log whose times go back once: each position can be opened
// again, and none is looked for by its time.
func TestDisorder(t *testing.T) {
	s := serve(t, plainStream(obCommit, obCommit+5, obCommit+3, obCommit+6).bytes)
	s.skip, s.end = true, "eof"
	whole := ended(t, openService(t, s, obStart))
	for i, txn := range whole {
		require.Equal(t, plainOf(t, whole[i+1:]), plainOf(t, ended(t, openService(t, s, txn.Position))))
	}
	again := serve(t, plainStream(obCommit+3, obCommit+5, obCommit+6, obCommit+7).bytes)
	again.skip = true
	_, err := openSoon(t, again, whole[2].Position)
	require.ErrorIs(t, err, ErrPositionLost)
	_, err = openSoon(t, again, whole[3].Position)
	require.ErrorIs(t, err, ErrPositionLost)
}

// openSoon is openService without patience.
func openSoon(t *testing.T, s *service, from change.Position) (*Reader, error) {
	p, err := parsePosition(from)
	require.NoError(t, err)
	cfg := obConfig(t, s)
	require.NoError(t, cfg.check())
	r := newReader(cfg, p, from)
	r.proof = time.Millisecond
	if err := r.connect(t.Context()); err != nil {
		r.observer.Index().Close()
		return nil, err
	}
	t.Cleanup(func() { _ = r.Close() })
	r.know(obTables...)
	return r, nil
}

// TestAnchorSilence has a service that has fewer transactions than were read,
// and sends nothing but heartbeats.
func TestAnchorSilence(t *testing.T) {
	old := serve(t, plainStream(obCommit, obCommit+1, obCommit+2).bytes)
	old.end = "eof"
	whole := ended(t, openService(t, old, obStart))
	s := serve(t, plainStream(obCommit+2, obCommit+3).bytes)
	s.skip = true
	r, err := openSoon(t, s, whole[2].Position)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	txn, err := r.Next(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"3"}, texts(t, []*change.Txn{txn}))
}

// TestStreamRefuses stops at what would be read wrongly without a word.
func TestStreamRefuses(t *testing.T) {
	part := func(s *stream) { // as a session with binlog_row_image = MINIMAL would make it
		s.tableMap(obPlain)
		s.event(replication.UPDATE_ROWS_EVENTv2, 1, true, append(appendID(nil, s.id(obPlain)), 1, 0, 2, 0, 3, 0xff, 0x01, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0))
	}
	diff := func(s *stream) {
		s.tableMap(obDocs)
		b := append(appendID(nil, s.id(obDocs)), 1, 0, 2, 0, 4, 0xff, 0xff)
		b = appendImage(b, [][]byte{i32(1), sized(2, "t"), sized(3, "b"), document(1)})
		b = append(b, 1, 1) // PARTIAL_JSON, the first JSON column
		path, value := "\x05$.a", "\x03\x05\x02\x00"
		b = appendImage(b, [][]byte{i32(1), sized(2, "t"), sized(3, "b"), sized(4, "\x00"+path[1:]+value)})
		s.event(replication.PARTIAL_UPDATE_ROWS_EVENT, 1, true, b)
	}
	unsaid := func(s *stream) {
		mark := markOf(testInbound, 1)
		mark[7] = nil
		updated(obMarks, markOf(testInbound, 1), mark)(s)
	}
	for _, c := range []struct {
		name, want string
		write      func(s *stream)
	}{
		{"columns", "shop.t: the log has rows without all their columns: a session wrote with binlog_row_image other than FULL",
			func(s *stream) { s.txn(obCommit, 1, part) }},
		{"part of a document", "shop.docs: the log has only a part of a JSON document", func(s *stream) { s.txn(obCommit, 1, diff) }},
		{"mark", "duplex.checkpoint: the log leaves out what the mark says", func(s *stream) { s.txn(obCommit, ourOrigin, unsaid) }},
		{"no table", "rows of table number 7, which no event has named", func(s *stream) {
			s.gtid(1, obCommit).query(1, "", "BEGIN")
			s.event(replication.WRITE_ROWS_EVENTv2, 1, true, append(appendID(nil, 7), 1, 0, 2, 0, 1, 0xff, 0, 1, 0, 0, 0))
		}},
		{"no begin", errNoBegin.Error(), func(s *stream) { inserted(obPlain, plainRow(1, "x", 1))(s) }},
		{"no begin, no rows", errNoBegin.Error(), func(s *stream) { s.xid() }},
		{"no end", "which has no end", func(s *stream) { s.gtid(1, obCommit).query(1, "", "BEGIN").gtid(2, obCommit) }},
		{"damage", "checksum of an event is wrong", func(s *stream) {
			s.txn(obCommit, 1, inserted(obPlain, plainRow(1, "x", 1)))
			s.bytes[len(s.bytes)-1]++
		}},
		{"statement", "a change was logged as a statement", func(s *stream) {
			s.gtid(1, obCommit).query(1, "shop", "BEGIN").query(1, "shop", "INSERT INTO t VALUES (1)")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStream().begin()
			c.write(s)
			r := openService(t, serve(t, s.bytes), obStart)
			_, err := all(t, r)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, tenant.Fatal, tenant.Classify(err), "%v", err)
		})
	}
}

// TestAskFails says which column's value cannot be had.
func TestAskFails(t *testing.T) {
	s := serve(t, missingValues().bytes)
	r := openService(t, s, obStart)
	r.ask = func(context.Context, *logTable, []change.Value, []int) ([]change.Value, error) {
		return nil, fmt.Errorf("gone")
	}
	got, err := all(t, r)
	require.Len(t, got, 1)
	require.ErrorContains(t, err, "shop.docs: column body, of which the log does not have the value: gone")
}

// TestAskAgain ends the context while the tenant is asked: no row comes twice.
func TestAskAgain(t *testing.T) {
	s := serve(t, missingValues().bytes)
	s.end = "eof"
	r := openService(t, s, obStart)
	tries := 0
	ctx, cancel := context.WithCancel(t.Context())
	r.ask = func(_ context.Context, _ *logTable, _ []change.Value, columns []int) ([]change.Value, error) {
		if tries++; tries == 1 {
			cancel()
			return nil, context.Canceled
		}
		return make([]change.Value, len(columns)), nil
	}
	first, err := r.Next(ctx)
	require.NoError(t, err)
	require.NoError(t, first.Rows.Close())
	_, err = r.Next(ctx)
	require.ErrorIs(t, err, context.Canceled)
	rest := ended(t, r)
	require.Len(t, rest, 4)
	require.Equal(t, 3, tries)
	require.Equal(t, int64(1), int64(rest[0].Rows.Len()))
	require.True(t, strings.HasSuffix(rowsIn(t, rest[0])[0], `(1,"body left as it was",NULL,"{\"a\":1}")`), rowsIn(t, rest[0]))
}
