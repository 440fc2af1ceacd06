package change_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	servers "duplex/test/tenant"
)

// TestAppendKeyOnServers asks real servers which texts each of their
// collations holds for equal: those must share a key or have none. It asks for
// some thousand texts; DUPLEX_EXHAUSTIVE=1 asks for all that samples knows, in
// ten minutes, and a part of OceanBase's collations even then.
func TestAppendKeyOnServers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	for _, kind := range servers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := servers.For(t, kind)
			_, db := s.Database(t)
			conn, err := db.Conn(context.Background())
			require.NoError(t, err)
			defer func() { require.NoError(t, conn.Close()) }()
			f := folds{T: t, kind: kind, conn: conn, exhaustive: os.Getenv("DUPLEX_EXHAUSTIVE") != ""}
			f.exec("SET SESSION group_concat_max_len = 100000000, sql_mode = ''")
			if kind == servers.SeekDB {
				f.exec("SET SESSION ob_query_timeout = 600000000") // microseconds
			}
			left := len(known)
			byCharset := f.collations()
			for _, charset := range slices.Sorted(maps.Keys(byCharset)) {
				collations := byCharset[charset]
				f.charset(charset, collations)
				for _, collation := range collations {
					if _, ok := known[collation]; ok {
						left--
					}
				}
			}
			require.LessOrEqual(t, left, 3, "collations without a known pair")
		})
	}
}

// known is texts, as bytes of their character set, that a collation holds for
// equal. They show that the servers' answers are read as they are meant.
var known = map[string][][2]string{
	"utf8mb4_general_ci":      {{"a", "A"}, {"e", "é"}, {"s", "ß"}, {"a", "a "}, {"🍣", "🍺"}},
	"utf8mb4_unicode_ci":      {{"ss", "ß"}, {"か", "ガ"}, {"a", "\x01\x61"}, {"fi", "ﬁ"}, {"a", "ａ"}},
	"utf8mb4_danish_ci":       {{"aa", "å"}},
	"utf8mb4_lithuanian_ci":   {{"i", "y"}, {"c", "ch"}},
	"utf8mb4_bin":             {{"a", "a "}},
	"utf8mb4_0900_ai_ci":      {{"e", "É"}},
	"utf8mb4_hu_0900_ai_ci":   {{"ccs", "cscs"}},
	"gbk_chinese_ci":          {{"y", "~"}, {"Y", "y"}},
	"big5_chinese_ci":         {{"e", "`"}, {"y", "~"}},
	"gb18030_2022_chinese_cs": {{"j", "k"}},
	"latin1_swedish_ci":       {{"Y", "\xfc"}},
	"ucs2_general_ci":         {{"\x00a", "\x00A"}, {"\x00s", "\x00\xdf"}},
	"utf16_bin":               {{"\x00a", "\x00a\x00 "}},
}

// folds compares keys with what the server of one connection holds for equal.
type folds struct {
	*testing.T
	kind       servers.Kind
	conn       *sql.Conn
	exhaustive bool
}

func (f *folds) exec(query string) {
	f.Helper()
	_, err := f.conn.ExecContext(context.Background(), query)
	require.NoError(f, err, "%.200s", query)
}

// pairs reads the rows of a query with two columns.
func (f *folds) pairs(query string) (out [][2]string) {
	f.Helper()
	rows, err := f.conn.QueryContext(context.Background(), query)
	require.NoError(f, err, query)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var p [2]string
		require.NoError(f, rows.Scan(&p[0], &p[1]))
		out = append(out, p)
	}
	require.NoError(f, rows.Err())
	return out
}

// collations lists the server's collations by character set.
func (f *folds) collations() map[string][]string {
	query := "SELECT character_set_name, collation_name FROM information_schema.collations"
	if f.kind == servers.MariaDB { // names with the character set in them
		query = "SELECT character_set_name, full_collation_name FROM information_schema.collation_character_set_applicability"
	}
	out := map[string][]string{}
	for _, p := range f.pairs(query) {
		// The eight UCA 14 collations of a language are the same in each
		// character set of Unicode: one set's will do.
		uca14 := strings.Contains(p[1], "_uca1400_")
		if p[0] == "binary" || uca14 && p[0] != "utf8mb4" {
			continue
		}
		if (!f.exhaustive || f.kind == servers.SeekDB) && !quick(f.kind, p[0], p[1]) {
			continue
		}
		out[p[0]] = append(out[p[0]], p[1])
	}
	return out
}

// quick reports whether a collation is tried when not all are: of those that
// repeat another with other levels, in another form of Unicode or on another
// server, one is.
func quick(kind servers.Kind, charset, collation string) bool {
	general := strings.HasSuffix(collation, "_bin") || strings.Contains(collation, "_general_") || strings.Contains(collation, "_unicode_")
	switch {
	case known[collation] != nil:
		return true
	case kind == servers.SeekDB && !slices.Contains([]string{"utf8mb4", "gbk"}, charset):
		return false
	case general:
		return true
	case strings.Contains(collation, "_uca1400_"):
		return strings.HasSuffix(collation, "_ai_ci") && !strings.Contains(collation, "nopad")
	case strings.Contains(collation, "_0900_"):
		return strings.HasSuffix(collation, "_ai_ci") || strings.Contains(collation, "_zh_")
	case charset == "utf8mb4":
		return kind == servers.MySQL56
	default:
		return !strings.HasPrefix(charset, "utf") && charset != "ucs2"
	}
}

// charset fills a table with the samples in a character set, and tries each of
// the set's collations on it.
func (f *folds) charset(charset string, collations []string) {
	f.exec("DROP TABLE IF EXISTS s")
	f.exec("CREATE TABLE s (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(24) CHARACTER SET " + charset + ")")
	f.insert(samples(f.exhaustive), func(s string) string {
		return fmt.Sprintf("(CONVERT(_utf8mb4 0x%x USING %s))", s, charset)
	})
	f.insert(codes(charset, f.exhaustive), func(s string) string { return fmt.Sprintf("(_binary 0x%x)", s) })
	texts := map[string][]byte{}
	for _, p := range f.pairs("SELECT id, HEX(v) FROM s") {
		b, err := hex.DecodeString(p[1])
		require.NoError(f, err)
		texts[p[0]] = b
	}
	for _, collation := range collations {
		f.collation(charset, collation, texts)
	}
}

func (f *folds) insert(texts []string, value func(string) string) {
	const batch = 4000
	for i := 0; i < len(texts); i += batch {
		var b strings.Builder
		b.WriteString("INSERT INTO s (v) VALUES ")
		for j, s := range texts[i:min(i+batch, len(texts))] {
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteString(value(s))
		}
		f.exec(b.String())
	}
}

// collation fills a unique index with all texts that it takes, and asks it for
// each text which one stands in its place. The index decides, not GROUP BY:
// MySQL 5.6 has it tell texts apart that the index does not.
func (f *folds) collation(charset, collation string, texts map[string][]byte) {
	f.exec("DROP TABLE IF EXISTS u")
	f.exec("CREATE TABLE u (id INT PRIMARY KEY, v VARCHAR(24) CHARACTER SET " + charset + " COLLATE " + collation + ", UNIQUE (v))")
	c := change.Column{Kind: change.Text, Charset: charset, Collation: collation}
	refused := f.fill(1, len(texts))
	for _, id := range refused {
		if key, ok := c.AppendKey(nil, change.OfText(texts[id])); ok {
			f.Errorf("%s: the index refuses %q, it has a key: %q", collation, texts[id], key)
		}
	}
	pairs := f.pairs("SELECT s.id, u.id FROM s STRAIGHT_JOIN u ON u.v = s.v COLLATE " + collation)
	place := make(map[string]string, len(texts)) // by text
	wrong, exact := 0, 0
	for _, p := range pairs {
		text, other := texts[p[0]], texts[p[1]]
		place[string(text)] = p[1]
		key, ok := c.AppendKey(nil, change.OfText(text))
		if !ok {
			continue
		}
		exact++
		otherKey, ok := c.AppendKey(nil, change.OfText(other))
		if ok && !bytes.Equal(key, otherKey) {
			if wrong++; wrong <= 5 {
				f.Errorf("%s: %q and %q are equal, their keys are not: %q, %q", collation, text, other, key, otherKey)
			}
		}
	}
	f.Logf("%-36s %6d texts, %6d of them with a key; %d wrong", collation, len(texts), exact, wrong)
	for id, text := range texts {
		if _, ok := place[string(text)]; !ok && !slices.Contains(refused, id) {
			_, ok := c.AppendKey(nil, change.OfText(text))
			if ok || f.kind != servers.SeekDB {
				f.Errorf("%s: %q has no place in the index", collation, text)
			}
		}
	}
	for _, p := range known[collation] {
		if n := place[p[0]]; n == "" || n != place[p[1]] {
			f.Errorf("%s: %q and %q are not equal", collation, p[0], p[1])
		}
	}
}

// fill copies texts from s into u, the ones with these ids, and returns those
// that the index does not take although no row stands in their place: with
// some collations OceanBase holds texts for equal in the index alone, and INSERT
// IGNORE fails.
func (f *folds) fill(from, to int) (refused []string) {
	_, err := f.conn.ExecContext(context.Background(),
		fmt.Sprintf("INSERT IGNORE INTO u SELECT id, v FROM s WHERE id BETWEEN %d AND %d ORDER BY id", from, to))
	var known *mysql.MySQLError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &known) || known.Number != 4017:
		require.NoError(f, err)
	case from == to:
		return []string{strconv.Itoa(from)}
	}
	middle := (from + to) / 2
	return append(f.fill(from, middle), f.fill(middle+1, to)...)
}

// codes is the texts that are made of bytes, not of characters: every byte of
// a character set with single bytes, pairs of one with two.
func codes(charset string, exhaustive bool) (out []string) {
	if strings.HasPrefix(charset, "utf") || charset == "ucs2" || charset == "ascii" {
		return nil
	}
	step := 7
	if exhaustive {
		step = 1
	}
	for a := 0x80; a <= 0xff; a++ {
		out = append(out, string([]byte{byte(a)}))
		switch charset {
		case "gbk", "gb2312", "gb18030", "gb18030_2022", "big5":
			for b := 0x40 + a%step; b <= 0xff; b += step {
				out = append(out, string([]byte{byte(a), byte(b)}))
			}
		}
	}
	return out
}

// samples is texts of one to six characters. exhaustive adds every character
// of the basic plane and every text of three letters.
func samples(exhaustive bool) (out []string) {
	for r := rune(0); r < 0x80; r++ {
		out = append(out, string(r))
	}
	for a := rune(' '); a < 0x7f; a++ {
		for b := rune(' '); b < 0x7f; b++ {
			if exhaustive || a == 'a' || 'a' <= a && a <= 'z' && 'a' <= b {
				out = append(out, string([]rune{a, b}))
			}
		}
	}
	step := rune(61)
	if exhaustive {
		step = 1
	}
	for r := rune(0x80); r <= 0xffff; r++ {
		if r >= 0xd800 && r <= 0xdfff || r%step > 0 && r > 0x250 && r&^0xff != 0x1e00 && r&^0xff != 0xff00 {
			continue
		}
		out = append(out, string(r))
	}
	for a := 'a'; exhaustive && a <= 'z'; a++ {
		for b := 'a'; b <= 'z'; b++ {
			out = append(out, string([]rune{a, b, a, b}))
			for c := 'a'; c <= 'z'; c++ {
				out = append(out, string([]rune{a, b, c}))
			}
		}
	}
	out = append(out, words()...)
	rng := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune("aAbeEiIjsScChHnNlLzyYuUvw 1~`'-\t\x01\x7fàÀåÅäÉéëÑñöøßẞœŒæÆıİłđþðÿüÜſﬁ\u0301\u0308\u030a\u00a0\u00ad\u200bＡａ１　中国語가나각ㄱᄀかカがｶﾞヵΣσςάαЯяйи🍣🍺𝐀")
	for range 800 {
		var b strings.Builder
		for range 2 + rng.IntN(4) {
			b.WriteRune(alphabet[rng.IntN(len(alphabet))])
		}
		out = append(out, b.String())
	}
	return out
}

// words is texts that some collation holds for equal to another of them.
func words() []string {
	return strings.Split("a|\x01a|ccs|cscs|strasse|STRASSE|straße|STRAẞE|strase|aa|å|Å|Å|ae|ä|æ|Æ|AE|Ä|oe|ö|œ|ø|ue|ü|ch|CH|cH|ll|LL|ñ|ñ|Ñ|ñ|n|fi|ﬁ|"+
		"muller|müller|Müller|mueller|MÜLLER|résumé|resume|Resume|résumé|a|a |a  |a\u00a0|a　|a\t|a\x00|\x00a|a\x00 |a \x00|a\x01|\x7fa|"+
		"ab|a\u00adb|a\u200bb|a\u200db|a\ufeffb|dž|ǆ|Ǆ|ij|ĳ|lj|ǉ|nj|ǌ|1/2|½|1⁄2|²|2|x²|x2|™|TM|№|No|Ⅳ|IV|ⅳ|"+
		"ＡＢＣ|abc|ABC|ａｂｃ|１２３|123|（a）|(a)|か|カ|ｶ|が|ガ|ｶﾞ|ゕ|ヵ|ぁ|あ|ア|ー|"+
		"σοφός|ΣΟΦΌΣ|σοφοσ|Щука|щука|ёлка|елка|ЁЛКА|йод|иод|中文|中 文|中文 |国|國|豈|豈|樂|樂|⼀|一|㊀|가|가|각|각|ᄀ|ㄱ|"+
		"🍣|🍺|😀|👍🏽|👍|𝐀|𠀋|i|I|ı|İ|İ|ſ|s|S|k|K|K|Ω|Ω|ω|l·l|ŀl|ll·|þ|th|ð|d|đ|ł|l|ʼn|ŉ|=|≠|≠|o|º|°|ª|''|'|’|-|‐|–|—|a-b|a–b", "|")
}
