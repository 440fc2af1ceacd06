package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// A Proof counts what the logs show.
type Proof struct {
	Transactions int // of the history
	Carried      int // found whole on the other side, in one applied transaction
	Copied       int // found in chunks of the copy
}

// Prove holds the history against both logs and lists what is not as it must
// be, at most a few of them.
func Prove(history map[Key]Entry, logs [2]*Log) (Proof, []string) {
	p := prover{history: history}
	for side, l := range logs {
		p.home[side], p.away[side] = map[Key]*Logged{}, map[Key]*Logged{}
		if l.Rewritten > 0 {
			p.fault("log of side %d: %d rows changed or deleted that are only ever inserted", side, l.Rewritten)
		}
		for _, t := range l.Transactions {
			p.index(side, t)
		}
	}
	for k, e := range history {
		p.one(k, e)
	}
	return p.proof, p.faults
}

type prover struct {
	history    map[Key]Entry
	home, away [2]map[Key]*Logged // by the side whose log it is: transactions with the ledger row of a key of that side, of the other
	proof      Proof
	faults     []string
}

func (p *prover) fault(format string, args ...any) {
	const most = 20
	if len(p.faults) < most {
		p.faults = append(p.faults, fmt.Sprintf(format, args...))
	}
}

// index enters the ledger rows of a logged transaction.
func (p *prover) index(side int, t *Logged) {
	for _, k := range t.Ledger {
		known := p.away[side]
		if k.Side == side {
			known = p.home[side]
		}
		if _, ok := p.history[k]; !ok {
			p.fault("log of side %d: transaction %v, of which its writer was told that it is not", side, k)
		}
		if known[k] != nil {
			p.fault("log of side %d: transaction %v is there twice", side, k)
		}
		known[k] = t
		if own := k.Side == side; own == t.Marked {
			p.fault("log of side %d: transaction %v, of the side itself: %v, marked: %v", side, k, own, t.Marked)
		}
	}
}

// one checks one transaction of the history.
func (p *prover) one(k Key, e Entry) {
	p.proof.Transactions++
	home, away := p.home[k.Side][k], p.away[1-k.Side][k]
	switch {
	case home == nil:
		p.fault("transaction %v is not in the log of its side", k)
		return
	case away == nil:
		p.fault("transaction %v is not in the log of the other side", k)
		return
	case !home.whole(k, e):
		p.fault("transaction %v is not whole at home", k)
	}
	if away.Chunk {
		p.proof.Copied++
		return
	}
	p.proof.Carried++
	if !away.whole(k, e) {
		p.fault("transaction %v is not whole on the other side: first %v, last %v, batch %d of %d",
			k, away.First[k], away.Last[k], away.Batch[k], e.Batch)
	}
}

// whole reports whether all that names k is in the transaction.
func (t *Logged) whole(k Key, e Entry) bool {
	return t.First[k] && t.Last[k] && t.Batch[k] == e.Batch && slices.Contains(t.Ledger, k)
}

// Compare reads all tables of two sites and lists what differs, at most a few
// rows of each table. It compares the texts that the servers give.
func Compare(ctx context.Context, a, b *sql.DB) ([]string, error) {
	var faults []string
	for _, table := range Tables {
		var rows [2]map[string]bool
		for i, db := range []*sql.DB{a, b} {
			var err error
			if rows[i], err = readTable(ctx, db, table); err != nil {
				return nil, err
			}
		}
		n := 0
		for i := range rows {
			for row := range rows[i] {
				if !rows[1-i][row] {
					if n++; n <= 4 {
						faults = append(faults, fmt.Sprintf("%s: only on side %d: %s", table, i, cut(row)))
					}
				}
			}
		}
		if n > 4 {
			faults = append(faults, fmt.Sprintf("%s: %d rows differ", table, n))
		}
	}
	return faults, nil
}

func readTable(ctx context.Context, db *sql.DB, table string) (map[string]bool, error) {
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+Database+"."+table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values, places := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	out := map[string]bool{}
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return nil, err
		}
		var b strings.Builder
		for i, v := range values {
			if v.Valid {
				fmt.Fprintf(&b, "%s=%q ", columns[i], v.String)
			}
		}
		out[b.String()] = true
	}
	return out, rows.Err()
}

// CheckCounters holds the counters of a site against what the history says.
func CheckCounters(ctx context.Context, db *sql.DB, want map[int]int) ([]string, error) {
	rows, err := db.QueryContext(ctx, "SELECT id, n FROM "+Database+".counter")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var faults []string
	there := map[int]bool{}
	for rows.Next() {
		var id, n int
		if err := rows.Scan(&id, &n); err != nil {
			return nil, err
		}
		there[id] = true
		if n != want[id] {
			faults = append(faults, fmt.Sprintf("counter %d is %d, its history adds up to %d", id, n, want[id]))
		}
	}
	for id, n := range want {
		if n != 0 && !there[id] {
			faults = append(faults, fmt.Sprintf("counter %d is not there, its history adds up to %d", id, n))
		}
	}
	return faults, rows.Err()
}
