package config

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// noSite is the word for "none of the sites".
const noSite = "none"

// project reads the whole file. What it returns is only of use when no problem was found.
func (r *reader) project(root field) *Project {
	fields, ok := r.keys(root, "name", "scenario", "sites", "source", "tables", "ddl", "conflict", "limits")
	if !ok {
		return nil
	}
	p := &Project{}
	if f, ok := r.required(root, fields, "name"); ok {
		p.Name = r.name(f, 64)
	}
	if f, ok := r.required(root, fields, "scenario"); ok {
		word, _ := r.word(f, string(MigrationScenario), string(PrimaryStandby), string(ActiveActive))
		p.Scenario = Scenario(word)
	}
	names := []string{}
	if f, ok := r.required(root, fields, "sites"); ok {
		p.Sites = r.sites(f)
		for _, site := range p.Sites {
			names = append(names, site.Name)
		}
	}
	if f, ok := r.required(root, fields, "source"); ok {
		p.Source = r.siteName(f, names)
	}
	if f, ok := r.required(root, fields, "tables"); ok {
		p.Tables = r.tables(f, p)
	}
	if f, ok := fields["ddl"]; ok {
		p.DDL, p.IgnoreDDL = r.ddl(f, p, names)
	}
	if f, ok := fields["conflict"]; ok {
		r.conflict(f, p, names)
	} else if p.Scenario == ActiveActive {
		p.Conflict.Policy = PolicyNewest
	}
	p.Limits = Limits{Memory: defaultMemory}
	if f, ok := fields["limits"]; ok {
		p.Limits = r.limits(f)
	}
	return p
}

// name reads a name that is used in tables, file names and addresses of the API.
func (r *reader) name(f field, longest int) string {
	text, ok := r.text(f)
	if !ok {
		return ""
	}
	if !goodName(text, longest) {
		r.problem(f.content(), "", "%s %s is not 1 to %d letters, digits, '-' and '_' that begin with a letter or digit",
			f.label(), f.shown(), longest)
		return ""
	}
	return text
}

func goodName(name string, longest int) bool {
	odd := func(c rune) bool { return !letterOrDigit(c) && c != '-' && c != '_' }
	return name != "" && len(name) <= longest && letterOrDigit(rune(name[0])) && !strings.ContainsFunc(name, odd)
}

// siteName reads the name of one of the sites. Where the sites themselves could not be read, it takes any.
func (r *reader) siteName(f field, names []string) string {
	text, ok := r.text(f)
	if !ok {
		return ""
	}
	if len(names) > 0 && !slices.Contains(names, text) {
		raw, _ := rawText(f.value)
		r.problem(f.content(), suggest(raw, names), "%s %s is not one of the sites", f.label(), quoted(raw))
		return ""
	}
	return text
}

// ddl reads a site or none, or {from: site, elsewhere: refuse or ignore}.
func (r *reader) ddl(f field, p *Project, names []string) (site string, ignore bool) {
	switch f.value.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
	default:
		return r.ddlSite(f, p, names), false
	}
	fields, ok := r.keys(f, "from", "elsewhere")
	if !ok {
		return "", false
	}
	if from, there := fields["from"]; there {
		site = r.ddlSite(from, p, names)
	} else {
		r.problem(f.at, "", "%s names no site: from is missing", f.label())
	}
	if e, there := fields["elsewhere"]; there {
		word, _ := r.word(e, "refuse", "ignore")
		ignore = word == "ignore"
	}
	return site, ignore
}

func (r *reader) ddlSite(f field, p *Project, names []string) string {
	if raw, ok := rawText(f.value); ok && raw == noSite {
		return ""
	}
	if len(names) > 0 {
		names = append(slices.Clone(names), noSite)
	}
	site := r.siteName(f, names)
	switch site {
	case "", noSite:
		return ""
	}
	if p.Scenario != "" && p.Scenario != ActiveActive && p.Source != "" && site != p.Source {
		r.problem(f.content(), "", "ddl %s starts no link: %s carries changes from %s only", f.shown(), p.Scenario, p.Source)
	}
	return site
}

// onlyFor reports a setting that the scenario doesn't have. A scenario that could not be read has every setting.
func (r *reader) onlyFor(f field, p *Project, scenarios ...Scenario) {
	if p.Scenario == "" || slices.Contains(scenarios, p.Scenario) {
		return
	}
	words := make([]string, len(scenarios))
	for i, scenario := range scenarios {
		words[i] = string(scenario)
	}
	r.problem(f.at, "", "%s is not a setting of %s, only of %s", f.label(), p.Scenario, strings.Join(words, " and "))
}
