package copy

import (
	"sync"

	"duplex/internal/change"
	"duplex/internal/checkpoint"
)

// Rows that lost a unique value, or their parent, at the source wait aside in
// table parked and are rows of the source all the same. Each page is read in one
// snapshot with all of them: a row is in the one or the other, whenever it moves.
type aside struct {
	project, table string

	mu   sync.Mutex
	sent map[string]bool // identities of those that are durable at the target
}

func newAside(project string, t *change.Table) *aside {
	return &aside{project: project, table: string(t.AppendName(nil)), sent: map[string]bool{}}
}

// query is what goes before a page's: its snapshot, and the parked rows.
func (a *aside) query(moment string) string {
	parked := checkpoint.ParkedOf(a.project, a.table, moment) + "; "
	if moment != "" {
		return parked
	}
	return "COMMIT; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT; " + parked
}

// add puts the parked rows that are not at the target yet behind a page's own.
func (a *aside) add(p *page, parked []checkpoint.ParkedRow) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range parked {
		q := &parked[i]
		if a.sent[q.Key.ID] {
			continue
		}
		p.rows, p.aside = append(p.rows, q.Row), append(p.aside, q.Key.ID)
		for _, v := range q.Row {
			p.bytes += 8 + int64(len(v.Bytes))
		}
	}
}

// done takes in that a page is durable.
func (a *aside) done(p *page) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range p.aside {
		a.sent[id] = true
	}
}
