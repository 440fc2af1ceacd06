package binlog

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"slices"
	"strings"
	"testing"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/conflict"
	servers "duplex/test/tenant"
)

var opOf = map[replication.EventType]change.Op{
	replication.WRITE_ROWS_EVENTv1: change.Insert, replication.UPDATE_ROWS_EVENTv1: change.Update, replication.DELETE_ROWS_EVENTv1: change.Delete,
	replication.WRITE_ROWS_EVENTv2: change.Insert, replication.UPDATE_ROWS_EVENTv2: change.Update, replication.DELETE_ROWS_EVENTv2: change.Delete,
	replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1: change.Insert, replication.MARIADB_UPDATE_ROWS_COMPRESSED_EVENT_V1: change.Update,
	replication.MARIADB_DELETE_ROWS_COMPRESSED_EVENT_V1: change.Delete, replication.PARTIAL_UPDATE_ROWS_EVENT: change.Update,
}

// keyedBy is t as if the given columns were its identity.
func keyedBy(t *logTable, key ...int) *logTable {
	table := *t.table
	table.Key = key
	keyed := *t
	keyed.definition = &definition{table: &table, uuid: t.uuid}
	return &keyed
}

// decoded gives what the library decodes of columns: what rowScan.rows should for
// all, and, by the keys of the rows, keyScan.rows for the identity.
func decoded(r *Reader, t *logTable, e *event, im images, columns []int) (list [][]change.Value, hashes []uint64, err error) {
	rows, err := r.parseRows(t, e, im)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows.Rows {
		image := make([]change.Value, len(t.types))
		for _, c := range columns {
			if image[c], err = t.value(c, row[c]); err != nil {
				return nil, nil, err
			}
		}
		hash := conflict.Key{Table: r.nameOf(t.table), ID: change.RowID(t.table.Columns, t.table.Key, image)}.Hash()
		if n := len(hashes); n == 0 || hashes[n-1] != hash {
			hashes = append(hashes, hash)
		}
		list = append(list, image)
	}
	return list, hashes, nil
}

// everyColumn is the numbers of all columns of t.
func everyColumn(t *logTable) []int {
	var all []int
	for i := range t.types {
		all = append(all, i)
	}
	return all
}

// readable reports whether values of a column are read without the library.
func readable(t *logTable, c int) bool {
	unread := []byte{gomysql.MYSQL_TYPE_TIMESTAMP, gomysql.MYSQL_TYPE_DATETIME, gomysql.MYSQL_TYPE_TIME, gomysql.MYSQL_TYPE_JSON, gomysql.MYSQL_TYPE_VECTOR}
	return !slices.Contains(unread, t.types[c]) && (t.compressed == nil || !t.compressed[c])
}

// scanLog reads r's log up to this site's heartbeat with count. Of each rows
// event the scan must find for each of the keys what decoding finds; nil is the
// table's own. It gives how many were compared in each table.
func scanLog(t *testing.T, r *Reader, count uint64, keys ...[]int) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for r.State().Beat < count {
		raw, err := r.dump.event(t.Context())
		require.NoError(t, err)
		described := replication.EventType(raw[4]) == replication.FORMAT_DESCRIPTION_EVENT
		e, err := parseEvent(raw, r.dump.checksum && !described)
		require.NoError(t, err)
		if op, ok := opOf[e.kind]; ok {
			id, err := tableID(e.body)
			require.NoError(t, err)
			if table := r.tables[id]; table != nil && table.use == project {
				require.NoError(t, r.define(t.Context(), table))
				for _, key := range keys {
					if key == nil {
						key = table.table.Key
					}
					seen[table.name] += scanEvent(t, r, keyedBy(table, key...), e, op)
				}
			}
		}
		require.NoError(t, r.take(t.Context(), e))
		for _, txn := range r.ready {
			require.NoError(t, txn.Rows.Close())
		}
		r.ready = nil
	}
	return seen
}

func scanEvent(t *testing.T, r *Reader, table *logTable, e *event, op change.Op) int {
	t.Helper()
	im, err := table.imagesOf(e, op)
	require.NoError(t, err)
	list, want, err := decoded(r, table, e, im, everyColumn(table))
	require.NoError(t, err)
	known, all := true, true
	for c := range table.types {
		all = all && readable(table, c)
		known = known && (readable(table, c) || !slices.Contains(table.table.Key, c))
	}
	images, ok := r.whole.rows(layoutOf(table, everyColumn(table)), e, op, &im)
	require.Equal(t, all, ok, "%s %v", e.kind, table.table.Columns)
	if ok {
		require.Equal(t, list, images, "%s %v", e.kind, table.table.Columns)
	}
	got, ok := r.keys.rows(layoutOf(table, table.table.Key), r.nameOf(table.table), e, op, &im)
	require.Equal(t, known, ok, "%s %v, key %v", e.kind, table.table.Columns, table.table.Key)
	if !ok {
		return 0
	}
	require.Equal(t, want, got, "%s %v, key %v", e.kind, table.table.Columns, table.table.Key)
	return len(got)
}

// TestScanTypes has every type in a key, and beside it.
func TestScanTypes(t *testing.T) {
	logKinds(t, func(t *testing.T, s *site) { testScanTypes(t, s) })
	t.Run("compressed", func(t *testing.T) {
		testScanTypes(t, newSite(t, servers.MariaDB, servers.WithRowMetadata("NO_LOG"), servers.WithFlags("--log-bin-compress=1", "--log-bin-compress-min-len=10")))
	})
}

func testScanTypes(t *testing.T, s *site) {
	from := s.end()
	s.exec("SET GLOBAL max_allowed_packet = 67108864")
	session := typeSession(t, s)
	tables := 0
	for i, c := range typeCases {
		given := c.of(s.server.Kind())
		if len(given) == 0 {
			continue
		}
		table := fmt.Sprintf("%s.t%d", s.database, i)
		_, err := session.Exec(t.Context(), fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY, v %s, w %s) DEFAULT CHARSET=utf8mb4", table, c.typ, c.typ))
		require.NoError(t, err, c.typ)
		var values []string
		for j, v := range given {
			values = append(values, fmt.Sprintf("(%d, %s, NULL)", j, v))
		}
		for _, q := range []string{"INSERT INTO %s VALUES " + strings.Join(values, ","), "UPDATE %s SET w = v", "UPDATE %s SET id = -1 - id, v = NULL", "DELETE FROM %s"} {
			_, err = session.Exec(t.Context(), fmt.Sprintf(q, table))
			require.NoError(t, err, c.typ)
		}
		tables++
	}
	r := s.open(from)
	seen := scanLog(t, r, s.beat(), []int{0}, []int{1}, []int{2, 0, 1})
	require.Len(t, seen, tables)
	for name, n := range seen {
		require.Positive(t, n, name)
	}
}

// TestScanShapes has wide rows, keys of several columns in an order of their
// own, and columns that the log may leave out.
func TestScanShapes(t *testing.T) {
	logKinds(t, func(t *testing.T, s *site) {
		from := s.end()
		var columns, some []string
		for i := range 300 {
			columns = append(columns, fmt.Sprintf("c%d %s", i, []string{"varchar(20)", "bigint", "varchar(300)", "decimal(9,3)", "bit(3)"}[i%5]))
			some = append(some, []string{"'abc'", "7", "NULL", "1.5", "NULL"}[i*i%5])
		}
		s.exec("CREATE TABLE wide (a varchar(10), "+strings.Join(columns, ",")+", b int, PRIMARY KEY (b, a)) DEFAULT CHARSET=latin1",
			"INSERT INTO wide (a, b) VALUES ('x', 1), ('', 2), ('ü', -3)",
			"INSERT INTO wide VALUES ('full', "+strings.Replace(strings.Join(some, ","), "'abc'", "repeat('z', 20)", 1)+", 9)",
			"UPDATE wide SET c17 = 'new', a = concat(a, 'y')", "DELETE FROM wide WHERE b < 2")
		expected := map[string]int{"wide": 4 + 8 + 2}
		if s.server.Kind() == servers.MariaDB {
			s.exec("CREATE TABLE g (v int AS (b + 1) VIRTUAL, a int, w int AS (b * 2) PERSISTENT, b int PRIMARY KEY)",
				"INSERT INTO g (a, b) VALUES (1, 2), (3, 4)", "UPDATE g SET b = -b", "DELETE FROM g")
			expected["g"] = 2 + 4 + 2
		}
		r := s.open(from)
		require.Equal(t, expected, scanLog(t, r, s.beat(), nil))
	})
}

// rowsBody is the body of an event of table 1.
func rowsBody(extra string, columns byte, bitmaps, images string) []byte {
	return append([]byte{1, 0, 0, 0, 0, 0, 1, 0}, extra+string(columns)+bitmaps+images...)
}

func scanned(r *Reader, e *event) ([]uint64, bool) {
	t := r.tables[1]
	t.definition = r.history.at(testTable, 0).definition
	im, err := t.imagesOf(e, opOf[e.kind])
	if err != nil {
		return nil, false
	}
	hashes, ok := r.keys.rows(layoutOf(t, t.table.Key), r.nameOf(t.table), e, opOf[e.kind], &im)
	return slices.Clone(hashes), ok
}

// TestScanGivesUp has what is not read, and what is cut short.
func TestScanGivesUp(t *testing.T) {
	r := bareReader(t, tableMapOf([]byte{3, 15, 3}, []byte{40, 0}), []change.Kind{change.Int, change.Text, change.Int}, 2)
	r.history.at(testTable, 0).definition.table.Columns[1].Generated = true
	hash := func(id int64) uint64 {
		return conflict.Key{Table: "`d`.`t`", ID: change.RowID(make([]change.Column, 1), []int{0}, []change.Value{change.OfInt(id)})}.Hash()
	}
	first, second := "\x00\x01\x00\x00\x00\x02ab\x05\x00\x00\x00", "\x02\x01\x00\x00\x00\x06\x00\x00\x00"
	for _, c := range []struct {
		name string
		kind replication.EventType
		body []byte
		want []uint64
	}{
		{"rows", replication.WRITE_ROWS_EVENTv1, rowsBody("", 3, "\x07", first+second+second), []uint64{hash(5), hash(6)}},
		{"extra data", replication.DELETE_ROWS_EVENTv2, rowsBody("\x05\x00\x01\x00\x07", 3, "\x07", first), []uint64{hash(5)}},
		{"column left out", replication.WRITE_ROWS_EVENTv2, rowsBody("\x02\x00", 3, "\x05", "\x00\x01\x00\x00\x00\x07\x00\x00\x00"), []uint64{hash(7)}},
		{"left out of one image", replication.UPDATE_ROWS_EVENTv1, rowsBody("", 3, "\x07\x05", first+"\x00\x01\x00\x00\x00\x07\x00\x00\x00"), []uint64{hash(5), hash(7)}},
		{"update without after image", replication.UPDATE_ROWS_EVENTv1, rowsBody("", 3, "\x07\x07", first+second+first), nil},
		{"partial JSON", replication.PARTIAL_UPDATE_ROWS_EVENT, rowsBody("\x02\x00", 3, "\x07\x07", first+first), nil},
		{"short", replication.WRITE_ROWS_EVENTv1, rowsBody("", 3, "\x07", first[:len(first)-1]), nil},
		{"beyond the end", replication.WRITE_ROWS_EVENTv1, rowsBody("", 3, "\x07", strings.Replace(first, "\x02ab", "\xffab", 1)), nil},
		{"length beyond the end", replication.WRITE_ROWS_EVENTv1, rowsBody("", 3, "\x07", first[:5]), nil},
		{"key left out", replication.WRITE_ROWS_EVENTv1, rowsBody("", 3, "\x03", first), nil},
		{"not compressed", replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1, rowsBody("", 3, "\x07", first), nil},
		{"compressed", replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1, rowsBody("", 3, "\x07", packed(first+second, 0)), []uint64{hash(5), hash(6)}},
		{"compressed again", replication.MARIADB_DELETE_ROWS_COMPRESSED_EVENT_V1, rowsBody("", 3, "\x07", packed(second, 0)), []uint64{hash(6)}},
		{"compressed and cut", replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1, rowsBody("", 3, "\x07", packed(first, 1)), nil},
	} {
		got, ok := scanned(r, eventOf(c.kind, c.body))
		require.Equal(t, c.want != nil, ok, c.name)
		if ok {
			require.Equal(t, c.want, got, c.name)
		}
	}
}

// packed compresses b as MariaDB does, and says that it is longer by more.
func packed(b string, more int) string {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	_, _ = z.Write([]byte(b))
	_ = z.Close()
	return string([]byte{0x82, 0, byte(len(b) + more)}) + out.String()
}

// TestPassOver has rows in doubt, rows without identity and such as may be
// parked.
func TestPassOver(t *testing.T) {
	tableMap := tableMapOf(orderTypes, orderMeta)
	take := func(t *testing.T, r *Reader, first, n int) *applied {
		t.Helper()
		r.group = group{open: true, applied: &applied{doubt: r.group.doubtful()}}
		r.group.applied.Carried = []change.Stamp{{}}
		require.NoError(t, r.take(t.Context(), eventOf(replication.WRITE_ROWS_EVENTv2, orderRows(orders(first, n)))))
		r.group.applied.whole()
		return r.group.applied
	}
	hash := func(id int64) uint64 {
		return conflict.Key{Table: "`d`.`t`", ID: change.RowID(make([]change.Column, 1), []int{0}, []change.Value{change.OfInt(id)})}.Hash()
	}
	r := bareReader(t, tableMap, orderKinds, 0)
	written(r, 100, 1)
	require.Empty(t, take(t, r, 1, 99).Rows)
	require.Len(t, take(t, r, 98, 10).Rows, 1)
	r.group.applied.doubt = map[uint64]bool{hash(5): true}
	require.Equal(t, int64(5), int64(take(t, r, 1, 10).Rows[0].After[0].Bits))

	r = bareReader(t, tableMap, orderKinds, 0)
	r.cfg.Conflicts.Unique = func(string) bool { return true }
	written(r, 100, 1)
	require.Equal(t, []conflict.AppliedKeys{{Table: "`d`.`t`", Hashes: []uint64{hash(98), hash(99)}}}, take(t, r, 98, 2).Keys)
	with := take(t, r, 99, 3)
	require.Equal(t, []conflict.AppliedKeys{{Table: "`d`.`t`", Hashes: []uint64{hash(99), hash(101)}}}, with.Keys)
	require.Len(t, with.Rows, 1)

	r = bareReader(t, tableMap, orderKinds)
	written(r, 100, 1)
	require.Empty(t, take(t, r, 100, 1).Rows)
}

func (g *group) doubtful() map[uint64]bool {
	if g.applied == nil {
		return nil
	}
	return g.applied.doubt
}

// FuzzKeyScan compares both scans with the library's decoding on any bytes: they
// may give up, and not look at what they do not look for, but never find anything
// else nor fall over.
func FuzzKeyScan(f *testing.F) {
	f.Add(tableMapOf(orderTypes, orderMeta), orderRows(orders(1, 2)), uint8(0), uint64(1), uint8(0))
	f.Add(tableMapOf(orderTypes, orderMeta), orderRows(orders(1, 2)), uint8(1), uint64(63), uint8(1))
	f.Add(tableMapOf([]byte{3, 15, 3}, []byte{40, 0}), rowsBody("\x02\x00", 3, "\x07\x07", "\x00\x01\x00\x00\x00\x02ab\x05\x00\x00\x00\x02\x01\x00\x00\x00\x06\x00\x00\x00"), uint8(1), uint64(2), uint8(0))
	f.Add(tableMapOf([]byte{3, 15, 3}, []byte{40, 0}), rowsBody("", 3, "\x07", packed("\x00\x01\x00\x00\x00\x02ab\x05\x00\x00\x00", 0)), uint8(6), uint64(7), uint8(3))
	f.Add(tableMapOf([]byte{254, 254, 254, 254, 16, 252, 13}, []byte{247, 2, 248, 3, 254, 9, 0xee, 4, 3, 1, 2}),
		rowsBody("", 7, "\x7f", "\x00\x01\x02\x01\x02\x03\x02ab\x02\x00ab\x01\x02\x01\x00c\x55"), uint8(3), uint64(127), uint8(5))
	f.Add(tableMapOf([]byte{246, 246, 10, 18, 17, 17, 9, 2, 1}, []byte{65, 30, 3, 3, 3, 0, 5}),
		rowsBody("", 9, "\xff\x01", strings.Repeat("\x00\x00", 1)+"\x80"+strings.Repeat("\x01", 29)+"\x81\xf4"+"\x21\xd0\x0f"+"\x99\xb2\x44\x10\x83\x03\xe8"+"\x65\x00\x00\x00"+"\x65\x00\x00\x00\x01\x02\x03"+"\xff\xff\xff\x00\x80\x07"), uint8(5), uint64(511), uint8(0))
	kinds := []replication.EventType{replication.WRITE_ROWS_EVENTv2, replication.UPDATE_ROWS_EVENTv2, replication.DELETE_ROWS_EVENTv2,
		replication.WRITE_ROWS_EVENTv1, replication.UPDATE_ROWS_EVENTv1, replication.DELETE_ROWS_EVENTv1, replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1}
	f.Fuzz(func(t *testing.T, tableMap, rows []byte, what uint8, key uint64, like uint8) {
		r := bareReader(t, tableMapOf(nil, nil), nil)
		id, err := tableID(tableMap)
		if err != nil || r.tableMap(eventOf(replication.TABLE_MAP_EVENT, tableMap)) != nil || r.tables[id].use != project {
			return
		}
		table := r.tables[id]
		table.definition = inventDefinition(table, like)
		for i := range table.types {
			if key>>(i%64)&1 == 1 {
				table.table.Key = append(table.table.Key, i)
			}
		}
		e := eventOf(kinds[int(what)%len(kinds)], rows)
		op := opOf[e.kind]
		im, err := table.imagesOf(e, op)
		if err != nil || len(table.types) == 0 {
			return
		}
		if images, ok := r.whole.rows(layoutOf(table, everyColumn(table)), e, op, &im); ok && r.whole.to.Len() <= 1<<20 {
			want, _, err := decoded(r, table, e, im, everyColumn(table))
			require.NoError(t, err)
			require.Equal(t, want, slices.Clone(images))
		}
		got, ok := r.keys.rows(layoutOf(table, table.table.Key), r.nameOf(table.table), e, op, &im)
		if !ok || r.keys.to.Len() > 1<<20 {
			return
		}
		got = slices.Clone(got)
		_, want, err := decoded(r, table, e, im, table.table.Key)
		if err == nil {
			require.Equal(t, want, got)
		} else if len(table.table.Key) == len(table.types) {
			t.Fatalf("the scan found %x where decoding fails: %v", got, err)
		}
	})
}

// inventDefinition invents columns that fit the types of the log; like says
// which of several kinds.
func inventDefinition(t *logTable, like uint8) *definition {
	d := definitionOf(t)
	for i := range d.table.Columns {
		c, meta := &d.table.Columns[i], t.logged.ColumnMeta[i]
		c.Generated = like&8 != 0
		switch {
		case c.Kind == change.Int && like&1 != 0:
			c.Kind = change.Uint
		case c.Kind == change.Decimal:
			c.Scale = int(meta & 0xff)
		case c.Kind == change.Text && like&1 != 0:
			c.Kind, c.Length = change.Binary, int(like)
		case c.Kind == change.Text && like&2 != 0:
			c.Kind, c.Length = change.Fixed, 16
			d.uuid[i] = like&4 != 0
		}
	}
	return d
}
