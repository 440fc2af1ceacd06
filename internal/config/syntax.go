package config

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/scanner"
	"github.com/goccy/go-yaml/token"
)

// position is a place in the file; both count from 1, and 0 means no place.
type position struct{ line, column int }

func placeOf(tk *token.Token) position {
	if tk == nil || tk.Position == nil {
		return position{}
	}
	return position{tk.Position.Line, tk.Position.Column}
}

// field is a value of the file with the way to it, such as "sites.hangzhou.user".
type field struct {
	path  string   // empty for the whole file
	name  string   // the last word of path, as the file has it
	at    position // of its key; of the element itself in a list
	value ast.Node
	entry bool // an element of the list at path
}

// content is the place of the value when it can be told, else that of the key.
func (f field) content() position {
	switch f.value.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode, *ast.NullNode, nil:
		return f.at
	}
	return placeOf(f.value.GetToken())
}

// parse turns bytes into the value of the one document they hold.
func (r *reader) parse(data []byte) (root field, ok bool) {
	defer func() {
		if recover() != nil {
			r.problem(position{}, "", "not YAML that can be read")
			root, ok = field{}, false
		}
	}()
	tokens := tokenize(data)
	if !r.plain(tokens) {
		return field{}, false
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntaxProblem(err, data)
		return field{}, false
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if root.value != nil {
			r.problem(placeOf(doc.Start), "", "a second document begins; a project file is one")
			return field{}, false
		}
		root = field{at: position{1, 1}, value: doc.Body}
	}
	if root.value == nil {
		r.problem(position{1, 1}, "", "the file is empty")
		return field{}, false
	}
	return root, true
}

// tokenize gives the words and signs of a file up to the first that is wrong, which is the last then. The library's own
// lexer would go on behind it and takes long over a file that is wrong all through.
func tokenize(data []byte) token.Tokens {
	var lines scanner.Scanner
	lines.Init(string(data))
	var tokens token.Tokens
	for {
		some, err := lines.Scan()
		tokens.Add(some...)
		if err != nil {
			return tokens
		}
	}
}

// plain refuses what a project file has no use for and what would make reading it costly.
func (r *reader) plain(tokens token.Tokens) bool {
	if len(tokens) > maxTokens {
		r.problem(placeOf(tokens[maxTokens]), "", "more than %d words and signs", maxTokens)
		return false
	}
	before := len(r.problems)
	depth, dashes := 0, 0
	for _, tk := range tokens {
		at := placeOf(tk)
		if tk.Type != token.SequenceEntryType {
			dashes = 0
		}
		switch tk.Type {
		case token.AliasType:
			r.problem(at, "a value that begins with * needs quotes", "aliases are not allowed")
		case token.AnchorType:
			r.problem(at, "a value that begins with & needs quotes", "anchors are not allowed")
		case token.TagType:
			r.problem(at, "a value that begins with ! needs quotes", "tags are not allowed")
		case token.MergeKeyType:
			r.problem(at, "", "merge keys are not allowed")
		case token.DirectiveType:
			r.problem(at, "a value that begins with % needs quotes", "directives are not allowed")
		case token.MappingKeyType:
			r.problem(at, "a value that begins with ? needs quotes", "keys of more than one word are not allowed")
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.SequenceEntryType:
			dashes++
		}
		if depth > maxDepth || dashes > maxDepth {
			r.problem(at, "", "more than %d levels deep", maxDepth)
			break
		}
	}
	return len(r.problems) == before
}

// syntaxProblem reports what the YAML library found. Its words are cut where it begins to quote, for what it quotes may be
// a password.
func (r *reader) syntaxProblem(err error, data []byte) {
	syntax, ok := errors.AsType[*yaml.SyntaxError](err)
	if !ok {
		r.problem(position{}, "", "not YAML that can be read")
		return
	}
	message, _, quoted := strings.Cut(syntax.Message, `"`)
	message = strings.TrimRight(message, ": ")
	hint := ""
	if quoted || strings.Contains(message, "reserved character") {
		hint = "text that begins with a sign needs quotes"
	}
	at := placeOf(syntax.Token)
	if lines := strings.Split(string(data), "\n"); at.line > 0 && at.line <= len(lines) {
		before, _, variable := strings.Cut(lines[at.line-1], "${")
		if variable && strings.ContainsAny(before, "{[") {
			hint = "between { and } or [ and ] a ${NAME} needs quotes"
		}
	}
	if strings.Contains(message, "\t") {
		message, hint = strings.ReplaceAll(message, "\t", `\t`), "indent with spaces"
	}
	r.problem(at, hint, "not YAML: %s", strings.Join(strings.Fields(message), " "))
}

// kind names what a value is, in words for a message.
func kind(value ast.Node) string {
	switch value.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys with values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode:
		return "a whole number"
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	}
	return "nothing"
}

// rawText gives the text that the file itself has.
func rawText(value ast.Node) (string, bool) {
	switch n := value.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		if n.Value != nil {
			return n.Value.Value, true
		}
	}
	return "", false
}
