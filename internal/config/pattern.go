package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Pattern is a match rule for tables in OMS's notation, "database.table": `*` any run of characters, `?` one character,
// `[abc]` and `[a-z]` one of them, `[!abc]` one that is none of them. The two parts are matched separately, so no
// wildcard crosses the dot, and letters count as they are written. The first dot separates; a part in backquotes is a
// literal in which dots and wildcards mean themselves and a doubled backquote is one. The zero value matches nothing.
type Pattern struct {
	text            string
	database, table part
}

// part is one side of the dot: a literal, or a sequence of steps.
type part struct {
	literal string
	steps   []step // nil for a literal
}

// step matches one character, or, when many is set, any run of them.
type step struct {
	many, any, not bool
	ranges         []span // the characters of a class or the one literal character
}

// span is the characters from first to last, both included.
type span struct{ first, last rune }

// ParsePattern reads a match rule. The error says what is malformed and does not repeat the text.
func ParsePattern(text string) (Pattern, error) {
	left, right, err := splitName(text)
	if err != nil {
		return Pattern{}, err
	}
	p := Pattern{text: text}
	if p.database, err = parsePart(left); err != nil {
		return Pattern{}, fmt.Errorf("database part: %w", err)
	}
	if p.table, err = parsePart(right); err != nil {
		return Pattern{}, fmt.Errorf("table part: %w", err)
	}
	return p, nil
}

// Match reports whether the rule covers the table.
func (p Pattern) Match(database, table string) bool {
	return p.text != "" && p.database.match(database) && p.table.match(table)
}

// Literal gives the one table that a pattern without wildcards names.
func (p Pattern) Literal() (Table, bool) {
	if p.text == "" || p.database.steps != nil || p.table.steps != nil {
		return Table{}, false
	}
	return Table{Database: p.database.literal, Name: p.table.literal}, true
}

// String gives the rule as it was written.
func (p Pattern) String() string { return p.text }

// MarshalText gives the rule as it was written.
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.text), nil }

// splitName cuts text at the first dot that is not inside backquotes.
func splitName(text string) (left, right string, err error) {
	quoted := false
	for i := range len(text) {
		switch {
		case text[i] == '`':
			quoted = !quoted
		case text[i] == '.' && !quoted:
			left, right = text[:i], text[i+1:]
			switch {
			case left == "":
				return "", "", errors.New("nothing before the dot")
			case right == "":
				return "", "", errors.New("nothing after the dot")
			}
			return left, right, nil
		}
	}
	if quoted {
		return "", "", errors.New("backquote is not closed")
	}
	return "", "", errors.New("no dot between database and table")
}

func parsePart(text string) (part, error) {
	if text[0] == '`' {
		literal, err := unquote(text)
		return part{literal: literal}, err
	}
	if strings.ContainsRune(text, '`') {
		return part{}, errors.New("backquotes go around the whole name")
	}
	if !strings.ContainsAny(text, "*?[") {
		return part{literal: text}, nil
	}
	var steps []step
	for rest := text; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch r {
		case '*':
			if n := len(steps); n == 0 || !steps[n-1].many {
				steps = append(steps, step{many: true})
			}
		case '?':
			steps = append(steps, step{any: true})
		case '[':
			class, length, err := parseClass(rest)
			if err != nil {
				return part{}, err
			}
			steps, size = append(steps, class), length
		default:
			steps = append(steps, step{ranges: []span{{r, r}}})
		}
		rest = rest[size:]
	}
	return part{steps: steps}, nil
}

// parseClass reads the class that text begins with and gives its length in bytes.
func parseClass(text string) (step, int, error) {
	end := strings.IndexByte(text, ']')
	if end < 0 {
		return step{}, 0, errors.New("[ is not closed")
	}
	body, not := strings.CutPrefix(text[1:end], "!")
	if body == "" {
		return step{}, 0, errors.New("nothing between [ and ]")
	}
	class := step{not: not}
	runes := []rune(body)
	for i := 0; i < len(runes); i++ {
		one := span{runes[i], runes[i]}
		if i+2 < len(runes) && runes[i+1] == '-' {
			one.last = runes[i+2]
			i += 2
		}
		if one.last < one.first {
			return step{}, 0, fmt.Errorf("range %c-%c runs backwards", one.first, one.last)
		}
		class.ranges = append(class.ranges, one)
	}
	return class, end + 1, nil
}

// unquote reads a part in backquotes.
func unquote(text string) (string, error) {
	body, closed := strings.CutSuffix(text[1:], "`")
	if !closed {
		return "", errors.New("backquotes go around the whole name")
	}
	single := strings.ReplaceAll(body, "``", "")
	if strings.ContainsRune(single, '`') {
		return "", errors.New("backquotes go around the whole name")
	}
	if body == "" {
		return "", errors.New("nothing between the backquotes")
	}
	return strings.ReplaceAll(body, "``", "`"), nil
}

// match walks name and steps together and, when stuck, goes back to the last run only, so its work is bounded by the
// product of the two lengths.
func (p part) match(name string) bool {
	if p.steps == nil {
		return p.literal == name
	}
	runes := []rune(name)
	at, from := 0, 0            // the next step, the next character
	retryAt, retryFrom := -1, 0 // the step after the last run, the first character after what that run took
	for from < len(runes) {
		switch {
		case at < len(p.steps) && p.steps[at].many:
			at++
			retryAt, retryFrom = at, from
		case at < len(p.steps) && p.steps[at].takes(runes[from]):
			at++
			from++
		case retryAt >= 0:
			retryFrom++
			at, from = retryAt, retryFrom
		default:
			return false
		}
	}
	for at < len(p.steps) && p.steps[at].many {
		at++
	}
	return at == len(p.steps)
}

func (s step) takes(r rune) bool {
	if s.any {
		return true
	}
	for _, one := range s.ranges {
		if one.first <= r && r <= one.last {
			return !s.not
		}
	}
	return s.not
}
