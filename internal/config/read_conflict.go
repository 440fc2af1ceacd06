package config

import (
	"slices"
	"strings"
)

// The policies for rows that both sites changed, and those of a link whose
// target nobody else writes: there they are for rows that are not as the log says.
var (
	bothWays = []Policy{PolicyNewest, PolicyNewestByColumn, PolicySite, PolicyDelta, PolicyStop, PolicyOverwrite, PolicyIgnore}
	oneWay   = []Policy{PolicyOverwrite, PolicyStop}
)

// conflict reads the conflict rules into p.
func (r *reader) conflict(f field, p *Project, names []string) {
	policies, first := bothWays, PolicyNewest
	if p.Scenario != "" && p.Scenario != ActiveActive {
		policies, first = oneWay, PolicyOverwrite
	}
	fields, ok := r.keys(f, "policy", "site", "columns", "tables")
	if !ok {
		return
	}
	p.Conflict.Rule = Rule{Policy: first}
	if policy, ok := fields["policy"]; ok {
		p.Conflict.Rule = r.rule(f, fields, names, policies)
		if p.Conflict.Policy == PolicyDelta {
			r.problem(policy.content(), "name tables under conflict.tables", "conflict.policy delta is for single tables")
		}
	} else {
		r.unusedSettings(f, fields, first)
	}
	if tables, ok := fields["tables"]; ok {
		p.Conflict.Tables = map[Table]Rule{}
		for _, entry := range r.perTable(tables, p) {
			fields, ok := r.keys(entry.field, "policy", "site", "columns")
			if !ok {
				continue
			}
			if _, ok := r.required(entry.field, fields, "policy"); ok {
				p.Conflict.Tables[entry.table] = r.rule(entry.field, fields, names, policies)
			}
		}
	}
}

func words(policies []Policy) []string {
	var out []string
	for _, policy := range policies {
		out = append(out, string(policy))
	}
	return out
}

// rule reads a policy and what belongs to it.
func (r *reader) rule(f field, fields map[string]field, names []string, policies []Policy) Rule {
	word, ok := r.word(fields["policy"], words(bothWays)...)
	if !ok {
		return Rule{}
	}
	if !slices.Contains(policies, Policy(word)) {
		r.problem(fields["policy"].content(), "here it is "+strings.Join(words(policies), " or "), "%s %s is for scenario %s", fields["policy"].path, word, ActiveActive)
		return Rule{}
	}
	rule := Rule{Policy: Policy(word)}
	r.unusedSettings(f, fields, rule.Policy)
	if rule.Policy == PolicySite {
		if site, ok := r.required(f, fields, "site"); ok {
			rule.Site = r.siteName(site, names)
		}
	}
	if rule.Policy == PolicyNewestByColumn || rule.Policy == PolicyDelta && f.path != "conflict" {
		columns, ok := fields["columns"]
		if !ok {
			r.problem(fields["policy"].content(), "", "%s %s needs columns", fields["policy"].path, rule.Policy)
			return rule
		}
		rule.Columns = r.columns(columns)
	}
	return rule
}

// unusedSettings reports what the policy has no use for.
func (r *reader) unusedSettings(f field, fields map[string]field, policy Policy) {
	if site, ok := fields["site"]; ok && policy != PolicySite {
		r.problem(site.at, "", "%s belongs to policy site, not to %s", site.path, policy)
	}
	if columns, ok := fields["columns"]; ok && policy != PolicyNewestByColumn && policy != PolicyDelta {
		r.problem(columns.at, "", "%s belong to policies newest-by-column and delta, not to %s", columns.path, policy)
	}
}

func (r *reader) columns(f field) []string {
	var columns []string
	for _, item := range r.items(f) {
		name, ok := r.text(item)
		if !ok {
			continue
		}
		if slices.Contains(columns, name) {
			r.problem(item.at, "", "%s: column %s stands twice", f.path, item.shown())
			continue
		}
		columns = append(columns, name)
	}
	return columns
}
