package precheck

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/schema"
)

func TestUnlogged(t *testing.T) {
	table := func(typ, charset string) *schema.Table {
		return &schema.Table{Dialect: schema.OceanBase, Columns: []schema.Column{{Column: change.Column{Name: "c", Charset: charset}, Type: typ}}}
	}
	for _, c := range []struct{ typ, charset, cut, mistaken string }{
		{typ: "varchar(16383)", charset: "utf8mb4"},
		{typ: "varchar(16384)", charset: "utf8mb4", cut: "column c is a varchar(16384)"},
		{typ: "varchar(65535)", charset: "latin1"},
		{typ: "varchar(32768)", charset: "gbk", cut: "more than 65535 bytes"},
		{typ: "varbinary(65535)"},
		{typ: "varbinary(65536)", cut: "varbinary(65536)"},
		{typ: "mediumtext", charset: "utf8mb4"},
		{typ: "enum('a','b')", charset: "utf8mb4"},
		{typ: "enum('ab','a')", charset: "utf8mb4"}, // the longer one is looked for first
		{typ: "enum('a','x','ab')", charset: "utf8mb4", mistaken: "label 'a' is the beginning of 'ab'"},
		{typ: "enum('','x')", charset: "utf8mb4", mistaken: "label '' is the beginning of 'x'"},
		{typ: "set('ab','a')", charset: "utf8mb4", mistaken: "label 'a' is the beginning of 'ab'"},
		{typ: "set('a','b')", charset: "utf8mb4"},
	} {
		cut, mistaken := unlogged(table(c.typ, c.charset))
		one := func(want string, got []string) {
			t.Helper()
			if want == "" {
				require.Empty(t, got, c.typ)
				return
			}
			require.Len(t, got, 1, c.typ)
			require.Contains(t, got[0], want)
		}
		one(c.cut, cut)
		one(c.mistaken, mistaken)
	}
}
