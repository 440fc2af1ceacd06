package schema

import (
	"strings"

	"duplex/internal/change"
)

// Quote writes s as an SQL string for a server without NO_BACKSLASH_ESCAPES.
func Quote(s string) string { return string(change.AppendString(nil, s)) }

// Ident writes name as a quoted identifier.
func Ident(name string) string { return string(change.AppendIdent(nil, name)) }

// unquote reads the quoted string at the start of s, with both kinds of
// escapes, and gives its content and its length with quotes. An unclosed
// string reaches to the end.
func unquote(s string) (string, int) {
	quote := s[0]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quote != '`' && i+1 < len(s):
			i++
			if s[i] == '%' || s[i] == '_' { // these two keep it
				b.WriteByte(c)
			}
			b.WriteByte(unescape(s[i]))
		case c == quote && i+1 < len(s) && s[i+1] == quote:
			i++
			b.WriteByte(quote)
		case c == quote:
			return b.String(), i + 1
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), len(s)
}

// Unquote gives the content of s if all of it is one quoted string.
func Unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != '\'' && s[0] != '"' {
		return "", false
	}
	content, n := unquote(s)
	return content, n == len(s) && s[n-1] == s[0]
}

func unescape(c byte) byte {
	switch c {
	case '0':
		return 0
	case 'b':
		return '\b'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'Z':
		return 0x1a
	}
	return c
}
