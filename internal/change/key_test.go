package change

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIdentity(t *testing.T) {
	for _, x := range []struct {
		charset, collation, text, want string
	}{
		{"utf8mb4", "utf8mb4_general_ci", "Kiel 1", "kiel 1"},
		{"utf8mb4", "utf8mb4_0900_ai_ci", "K", "k"},
		{"latin1", "latin1_swedish_ci", "K-1~", "k-1~"},
		{"utf8mb4", "utf8mb4_bin", "K", "K"},
		{"latin1", "latin1_general_cs", "K", "K"},
		{"utf8mb4", "utf8mb4_turkish_ci", "I", "I"},
		{"utf8mb4", "utf8mb4_general_ci", "KÖLN", "KÖLN"},
		{"utf8mb4", "utf8mb4_general_ci", "K\x01", "K\x01"},
		{"ucs2", "ucs2_general_ci", "AB", "AB"},
	} {
		c := Column{Name: "k", Kind: Text, Charset: x.charset, Collation: x.collation}
		given := []byte(x.text)
		require.Equal(t, x.want, string(c.Identity(OfText(given)).Bytes), x.collation)
		require.Equal(t, x.text, string(given), "the value itself stays")
	}
	columns := []Column{{Kind: Text, Collation: "utf8mb4_general_ci"}, {Kind: Int}}
	id := func(text string, n int64) string {
		return RowID(columns, []int{0, 1}, []Value{OfText([]byte(text)), OfInt(n)})
	}
	require.Equal(t, id("Ab", 1), id("aB", 1))
	require.NotEqual(t, id("Ab", 1), id("aB", 2))
}
