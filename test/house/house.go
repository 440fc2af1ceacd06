// Package house holds the rules of the source tree that no compiler checks:
// which room may import which, and how long files and functions may get.
package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

const module = "duplex/"

// levels is the order of the rooms: a room imports rooms of lower levels only.
// docs/architecture.md says what each is for.
var levels = map[string]int{
	"internal/change": 0,

	"internal/schema": 1,
	"internal/config": 1,
	"internal/store":  1,
	"internal/lag":    1,

	"internal/tenant":   2,
	"internal/conflict": 2,

	"internal/checkpoint": 3,
	"internal/binlog":     3,
	"internal/logproxy":   3,
	"internal/link":       3,

	"internal/copy":     4,
	"internal/apply":    4,
	"internal/verify":   4,
	"internal/precheck": 4,

	"internal/pair":    5,
	"internal/project": 6,

	"internal/demo":    7,
	"internal/api":     7,
	"internal/metrics": 7,
	"internal/console": 7,

	"cmd/duplex": 8,
}

// testOnly are libraries that no code of the product uses.
var testOnly = []string{
	"github.com/stretchr/testify",
	"go.uber.org/goleak",
	"github.com/Shopify/toxiproxy",
}

// vague are folder names that say nothing about what is in the folder.
var vague = []string{"util", "utils", "common", "base", "types", "helper", "helpers", "misc"}

// Limits, in lines. A file or function of this length is too long.
const (
	fileLimit     = 450
	testFileLimit = 800
	funcLimit     = 80
)

// Check judges Go sources, given by their path from the top of the module, and
// returns what is wrong with them, a sentence each, in order of path.
func Check(sources map[string]string) []string {
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, sources[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			faults = append(faults, err.Error())
			continue
		}
		faults = append(faults, checkPlace(name)...)
		faults = append(faults, checkImports(name, file)...)
		if !ast.IsGenerated(file) {
			faults = append(faults, checkLengths(name, fset, file)...)
		}
		faults = append(faults, checkInit(name, file)...)
		faults = append(faults, checkWords(name, fset, file)...)
	}
	return faults
}

func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

// room returns the room of a path below internal/ or cmd/, "" for any other.
func room(dir string) string {
	parts := strings.SplitN(dir, "/", 3)
	if len(parts) < 2 || (parts[0] != "internal" && parts[0] != "cmd") {
		return ""
	}
	return parts[0] + "/" + parts[1]
}

func checkPlace(name string) []string {
	var faults []string
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if slices.Contains(vague, part) && path.Dir(name) != "test/types" { // there they are column types

			faults = append(faults, fmt.Sprintf("%s: a folder is named after what is in it, not %q", name, part))
		}
	}
	if r := room(path.Dir(name)); r != "" {
		if _, ok := levels[r]; !ok {
			faults = append(faults, fmt.Sprintf(
				"%s: room %s has no level: add it to the table in test/house and to docs/architecture.md", name, r))
		}
	}
	return faults
}

func checkImports(name string, file *ast.File) []string {
	var faults []string
	for _, spec := range file.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return []string{fmt.Sprintf("%s: import %s: %v", name, spec.Path.Value, err)}
		}
		if fault := checkImport(name, target); fault != "" {
			faults = append(faults, fmt.Sprintf("%s: imports %s: %s", name, target, fault))
		}
	}
	return faults
}

// checkImport says what is wrong with the file importing the target, or "".
// Tests may use whatever the compiler lets them.
func checkImport(name, target string) string {
	if isTest(name) {
		return ""
	}
	from := room(path.Dir(name))
	for _, library := range testOnly {
		inTests := strings.HasPrefix(name, "test/") || strings.HasPrefix(name, "bench/")
		if !inTests && (target == library || strings.HasPrefix(target, library+"/")) {
			return "a library for tests only"
		}
	}
	local, ok := strings.CutPrefix(target, module)
	if !ok || from == "" {
		return ""
	}
	if strings.HasPrefix(local, "test/") && strings.HasPrefix(from, "internal/") {
		return "no room depends on test/"
	}
	to := room(local)
	if to == "" || to == from {
		return ""
	}
	have, knownFrom := levels[from]
	want, knownTo := levels[to]
	if knownFrom && knownTo && want >= have {
		return fmt.Sprintf("%s is of level %d, a room of level %d imports lower ones only", to, want, have)
	}
	return ""
}

func checkLengths(name string, fset *token.FileSet, file *ast.File) []string {
	var faults []string
	limit := fileLimit
	if isTest(name) {
		limit = testFileLimit
	}
	if lines := fset.File(file.Pos()).LineCount(); lines >= limit {
		faults = append(faults, fmt.Sprintf("%s: %d lines, the limit is %d: split it by subject", name, lines, limit))
	}
	if isTest(name) {
		return faults
	}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		lines := fset.Position(f.End()).Line - fset.Position(f.Pos()).Line + 1
		if lines >= funcLimit {
			faults = append(faults, fmt.Sprintf("%s: function %s has %d lines, the limit is %d", name, f.Name.Name, lines, funcLimit))
		}
	}
	return faults
}

func checkInit(name string, file *ast.File) []string {
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			return []string{name + ": no init functions: what a package needs is passed to it"}
		}
	}
	return nil
}

// checkWords finds error texts that begin with a phrase instead of what was
// being done: after a few wrappings only the nouns tell anything.
func checkWords(name string, fset *token.FileSet, file *ast.File) []string {
	if isTest(name) || strings.HasPrefix(name, "test/house/") {
		return nil
	}
	var faults []string
	ast.Inspect(file, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		for _, phrase := range []string{"failed to ", "unable to "} {
			if strings.HasPrefix(strings.ToLower(strings.Trim(lit.Value, "\"`")), phrase) {
				faults = append(faults, fmt.Sprintf("%s: %s: say what was being done, without %q", fset.Position(lit.Pos()), lit.Value, phrase))
			}
		}
		return true
	})
	return faults
}
