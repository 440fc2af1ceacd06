package precheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-sql-driver/mysql"

	"duplex/internal/config"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// A site is one side of the project and what is known of it.
type site struct {
	config.Site
	tenant  *tenant.Tenant // nil: does not answer
	initial bool           // holds the data at the start
	source  bool           // its changes are carried
	target  bool           // changes are applied to it
	vars    map[string]string

	silent   bool // no Binlog Service answers for it
	partial  bool // its change log does not hold whole rows
	readable bool // its change stream was read
	tables   []*schema.Table
	read     bool // tables were read, with tablesErr
	readErr  error
}

// A run is one pass over the checks.
type run struct {
	Config
	source, other *site // the initial one first
	name          string
	found         []Result
}

func newRun(cfg Config) *run {
	p := cfg.Project
	r := &run{Config: cfg, source: &site{Site: p.SourceSite(), initial: true}, other: &site{Site: p.TargetSite()}}
	for _, l := range p.Links() {
		r.site(l.From).source = true
		r.site(l.To).target = true
	}
	return r
}

func (r *run) site(name string) *site {
	if r.source.Name == name {
		return r.source
	}
	return r.other
}

func (r *run) peer(s *site) *site {
	if s == r.source {
		return r.other
	}
	return r.source
}

func (r *run) sites() []*site { return []*site{r.source, r.other} }

func (r *run) close() {
	for _, s := range r.sites() {
		if s.tenant != nil {
			_ = s.tenant.Close()
		}
	}
}

// check runs one check; what it finds waits in found.
func (r *run) check(ctx context.Context, c Check) {
	r.name = c.Name
	if c.Name == "reachable" {
		for _, s := range r.sites() {
			reach(ctx, r, s)
		}
		return
	}
	if c.each != nil {
		r.eachSite(ctx, c)
	}
	if c.pair != nil && r.source.tenant != nil && r.other.tenant != nil {
		r.failed(nil, c.pair(ctx, r))
	}
}

// eachSite runs a check of single sites, both at once if it spends its time
// waiting.
func (r *run) eachSite(ctx context.Context, c Check) {
	var wait sync.WaitGroup
	parts := make([]*run, 0, 2)
	for _, s := range r.sites() {
		if s.tenant == nil || r.source.tenant == nil && !r.Project.TwoWay() { // its tables are not known
			continue
		}
		part := &run{Config: r.Config, source: r.source, other: r.other, name: r.name}
		parts = append(parts, part)
		wait.Go(func() { part.failed(s, c.each(ctx, part, s)) })
		if !c.waits {
			wait.Wait()
		}
	}
	wait.Wait()
	for _, part := range parts {
		r.found = append(r.found, part.found...)
	}
}

// failed notes an error that kept a check from its work.
func (r *run) failed(s *site, err error) {
	if err == nil {
		return
	}
	fix := ""
	if denied(err) {
		fix = seeRights
	}
	r.fail(s, "", fix, "cannot be checked: %s", plain(err))
}

const seeRights = "give our user what the check \"rights\" names"

// denied reports whether the server refused for want of a right.
func denied(err error) bool {
	switch tenant.Code(err) {
	case 1044, 1045, 1142, 1143, 1227:
		return true
	}
	return false
}

func (r *run) add(f Result) {
	f.Check = r.name
	f.Message = strings.Join(strings.Fields(f.Message), " ")
	r.found = append(r.found, f)
}

func (r *run) note(status Status, s *site, object, fix, message string) {
	f := Result{Object: object, Status: status, Message: message, Fix: fix}
	if s != nil {
		f.Site = s.Name
	}
	r.add(f)
}

// pass, warn and fail note a finding about a site; nil stands for the pair.
func (r *run) pass(s *site, format string, args ...any) {
	r.note(Pass, s, "", "", fmt.Sprintf(format, args...))
}

func (r *run) warn(s *site, object, fix, format string, args ...any) {
	r.note(Warn, s, object, fix, fmt.Sprintf(format, args...))
}

func (r *run) fail(s *site, object, fix, format string, args ...any) {
	r.note(Fail, s, object, fix, fmt.Sprintf(format, args...))
}

func (r *run) skip(s *site, format string, args ...any) {
	r.note(Skip, s, "", "", fmt.Sprintf(format, args...))
}

// unless passes with a message if the check found nothing worse about s.
func (r *run) unless(s *site, format string, args ...any) {
	name := ""
	if s != nil {
		name = s.Name
	}
	if !slices.ContainsFunc(r.found, func(f Result) bool { return f.Site == name && f.Status != Pass }) {
		r.pass(s, format, args...)
	}
}

// most is how many findings of a kind are told apart.
const most = 20

// take gives what a check found: two sites that pass alike as one line, and of
// many of a kind the first.
func (r *run) take() []Result {
	found := r.found
	r.found = nil
	if len(found) == 2 && found[0].Status == Pass && found[1].Status == Pass && found[0].Message == found[1].Message {
		found = found[:1]
		found[0].Site = ""
	}
	type kind struct {
		site   string
		status Status
	}
	count := map[kind]int{}
	sql := map[kind][]Statement{} // of those that are only counted
	var out []Result
	for _, f := range found {
		k := kind{f.Site, f.Status}
		if count[k]++; count[k] <= most {
			out = append(out, f)
		} else {
			sql[k] = append(sql[k], f.SQL...)
		}
	}
	for _, s := range []string{"", r.source.Name, r.other.Name} {
		for _, status := range []Status{Pass, Warn, Fail, Skip} {
			k := kind{s, status}
			if n := count[k] - most; n > 0 {
				out = append(out, Result{Check: r.name, Site: s, Status: status, Message: fmt.Sprintf("and %d more of these", n), SQL: sql[k]})
			}
		}
	}
	return out
}

// chosen gives the tables of the project as the site has them, in its names.
func (r *run) chosen(ctx context.Context, s *site) ([]*schema.Table, error) {
	if s.read {
		return s.tables, s.readErr
	}
	wanted := tenant.Match(r.Project.Matches)
	if !s.initial && !r.Project.TwoWay() {
		tables, err := r.chosen(ctx, r.source)
		if err != nil {
			return nil, err
		}
		wanted = r.placed(tables, s.tenant.LowerCase != 0)
	}
	s.read = true
	s.tables, s.readErr = s.tenant.Tables(ctx, wanted)
	return s.tables, s.readErr
}

// placed matches the names that tables of the source have at the target.
func (r *run) placed(tables []*schema.Table, fold bool) tenant.Match {
	names := map[config.Table]bool{}
	key := func(database, name string) config.Table {
		if fold {
			database, name = strings.ToLower(database), strings.ToLower(name)
		}
		return config.Table{Database: database, Name: name}
	}
	for _, t := range tables {
		names[key(r.Project.Target(t.Database, t.Name))] = true
	}
	return func(database, name string) bool { return names[key(database, name)] }
}

// plain gives the server's own words where err has some.
func plain(err error) string {
	if m, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return m.Error()
	}
	return err.Error()
}

// sqlName is database.table as SQL.
func sqlName(database, name string) string { return schema.Ident(database) + "." + schema.Ident(name) }

// listed joins up to four words, and says how many more there are.
func listed(words []string) string {
	const few = 4
	if len(words) <= few+1 {
		return strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(words[:few], ", "), len(words)-few)
}

// plural is "1 table", "2 tables".
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
