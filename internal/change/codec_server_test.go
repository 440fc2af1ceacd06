package change_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	servers "duplex/test/tenant"
)

// TestLiteralsOnServers writes values as literals, reads them back as a copy
// does, and finds the row again by the literal.
func TestLiteralsOnServers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	bits := func(k change.Kind, b uint64) change.Value { return change.Value{Kind: k, Bits: b} }
	text := func(k change.Kind, s string) change.Value { return change.Value{Kind: k, Bytes: []byte(s)} }
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	cases := []struct {
		sql    string
		column change.Column
		values []change.Value
	}{
		{"BIGINT", change.Column{Kind: change.Int}, []change.Value{change.OfInt(0), change.OfInt(math.MinInt64), change.OfInt(math.MaxInt64)}},
		{"BIGINT UNSIGNED", change.Column{Kind: change.Uint}, []change.Value{change.OfUint(0), change.OfUint(math.MaxUint64)}},
		{"FLOAT", change.Column{Kind: change.Float32}, []change.Value{change.OfFloat32(0.1), change.OfFloat32(16777217), change.OfFloat32(-1.17549435e-38), change.OfFloat32(3.4e38)}},
		{"DOUBLE", change.Column{Kind: change.Float64}, []change.Value{change.OfFloat64(0.1), change.OfFloat64(math.MaxFloat64), change.OfFloat64(2.2250738585072014e-308), change.OfFloat64(1.0 / 3), change.OfFloat64(9007199254740993)}},
		{"DECIMAL(65,30)", change.Column{Kind: change.Decimal, Scale: 30}, []change.Value{text(change.Decimal, "-12345678901234567890123456789012345.123456789012345678901234567890"), text(change.Decimal, "0.000000000000000000000000000000")}},
		{"DATE", change.Column{Kind: change.Date}, []change.Value{bits(change.Date, 0), bits(change.Date, change.PackDate(2024, 0, 0)), bits(change.Date, change.PackDate(9999, 12, 31))}},
		{"DATETIME(6)", change.Column{Kind: change.Datetime, Scale: 6}, []change.Value{bits(change.Datetime, 0), bits(change.Datetime, change.PackDatetime(2024, 2, 29, 23, 59, 59, 1)), bits(change.Datetime, change.PackDatetime(9999, 12, 31, 23, 59, 59, 999999))}},
		{"TIMESTAMP(6) NULL", change.Column{Kind: change.Timestamp, Scale: 6}, []change.Value{bits(change.Timestamp, 0), bits(change.Timestamp, 1_000_000), bits(change.Timestamp, 2147483647_999999)}},
		{"TIME(6)", change.Column{Kind: change.Time, Scale: 6}, []change.Value{bits(change.Time, 0), bits(change.Time, ^uint64(0)), bits(change.Time, 3020399_000000)}},
		{"YEAR", change.Column{Kind: change.Year}, []change.Value{bits(change.Year, 0), bits(change.Year, 1901), bits(change.Year, 2155)}},
		{"BIT(64)", change.Column{Kind: change.Bit, Length: 64}, []change.Value{bits(change.Bit, 0), bits(change.Bit, math.MaxUint64)}},
		{"ENUM('a','b''c','1')", change.Column{Kind: change.Enum}, []change.Value{bits(change.Enum, 1), bits(change.Enum, 3)}},
		{"SET('a','b','1')", change.Column{Kind: change.Set}, []change.Value{bits(change.Set, 0), bits(change.Set, 5)}},
		{"VARCHAR(300) CHARACTER SET utf8mb4", change.Column{Kind: change.Text, Charset: "utf8mb4"}, []change.Value{change.OfText([]byte("")), change.OfText(every[:128]), change.OfText([]byte("é 中 😀 'x' \\ % _ "))}},
		{"VARCHAR(300) CHARACTER SET latin1", change.Column{Kind: change.Text, Charset: "latin1"}, []change.Value{change.OfText([]byte("")), change.OfText(every)}},
		{"VARCHAR(300) CHARACTER SET gbk", change.Column{Kind: change.Text, Charset: "gbk"}, []change.Value{change.OfText([]byte("\xd6\xd0'\\\x81\x5c'"))}},
		{"VARCHAR(300) CHARACTER SET utf16", change.Column{Kind: change.Text, Charset: "utf16"}, []change.Value{change.OfText([]byte("\x00'\x00\\\x4e\x2d\x27\x5c\xd8\x3d\xde\x00"))}},
		{"VARBINARY(300)", change.Column{Kind: change.Binary}, []change.Value{change.OfBinary([]byte("")), change.OfBinary(every)}},
		{"BINARY(5)", change.Column{Kind: change.Binary, Length: 5}, []change.Value{change.OfBinary([]byte("a\x00'\x00\x00"))}},
		{"LONGBLOB", change.Column{Kind: change.Binary}, []change.Value{change.OfBinary(every)}},
	}
	for _, kind := range servers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			_, db := servers.For(t, kind).Database(t)
			ctx := context.Background()
			conn, err := db.Conn(ctx)
			require.NoError(t, err)
			defer func() { require.NoError(t, conn.Close()) }()
			exec := func(query string) {
				_, err := conn.ExecContext(ctx, query)
				require.NoError(t, err, query)
			}
			exec("SET NAMES utf8mb4")
			exec("SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES', character_set_results = NULL")
			for n, tc := range cases {
				c := tc.column
				c.Name = "v`" // a name that needs care
				exec(fmt.Sprintf("CREATE TABLE t%d (id INT PRIMARY KEY, `v``` %s)", n, tc.sql))
				for i, v := range append(tc.values, change.Value{}) {
					exec(fmt.Sprintf("INSERT INTO t%d VALUES (%d, %s)", n, i, c.AppendLiteral(nil, v)))
					var raw []byte
					require.NoError(t, conn.QueryRowContext(ctx, fmt.Sprintf("SELECT %s FROM t%d WHERE id = %d", c.AppendSelect(nil), n, i)).Scan(&raw))
					got, err := c.ParseText(raw)
					require.NoError(t, err)
					require.True(t, v.Equal(got), "%s: wrote %s, read %s", tc.sql, c.Format(v), c.Format(got))
					if v.IsNull() {
						continue
					}
					var found int
					for _, literal := range [][]byte{c.AppendLiteral(nil, v), c.AppendKeyLiteral(nil, v)} {
						require.NoError(t, conn.QueryRowContext(ctx, fmt.Sprintf("SELECT COUNT(*) FROM t%d WHERE id = %d AND %s = %s", n, i, change.AppendIdent(nil, c.Name), literal)).Scan(&found))
						require.Equal(t, 1, found, "%s: %s is not found by %s", tc.sql, c.Format(v), literal)
					}
				}
			}
		})
	}
}
