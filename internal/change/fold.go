package change

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"
)

// AppendKey appends the form that v, a value of a unique key's column, takes
// in the comparison of keys: values that the server's unique index holds for
// equal get the same bytes. The reverse does not hold, unequal values may share
// them. The forms of a key's columns may be appended one after the other.
//
// Where no such form is known exact is false and dst comes back as it was: the
// value must then be taken as equal to every value of its index.
//
// All values compared must be of one column definition, the one that carries
// the index. NULL, equal to nothing, appends nothing. A key on a prefix of the
// column needs v cut to that prefix.
func (c *Column) AppendKey(dst []byte, v Value) (key []byte, exact bool) {
	switch v.Kind {
	case Null:
		return dst, true
	case Float32:
		if f := math.Float32frombits(uint32(v.Bits)); f == 0 { // minus zero too
			v.Bits = 0
		}
		return binary.BigEndian.AppendUint64(dst, v.Bits), true
	case Float64:
		if f := math.Float64frombits(v.Bits); f == 0 {
			v.Bits = 0
		}
		return binary.BigEndian.AppendUint64(dst, v.Bits), true
	case Int, Uint, Date, Datetime, Timestamp, Time, Year, Bit, Enum, Set:
		return binary.BigEndian.AppendUint64(dst, v.Bits), true
	case Binary:
		n := len(dst) + c.Length
		for dst = append(dst, v.Bytes...); len(dst) < n; {
			dst = append(dst, 0)
		}
		return append(dst, keyEnd), true
	case Decimal, Fixed:
		return append(append(dst, v.Bytes...), keyEnd), true
	case Text:
		n := len(dst)
		f := foldingOf(c.Collation)
		if dst, exact = f.append(dst, v.Bytes); !exact {
			return dst[:n], false
		}
		return append(dst, keyEnd), true
	default: // the index does not compare the bytes of JSON and Geometry that we hold
		return dst, false
	}
}

// keyEnd separates the columns of a key. No folded text holds it; that bytes
// of another kind may hold it costs no more than a shared form.
const keyEnd = 0xff

// A folding is what is known of a collation. The zero folding knows nothing.
type folding struct {
	form form
	unit unit
	// ascii is the form of each ASCII character, 0 for one that may count for
	// nothing. Used by folded.
	ascii *[utf8.RuneSelf]byte
	// latin says that accented Latin letters equal their base letter, or
	// themselves alone, and full-width forms their ASCII character, or
	// themselves alone: the collation has no tailoring.
	latin bool
	// han says that Han ideographs and Hangul syllables equal themselves alone.
	han bool
}

// form says how a text becomes its key.
type form uint8

const (
	unknown form = iota
	raw          // every byte counts
	padded       // every byte counts, spaces at the end do not
	folded       // letter by letter, as the fields of folding say
)

// unit says how bytes become characters.
type unit uint8

const (
	single unit = iota // ASCII below 0x80; what is above is not looked into
	utf8s
	utf16be // without surrogates
	utf16le
	utf32be
	gbk  // GBK's zones of ideographs, of which each character is its bytes
	big5 // Big5's
)

// The forms of ASCII characters. Control characters count for nothing in the
// collations of the Unicode algorithm, and for something elsewhere.
var (
	asciiFold    = foldASCII("")
	asciiGBK     = foldASCII("~y")   // gbk_chinese_ci and gb2312_chinese_ci hold these for equal
	asciiBig5    = foldASCII("~y`e") // so does big5_chinese_ci
	asciiGB18030 = foldASCII("kj")   // OceanBase's gb18030_2022_*_cs
)

// foldASCII makes a table of lower case. alike is pairs of characters, the
// second of which stands for the first.
func foldASCII(alike string) *[utf8.RuneSelf]byte {
	t := new([utf8.RuneSelf]byte)
	for c := byte(' '); c < 0x7f; c++ {
		t[c] = c
		if 'A' <= c && c <= 'Z' {
			t[c] += 'a' - 'A'
		}
		for i := 0; i < len(alike); i += 2 {
			if t[c] == alike[i] {
				t[c] = alike[i+1]
			}
		}
	}
	return t
}

// latin1 and latin2 are the base letters of U+00C0 to U+024F and U+1E00 to
// U+1EFF as canonical decomposition gives them; '.' has none in ASCII.
const (
	latin1From, latin2From = 0xc0, 0x1e00

	latin1 = "aaaaaa.ceeeeiiii.nooooo..uuuuy..aaaaaa.ceeeeiiii.nooooo..uuuuy.y" +
		"aaaaaaccccccccdd..eeeeeeeeeegggggggghh..iiiiiiiii...jjkk.llllll." +
		"...nnnnnn...oooooo..rrrrrrsssssssstttt..uuuuuuuuuuuuwwyyyzzzzzz." +
		"................................oo.............uu..............." +
		".............aaiioouuuuuuuuuu.aaaa....ggkkoooo..j...gg..nnaa...." +
		"aaaaeeeeiiiioooorrrruuuusstt..hh......aaeeooooooooyy............" +
		"................"
	latin2 = "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmm" +
		"mmmmnnnnnnnnoooooooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvv" +
		"wwwwwwwwwwxxxxyyzzzzzzhtwy......aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeee" +
		"eeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy......"
)

// append appends the form of text, without what ends it.
func (f *folding) append(dst, text []byte) (key []byte, exact bool) {
	switch f.form {
	case raw:
		return append(dst, text...), true
	case padded:
		text, ok := trim(text, f.unit)
		return append(dst, text...), ok
	case folded:
	default:
		return dst, false
	}
	start := len(dst)
	bytewise := f.unit != utf16be && f.unit != utf16le && f.unit != utf32be
	for {
		if bytewise { // most texts are done with this loop
			i := 0
			for ; i < len(text) && text[i] < utf8.RuneSelf; i++ {
				if b := f.ascii[text[i]]; b != 0 {
					dst = append(dst, b)
				}
			}
			text = text[i:]
		}
		if len(text) == 0 {
			break
		}
		r, n := f.next(text)
		switch {
		case r < 0:
			return dst, false
		case r < utf8.RuneSelf:
			if b := f.ascii[r]; b != 0 {
				dst = append(dst, b)
			}
		default:
			var ok bool
			if dst, ok = f.appendWide(dst, r); !ok {
				return dst, false
			}
		}
		text = text[n:]
	}
	for len(dst) > start && dst[len(dst)-1] == ' ' {
		dst = dst[:len(dst)-1]
	}
	return dst, true
}

// next takes a character from the head of text, in GBK and Big5 and where
// characters are single bytes one that is not ASCII: its code, and its length.
// The code is negative where the bytes make none, or one that has no exact form
// in any case.
func (f *folding) next(text []byte) (r rune, n int) {
	switch f.unit {
	case utf8s:
		if r, n = utf8.DecodeRune(text); r == utf8.RuneError {
			return -1, n
		}
		return r, n
	case utf16be:
		if len(text) < 2 {
			return -1, 1
		}
		return rune(binary.BigEndian.Uint16(text)), 2
	case utf16le:
		if len(text) < 2 {
			return -1, 1
		}
		return rune(binary.LittleEndian.Uint16(text)), 2
	case utf32be:
		if len(text) < 4 {
			return -1, 1
		}
		return rune(binary.BigEndian.Uint32(text)), 4
	}
	if text[0] >= utf8.RuneSelf && f.unit != single && len(text) > 1 {
		return rune(text[0])<<8 | rune(text[1]), 2
	}
	return -1, 1
}

// appendWide appends the form of a character that is not ASCII.
func (f *folding) appendWide(dst []byte, r rune) (key []byte, exact bool) {
	switch f.unit {
	case gbk:
		if !gbkHan(byte(r>>8), byte(r)) {
			return dst, false
		}
		return append(dst, byte(r>>8), byte(r)), true
	case big5:
		if !big5Han(byte(r>>8), byte(r)) {
			return dst, false
		}
		return append(dst, byte(r>>8), byte(r)), true
	}
	base := byte('.')
	switch {
	case f.han && (0x4e00 <= r && r <= 0x9fff || 0x3400 <= r && r <= 0x4dbf || 0xac00 <= r && r <= 0xd7a3):
		return utf8.AppendRune(dst, r), true
	case !f.latin:
	case latin1From <= r && r < latin1From+rune(len(latin1)):
		base = latin1[r-latin1From]
	case latin2From <= r && r < latin2From+rune(len(latin2)):
		base = latin2[r-latin2From]
	case 0xff01 <= r && r <= 0xff5e: // full-width ASCII
		return append(dst, f.ascii[r-0xff01+'!']), true
	}
	if base == '.' {
		return dst, false
	}
	return append(dst, base), true
}

// gbkHan reports whether a and b are an ideograph of GBK: its zones 2, 3 and 4,
// without the places that are the user's.
func gbkHan(a, b byte) bool {
	switch {
	case b < 0x40 || b == 0x7f || b == 0xff:
		return false
	case 0x81 <= a && a <= 0xa0:
		return true
	case b <= 0xa0:
		return 0xaa <= a && a <= 0xfd
	default:
		return 0xb0 <= a && a <= 0xf7 && (a != 0xd7 || b < 0xfa)
	}
}

// big5Han reports whether a and b are an ideograph of Big5's two levels.
func big5Han(a, b byte) bool {
	if b < 0x40 || 0x7e < b && b < 0xa1 || b == 0xff {
		return false
	}
	at := uint16(a)<<8 | uint16(b)
	return 0xa440 <= at && at <= 0xc67e || 0xc940 <= at && at <= 0xf9d5
}

// trim takes the spaces from the end of text. ok is false when text ends within
// a character.
func trim(text []byte, u unit) (trimmed []byte, ok bool) {
	space := " "
	switch u {
	case utf16be:
		space = "\x00 "
	case utf16le:
		space = " \x00"
	case utf32be:
		space = "\x00\x00\x00 "
	}
	n := len(text)
	if n%len(space) != 0 {
		return text, false
	}
	for n > 0 && string(text[n-len(space):n]) == space {
		n -= len(space)
	}
	return text[:n], true
}

// foldingOf finds what is known of a collation.
func foldingOf(collation string) folding {
	if collation == "binary" {
		return folding{form: raw}
	}
	i := strings.IndexByte(collation, '_')
	if i < 0 {
		return folding{}
	}
	var u unit
	switch collation[:i] {
	case "utf8mb4", "utf8mb3", "utf8":
		u = utf8s
	case "ucs2", "utf16":
		u = utf16be
	case "utf16le":
		u = utf16le
	case "utf32":
		u = utf32be
	}
	if strings.HasSuffix(collation, "_bin") {
		return folding{form: padded, unit: u}
	}
	if u == single {
		return others[collation]
	}
	f := unicodes[collation[i+1:]]
	f.unit = u
	return f
}

// others is the collations of the character sets outside Unicode. Each was
// compared with what servers hold for equal, as those of unicodes: see
// TestAppendKeyOnServers. Left out are those where it showed more to be equal than
// lower case makes: cp1251_ukrainian_ci, cp1257_lithuanian_ci, geostd8_general_ci,
// koi8u_general_ci, macce_general_ci; and those that look at more than one
// byte at a time or are not ASCII: *_czech_cs, swe7, tis620.
var others = func() map[string]folding {
	m := map[string]folding{
		"gbk_chinese_ci":          {unit: gbk, ascii: asciiGBK},
		"gb2312_chinese_ci":       {unit: gbk, ascii: asciiGBK},
		"big5_chinese_ci":         {unit: big5, ascii: asciiBig5},
		"gb18030_chinese_ci":      {unit: gbk, ascii: asciiFold},
		"gb18030_2022_chinese_ci": {unit: gbk, ascii: asciiFold},
		"gb18030_2022_radical_ci": {unit: gbk, ascii: asciiFold},
		"gb18030_2022_stroke_ci":  {unit: gbk, ascii: asciiFold},
		"gb18030_2022_chinese_cs": {unit: gbk, ascii: asciiGB18030},
		"gb18030_2022_radical_cs": {unit: gbk, ascii: asciiGB18030},
		"gb18030_2022_stroke_cs":  {unit: gbk, ascii: asciiGB18030},
	}
	for _, name := range strings.Fields(`
		armscii8_general_ci ascii_general_ci cp1250_croatian_ci cp1250_general_ci cp1250_polish_ci
		cp1251_bulgarian_ci cp1251_general_ci cp1251_general_cs cp1256_general_ci cp1257_general_ci
		cp850_general_ci cp852_general_ci cp866_general_ci cp932_japanese_ci dec8_swedish_ci
		eucjpms_japanese_ci euckr_korean_ci greek_general_ci hebrew_general_ci hp8_english_ci
		keybcs2_general_ci koi8r_general_ci latin1_danish_ci latin1_general_ci latin1_general_cs
		latin1_german1_ci latin1_german2_ci latin1_spanish_ci latin1_swedish_ci latin2_croatian_ci
		latin2_general_ci latin2_hungarian_ci latin5_turkish_ci latin7_estonian_cs latin7_general_ci
		latin7_general_cs macroman_general_ci sjis_japanese_ci ujis_japanese_ci`) {
		m[name] = folding{ascii: asciiFold}
	}
	for name, f := range m {
		f.form = folded
		m[name] = f
		if head, ok := strings.CutSuffix(name, "_ci"); ok {
			m[head+"_nopad_ci"] = f // MariaDB's
		}
	}
	return m
}()

// unicodes is the collations of utf8, ucs2, utf16 and utf32, without the name
// of the character set. Left out are the languages whose tailoring makes ASCII
// texts equal: Hungarian (ccs and cscs), Latin (i and j), Latvian and
// Lithuanian (i and y).
var unicodes = func() map[string]folding {
	m := map[string]folding{}
	plain := folding{form: folded, ascii: asciiFold, latin: true, han: true}
	tailored := folding{form: folded, ascii: asciiFold, han: true}
	for _, name := range strings.Fields(`
		general_ci general_mysql500_ci unicode_ci unicode_520_ci
		general_nopad_ci unicode_nopad_ci unicode_520_nopad_ci
		0900_ai_ci 0900_as_ci 0900_as_cs`) {
		m[name] = plain
	}
	for _, name := range strings.Fields(`croatian_mysql561_ci ja_0900_as_cs ja_0900_as_cs_ks zh_0900_as_cs`) {
		m[name] = tailored
	}
	for _, language := range strings.Fields(`bg bs cs da de_pb eo es es_trad et gl hr is mn_cyrl nb nn pl ro ru sk sl sr_latn sv tr vi`) {
		m[language+"_0900_ai_ci"] = tailored
		m[language+"_0900_as_cs"] = tailored
	}
	levels := strings.Fields(`ai_ci ai_cs as_ci as_cs nopad_ai_ci nopad_ai_cs nopad_as_ci nopad_as_cs`)
	for _, level := range levels {
		m["uca1400_"+level] = plain
	}
	for _, language := range strings.Fields(`croatian czech danish esperanto estonian german2 hungarian icelandic
		latvian persian polish romanian sinhala slovak slovenian spanish spanish2 swedish turkish vietnamese`) {
		m[language+"_ci"] = tailored
		for _, level := range levels {
			m["uca1400_"+language+"_"+level] = tailored
		}
	}
	return m
}()
