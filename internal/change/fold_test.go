package change_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"duplex/internal/change"
)

func textKey(collation, text string) (string, bool) {
	charset, _, _ := strings.Cut(collation, "_")
	c := change.Column{Kind: change.Text, Charset: charset, Collation: collation}
	key, exact := c.AppendKey([]byte("head"), change.OfText([]byte(text)))
	return strings.TrimPrefix(string(key), "head"), exact
}

// TestAppendKeyText has texts that must share a key, texts that should not, and
// texts that must have none. What servers say is in TestAppendKeyOnServers.
func TestAppendKeyText(t *testing.T) {
	for _, tc := range []struct {
		collation, a, b string
		want            string // same, other, or none for a
	}{
		{"utf8mb4_general_ci", "User 1", "uSER 1", "same"},
		{"utf8mb4_general_ci", "a", "b", "other"},
		{"utf8mb4_general_ci", "a", "a  ", "same"},
		{"utf8mb4_general_ci", "a", " a", "other"},
		{"utf8mb4_general_ci", "Müller", "MULLER", "same"},
		{"utf8mb4_general_ci", "Ａ（１）", "a(1)", "same"},
		{"utf8mb4_general_ci", "中文", "中国", "other"},
		{"utf8mb4_general_ci", "가", "각", "other"},
		{"utf8mb4_unicode_ci", "a\x00b\x01", "ab", "same"},
		{"utf8mb4_unicode_ci", "a \x01", "a", "same"},
		{"utf8mb4_0900_ai_ci", "É", "e", "same"},
		{"utf8mb4_uca1400_nopad_as_cs", "É", "e", "same"},
		{"utf8mb3_general_ci", "A", "a", "same"},
		{"utf8_general_ci", "A", "a", "same"},
		{"utf8mb4_general_ci", "straße", "", "none"},
		{"utf8mb4_general_ci", "Æ", "", "none"},
		{"utf8mb4_general_ci", "か", "", "none"},
		{"utf8mb4_general_ci", "Я", "", "none"},
		{"utf8mb4_general_ci", "😀", "", "none"},
		{"utf8mb4_general_ci", "\uf900", "", "none"},  // a compatibility ideograph
		{"utf8mb4_general_ci", "e\u0301", "", "none"}, // marks of their own
		{"utf8mb4_general_ci", "a\u00a0", "", "none"}, // a space to some
		{"utf8mb4_general_ci", "a\u3000", "", "none"},
		{"utf8mb4_general_ci", "\xff", "", "none"},
		{"utf8mb4_danish_ci", "aa", "AA", "same"},
		{"utf8mb4_danish_ci", "å", "", "none"},
		{"utf8mb4_danish_ci", "中", "文", "other"},
		{"utf8mb4_lithuanian_ci", "i", "", "none"},
		{"utf8mb4_hu_0900_ai_ci", "ccs", "", "none"},
		{"utf8mb4_never_heard_of_ci", "a", "", "none"},
		{"klingon_general_ci", "a", "", "none"},
		{"", "a", "", "none"},
		{"utf8mb4", "a", "", "none"},
		{"utf8mb4_bin", "a", "A", "other"},
		{"utf8mb4_bin", "か", "が", "other"},
		{"utf8mb4_bin", "a", "a ", "same"},
		{"utf8mb4_bin", "a", "a\x00", "other"},
		{"utf8mb4_0900_bin", "a", "a ", "same"},
		{"utf8mb4_nopad_bin", "a", "A", "other"},
		{"binary", "a", "a ", "other"},
		{"ucs2_general_ci", "\x00a\x00 ", "\x00A", "same"},
		{"ucs2_general_ci", "\x4e\x2d", "\x65\x87", "other"},
		{"utf16le_general_ci", "a\x00", "A\x00 \x00", "same"},
		{"utf32_unicode_ci", "\x00\x00\x00a", "\x00\x00\x00A", "same"},
		{"utf16_general_ci", "\xd8\x3d\xde\x00", "", "none"},
		{"utf16_general_ci", "\x00", "", "none"},
		{"utf16_bin", "\x00a\x00 ", "\x00a", "same"},
		{"utf16_bin", "\x61", "", "none"},
		{"utf16le_bin", "a\x00 \x00", "a\x00", "same"},
		{"utf32_bin", "\x00\x00\x00a\x00\x00\x00 ", "\x00\x00\x00a", "same"},
		{"gbk_chinese_ci", "Y~", "yy", "same"},
		{"gbk_chinese_ci", "\xd6\xd0A", "\xd6\xd0a", "same"},
		{"gbk_chinese_ci", "\x81A", "\x81a", "other"}, // ideographs whose second byte is a letter
		{"gbk_chinese_ci", "\xa3\xc1", "", "none"},    // full-width A
		{"gbk_chinese_ci", "\xd6", "", "none"},
		{"gb18030_chinese_ci", "\x81\x30\x84\x32", "", "none"},
		{"gb18030_2022_chinese_cs", "j", "k", "same"},
		{"gb18030_2022_chinese_ci", "j", "k", "other"},
		{"gb18030_2022_bin", "j", "J", "other"},
		{"big5_chinese_ci", "e`", "`E", "same"},
		{"big5_chinese_ci", "\xa4\x40", "\xa4\x41", "other"},
		{"big5_chinese_ci", "\xa1\x40", "", "none"},
		{"latin1_swedish_ci", "A", "a ", "same"},
		{"latin1_swedish_ci", "\xfc", "", "none"},
		{"latin1_bin", "\xfc", "\xdc", "other"},
		{"swe7_swedish_ci", "a", "", "none"},
		{"sjis_japanese_ci", "\x83A", "", "none"},
	} {
		name := fmt.Sprintf("%s: %q %q", tc.collation, tc.a, tc.b)
		a, exact := textKey(tc.collation, tc.a)
		if tc.want == "none" {
			require.False(t, exact, name)
			require.Equal(t, "", a, name)
			continue
		}
		require.True(t, exact, name)
		b, exact := textKey(tc.collation, tc.b)
		require.True(t, exact, name)
		require.Equal(t, tc.want == "same", a == b, name)
	}
}

func TestAppendKeyKinds(t *testing.T) {
	key := func(c change.Column, v change.Value) string {
		k, exact := c.AppendKey(nil, v)
		require.True(t, exact)
		return string(k)
	}
	var c change.Column
	require.Empty(t, key(c, change.Value{}))
	require.Equal(t, key(c, change.OfFloat64(0)), key(c, change.OfFloat64(math.Copysign(0, -1))))
	require.Equal(t, key(c, change.OfFloat32(0)), key(c, change.OfFloat32(float32(math.Copysign(0, -1)))))
	require.NotEqual(t, key(c, change.OfFloat64(1)), key(c, change.OfFloat64(-1)))
	require.Equal(t, key(c, change.OfInt(7)), key(c, change.OfUint(7)), "a column that became unsigned")
	require.NotEqual(t, key(c, change.OfInt(7)), key(c, change.OfInt(-7)))
	require.NotEqual(t, key(c, change.OfBinary([]byte("a"))), key(c, change.OfBinary([]byte("A"))))
	require.NotEqual(t, key(c, change.OfBinary([]byte("a"))), key(c, change.OfBinary([]byte("a "))))
	require.Equal(t, key(change.Column{Length: 3}, change.OfBinary([]byte("a"))), key(change.Column{Length: 3}, change.OfBinary([]byte("a\x00\x00"))))
	for k := change.Date; k <= change.Set; k++ {
		require.Len(t, key(c, change.Value{Kind: k, Bits: 5}), 8)
	}
	for _, k := range []change.Kind{change.JSON, change.Geometry} {
		got, exact := c.AppendKey([]byte("x"), change.Value{Kind: k, Bytes: []byte("1")})
		require.False(t, exact)
		require.Equal(t, "x", string(got))
	}
	// Columns one after the other stay apart.
	c.Collation = "utf8mb4_bin"
	join := func(a, b string) string { return key(c, change.OfText([]byte(a))) + key(c, change.OfText([]byte(b))) }
	require.NotEqual(t, join("ab", "c"), join("a", "bc"))
}

// TestAppendKeyLetters holds the tables of accented letters against Unicode's
// own decomposition.
func TestAppendKeyLetters(t *testing.T) {
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if r >= 0xd800 && r <= 0xdfff {
			continue
		}
		d := []rune(norm.NFD.String(string(r)))
		want, ok := "", false
		switch {
		case r >= 0x3400 && r <= 0x4dbf || r >= 0x4e00 && r <= 0x9fff || r >= 0xac00 && r <= 0xd7a3:
			want, ok = string(r), true
		case r >= 0xff01 && r <= 0xff5e:
			want, ok = strings.ToLower(norm.NFKD.String(string(r))), true
		case (r < 0x250 || r&^0xff == 0x1e00) && len(d) > 1 && d[0] < 0x80:
			want, ok = strings.ToLower(string(d[0])), true
		}
		key, exact := textKey("utf8mb4_general_ci", string(r))
		require.Equal(t, ok, exact, "%U", r)
		if ok {
			require.Equal(t, want+"\xff", key, "%U", r)
		}
	}
}

func FuzzAppendKey(f *testing.F) {
	for _, c := range []string{"utf8mb4_general_ci", "gbk_chinese_ci", "utf16_bin", "utf16le_general_ci", "big5_chinese_ci", "utf32_general_ci", "latin1_swedish_ci"} {
		f.Add(c, []byte("Aé 中\xd6\xd0"), []byte{0, 'a'})
	}
	f.Fuzz(func(t *testing.T, collation string, a, b []byte) {
		c := change.Column{Kind: change.Text, Collation: collation}
		ka, exact := c.AppendKey([]byte("head"), change.OfText(a))
		require.True(t, strings.HasPrefix(string(ka), "head"))
		require.True(t, exact || string(ka) == "head")
		kb, exactB := c.AppendKey([]byte("head"), change.OfText(b))
		if exact && exactB && string(a) == string(b) {
			require.Equal(t, ka, kb)
		}
	})
}

func TestAppendKeyAllocates(t *testing.T) {
	buf := make([]byte, 0, 256)
	for _, collation := range []string{"utf8mb4_general_ci", "utf8mb4_bin", "gbk_chinese_ci", "utf8mb4_0900_ai_ci"} {
		c := change.Column{Kind: change.Text, Collation: collation}
		for _, text := range []string{"customer-000123@example.com", "Müller 中文"} {
			v := change.OfText([]byte(text))
			require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = c.AppendKey(buf, v) }), collation)
		}
	}
}

func BenchmarkAppendKey(b *testing.B) {
	buf := make([]byte, 0, 256)
	run := func(name string, c change.Column, v change.Value) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = c.AppendKey(buf, v)
			}
		})
	}
	run("int", change.Column{Kind: change.Int}, change.OfInt(123456))
	for _, collation := range []string{"utf8mb4_general_ci", "utf8mb4_bin", "gbk_chinese_ci", "utf16_general_ci"} {
		c := change.Column{Kind: change.Text, Collation: collation}
		run(collation+"/ascii27", c, change.OfText([]byte("customer-000123@example.com ")))
		run(collation+"/han", c, change.OfText([]byte("北京市海淀区中关村")))
	}
}
