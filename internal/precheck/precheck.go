package precheck

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"duplex/internal/config"
)

// Status is what came of a check.
type Status string

// The statuses.
const (
	Pass Status = "pass"
	Warn Status = "warn" // works, but the user should know
	Fail Status = "fail" // the project must not start
	Skip Status = "skip" // not looked at: something that it needs failed, or the server has no such thing
)

// A Result is one finding of a check, a line for people.
type Result struct {
	Check   string `json:"check"`
	Site    string `json:"site,omitempty"`   // empty: the pair, or both sites alike
	Object  string `json:"object,omitempty"` // the table, database or pattern that it is about
	Status  Status `json:"status"`
	Message string `json:"message"`       // what was found, with the values
	Fix     string `json:"fix,omitempty"` // what to do; empty when passed

	SQL []Statement `json:"sql,omitempty"` // what to run, where that can be said; in this order at each site
}

// Config says what is checked.
type Config struct {
	Project *config.Project
	Wait    time.Duration // how long a probe may take to come back in a change stream; 0: 15 s
	Log     *slog.Logger  // nil: silent
}

// defaultWait is what Config.Wait 0 stands for.
const defaultWait = 15 * time.Second

// A Check is one thing that is looked at.
type Check struct {
	Name  string // a short kebab-case word, stable
	Title string // what it asks, a phrase for people

	each  func(ctx context.Context, r *run, s *site) error // of a site that answers
	waits bool                                             // each may run for both sites at once, and should
	pair  func(ctx context.Context, r *run) error          // of both, when both answer
}

// All gives the checks in the order in which they run.
func All() []Check {
	return slices.Concat(serverChecks(), logChecks(), tableChecks(), settingChecks(), streamChecks())
}

func serverChecks() []Check {
	return []Check{
		{Name: "reachable", Title: "does the server answer and let us in"},
		{Name: "distinct", Title: "are the sites two tenants", pair: distinct},
		{Name: "version", Title: "is the server of a kind and version that is supported", each: version, pair: sameFamily},
		{Name: "writable", Title: "does the server take writes", each: writable},
		{Name: "rights", Title: "may our user do what is needed", each: rights},
	}
}

func logChecks() []Check {
	return []Check{
		{Name: "log", Title: "is a binary log written", each: logOn},
		{Name: "log-format", Title: "does the log hold rows", each: logFormat},
		{Name: "row-image", Title: "does the log hold whole rows", each: rowImage},
		{Name: "log-filter", Title: "are the tables left out of the log", each: logFilter},
		{Name: "retention", Title: "is the log kept long enough", each: retention},
		{Name: "gtid", Title: "can a position be found again on another server", each: gtid},
		{Name: "checksum", Title: "would a damaged log be noticed", each: checksum},
		{Name: "resolution", Title: "how finely does the log tell time", each: resolution},
	}
}

func tableChecks() []Check {
	return []Check{
		{Name: "match", Title: "do the patterns name tables", pair: match},
		{Name: "keys", Title: "can each row be told apart", each: keys},
		{Name: "types", Title: "can each column be carried", each: types},
		{Name: "engine", Title: "do the tables have transactions", each: engine},
		{Name: "generated", Title: "which columns does the server compute", each: generated},
		{Name: "foreign-keys", Title: "do foreign keys stay within the project and within the log", each: foreignKeys},
		{Name: "triggers", Title: "would applied rows fire triggers", each: triggers},
		{Name: "events", Title: "would scheduled statements run on both sides", each: events},
		{Name: "partition-keys", Title: "do unique keys hold what their tables are partitioned by", each: partitionKeys},
		{Name: "left-behind", Title: "what of the definitions does not go over", pair: notes},
		{Name: "auto-increment", Title: "do the sides give different numbers", pair: autoIncrement},
		{Name: "sequences", Title: "do the sides' sequences give different numbers", pair: sequences},
		{Name: "policy", Title: "do the conflict rules fit the tables", pair: policy},
		{Name: "target-tables", Title: "is the target empty, or the same", pair: targetTables},
	}
}

func settingChecks() []Check {
	return []Check{
		{Name: "case", Title: "do both sides treat the case of names alike", pair: caseRule},
		{Name: "charset", Title: "do both sides have the same character set and collation", pair: charset},
		{Name: "time-zone", Title: "do both sides have the same time zone", pair: timeZone},
		{Name: "sql-mode", Title: "do both sides have the same sql_mode", pair: sqlMode},
		{Name: "packet", Title: "are packets large enough", each: packet, pair: samePacket},
		{Name: "memory", Title: "can the server's memory for writes be watched", each: memory},
		{Name: "connections", Title: "are enough connections free", each: connections},
		{Name: "xa", Title: "are distributed transactions in use", each: xa},
		{Name: "clock", Title: "do both clocks show the same time", pair: clock},
	}
}

func streamChecks() []Check {
	return []Check{
		{Name: "stream", Title: "can the change stream be read", each: stream, waits: true},
		{Name: "loop-probe", Title: "is a marked transaction told from an unmarked one", each: loopProbe, waits: true},
	}
}

// Passed reports whether nothing failed. What is skipped hangs on something
// that did, or does not concern the server.
func Passed(results []Result) bool {
	return !slices.ContainsFunc(results, func(r Result) bool { return r.Status == Fail })
}

// Run runs all checks. each, unless nil, is called with every result as it
// comes. A check that cannot do its work is a result like any other; Run fails
// only when ctx ends, and then gives what there is.
func Run(ctx context.Context, cfg Config, each func(Result)) (results []Result, err error) {
	if cfg.Wait <= 0 {
		cfg.Wait = defaultWait
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	r := newRun(cfg)
	defer r.close()
	for _, c := range All() {
		began := time.Now()
		r.check(ctx, c)
		if ctx.Err() != nil {
			return results, fmt.Errorf("check %s: %w", c.Name, context.Cause(ctx))
		}
		for _, f := range r.take() {
			results = append(results, f)
			if each != nil {
				each(f)
			}
		}
		cfg.Log.Debug("checked", "check", c.Name, "took", time.Since(began))
	}
	return results, nil
}
