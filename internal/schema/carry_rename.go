package schema

import "strings"

// rename carries the last step of a schema change tool as what it means for the
// table, and other renames as they are.
func (c *Carrying) rename(s *Statement) ([]Step, error) {
	var pairs []string
	var tables []Name
	for _, r := range s.Renames {
		_, fromGhost := c.ghost(r.From)
		_, toGhost := c.ghost(r.To)
		from, to := c.ours(r.From), c.ours(r.To)
		switch {
		case fromGhost && to:
			return c.swapped(r.To)
		case from && toGhost || !from && !to:
			continue
		case from != to:
			return nil, refuse("it takes %s.%s across the border of the project", r.From.Database, r.From.Name)
		}
		a, b := c.Place(r.From), c.Place(r.To)
		pairs = append(pairs, qualified(a.Database, a.Name)+" TO "+qualified(b.Database, b.Name))
		tables = append(tables, a, b)
	}
	if len(pairs) == 0 { // the table is set aside: its successor comes in the next statement
		return nil, nil
	}
	for i := range c.Versions { // names in between are nobody's
		if v := &c.Versions[i]; v.Renamed() && c.ours(v.Was) && c.ours(v.Name) {
			if err := c.renames(v.Was, v.Name); err != nil {
				return nil, err
			}
		}
	}
	if c.TwoWay || c.Visible() {
		return c.step("RENAME TABLE "+strings.Join(pairs, ", "), tables...), nil
	}
	// Tables that are alike exchange their names: nothing would show whether a run that
	// was killed has done it. One name at a time does.
	var steps []Step
	for i, pair := range pairs {
		steps = append(steps, c.step("RENAME TABLE "+pair, tables[2*i:2*i+2]...)...)
	}
	return steps, nil
}

// renamed refuses an ALTER TABLE … RENAME that cannot be carried as it is.
func (c *Carrying) renamed(from, to Name) error {
	switch a, b := c.ours(from), c.ours(to); {
	case a != b:
		return refuse("it takes %s.%s across the border of the project", from.Database, from.Name)
	case c.Place(to) != to:
		return refuse("the project's rename rules give %s.%s another name: rename it in a statement of its own", to.Database, to.Name)
	}
	return c.renames(from, to)
}

// renames refuses a name for a table of the project by which it would be treated
// otherwise, or by which rows of another one may still be written.
func (c *Carrying) renames(from, to Name) error {
	switch {
	case !c.TwoWay:
		return nil
	case c.held(to) || c.Held != nil && c.Before(to) != nil:
		return c.early(to)
	case c.Alike == nil:
		return nil
	}
	if why := c.Alike(from, to); why != "" {
		return refuse("%s", why)
	}
	return nil
}

func (c *Carrying) held(n Name) bool { return c.Held != nil && c.ours(n) && c.Held(n) }

func (c *Carrying) early(n Name) error {
	return refuse("the name %s.%s was another table's, of which rows may be under way from the other site: on %s a name is free when a `duplex barrier` has passed since the table got another one",
		n.Database, n.Name, c.From)
}

// Renames reports whether tables of the project get other names.
func (c *Carrying) Renames() bool {
	for _, r := range Classify(c.Text, c.Database).Renames {
		if c.ours(r.From) && c.ours(r.To) {
			return true
		}
	}
	return false
}
