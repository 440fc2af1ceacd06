package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// reader takes one file apart and keeps what it finds wrong. Its methods report a problem and go on; what they return is
// then the zero value, and ok is false where the caller must know.
type reader struct {
	file     string
	env      func(string) (string, bool)
	readFile func(string) ([]byte, error)
	problems Errors
}

func (r *reader) problem(at position, hint, format string, args ...any) {
	r.problems = append(r.problems, Problem{
		File: r.file, Line: at.line, Column: at.column,
		Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// entries gives the keys and values of a mapping in file order, each key once.
func (r *reader) entries(f field) ([]field, bool) {
	var pairs []*ast.MappingValueNode
	switch n := f.value.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		r.wrongKind(f, "keys with values", "")
		return nil, false
	}
	if len(pairs) == 0 {
		r.problem(f.at, "", "%s is empty", f.label())
		return nil, false
	}
	first := make(map[string]position, len(pairs))
	var fields []field
	for _, pair := range pairs {
		tk := pair.Key.GetToken()
		if tk == nil {
			r.problem(f.at, "", "a key in %s is not a word", f.label())
			continue
		}
		name, at := tk.Value, placeOf(tk)
		if text, ok := pair.Key.(*ast.StringNode); ok {
			name = text.Value
		}
		if earlier, doubled := first[name]; doubled {
			r.problem(at, "", "key %s stands twice%s, first in line %d", quoted(name), f.within(), earlier.line)
			continue
		}
		first[name] = at
		fields = append(fields, field{path: join(f.path, name), name: name, at: at, value: pair.Value})
	}
	return fields, true
}

// keys gives the entries of a mapping that may only hold the known keys.
func (r *reader) keys(f field, known ...string) (map[string]field, bool) {
	entries, ok := r.entries(f)
	if !ok {
		return nil, false
	}
	fields := make(map[string]field, len(entries))
	for _, entry := range entries {
		if !slices.Contains(known, entry.name) {
			r.problem(entry.at, suggest(entry.name, known), "unknown key %s%s", quoted(entry.name), f.within())
			continue
		}
		fields[entry.name] = entry
	}
	return fields, true
}

// required gives the entry of that name and reports it missing otherwise.
func (r *reader) required(parent field, fields map[string]field, name string) (field, bool) {
	f, ok := fields[name]
	if !ok {
		r.problem(parent.at, "", "%s is missing", join(parent.path, name))
	}
	return f, ok
}

// items gives the elements of a list, which may not be empty.
func (r *reader) items(f field) []field {
	list, ok := f.value.(*ast.SequenceNode)
	if !ok {
		hint := ""
		if raw, isText := rawText(f.value); isText && raw != "" {
			hint = "write [" + clip(strconv.Quote(raw)) + "]"
		}
		r.wrongKind(f, "a list", hint)
		return nil
	}
	if len(list.Values) == 0 {
		r.problem(f.at, "", "%s is empty", f.label())
		return nil
	}
	fields := make([]field, len(list.Values))
	for i, value := range list.Values {
		fields[i] = field{path: f.path, name: f.name, at: f.at, value: value, entry: true}
		fields[i].at = fields[i].content()
	}
	return fields
}

// text gives a text that is not empty, with the environment put in.
func (r *reader) text(f field) (string, bool) {
	text, ok := r.anyText(f)
	if ok && text == "" {
		r.problem(f.content(), "", "%s is empty", f.label())
		return "", false
	}
	return text, ok
}

// anyText gives a text, which may be empty, with the environment put in.
func (r *reader) anyText(f field) (string, bool) {
	raw, ok := rawText(f.value)
	if !ok {
		hint := ""
		switch f.value.(type) {
		case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode, *ast.BoolNode:
			hint = "put it in quotes"
		case *ast.NullNode:
			hint = "a value that begins with # needs quotes"
		}
		r.wrongKind(f, "text", hint)
		return "", false
	}
	text, err := expand(raw, r.env)
	if err != nil {
		r.problem(f.content(), "", "%s: %v", f.label(), err)
		return "", false
	}
	return text, true
}

// word gives a text that has to be one of the known ones.
func (r *reader) word(f field, known ...string) (string, bool) {
	text, ok := r.text(f)
	if !ok {
		return "", false
	}
	if !slices.Contains(known, text) {
		raw, _ := rawText(f.value)
		r.problem(f.content(), suggest(raw, known), "%s %s is unknown", f.label(), quoted(raw))
		return "", false
	}
	return text, true
}

func (r *reader) wrongKind(f field, want, hint string) {
	r.problem(f.at, hint, "%s must be %s, not %s", f.label(), want, kind(f.value))
}

// label names a field in a message.
func (f field) label() string {
	switch {
	case f.path == "":
		return "the file"
	case f.entry:
		return "an entry of " + f.path
	}
	return f.path
}

// within says inside which field something is; empty for the file as a whole.
func (f field) within() string {
	if f.path == "" {
		return ""
	}
	return " in " + f.path
}

// shown gives the value as the file has it, in quotes, for a message.
func (f field) shown() string {
	raw, _ := rawText(f.value)
	return quoted(raw)
}

// quoted puts a text of the file in quotes, on one line and not too long.
func quoted(text string) string { return clip(strconv.Quote(text)) }

// clip shortens a quoted text.
func clip(text string) string {
	if runes := []rune(text); len(runes) > longestWord {
		return string(runes[:longestWord]) + `…"`
	}
	return text
}

// join appends a key to a path; a key that is more than a plain word is put in quotes.
func join(path, name string) string {
	shown := name
	odd := func(c rune) bool { return !letterOrDigit(c) && !strings.ContainsRune("-_.*?[]!", c) }
	if name == "" || len(name) > longestWord || strings.ContainsFunc(name, odd) {
		shown = quoted(name)
	}
	if path == "" {
		return shown
	}
	return path + "." + shown
}

// emptyKeys reports whether a field is {}.
func emptyKeys(f field) bool {
	mapping, ok := f.value.(*ast.MappingNode)
	return ok && len(mapping.Values) == 0
}
