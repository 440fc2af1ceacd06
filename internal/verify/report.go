package verify

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"duplex/internal/change"
)

// A Result is the verdict on a table.
type Result string

// The results.
const (
	Consistent     Result = "CONSISTENT"
	Inconsistent   Result = "INCONSISTENT"
	Unsettled      Result = "UNSETTLED" // nothing differs for good, but some rows changed all the time
	SchemaMismatch Result = "SCHEMA_MISMATCH"
	SourceMissing  Result = "SOURCE_TABLE_NOT_EXIST" // A has no such table
	TargetMissing  Result = "TARGET_TABLE_NOT_EXIST" // B has no such table
)

// The kinds of differences: a row with other values, or, followed by the
// site's name, a row that only one site has.
const (
	KindDifferent = "different"
	KindOnly      = "only:"
)

// A Report is the outcome of a comparison.
type Report struct {
	Equal       bool         `json:"equal"`
	Started     time.Time    `json:"started"`
	Ended       time.Time    `json:"ended"`
	Tables      []Table      `json:"tables"`
	Differences []Difference `json:"differences"`
	Unlisted    uint64       `json:"unlisted,omitempty"` // differences that the list has no room for

	names []string // of the sites, A's first
}

// A Table is the outcome for one table. Rows is the sum of what follows it.
type Table struct {
	Table     string            `json:"table"`
	Result    Result            `json:"result"`
	Reason    string            `json:"reason,omitempty"` // of a result that no row explains
	Rows      uint64            `json:"rows"`
	Equal     uint64            `json:"equal"`
	Different uint64            `json:"different"`
	Only      map[string]uint64 `json:"only"` // by site
	Unsettled uint64            `json:"unsettled"`
}

// A Difference is a row that is not the same on both sides.
type Difference struct {
	Table   string   `json:"table"`
	Key     string   `json:"key"` // for people: id=5
	Kind    string   `json:"kind"`
	Columns []Column `json:"columns,omitempty"` // those that differ; none where a side has no row
}

// A Column is a column that differs, its values by site, cut where long.
type Column struct {
	Name   string            `json:"name"`
	Values map[string]string `json:"values"`
}

// differences counts the rows that differ.
func (t *Table) differences() uint64 {
	n := t.Different
	for _, only := range t.Only {
		n += only
	}
	return n
}

// judge finds the result of a table that was read.
func (t *Table) judge() {
	switch {
	case t.differences() > 0:
		t.Result = Inconsistent
	case t.Unsettled > 0:
		t.Result = Unsettled
	default:
		t.Result = Consistent
	}
}

// listed is how many differences a report lists.
const listed = 1000

// found collects the differences of all tables.
type found struct {
	mu   sync.Mutex
	list []Difference
	more uint64
}

// room reports whether a difference may be added; where not, it is counted.
func (f *found) room() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.list) < listed {
		return true
	}
	f.more++
	return false
}

func (f *found) add(d Difference) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, d)
}

// format writes a row's key for people.
func (s *side) format(image []change.Value) string {
	parts := make([]string, len(s.key))
	for i, at := range s.key {
		parts[i] = s.columns[at].Name + "=" + short(s.columns[at].Format(image[at]))
	}
	return strings.Join(parts, ", ")
}

// short cuts what is too long for a report.
func short(s string) string {
	if len(s) <= 120 {
		return s
	}
	return strings.ToValidUTF8(s[:100], "") + "…"
}

// progress is how far one table is.
type progress struct {
	rows, differences atomic.Uint64
	done              atomic.Bool
}

// Progress is how far a comparison has come.
type Progress struct {
	Tables      int
	TablesDone  int
	Rows        uint64 // compared
	Differences uint64 // confirmed so far
}

// Progress may be called from any goroutine.
func (c *Checker) Progress() Progress {
	p := Progress{Tables: len(c.progress)}
	for _, one := range c.progress {
		p.Rows += one.rows.Load()
		p.Differences += one.differences.Load()
		if one.done.Load() {
			p.TablesDone++
		}
	}
	return p
}
