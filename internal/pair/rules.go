package pair

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
	"duplex/internal/config"
	"duplex/internal/conflict"
	"duplex/internal/schema"
)

// A rule is the conflict rule of a table as duplex.rules has it.
type rule struct {
	Policy  config.Policy `json:"policy"`
	Site    string        `json:"site,omitempty"`
	Columns []string      `json:"columns,omitempty"`
}

func (r rule) String() string {
	switch {
	case r.Site != "":
		return string(r.Policy) + " " + r.Site
	case len(r.Columns) > 0:
		return string(r.Policy) + " (" + strings.Join(r.Columns, ", ") + ")"
	}
	return string(r.Policy)
}

func (r rule) equal(o rule) bool {
	return r.Policy == o.Policy && r.Site == o.Site && slices.Equal(r.Columns, o.Columns)
}

// forward reports whether r goes by more than the order of two writes: what was
// written before it began cannot be judged by it.
func (r rule) forward() bool {
	return r.Policy == config.PolicyDelta || r.Policy == config.PolicyNewestByColumn
}

// tableRules is rules by the tables' names in SQL.
type tableRules map[string]rule

// An era is from a version on. Those of version 0 begin anew: nothing from
// before them is judged any more.
type era struct {
	from  int64
	rules tableRules
}

// A history is the eras of a project, the oldest first.
type history []era

func parseHistory(rows []checkpoint.Rules) (history, error) {
	var h history
	for i, r := range rows {
		e := era{from: r.From}
		if err := json.Unmarshal([]byte(r.Text), &e.rules); err != nil || r.Number != uint64(i+1) {
			return nil, fmt.Errorf("%w: row %d of duplex.rules is not what was written", checkpoint.ErrRules, r.Number)
		}
		h = append(h, e)
	}
	return h, nil
}

// sums gives those of some tables' rules that add up.
func (t tableRules) sums(tables []string) tableRules {
	out := tableRules{}
	for _, name := range tables {
		if r := t[name]; r.Policy == config.PolicyDelta {
			out[name] = r
		}
	}
	return out
}

// last is the newest era; of an empty history one without rules.
func (h history) last() era {
	if len(h) == 0 {
		return era{rules: tableRules{}}
	}
	return h[len(h)-1]
}

// with is the newest era's rules, with those of some tables as wanted.
func (h history) with(want tableRules, tables []string) tableRules {
	out := maps.Clone(h.last().rules)
	for _, t := range tables {
		out[t] = want[t]
	}
	return out
}

// changes gives the tables whose rules are not as wanted: those that can change
// at once, since nothing was decided by their rule, and the others.
func (h history) changes(want tableRules) (now, later []string, err error) {
	have := h.last().rules
	for _, t := range slices.Sorted(maps.Keys(want)) {
		old, known := have[t]
		w := want[t]
		stops := known && old.Policy == config.PolicyStop && w.Policy != config.PolicyStop
		switch {
		case stops && w.forward():
			err = errors.Join(err, fmt.Errorf("%w: %s from stop to %s: the policy that follows stop judges what has stopped too; "+
				"choose newest or site first, run, then %s", ErrRules, t, w, w))
		case !known, stops:
			now = append(now, t)
		case !old.equal(w):
			later = append(later, t)
		}
	}
	return now, later, err
}

// A turn is a table's rule from a version on.
type turn struct {
	rule
	from int64
}

// turns gives the rules of a table one after the other; none if it is not known. Of
// several names, the newest first, each era goes by the first one that it knows.
func (h history) turns(names ...string) []turn {
	var out []turn
	for _, e := range h {
		if e.from == 0 {
			out = nil
		}
		var r rule
		known := false
		for i := 0; i < len(names) && !known; i++ {
			r, known = e.rules[names[i]]
		}
		last := len(out) - 1
		switch {
		case !known || last >= 0 && out[last].equal(r):
		case last >= 0 && out[last].Policy == config.PolicyStop:
			out[last].rule = r // what stopped is judged by whatever follows
		default:
			out = append(out, turn{r, e.from})
		}
	}
	return out
}

// wanted is what the project file says of tables.
func (a *attempt) wanted(tables []*schema.Table) tableRules {
	out := tableRules{}
	for _, t := range tables {
		out[sqlName(t)] = a.fileRule(t)
	}
	if a.cfg.Project.DDL != "" {
		out[carrier] = rule{Site: a.cfg.Project.DDL}
	}
	return out
}

// carrier stands among the tables for the site whose statements are carried: it
// is no table's name in SQL.
const carrier = "ddl"

// carries reports whether a link carries a statement of a version. The site that
// does changes as conflict rules do: what has a lower version than the change is
// carried from where it was carried before.
func (a *attempt) carries(link config.Link, version int64) bool {
	turns := a.history.turns(carrier)
	if len(turns) == 0 {
		return a.cfg.Project.CarriesDDL(link)
	}
	site := turns[0].Site
	for _, t := range turns {
		if t.from <= version {
			site = t.Site
		}
	}
	return site == link.From
}

func (a *attempt) fileRule(t *schema.Table) rule {
	c := a.cfg.Project.Rule(t.Database, t.Name)
	if c.Policy == "" {
		c.Policy = config.PolicyNewest
	}
	return rule{c.Policy, c.Site, c.Columns}
}

func sqlName(t *schema.Table) string {
	return string((&change.Table{Database: t.Database, Name: t.Name}).AppendName(nil))
}

// alike says why a table would be treated otherwise under another name.
func (a *attempt) alike(x, y schema.Name) string {
	p := a.cfg.Project
	if p.Where(x.Database, x.Name) != p.Where(y.Database, y.Name) {
		return fmt.Sprintf("the project's condition for rows of %s.%s is not that of %s.%s", x.Database, x.Name, y.Database, y.Name)
	}
	of := func(n schema.Name) rule {
		t := &schema.Table{Database: n.Database, Name: n.Name}
		if turns := a.history.turns(sqlName(t)); len(turns) > 0 {
			return turns[len(turns)-1].rule
		}
		return a.fileRule(t)
	}
	if was, is := of(x), of(y); !was.equal(is) {
		return fmt.Sprintf("the conflict rule of %s.%s is %s, and that of %s.%s is %s", x.Database, x.Name, was, y.Database, y.Name, is)
	}
	return ""
}

// rules gives the conflict rules of the tables of a route's target, told as keys do.
func (a *attempt) rules(of *route, tables []*schema.Table, uncertain int64) (func(table string) *conflict.Rule, error) {
	rules := map[string]*conflict.Rule{}
	for _, t := range tables {
		turns := a.history.turns(a.back(of).history.Names(schema.Name{Database: t.Database, Name: t.Name})...)
		if len(turns) == 0 {
			turns = []turn{{rule: a.fileRule(t)}}
		}
		if r, ok := a.coming[sqlName(t)]; ok {
			turns = append(turns, turn{r, conflict.Unheard})
		}
		var next *conflict.Rule
		for i, x := range slices.Backward(turns) {
			r, err := a.ruleOf(x.rule, t)
			if err != nil {
				return nil, err
			}
			r.Uncertain = uncertain
			if r.Next = next; next != nil {
				r.From = turns[i+1].from
			}
			next = r
		}
		rules[a.identity(of, t)] = next
	}
	other := &conflict.Rule{Policy: conflict.Newest, Uncertain: uncertain}
	return func(table string) *conflict.Rule {
		if r := rules[table]; r != nil {
			return r
		}
		return other
	}, nil
}

func (a *attempt) ruleOf(c rule, t *schema.Table) (*conflict.Rule, error) {
	r := &conflict.Rule{Policy: conflict.Policy(c.Policy)}
	if c.Policy == config.PolicySite {
		r.Rank = a.cfg.Project.Rank(c.Site)
	}
	for _, name := range c.Columns {
		i := t.Column(name)
		if i < 0 {
			return nil, fmt.Errorf("%w: conflict rule of %s: there is no column %s", ErrSchema, t, name)
		}
		r.Columns = append(r.Columns, i)
	}
	return r, nil
}
