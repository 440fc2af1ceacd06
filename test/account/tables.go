package account

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Database is where the tables are. What a writer notes of its own lies in
// another one, which stays on its site.
const (
	Database = "account"
	notes    = "account_notes"
)

// Tables lists the tables, parents before children.
var Tables = []string{"plain", "named", "badge", "seat", "child"}

// keys is how many rows a table has room for: few, so that everybody meets.
const keys = 40

var ddl = []string{
	"CREATE DATABASE account DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
	"CREATE TABLE account.plain (id int NOT NULL, v int NOT NULL, token varchar(40) NOT NULL, PRIMARY KEY (id)) ENGINE=InnoDB",
	"CREATE TABLE account.named (id varchar(20) NOT NULL, code int NULL, token varchar(40) NOT NULL, " +
		"PRIMARY KEY (id), UNIQUE KEY code (code)) ENGINE=InnoDB",
	"CREATE TABLE account.badge (id int NOT NULL, code int NOT NULL, label varchar(20) NOT NULL, token varchar(40) NOT NULL, " +
		"PRIMARY KEY (id), UNIQUE KEY code (code), UNIQUE KEY label (label)) ENGINE=InnoDB",
	"CREATE TABLE account.seat (id int NOT NULL, line int NOT NULL, place int NOT NULL, holder int NULL, label varchar(20) NOT NULL, " +
		"token varchar(40) NOT NULL, PRIMARY KEY (id), UNIQUE KEY spot (line, place), UNIQUE KEY holder (holder), " +
		"UNIQUE KEY label (label)) ENGINE=InnoDB",
	"CREATE TABLE account.child (id int NOT NULL, parent int NOT NULL, v int NOT NULL, token varchar(40) NOT NULL, PRIMARY KEY (id), " +
		"KEY parent (parent), CONSTRAINT child_parent FOREIGN KEY (parent) REFERENCES account.plain (id)) ENGINE=InnoDB",
}

// own is what each site has for itself: who finds its transaction here knows
// that it is committed.
var own = []string{
	"CREATE DATABASE " + notes,
	"CREATE TABLE " + notes + ".done (writer int NOT NULL, n int NOT NULL, PRIMARY KEY (writer, n)) ENGINE=InnoDB",
}

// A form says how rows of a table are made.
type form struct {
	name    string
	text    bool     // the key is a text whose case does not count
	oneCase bool     // it is always written the same nevertheless
	unique  string   // the column whose values are swapped; "" = none
	columns []column // but key and token
}

type column struct {
	name   string
	unique bool
	value  func(r *rand.Rand) any
}

func number(name string, unique bool, below int) column {
	return column{name, unique, func(r *rand.Rand) any { return r.IntN(below) }}
}

func orNull(c column) column {
	value := c.value
	c.value = func(r *rand.Rand) any {
		if r.IntN(4) == 0 {
			return nil
		}
		return value(r)
	}
	return c
}

// label is a text whose case does not count.
func label(below int) column {
	return column{"label", true, func(r *rand.Rand) any { return anyCase(r, fmt.Sprint("l", r.IntN(below))) }}
}

func anyCase(r *rand.Rand, text string) string {
	if r.IntN(2) == 0 {
		return strings.ToUpper(text)
	}
	return text
}

func forms() []form {
	return []form{
		{name: "plain", columns: []column{number("v", false, 1000)}},
		{name: "named", text: true, unique: "code", columns: []column{orNull(number("code", true, 120))}},
		{name: "badge", unique: "code", columns: []column{number("code", true, 200), label(200)}},
		{name: "seat", unique: "holder", columns: []column{
			number("line", true, 16), number("place", true, 16), orNull(number("holder", true, 200)), label(200),
		}},
		{name: "child", columns: []column{number("parent", false, keys), number("v", false, 1000)}},
	}
}

// id is a key's value in a statement.
func (f *form) id(r *rand.Rand, k int) any {
	switch {
	case f.text && f.oneCase:
		return fmt.Sprint("k", k)
	case f.text:
		return anyCase(r, fmt.Sprint("k", k))
	}
	return k
}

func (f *form) key(k int) Key {
	if f.text {
		return KeyOf(f.name, fmt.Sprint("k", k))
	}
	return KeyOf(f.name, fmt.Sprint(k))
}

// Fill makes the tables on a site and puts half of the rows there. It returns
// the transaction that the history begins with. The other site gets tables and
// rows by the copy.
func Fill(ctx context.Context, db *sql.DB) (*Txn, error) {
	for _, q := range ddl {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return nil, fmt.Errorf("%s: %w", q, err)
		}
	}
	t := &Txn{Writer: -1, Outcome: Acknowledged}
	token := func() string { return fmt.Sprintf("[seed:%d.0]", len(t.Rows)) }
	add := func(table string, k Key, q string, args ...any) error {
		if _, err := db.ExecContext(ctx, "INSERT INTO account."+table+" VALUES ("+q+", ?)", append(args, token())...); err != nil {
			return fmt.Errorf("fill %s: %w", table, err)
		}
		t.Rows = append(t.Rows, Row{Key: k, Token: token()})
		return nil
	}
	all := forms()
	for i := 0; i < keys; i += 2 {
		for _, row := range []struct {
			f    *form
			args []any
		}{
			{&all[0], []any{i, i}}, {&all[1], []any{fmt.Sprint("k", i), i}}, {&all[2], []any{i, i, fmt.Sprint("l", i)}},
			{&all[3], []any{i, i / 16, i % 16, i, fmt.Sprint("l", i)}}, {&all[4], []any{i, i, i}},
		} {
			if err := add(row.f.name, row.f.key(i), "?"+strings.Repeat(", ?", len(row.args)-1), row.args...); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

// Prepare makes what a site has for itself.
func Prepare(ctx context.Context, db *sql.DB) error {
	for _, q := range own {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}
