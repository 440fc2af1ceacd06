package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPatternMatchesAsOMSDoes(t *testing.T) {
	for _, test := range []struct {
		pattern  string
		matches  string // database.table, by blanks
		excludes string
	}{
		{"shop.orders", "shop.orders", "shop.order shop.orders2 Shop.orders shop.Orders mall.orders"},
		{"shop.*", "shop.a shop.orders shop.订单", "shop2.a mall.shop"},
		{"*.*", "shop.a a.b", ""},
		{"*.orders", "shop.orders mall.orders", "shop.orders_1"},
		{"shop.t?", "shop.t1 shop.t_ shop.t订", "shop.t shop.t12"},
		{"shop.??", "shop.ab", "shop.a shop.abc"},
		{"shop.*_log", "shop.a_log shop._log shop.a_log_log", "shop.log shop.a_logs"},
		{"shop.a*b*c", "shop.abc shop.axxbyyc shop.abbcc", "shop.ab shop.acb shop.abcd"},
		{"shop.**", "shop.a", "mall.a"},
		{"shop.t[123]", "shop.t1 shop.t3", "shop.t4 shop.t shop.t12"},
		{"shop.t[a-cx]", "shop.ta shop.tc shop.tx", "shop.td shop.t-"},
		{"shop.t[!0-9]", "shop.ta shop.t!", "shop.t5 shop.t"},
		{"shop.t[a-]", "shop.ta shop.t-", "shop.tb"},
		{"shop.t[a!]", "shop.ta shop.t!", "shop.tb"},
		{"shop_[0-9].*", "shop_1.a shop_9.b", "shop_.a shop_10.a"},
		{"s*p.t*", "shop.t1 sp.t", "shop.a xshop.t1"},
		{"`shop.*`.t", "shop.*|t", "shop.t shopx.t"},
		{"shop.`a*b`", "shop.a*b", "shop.axb"},
		{"shop.`a``b`", "shop.a`b", "shop.ab"},
		{"`s.p`.*", "s.p|t", "s.p"},
		{"shop.a]", "shop.a]", "shop.a"},
		{"shop.a.b", "shop|a.b", "shop.a"},
	} {
		t.Run(test.pattern, func(t *testing.T) {
			pattern, err := ParsePattern(test.pattern)
			require.NoError(t, err)
			require.Equal(t, test.pattern, pattern.String())
			for name := range strings.FieldsSeq(test.matches) {
				require.True(t, pattern.Match(cut(name)), "should match %s", name)
			}
			for name := range strings.FieldsSeq(test.excludes) {
				require.False(t, pattern.Match(cut(name)), "should not match %s", name)
			}
		})
	}
}

// cut splits at the bar if there is one, else at the first dot.
func cut(name string) (string, string) {
	separator := "."
	if strings.Contains(name, "|") {
		separator = "|"
	}
	database, table, _ := strings.Cut(name, separator)
	return database, table
}

func TestZeroPatternMatchesNothing(t *testing.T) {
	require.False(t, Pattern{}.Match("", ""))
	require.False(t, Pattern{}.Match("shop", "orders"))
}

func TestPatternMatchingIsNotExponential(t *testing.T) {
	pattern, err := ParsePattern("shop." + strings.Repeat("a*", 200) + "b")
	require.NoError(t, err)
	require.False(t, pattern.Match("shop", strings.Repeat("a", 5000)))
}

func TestTableNamesSurviveWritingAndReading(t *testing.T) {
	for _, table := range []Table{
		{"shop", "orders"}, {"s.p", "o.r"}, {"a`b", "`"}, {"a*", "b?[c]"}, {"a=b", "c=d"}, {"商店", "订单"}, {" ", "-"},
	} {
		again, err := ParseTable(table.String())
		require.NoError(t, err, table.String())
		require.Equal(t, table, again)
	}
}
