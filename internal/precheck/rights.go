package precheck

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"duplex/internal/change"
	"duplex/internal/config"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

var (
	readRights   = []string{"SELECT"}
	writeRights  = []string{"SELECT", "INSERT", "UPDATE", "DELETE"}
	schemaRights = []string{"CREATE", "ALTER", "INDEX", "DROP", "REFERENCES", "CREATE VIEW"}
	ownRights    = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX", "DROP"}
	lookRights   = []string{"SHOW VIEW", "TRIGGER"} // without them views and triggers stay unseen
	streamRights = []string{"REPLICATION SLAVE", "REPLICATION CLIENT"}
)

// probeOrigin is an origin id of the range that only our writers use; see
// binlog.
const probeOrigin = 2147473649

// rights names each missing right with the GRANT that gives it.
func rights(ctx context.Context, r *run, s *site) error {
	lines, err := s.tenant.Grants(ctx)
	if err != nil {
		return err
	}
	g := parseGrants(lines, s.tenant.LowerCase != 0)
	if s.source && s.LogProxy == "" {
		r.streamRights(s, g)
	}
	places, err := r.places(ctx, s)
	if err != nil {
		return err
	}
	need := r.needed(s)
	for _, p := range places {
		r.missing(Fail, s, g, p, need, "rows and tables")
		r.missing(Warn, s, g, p, lookRights, "views and triggers cannot be seen")
	}
	r.missing(Fail, s, g, place{database: change.Database}, ownRights, "our own tables")
	if err := r.originRight(ctx, s, g); err != nil {
		return err
	}
	r.unless(s, "%s may do all that is needed", s.User)
	return nil
}

// needed is what our user has to do with the site's tables.
func (r *run) needed(s *site) []string {
	need := readRights
	if s.target {
		need = writeRights
	}
	if !s.initial || r.Project.DDL == r.peer(s).Name {
		need = slices.Concat(need, schemaRights)
	}
	return need
}

// A place is a database, or one table of it, that rights are needed on.
type place struct {
	database string
	tables   []string // names that are known; empty: all of the database
}

// places are those of the chosen tables and those that a pattern names
// literally: tables that we may not see are in no catalogue.
func (r *run) places(ctx context.Context, s *site) ([]place, error) {
	tables, err := r.chosen(ctx, s)
	if err != nil {
		return nil, err
	}
	var out []place
	at := func(database string) *place {
		i := slices.IndexFunc(out, func(p place) bool { return p.database == database })
		if i < 0 {
			out = append(out, place{database: database})
			i = len(out) - 1
		}
		return &out[i]
	}
	for _, t := range tables {
		p := at(t.Database)
		p.tables = append(p.tables, t.Name)
	}
	for _, pattern := range r.Project.Tables.Include {
		if one, ok := pattern.Literal(); ok {
			if !s.initial {
				one.Database, one.Name = r.Project.Target(one.Database, one.Name)
			}
			p := at(one.Database)
			if !slices.Contains(p.tables, one.Name) {
				p.tables = append(p.tables, one.Name)
			}
		} else if database, ok := literalDatabase(pattern); ok {
			at(database)
		}
	}
	if !s.initial && r.source.tenant != nil { // tables that are to be made here
		source, err := r.chosen(ctx, r.source)
		if err != nil {
			return nil, err
		}
		for _, t := range source {
			database, name := r.Project.Target(t.Database, t.Name)
			if p := at(database); !slices.Contains(p.tables, name) {
				p.tables = append(p.tables, name)
			}
		}
	}
	return out, nil
}

// literalDatabase gives the database of a pattern that leaves only the table
// open.
func literalDatabase(p config.Pattern) (string, bool) {
	const probe = ".x"
	text := p.String()
	for i := range len(text) {
		if text[i] != '.' {
			continue
		}
		if one, err := config.ParseTable(text[:i] + probe); err == nil {
			return one.Database, true
		}
	}
	return "", false
}

// missing notes the rights of need that the user lacks at a place.
func (r *run) missing(status Status, s *site, g *grants, p place, need []string, what string) {
	var lack, on []string
	open := slices.ContainsFunc(r.Project.Tables.Include, func(p config.Pattern) bool { _, one := p.Literal(); return !one })
	for _, right := range need {
		if g.may(right, p.database, "") {
			continue
		}
		bare := len(p.tables) == 0 || open && right == "SELECT" // a table that may not be read is in no catalogue
		for _, t := range p.tables {
			if !g.may(right, p.database, t) {
				bare = true
				if !slices.Contains(on, t) {
					on = append(on, t)
				}
			}
		}
		if bare {
			lack = append(lack, right)
		}
	}
	if len(lack) == 0 {
		return
	}
	object, target := p.database+".*", schema.Ident(strings.ReplaceAll(p.database, "_", `\_`))+".*"
	if !open && len(on) == 1 {
		object, target = p.database+"."+on[0], sqlName(p.database, on[0])
	}
	list := strings.Join(lack, ", ")
	r.note(status, s, object, fmt.Sprintf("GRANT %s ON %s TO %s", list, target, g.user), fmt.Sprintf("user lacks %s (%s)", list, what))
}

// streamRights notes what the user lacks to read the change stream.
func (r *run) streamRights(s *site, g *grants) {
	if s.tenant.Kind == tenant.OceanBase {
		return // its Binlog Service asks for none
	}
	var lack []string
	for _, right := range streamRights {
		if g.everywhere(right) {
			continue
		}
		if right == "REPLICATION CLIENT" && s.tenant.Kind == tenant.MariaDB && s.tenant.Release.AtLeast(10, 5) {
			right = "BINLOG MONITOR"
		}
		lack = append(lack, right)
	}
	if len(lack) > 0 {
		list := strings.Join(lack, ", ")
		r.fail(s, "", fmt.Sprintf("GRANT %s ON *.* TO %s", list, g.user), "user lacks %s (the change stream)", list)
	}
}

// originRight tries what an applier's session does besides writing: on MySQL
// it sets pseudo_thread_id, so that its transactions can be told apart in the
// log by others too. The checkpoint row tells them apart without it.
func (r *run) originRight(ctx context.Context, s *site, g *grants) error {
	if !s.target {
		return nil
	}
	session, err := s.tenant.Session(ctx, tenant.Apply, probeOrigin)
	switch code := tenant.Code(err); {
	case err == nil:
		return session.Close()
	case code == 1227 || code == 1231:
		right := "SUPER"
		if s.tenant.Release.AtLeast(8, 0) {
			right = "SESSION_VARIABLES_ADMIN"
		}
		r.warn(s, "", fmt.Sprintf("GRANT %s ON *.* TO %s", right, g.user),
			"user lacks %s: our transactions do not carry an origin id in the log", right)
		return nil
	}
	return err
}
