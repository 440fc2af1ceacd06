package config

import (
	"crypto/tls"
	"slices"

	"duplex/internal/change"
)

// OwnDatabase is the database that the program keeps for itself in each tenant.
const OwnDatabase = "duplex"

// Scenario is what a project is for.
type Scenario string

// The scenarios. Only active-active carries changes both ways at once.
const (
	MigrationScenario Scenario = "migration"
	PrimaryStandby    Scenario = "primary-standby"
	ActiveActive      Scenario = "active-active"
)

// Policy says what happens when both sites changed a row at once.
type Policy string

// The policies. PolicyDelta and PolicyNewestByColumn need columns, PolicySite needs a site.
const (
	PolicyNewest         Policy = "newest"           // the later version wins
	PolicyNewestByColumn Policy = "newest-by-column" // the greater value of the named columns wins
	PolicySite           Policy = "site"             // a named site wins
	PolicyDelta          Policy = "delta"            // the difference of the named columns is added, so both changes count
	PolicyStop           Policy = "stop"             // the link stops with the row in hand
	PolicyOverwrite      Policy = "overwrite"        // what comes in wins
	PolicyIgnore         Policy = "ignore"           // what is there wins
)

// Project is a project file that was read and found right. It is not changed after that.
type Project struct {
	// Name is 1 to 64 letters, digits, '-' and '_', the first a letter or digit.
	Name     string
	Scenario Scenario
	// Sites are the two sites, in file order.
	Sites []Site
	// Source names the site that holds the data at the start; the other is filled from it.
	Source string
	Tables Tables
	// DDL names the site whose outgoing link carries DDL; empty when no link does.
	DDL string
	// IgnoreDDL passes over statements of the site whose link carries none, instead of stopping.
	IgnoreDDL bool
	Conflict  Conflict
	Limits    Limits
}

// Site is one tenant of the pair.
type Site struct {
	// Name is 1 to 32 letters, digits, '-' and '_', the first a letter or digit; never "none".
	Name string
	// Address is host:port where SQL goes.
	Address string
	// User is the full user name of the tenant, with "@tenant#cluster" where the server wants it.
	User string
	// Password is empty only where the file itself says that it is.
	Password Secret
	// Changes is host:port where the binary log is served; Address when the file names no other, empty when LogProxy is set.
	Changes string
	// LogProxy is host:port of OceanBase's CDC protocol; empty when the changes come from the binary log.
	LogProxy string
	// TLS is nil for a connection in the clear.
	TLS *TLS
}

// TLS says how a site proves who it is, and how we do. The paths are as the file has them.
type TLS struct {
	// CA is the file of the authorities to trust; empty means the system's.
	CA string
	// Cert and Key are the files of our own certificate; both empty when we show none.
	Cert, Key string

	config *tls.Config
}

// Config gives the settings for a connection, a copy of the caller's own. They are read together with the project file and
// ask for TLS 1.2 or later. ServerName is empty: whoever dials sets it to the host being dialled.
func (t *TLS) Config() *tls.Config { return t.config.Clone() }

// Tables says which tables take part and how they appear on the target.
type Tables struct {
	// Include and Exclude are match rules; a table takes part when one of Include and none of Exclude matches.
	// Include is never empty.
	Include, Exclude []Pattern
	// Rename maps a table of the source to its name on the target; nil when active-active.
	Rename map[Table]Table
	// Where maps a table of the source to the SQL condition that its rows must meet; nil when active-active.
	Where map[Table]string
}

// Conflict says what to do with rows that both sites changed, and with rows that are not as the log says. Where one site
// only is written it is zero, or has PolicyOverwrite and PolicyStop.
type Conflict struct {
	// Rule is for every table that has no own one. Its policy is never PolicyDelta.
	Rule
	// Tables holds the rules of single tables; nil when there are none.
	Tables map[Table]Rule
}

// Rule is a policy with what it needs.
type Rule struct {
	Policy Policy
	// Site wins under PolicySite; empty under every other policy.
	Site string
	// Columns are compared in this order under PolicyNewestByColumn and added under PolicyDelta, where all other columns
	// follow the project's rule; nil under every other policy.
	Columns []string
}

// Limits bound what a run may use. The rates are for each link on its own.
type Limits struct {
	// RowsPerSecond is in rows per second; 0 means as many as the target takes.
	RowsPerSecond int64
	// BytesPerSecond is in bytes of row data per second; 0 means as many as the target takes.
	BytesPerSecond int64
	// Workers is the number of connections that write into a target side by side, at most 1024; 0 means that the program
	// chooses.
	Workers int
	// Memory is in bytes, for all that is queued or held; at least 64 MiB, never 0.
	Memory int64
}

// Link is one direction between two sites.
type Link struct {
	// From and To are names of sites.
	From, To string
}

// String gives "hangzhou>shanghai".
func (l Link) String() string { return l.From + ">" + l.To }

// Site gives the site of that name.
func (p *Project) Site(name string) (Site, bool) {
	i := slices.IndexFunc(p.Sites, func(s Site) bool { return s.Name == name })
	if i < 0 {
		return Site{}, false
	}
	return p.Sites[i], true
}

// SourceSite gives the site that holds the data at the start.
func (p *Project) SourceSite() Site {
	if p.Sites[0].Name == p.Source {
		return p.Sites[0]
	}
	return p.Sites[1]
}

// TargetSite gives the site that is filled at the start.
func (p *Project) TargetSite() Site {
	if p.Sites[0].Name == p.Source {
		return p.Sites[1]
	}
	return p.Sites[0]
}

// Rank gives 0 or 1 to a site of the project. Ranks follow the order of the names, so every file that has the same two
// names gives the same ranks, however it sorts them. A name that is not a site has rank -1.
func (p *Project) Rank(site string) int {
	names := []string{p.Sites[0].Name, p.Sites[1].Name}
	slices.Sort(names)
	return slices.Index(names, site)
}

// TwoWay reports whether changes are carried in both directions at once.
func (p *Project) TwoWay() bool { return p.Scenario == ActiveActive }

// Links gives the directions in which changes are carried, the one from the source first.
func (p *Project) Links() []Link {
	source, target := p.SourceSite().Name, p.TargetSite().Name
	if p.TwoWay() {
		return []Link{{source, target}, {target, source}}
	}
	return []Link{{source, target}}
}

// CarriesDDL reports whether DDL goes along on the link.
func (p *Project) CarriesDDL(link Link) bool { return p.DDL != "" && p.DDL == link.From }

// Matches reports whether a table of the source takes part. Tables of the server's own databases and of OwnDatabase
// never do.
func (p *Project) Matches(database, table string) bool {
	if systemDatabase(database) {
		return false
	}
	covers := func(pattern Pattern) bool { return pattern.Match(database, table) }
	return slices.ContainsFunc(p.Tables.Include, covers) && !slices.ContainsFunc(p.Tables.Exclude, covers)
}

// Aside reports whether a table is one that a schema change tool makes beside a table of the project, known by its name
// ending: it is dropped or takes the other's place in the end. Where no link carries DDL it is a table like any other.
func (p *Project) Aside(database, table string) bool {
	base, ok := change.Ghost(table)
	return ok && p.DDL != "" && p.Matches(database, base)
}

// Carries reports whether the rows of a table of the source are carried.
func (p *Project) Carries(database, table string) bool {
	return p.Matches(database, table) && !p.Aside(database, table)
}

// Target gives the name that a table of the source has on the target.
func (p *Project) Target(database, table string) (string, string) {
	if to, ok := p.Tables.Rename[Table{database, table}]; ok {
		return to.Database, to.Name
	}
	return database, table
}

// Where gives the SQL condition that rows of a table of the source must meet; empty when all of them take part.
func (p *Project) Where(database, table string) string { return p.Tables.Where[Table{database, table}] }

// Rule gives the conflict rule of a table; the zero value, which is PolicyOverwrite, where one site only is written and
// the project does not say.
func (p *Project) Rule(database, table string) Rule {
	if rule, ok := p.Conflict.Tables[Table{database, table}]; ok {
		return rule
	}
	return p.Conflict.Rule
}
