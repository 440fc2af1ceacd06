package config

import (
	"slices"
	"strings"
)

func (r *reader) tables(f field, p *Project) Tables {
	var tables Tables
	fields, ok := r.keys(f, "include", "exclude", "rename", "where")
	if !ok {
		return tables
	}
	if f, ok := r.required(f, fields, "include"); ok {
		tables.Include = r.patterns(f)
	}
	if f, ok := fields["exclude"]; ok {
		tables.Exclude = r.patterns(f)
	}
	p.Tables = tables // the settings of single tables are held against the rules
	if f, ok := fields["rename"]; ok {
		r.onlyFor(f, p, MigrationScenario, PrimaryStandby)
		tables.Rename = r.rename(f, p)
	}
	if f, ok := fields["where"]; ok {
		r.onlyFor(f, p, MigrationScenario, PrimaryStandby)
		tables.Where = map[Table]string{}
		for _, entry := range r.perTable(f, p) {
			condition, _ := r.text(entry.field)
			if strings.ContainsRune(condition, ';') {
				r.problem(entry.content(), "", "%s %s: a condition is one expression, without a semicolon", entry.path, entry.shown())
			}
			tables.Where[entry.table] = condition
		}
	}
	return tables
}

func (r *reader) patterns(f field) []Pattern {
	var patterns []Pattern
	for _, item := range r.items(f) {
		text, ok := r.text(item)
		if !ok {
			continue
		}
		if !strings.ContainsRune(text, '`') && strings.ContainsRune(text, '=') {
			r.problem(item.at, "a new name goes under tables.rename", "%s %s: a pattern has no =", f.path, item.shown())
			continue
		}
		pattern, err := ParsePattern(text)
		if err != nil {
			r.problem(item.at, "", "%s %s: %v", f.path, item.shown(), err)
			continue
		}
		same := func(other Pattern) bool { return other.text == text }
		if slices.ContainsFunc(patterns, same) {
			r.problem(item.at, "", "%s %s stands twice", f.path, item.shown())
			continue
		}
		if pattern.database.steps == nil && systemDatabase(pattern.database.literal) {
			r.problem(item.at, "", "%s %s: tables of this database are never replicated", f.path, item.shown())
			continue
		}
		patterns = append(patterns, pattern)
	}
	return patterns
}

// tableField is the setting of one table.
type tableField struct {
	field
	table Table
}

// perTable gives the settings of single tables, each table once, and reports those of tables that don't take part.
func (r *reader) perTable(f field, p *Project) []tableField {
	entries, _ := r.entries(f)
	first := map[Table]position{}
	var list []tableField
	for _, entry := range entries {
		table, err := ParseTable(entry.name)
		if err != nil {
			r.problem(entry.at, "", "%s %s is not database.table: %v", f.path, quoted(entry.name), err)
			continue
		}
		if earlier, doubled := first[table]; doubled {
			r.problem(entry.at, "", "%s: table %s stands twice, first in line %d", f.path, quoted(entry.name), earlier.line)
			continue
		}
		first[table] = entry.at
		if len(p.Tables.Include) > 0 && !p.Matches(table.Database, table.Name) {
			r.problem(entry.at, "", "%s: table %s takes no part: tables.include and tables.exclude leave it out",
				f.path, quoted(entry.name))
		}
		list = append(list, tableField{entry, table})
	}
	return list
}

func (r *reader) rename(f field, p *Project) map[Table]Table {
	renamed := map[Table]Table{}
	taken := map[Table]position{}
	for _, entry := range r.perTable(f, p) {
		text, ok := r.text(entry.field)
		if !ok {
			continue
		}
		to, err := ParseTable(text)
		if err != nil {
			r.problem(entry.content(), "", "%s %s is not database.table: %v", entry.path, entry.shown(), err)
			continue
		}
		if systemDatabase(to.Database) {
			r.problem(entry.content(), "", "%s %s: no table is written in this database", entry.path, entry.shown())
		}
		if earlier, doubled := taken[to]; doubled {
			r.problem(entry.content(), "", "%s %s is already the name that line %d gives", entry.path, entry.shown(), earlier.line)
		}
		taken[to] = entry.at
		renamed[entry.table] = to
	}
	return renamed
}
