package change

import "strings"

// ghostEnds are how tools for schema changes end the names of their tables, which
// begin with an underscore: gh-ost's, pt-online-schema-change's, OceanBase
// Developer Center's.
var ghostEnds = []string{"_gho", "_ghc", "_del", "_new", "_old", "_osc_new_", "_osc_old_"}

// Ghost gives the name of the table that a schema change tool's table is made
// for, if it bears the name of such a one.
func Ghost(name string) (table string, ok bool) {
	for _, end := range ghostEnds {
		if rest, found := strings.CutSuffix(name, end); found && len(rest) > 1 && rest[0] == '_' {
			return strings.TrimLeft(rest, "_"), true
		}
		if rest, found := strings.CutSuffix(name, end); found && strings.HasSuffix(end, "_") && rest != "" {
			return rest, true
		}
	}
	return "", false
}
