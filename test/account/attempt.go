package account

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// An attempt is a transaction under way. After an error it does nothing more.
type attempt struct {
	*writer
	ctx    context.Context //nolint:containedctx // lives for one transaction
	tx     *sql.Tx
	txn    *Txn
	rows   []Row
	net    map[Key]int // a key's place in rows
	tokens int
	added  []increment
	err    error
}

// exec runs a statement and gives how many rows it changed.
func (a *attempt) exec(query string, args ...any) int64 {
	if a.err != nil {
		return 0
	}
	res, err := a.tx.ExecContext(a.ctx, query, args...)
	if err != nil {
		a.err = fmt.Errorf("%s: %w", query, err)
		return 0
	}
	n, _ := res.RowsAffected()
	return n
}

// must runs a statement that changes so many rows: they are locked, so the
// writer knows.
func (a *attempt) must(rows int, query string, args ...any) {
	if n := a.exec(query, args...); a.err == nil && n != int64(rows) {
		a.err = fmt.Errorf("%s %v: %d rows instead of %d", query, args, n, rows)
	}
}

func (a *attempt) token() string {
	a.tokens++
	return a.txn.Token(a.tokens)
}

// seen is a row that was read and locked: its columns by name.
type seen map[string]*string

func (s seen) token() string {
	if s == nil {
		return ""
	}
	return *s["token"]
}

// see locks rows and reads what is there.
func (a *attempt) see(f *form, ks ...int) map[int]seen {
	if a.err != nil {
		return nil
	}
	slices.Sort(ks)
	args := make([]any, len(ks))
	for i, k := range ks {
		args[i] = f.id(a.rng, k)
	}
	rows, err := a.tx.QueryContext(a.ctx, "SELECT * FROM account."+f.name+" WHERE id IN (?"+
		strings.Repeat(", ?", len(ks)-1)+") ORDER BY id FOR UPDATE", args...)
	if err != nil {
		a.err = err
		return nil
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		a.err = err
		return nil
	}
	found := map[int]seen{}
	for rows.Next() {
		values, places := make([]*string, len(columns)), make([]any, len(columns))
		for i := range values {
			places[i] = &values[i]
		}
		if a.err = rows.Scan(places...); a.err != nil {
			return nil
		}
		row := seen{}
		for i, name := range columns {
			row[name] = values[i]
		}
		for _, k := range ks {
			if f.key(k) == KeyOf(f.name, *row["id"]) {
				found[k] = row
			}
		}
	}
	a.err = rows.Err()
	return found
}

// wrote notes what was done to a row.
func (a *attempt) wrote(k Key, over seen, token string) {
	if a.err != nil {
		return
	}
	if i, ok := a.net[k]; ok {
		a.rows[i].Token = token
		return
	}
	a.net[k] = len(a.rows)
	a.rows = append(a.rows, Row{Key: k, Token: token, Seen: over.token()})
}

// work is all but the commit.
func (a *attempt) work() {
	for range 1 + a.rng.IntN(3) {
		switch a.rng.IntN(8) {
		case 0:
			a.many()
		case 1, 2:
			a.swap()
		default:
			a.one()
		}
	}
}

// one does something to one row.
func (a *attempt) one() {
	f := &a.forms[a.rng.IntN(len(a.forms))]
	k := a.rng.IntN(keys)
	row := a.see(f, k)[k]
	if row == nil {
		a.insert(f, k, nil)
		return
	}
	switch a.rng.IntN(12) {
	case 0, 1:
		a.remove(f, k, row)
	case 2: // the key is used again at once
		a.remove(f, k, row)
		a.insert(f, k, nil)
	case 3:
		a.move(f, k, row)
	default:
		a.update(f, k, row)
	}
}

// insert adds a row; values, if any, are those of its columns in order.
func (a *attempt) insert(f *form, k int, values []any) {
	args := []any{f.id(a.rng, k)}
	for i, c := range f.columns {
		if values == nil {
			args = append(args, c.value(a.rng))
		} else {
			args = append(args, values[i])
		}
	}
	token := a.token()
	a.must(1, "INSERT INTO account."+f.name+" VALUES (?"+strings.Repeat(", ?", len(args))+")", append(args, token)...)
	a.wrote(f.key(k), nil, token)
}

func (a *attempt) remove(f *form, k int, row seen) {
	a.must(1, "DELETE FROM account."+f.name+" WHERE id = ?", f.id(a.rng, k))
	a.wrote(f.key(k), row, "")
}

// update changes one column or, of a text key, its case.
func (a *attempt) update(f *form, k int, row seen) {
	token := a.token()
	if i := a.rng.IntN(len(f.columns) + 1); i < len(f.columns) {
		c := f.columns[i]
		a.must(1, "UPDATE account."+f.name+" SET "+c.name+" = ?, token = ? WHERE id = ?", c.value(a.rng), token, f.id(a.rng, k))
	} else {
		a.must(1, "UPDATE account."+f.name+" SET id = ?, token = ? WHERE id = ?", f.id(a.rng, k), token, f.id(a.rng, k))
	}
	a.wrote(f.key(k), row, token)
}

// move gives a row another key, where there is none.
func (a *attempt) move(f *form, k int, row seen) {
	to := a.rng.IntN(keys)
	if to == k || a.see(f, to)[to] != nil {
		return
	}
	token := a.token()
	a.must(1, "UPDATE account."+f.name+" SET id = ?, token = ? WHERE id = ?", f.id(a.rng, to), token, f.id(a.rng, k))
	a.wrote(f.key(k), row, "")
	a.wrote(f.key(to), nil, token)
}

// some are different keys.
func (a *attempt) some(n int) []int { return a.rng.Perm(keys)[:n] }

// many changes several rows in one statement, of a table without unique values.
func (a *attempt) many() {
	f := &a.forms[0]
	if a.rng.IntN(2) == 0 {
		f = &a.forms[len(a.forms)-1]
	}
	ks := a.some(2 + a.rng.IntN(3))
	rows := a.see(f, ks...)
	var there, gone []any
	for _, k := range ks {
		if rows[k] == nil {
			gone = append(gone, k)
		} else {
			there = append(there, k)
		}
	}
	switch {
	case len(gone) > len(there):
		a.insertAll(f, gone)
	case a.rng.IntN(5) == 0:
		a.must(len(there), "DELETE FROM account."+f.name+" WHERE id IN (?"+strings.Repeat(", ?", len(there)-1)+")", there...)
		for _, k := range there {
			a.wrote(f.key(k.(int)), rows[k.(int)], "")
		}
	default: // the key is part of the token's number
		base := a.tokens + 1
		a.tokens += keys
		a.must(len(there), fmt.Sprintf("UPDATE account.%s SET v = v + 1, token = CONCAT('[%s.', id + %d, ']') WHERE id IN (?%s)",
			f.name, a.txn.ID(), base, strings.Repeat(", ?", len(there)-1)), there...)
		for _, k := range there {
			a.wrote(f.key(k.(int)), rows[k.(int)], a.txn.Token(base+k.(int)))
		}
	}
}

func (a *attempt) insertAll(f *form, ks []any) {
	var args []any
	tokens := make([]string, len(ks))
	for i, k := range ks {
		tokens[i] = a.token()
		args = append(args, k)
		for _, c := range f.columns {
			args = append(args, c.value(a.rng))
		}
		args = append(args, tokens[i])
	}
	group := "(?" + strings.Repeat(", ?", len(f.columns)+1) + ")"
	a.must(len(ks), "INSERT INTO account."+f.name+" VALUES "+group+strings.Repeat(", "+group, len(ks)-1), args...)
	for i, k := range ks {
		a.wrote(f.key(k.(int)), nil, tokens[i])
	}
}

// swap lets two rows change their unique values: by way of a value that nobody
// has, or by taking one of the rows away for a moment.
func (a *attempt) swap() {
	f := &a.forms[1+a.rng.IntN(3)]
	ks := a.some(2)
	rows := a.see(f, ks...)
	x, y := rows[ks[0]], rows[ks[1]]
	if x == nil || y == nil {
		return
	}
	set := func(k int, value any, row seen) {
		token := a.token()
		a.must(1, "UPDATE account."+f.name+" SET "+f.unique+" = ?, token = ? WHERE id = ?", value, token, f.id(a.rng, k))
		a.wrote(f.key(k), row, token)
	}
	mine, other := text(x[f.unique]), text(y[f.unique])
	if a.rng.IntN(3) > 0 {
		set(ks[0], -(a.no*1_000_000 + a.n%1_000_000 + 1), x)
		set(ks[1], mine, y)
		set(ks[0], other, x)
		return
	}
	a.remove(f, ks[0], x)
	set(ks[1], mine, y)
	var values []any
	for _, c := range f.columns {
		value := text(x[c.name])
		if c.name == f.unique {
			value = other
		}
		values = append(values, value)
	}
	a.insert(f, ks[0], values)
}

func text(value *string) any {
	if value == nil {
		return nil
	}
	return *value
}
