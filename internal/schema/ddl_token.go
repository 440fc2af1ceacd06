package schema

import "strings"

// tokenKind tells tokens apart.
type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // a bare name, a keyword, or digits
	tokenName             // `quoted`; text is the content
	tokenString           // 'quoted' or "quoted"; text is the content
	tokenPunct            // one byte
)

type token struct {
	kind tokenKind
	text string
	raw  string // as written
	at   int    // where in the text it begins
}

// is reports whether t is the keyword w, upper case.
func (t token) is(w string) bool { return t.kind == tokenWord && strings.EqualFold(t.text, w) }

// isAny is is for one of several.
func (t token) isAny(words ...string) bool {
	for _, w := range words {
		if t.is(w) {
			return true
		}
	}
	return false
}

func (t token) punct(c byte) bool { return t.kind == tokenPunct && t.text[0] == c }

// A lexer cuts SQL into tokens. Comments and hints are left out; what stands
// in /*! … */ and /*M! … */ is read as if it stood outside, whatever the
// version. It reads each byte once and never fails: what is not closed ends
// with the text.
type lexer struct {
	s      string
	at     int
	inside bool // an executable comment
}

func (l *lexer) next() token {
	l.skip()
	if l.at >= len(l.s) {
		return token{at: len(l.s)}
	}
	start := l.at
	switch c := l.s[l.at]; {
	case c == '`' || c == '\'' || c == '"':
		content, n := unquote(l.s[l.at:])
		l.at += n
		kind := tokenString
		if c == '`' {
			kind = tokenName
		}
		return token{kind, content, l.s[start:l.at], start}
	case wordByte(c):
		for l.at < len(l.s) && wordByte(l.s[l.at]) {
			l.at++
		}
		return token{tokenWord, l.s[start:l.at], l.s[start:l.at], start}
	}
	l.at++
	return token{tokenPunct, l.s[start:l.at], l.s[start:l.at], start}
}

func wordByte(c byte) bool {
	return c >= 0x80 || c == '_' || c == '$' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func spaceByte(c byte) bool { return c <= ' ' }

// skip goes on to the next token.
func (l *lexer) skip() {
	for l.at < len(l.s) {
		rest := l.s[l.at:]
		switch {
		case spaceByte(rest[0]):
			l.at++
		case rest[0] == '#', strings.HasPrefix(rest, "--") && (len(rest) == 2 || spaceByte(rest[2])):
			l.until("\n")
		case l.inside && strings.HasPrefix(rest, "*/"):
			l.at += 2
			l.inside = false
		case strings.HasPrefix(rest, "/*!"), strings.HasPrefix(rest, "/*M!"):
			l.at += strings.IndexByte(rest, '!') + 1
			for l.at < len(l.s) && '0' <= l.s[l.at] && l.s[l.at] <= '9' {
				l.at++
			}
			l.inside = true
		case strings.HasPrefix(rest, "/*"):
			l.at += 2
			l.until("*/")
		default:
			return
		}
	}
}

// until goes behind the next end, or to the end of the text.
func (l *lexer) until(end string) {
	i := strings.Index(l.s[l.at:], end)
	if i < 0 {
		l.at = len(l.s)
		return
	}
	l.at += i + len(end)
}
