package schema

import (
	"slices"
	"strconv"
	"strings"
)

// The releases of OceanBase that first have a clause.
const (
	columnGroupSince  = "4.3"
	organizationSince = "4.3.5"
)

// storage writes how OceanBase keeps the rows.
func (p *printer) storage() {
	if !p.same || p.to != OceanBase {
		return
	}
	s, b := &p.t.Storage, &p.b
	if s.Organization != "" && !before(p.o.Release, organizationSince) {
		b.WriteString(" ORGANIZATION " + s.Organization)
	}
	if s.Compression != "" {
		b.WriteString(" COMPRESSION=" + Quote(s.Compression))
	}
	if slices.Contains(p.o.TableGroups, s.TableGroup) {
		b.WriteString(" TABLEGROUP=" + Ident(s.TableGroup))
	}
	if p.t.NextNumber > 1 {
		b.WriteString(" AUTO_INCREMENT=" + strconv.FormatUint(p.t.NextNumber, 10))
	}
}

// columnGroup writes the clause with which a table, or an index, ends.
func (p *printer) columnGroup(columns string) string {
	if columns == "" || !p.same || before(p.o.Release, columnGroupSince) {
		return ""
	}
	return " WITH COLUMN GROUP (" + columns + ")"
}

// before reports whether a release is older than another. One that is not known
// is not.
func before(release, other string) bool {
	if release == "" {
		return false
	}
	a, b := strings.Split(release, "."), strings.Split(other, ".")
	for i := range b {
		var x int
		if i < len(a) {
			x, _ = strconv.Atoi(a[i])
		}
		y, _ := strconv.Atoi(b[i])
		if x != y {
			return x < y
		}
	}
	return false
}

// clauses reports whether a key has what only OceanBase has.
func (k *Key) clauses() bool {
	return k.Partition != nil || k.ColumnGroup != "" || strings.Contains(k.Options, "STORING") || strings.Contains(k.Options, "GLOBAL")
}

// multivalued reports whether a key has an entry for each element of an array.
func (k *Key) multivalued() bool {
	return slices.ContainsFunc(k.Parts, func(p KeyPart) bool { return strings.HasPrefix(p.Expression, "json_query(") })
}
