package config

import (
	"errors"
	"fmt"
	"strings"
)

// expand replaces each ${NAME} in text by the variable of that name, once: what a variable holds is not looked into. $${
// stands for ${ itself; any other $ is a $. A variable that is unset or empty is an error.
func expand(text string, env func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for text != "" {
		i := strings.IndexByte(text, '$')
		if i < 0 {
			break
		}
		b.WriteString(text[:i])
		text = text[i:]
		switch {
		case strings.HasPrefix(text, "$${"):
			b.WriteString("${")
			text = text[len("$${"):]
		case strings.HasPrefix(text, "${"):
			name, rest, closed := strings.Cut(text[len("${"):], "}")
			if !closed || !variableName(name) {
				return "", errors.New("${ is not followed by the name of a variable and }; $${ stands for ${ itself")
			}
			value, err := lookUp(name, env)
			if err != nil {
				return "", err
			}
			b.WriteString(value)
			text = rest
		default:
			b.WriteByte('$')
			text = text[1:]
		}
	}
	b.WriteString(text)
	return b.String(), nil
}

func lookUp(name string, env func(string) (string, bool)) (string, error) {
	if env != nil {
		value, set := env(name)
		switch {
		case set && value == "":
			return "", fmt.Errorf("environment variable %s is empty", name)
		case set:
			return value, nil
		}
	}
	return "", fmt.Errorf("environment variable %s is not set", name)
}

// variableName reports whether name is letters, digits and '_', not beginning with a digit, and not overlong.
func variableName(name string) bool {
	odd := func(c rune) bool { return !letterOrDigit(c) && c != '_' }
	return name != "" && len(name) <= 128 && (name[0] < '0' || name[0] > '9') && !strings.ContainsFunc(name, odd)
}

// letterOrDigit knows the letters of ASCII only.
func letterOrDigit(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
