package schema

import (
	"strings"

	"duplex/internal/change"
)

// normalCharset gives a character set or collation the name that MySQL 5.6
// has for it.
func normalCharset(name string) string {
	name = strings.ToLower(name)
	if name == "utf8mb3" || strings.HasPrefix(name, "utf8mb3_") {
		return "utf8" + name[len("utf8mb3"):]
	}
	return name
}

// Normal writes the type in the form that is the same for all types of the
// same values: without display widths.
func (t Type) Normal() string {
	text := t.String()
	if t.Compressed() {
		text = strings.TrimSuffix(text, " compressed")
	}
	switch t.Name {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "year":
		text = t.Name
		if t.Unsigned {
			text += " unsigned"
		}
		if t.Name == "year" && t.arg(0, 4) != 4 {
			text = t.text
		}
	case "geomcollection":
		text = "geometrycollection"
	}
	return text
}

// normalDefault makes defaults of the same meaning the same text.
func normalDefault(c *Column) string {
	if c.Default == nil || c.Generated {
		return ""
	}
	d := *c.Default
	if now(d) {
		return normalNow(d)
	}
	if !literal(d) {
		return normalExpression(d, false)
	}
	switch c.Kind {
	case change.Int, change.Uint, change.Decimal, change.Float32, change.Float64, change.Year:
		if s, ok := Unquote(d); ok {
			d = s
		}
		if strings.Contains(d, ".") && !strings.ContainsAny(d, "eE") {
			d = strings.TrimSuffix(strings.TrimRight(d, "0"), ".")
		}
	}
	return d
}

// normalNow writes current_timestamp with its digits, if any.
func normalNow(d string) string {
	d = strings.ToLower(strings.ReplaceAll(d, " ", ""))
	return strings.TrimSuffix(strings.TrimSuffix(d, "(0)"), "()")
}

// normalExpression writes an expression without what servers add or drop:
// spaces, quotes of names, the case of words, and the kind of escapes. Where
// two servers of different dialects are compared, brackets must go as well,
// since each puts them by its own taste.
func normalExpression(text string, loose bool) string {
	var tokens []string
	l := lexer{s: text}
	for t := l.next(); t.kind != tokenEnd; t = l.next() {
		switch t.kind {
		case tokenWord:
			word := strings.ToLower(t.text)
			if strings.HasPrefix(word, "_utf8") || strings.HasPrefix(word, "_latin1") {
				continue
			}
			tokens = append(tokens, word)
		case tokenName:
			tokens = append(tokens, strings.ToLower(t.text))
		case tokenString:
			tokens = append(tokens, Quote(t.text))
		default:
			if !loose || !t.punct('(') && !t.punct(')') {
				tokens = append(tokens, t.text)
			}
		}
	}
	for len(tokens) > 1 && wrapped(tokens) {
		tokens = tokens[1 : len(tokens)-1]
	}
	return strings.Join(tokens, " ")
}

// wrapped reports whether the first bracket closes with the last token.
func wrapped(tokens []string) bool {
	depth := 0
	for i, t := range tokens {
		switch t {
		case "(":
			depth++
		case ")":
			depth--
		}
		if depth == 0 {
			return i == len(tokens)-1 && tokens[0] == "("
		}
	}
	return false
}

// normalRule writes the action of a foreign key: doing nothing has two names.
func normalRule(rule string) string {
	if rule == "" || rule == "NO ACTION" {
		return "RESTRICT"
	}
	return rule
}
