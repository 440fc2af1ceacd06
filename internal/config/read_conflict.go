package config

import "slices"

// conflict reads the rules for rows that both sites changed into p.
func (r *reader) conflict(f field, p *Project, names []string) {
	r.onlyFor(f, p, ActiveActive)
	fields, ok := r.keys(f, "policy", "site", "columns", "tables")
	if !ok {
		return
	}
	p.Conflict.Rule = Rule{Policy: PolicyNewest}
	if policy, ok := fields["policy"]; ok {
		p.Conflict.Rule = r.rule(f, fields, names, PolicyNewest, PolicyNewestByColumn, PolicySite, PolicyStop,
			PolicyOverwrite, PolicyIgnore, PolicyDelta)
		if p.Conflict.Policy == PolicyDelta {
			r.problem(policy.content(), "name tables under conflict.tables", "conflict.policy delta is for single tables")
		}
	} else {
		r.unusedSettings(f, fields, PolicyNewest)
	}
	if tables, ok := fields["tables"]; ok {
		p.Conflict.Tables = map[Table]Rule{}
		for _, entry := range r.perTable(tables, p) {
			fields, ok := r.keys(entry.field, "policy", "site", "columns")
			if !ok {
				continue
			}
			if _, ok := r.required(entry.field, fields, "policy"); ok {
				p.Conflict.Tables[entry.table] = r.rule(entry.field, fields, names, PolicyNewest, PolicyNewestByColumn,
					PolicySite, PolicyDelta, PolicyStop, PolicyOverwrite, PolicyIgnore)
			}
		}
	}
}

// rule reads a policy and what belongs to it.
func (r *reader) rule(f field, fields map[string]field, names []string, policies ...Policy) Rule {
	words := make([]string, len(policies))
	for i, policy := range policies {
		words[i] = string(policy)
	}
	word, ok := r.word(fields["policy"], words...)
	if !ok {
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
