package binlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	servers "duplex/test/tenant"
)

// TestAskTenant asks the OceanBase kernel for a value as it was at a time.
func TestAskTenant(t *testing.T) {
	s := newSite(t, servers.SeekDB)
	s.exec("CREATE TABLE docs (a int, b varchar(10), body mediumtext, doc json, PRIMARY KEY (a, b))",
		"INSERT INTO docs VALUES (1, 'x', repeat('first ', 4000), '{\"n\": 1}'), (1, 'y', NULL, NULL)")
	var first, rows int64 // by the kernel's clock, which may be ahead of ours
	require.Eventually(t, func() bool {
		db := s.tenant.DB()
		return db.QueryRowContext(t.Context(), "SELECT current_scn() DIV 1000 + 1").Scan(&first) == nil &&
			db.QueryRowContext(t.Context(), fmt.Sprintf("SELECT COUNT(*) FROM %s.docs AS OF SNAPSHOT %d", s.database, first*1000+999)).Scan(&rows) == nil
	}, time.Minute, 20*time.Millisecond, "for a moment the table counts as changed since")
	s.exec("UPDATE docs SET body = repeat('second ', 4000), doc = NULL WHERE b = 'x'", "DELETE FROM docs WHERE b = 'y'")
	table, err := s.tenant.Table(t.Context(), s.database, "docs")
	require.NoError(t, err)
	lt := &logTable{database: s.database, name: "docs", definition: &definition{table: table.Change(), uuid: make([]bool, 4)}}
	cfg := s.cfg
	require.NoError(t, cfg.check())
	r := newReader(cfg, position{cursor: cursor{mode: byGTID}}, "")
	client, server := net.Pipe()
	r.dump = &dump{raw: client}
	defer func() { require.NoError(t, errors.Join(r.Close(), server.Close())) }()
	ask := func(commit int64, b string) []change.Value {
		t.Helper()
		r.group.commit = commit
		got, err := r.askTenant(t.Context(), lt, []change.Value{change.OfInt(1), change.OfText([]byte(b)), {}, {}}, []int{2, 3})
		require.NoError(t, err)
		return got
	}
	got := ask(first, "x")
	require.Equal(t, strings.Repeat("first ", 4000), string(got[0].Bytes))
	require.JSONEq(t, `{"n": 1}`, string(got[1].Bytes))
	require.Equal(t, []change.Value{{}, {}}, ask(first, "y"), "there, and NULL")
	require.Nil(t, ask(first, "z"))
	now := ask(0, "x")
	require.Equal(t, strings.Repeat("second ", 4000), string(now[0].Bytes))
	require.True(t, now[1].IsNull())
	require.Nil(t, ask(0, "y"), "gone")
	require.Equal(t, now, ask(time.Now().Add(-100*24*time.Hour).UnixMicro(), "x"), "before the table was made (error 1412): as it is now")
}

// TestRecord records a stream of the stand-in for the Binlog Service before a
// real kernel, for TestGolden.
func TestRecord(t *testing.T) {
	if !*update {
		t.Skip("records with -update")
	}
	s := newSite(t, servers.OceanBase)
	s.exec("DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop", `CREATE TABLE shop.recorded (id int PRIMARY KEY, a tinyint, b tinyint unsigned,
		c smallint, d mediumint unsigned, e bigint unsigned, f float, g double, h decimal(20,6), i bit(10), j year, k date, l datetime, m datetime(6),
		n timestamp(3) NULL, o time, p time(6), q char(10), r char(200), s varchar(20), t varchar(100), u binary(4), v varbinary(300),
		w enum('x','y','z'), x set('p','q','r'), tt tinytext, tx text, mt mediumtext, bl blob, js json) DEFAULT CHARSET = utf8mb4`)
	at := s.end()
	row := `(1, -5, 200, -300, 16000000, 18446744073709551615, 1.5, -1e300, -12345678901234.567890, b'1000000101', 2023, '2023-11-14', '2023-11-14 22:13:20',
		'2023-11-14 22:13:20.123456', '2023-11-14 22:13:20.123', '-12:34:56', '12:34:56.000789', 'char', repeat('é', 20), 'vär', repeat('长', 90), x'0001',
		repeat(x'00ff', 100), 'y', 'p,r', 'tiny', 'text', repeat('m', 300), x'00', '{"a": [1, 2.5, null, "x"], "b": {}}')`
	s.exec("INSERT INTO shop.recorded VALUES "+row, "INSERT INTO shop.recorded (id) VALUES (2)")
	s.tx("UPDATE shop.recorded SET s = 'changed', js = '[true]' WHERE id = 1", "DELETE FROM shop.recorded WHERE id = 2",
		"UPDATE shop.recorded SET a = 127, p = '-00:00:00.000001' WHERE id = 1")
	count := s.beat()
	ended := s.open(at)
	until(t, ended, count)

	p, err := parsePosition(at)
	require.NoError(t, err)
	d, err := openDump(t.Context(), &s.cfg, &p.cursor)
	require.NoError(t, err)
	var raw []byte
	for transactions := 0; transactions < 4; {
		e, err := d.event(t.Context())
		require.NoError(t, err)
		if kind := replication.EventType(e[4]); kind == replication.XID_EVENT {
			transactions++
		} else if kind == replication.HEARTBEAT_EVENT {
			continue
		}
		raw = append(raw, e...)
	}
	require.NoError(t, d.close())
	table, err := s.tenant.Table(t.Context(), "shop", "recorded")
	require.NoError(t, err)
	text, err := json.MarshalIndent(table.Change(), "", " ")
	require.NoError(t, err)
	file := filepath.Join("testdata", "oceanbase", "kernel")
	require.NoError(t, os.WriteFile(file+".bin", raw, 0o600))
	require.NoError(t, os.WriteFile(file+".json", text, 0o600))
}
