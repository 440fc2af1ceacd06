package precheck

import (
	"slices"
	"strings"
)

// grants is what a user may do, as SHOW GRANTS says.
type grants struct {
	user   string // the grantee of the first line, as SQL
	fold   bool   // names of databases and tables are case insensitive
	global privileges
	scopes []scope
}

// privileges are upper-case words; ALL stands for each.
type privileges map[string]bool

const allPrivileges = "ALL"

func (p privileges) has(name string) bool { return p[name] || p[allPrivileges] }

// A scope is what one line grants, or takes back, on a database or a table.
type scope struct {
	grantee  string
	database string // a pattern unless table is set or the line is a REVOKE
	table    string // empty: all tables
	revoke   bool
	rights   privileges
}

// parseGrants reads the lines of SHOW GRANTS, those of roles that are active
// included. What it does not understand grants nothing.
func parseGrants(lines []string, fold bool) *grants {
	g := &grants{fold: fold, global: privileges{}}
	for _, line := range lines {
		revoke := strings.HasPrefix(line, "REVOKE ")
		rest, ok := strings.CutPrefix(strings.TrimPrefix(line, "REVOKE "), "GRANT ")
		if !ok && !revoke {
			continue
		}
		names, rest, ok := cutOutside(rest, " ON ")
		if !ok {
			continue // of a role
		}
		separator := " TO "
		if revoke {
			separator = " FROM "
		}
		object, rest, ok := cutOutside(rest, separator)
		if !ok {
			continue
		}
		grantee, _, _ := cutOutside(rest, " ")
		if g.user == "" {
			g.user = grantee
		}
		g.add(parsePrivileges(names), object, grantee, revoke)
	}
	return g
}

func (g *grants) add(p privileges, object, grantee string, revoke bool) {
	database, table, ok := cutOutside(strings.TrimPrefix(object, "TABLE "), ".")
	switch {
	case !ok || len(p) == 0: // a procedure, a proxy
	case database == "*" && !revoke:
		for name := range p {
			g.global[name] = true
		}
	case table == "*":
		g.scopes = append(g.scopes, scope{grantee, bare(database), "", revoke, p})
	default:
		g.scopes = append(g.scopes, scope{grantee, bare(database), bare(table), revoke, p})
	}
}

// parsePrivileges leaves out those that hold for some columns only.
func parsePrivileges(text string) privileges {
	p := privileges{}
	for text != "" {
		var one string
		one, text, _ = cutOutside(text, ",")
		one = strings.ToUpper(strings.TrimSpace(one))
		switch {
		case strings.Contains(one, "("):
		case one == "ALL PRIVILEGES", one == "ALL":
			p[allPrivileges] = true
		case one == "BINLOG MONITOR": // MariaDB's word since 10.5
			p["REPLICATION CLIENT"] = true
		default:
			p[one] = true
		}
	}
	return p
}

// cutOutside is strings.Cut that passes over quotes and brackets.
func cutOutside(text, separator string) (before, after string, found bool) {
	var quote byte
	depth := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
			continue
		case depth == 0 && strings.HasPrefix(text[i:], separator):
			return text[:i], text[i+len(separator):], true
		}
		switch c {
		case '`', '\'', '"':
			quote = c
		case '(':
			depth++
		case ')':
			depth--
		}
	}
	return text, "", false
}

// bare takes the quotes off a name.
func bare(name string) string {
	if len(name) < 2 || name[0] != '`' && name[0] != '"' || name[len(name)-1] != name[0] {
		return name
	}
	q := name[:1]
	return strings.ReplaceAll(name[1:len(name)-1], q+q, q)
}

// everywhere reports whether the user has a privilege for the whole server.
func (g *grants) everywhere(privilege string) bool { return g.global.has(privilege) }

// may reports whether the user has a privilege on a table; on every table of
// the database where table is empty.
func (g *grants) may(privilege, database, table string) bool {
	if g.fold {
		database, table = strings.ToLower(database), strings.ToLower(table)
	}
	best := map[string]scope{}
	for _, s := range g.scopes {
		name, of := s.database, s.table
		if g.fold {
			name, of = strings.ToLower(name), strings.ToLower(of)
		}
		switch {
		case s.revoke:
		case of != "":
			if table != "" && name == database && of == table && s.rights.has(privilege) {
				return true
			}
		case likeMatch(name, database):
			// The server goes by the pattern that says most, and by no other.
			if b, ok := best[s.grantee]; !ok || precise(s.database) > precise(b.database) {
				best[s.grantee] = s
			}
		}
	}
	for _, s := range best {
		if s.rights.has(privilege) {
			return true
		}
	}
	return g.global.has(privilege) && !slices.ContainsFunc(g.scopes, func(s scope) bool {
		return s.revoke && s.database == database && s.rights.has(privilege)
	})
}

// precise ranks patterns of databases: the later the first wildcard, the more.
func precise(pattern string) int {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '%', '_':
			return i
		}
	}
	return 1 << 16
}

// likeMatch is LIKE with backslash as its escape.
func likeMatch(pattern, text string) bool {
	if pattern == "" {
		return text == ""
	}
	switch c := pattern[0]; {
	case c == '%':
		for i := 0; i <= len(text); i++ {
			if likeMatch(pattern[1:], text[i:]) {
				return true
			}
		}
		return false
	case c == '\\' && len(pattern) > 1:
		return text != "" && text[0] == pattern[1] && likeMatch(pattern[2:], text[1:])
	case c == '_':
		return text != "" && likeMatch(pattern[1:], text[1:])
	default:
		return text != "" && text[0] == c && likeMatch(pattern[1:], text[1:])
	}
}
