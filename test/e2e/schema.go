package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Database is where the tables are.
const Database = "work"

// Tables lists the tables.
var Tables = []string{
	"item", "pairs", "blobkey", "exact", "loose", "uniq", "parent", "child", "wide", "counter",
	"ledger", "mark_first", "mark_last", "batch",
}

var ddl = []string{
	"CREATE DATABASE work DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
	"CREATE TABLE work.item (id int NOT NULL AUTO_INCREMENT, code int NULL, name varchar(60) NULL, qty int NOT NULL DEFAULT 0, " +
		"PRIMARY KEY (id), UNIQUE KEY code (code), KEY name (name(20))) ENGINE=InnoDB",
	"CREATE TABLE work.pairs (k varchar(40) NOT NULL, n int NOT NULL, note varchar(100) NOT NULL DEFAULT '', PRIMARY KEY (k, n)) ENGINE=InnoDB",
	"CREATE TABLE work.blobkey (k varbinary(24) NOT NULL, v varbinary(60) NULL, PRIMARY KEY (k)) ENGINE=InnoDB",
	"CREATE TABLE work.exact (k varchar(60) COLLATE utf8mb4_bin NOT NULL, v text, n int, PRIMARY KEY (k)) ENGINE=InnoDB",
	"CREATE TABLE work.loose (k varchar(60) COLLATE utf8mb4_general_ci NOT NULL, v text, n int, PRIMARY KEY (k)) ENGINE=InnoDB",
	"CREATE TABLE work.uniq (k varchar(20) NOT NULL, s smallint unsigned NOT NULL, v int, UNIQUE KEY k (k, s)) ENGINE=InnoDB",
	"CREATE TABLE work.parent (id bigint NOT NULL, name varchar(40), PRIMARY KEY (id)) ENGINE=InnoDB",
	"CREATE TABLE work.child (id bigint NOT NULL, parent bigint NOT NULL, v int, PRIMARY KEY (id), KEY parent (parent), " +
		"CONSTRAINT child_parent FOREIGN KEY (parent) REFERENCES work.parent (id)) ENGINE=InnoDB",
	"CREATE TABLE work.wide (id int unsigned NOT NULL, t text, b blob, d decimal(20,6), f float, g double, at datetime(6) NULL, " +
		"ts timestamp(3) NULL DEFAULT NULL, e enum('one','two','drei','四') NULL, s set('x','y','z') NULL, y year NULL, bits bit(12) NULL, " +
		"c char(8) NULL, m mediumtext, PRIMARY KEY (id)) ENGINE=InnoDB",
	"CREATE TABLE work.counter (id int NOT NULL, n bigint NOT NULL, PRIMARY KEY (id)) ENGINE=InnoDB",
	"CREATE TABLE work.ledger (side tinyint NOT NULL, writer int NOT NULL, n int NOT NULL, counter int NOT NULL, added int NOT NULL, " +
		"batch int NOT NULL, PRIMARY KEY (side, writer, n)) ENGINE=InnoDB",
	"CREATE TABLE work.mark_first (side tinyint NOT NULL, writer int NOT NULL, n int NOT NULL, PRIMARY KEY (side, writer, n)) ENGINE=InnoDB",
	"CREATE TABLE work.mark_last (n int NOT NULL, writer int NOT NULL, side tinyint NOT NULL, PRIMARY KEY (side, writer, n)) ENGINE=InnoDB",
	"CREATE TABLE work.batch (side tinyint NOT NULL, writer int NOT NULL, n int NOT NULL, i int NOT NULL, v varchar(100), " +
		"PRIMARY KEY (side, writer, n, i)) ENGINE=InnoDB",
}

// forms are beginnings of string keys. The number that follows keeps keys
// apart in every collation.
var forms = []string{"key", "Straße", "école", "漢字", "ключ", "naïve ", "ｗｉｄｅ", "o'neil\\"}

// A key is a place in the key space of a table. Even ones belong to side 0, odd
// ones to side 1; half of either were there before the copy.
type key int

func (k key) old() bool { return k%4 < 2 }

func (k key) id() int { return int(k) + 1 }

func (k key) text() string { return fmt.Sprintf("%s%d", forms[int(k/2)%len(forms)], k) }

// variant is the same text for a collation that does not look at case.
func (k key) variant(r *rand.Rand) string {
	switch r.IntN(3) {
	case 0:
		return strings.ToUpper(strings.ReplaceAll(k.text(), "ß", "s"))
	case 1:
		return strings.ReplaceAll(k.text(), "é", "E")
	}
	return k.text()
}

// binary is of several lengths, with bytes that need care.
func (k key) binary() []byte {
	b := []byte{byte(k >> 16), byte(k >> 8), byte(k), 0, '\'', '\\', 0xff, ' '}
	return b[:3+int(k)%6]
}

// short is the first column of a key of two.
func (k key) short() string { return forms[int(k/2)%len(forms)] }

// counters is how many counters there are for each side.
const counters = 64

// Create makes the tables and the rows that are there before the copy.
func (w *Workload) Create(ctx context.Context, db *sql.DB) error {
	for _, q := range ddl {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	r := rand.New(rand.NewPCG(w.Seed, 99))
	fill := filler{ctx: ctx, db: db}
	for k := range key(w.Span) {
		if !k.old() {
			continue
		}
		id := k.id()
		fill.row("item", "(?,?,?,?)", id, 1_000_000+id, k.text(), 0)
		fill.row("pairs", "(?,?,?)", k.variant(r), int(k), "old")
		fill.row("blobkey", "(?,?)", k.binary(), k.binary())
		fill.row("exact", "(?,?,?)", k.text(), "old", 0)
		fill.row("loose", "(?,?,?)", k.variant(r), "old", 0)
		fill.row("uniq", "(?,?,?)", fmt.Sprint("u", int(k)/10), int(k)%10, 0)
		fill.row("parent", "(?,?)", id, k.text())
		fill.row("child", "(?,?,?)", id, id, 0)
		args := wideValues(r)
		fill.row("wide", "(?"+strings.Repeat(",?", len(args))+")", append([]any{id}, args...)...)
		if k < 2*counters {
			fill.row("counter", "(?,?)", id, 0)
		}
	}
	return fill.end()
}

// filler inserts many rows a statement.
type filler struct {
	ctx  context.Context //nolint:containedctx // lives for one call
	db   *sql.DB
	rows map[string][]any
	text map[string][]string
	err  error
}

const fillRows = 400

func (f *filler) row(table, marks string, args ...any) {
	if f.rows == nil {
		f.rows, f.text = map[string][]any{}, map[string][]string{}
	}
	f.rows[table] = append(f.rows[table], args...)
	f.text[table] = append(f.text[table], marks)
	if len(f.text[table]) == fillRows {
		f.flush(table)
	}
}

func (f *filler) flush(table string) {
	if f.err != nil || len(f.text[table]) == 0 {
		return
	}
	_, f.err = f.db.ExecContext(f.ctx, "INSERT INTO work."+table+" VALUES "+strings.Join(f.text[table], ","), f.rows[table]...)
	f.rows[table], f.text[table] = nil, nil
}

func (f *filler) end() error {
	for _, table := range Tables { // parents before children
		f.flush(table)
	}
	return f.err
}

// wideValues gives a row of table wide without its key.
func wideValues(r *rand.Rand) []any {
	long := 20
	if r.IntN(50) == 0 {
		long = 600
	}
	row := []any{
		strings.Repeat("tëxt 漢 '\\ \n", r.IntN(long)), []byte(strings.Repeat("\x00\xff'", r.IntN(long))),
		[]string{"0", "-99999999999999.999999", "12345.678900", "-0.000001"}[r.IntN(4)],
		[]any{0.1, -3.4e38, 1.17549e-38, 16777216.0, float64(r.Float32()) * 1000}[r.IntN(5)],
		[]any{0.1, 1e300, -5e-324, 1.0 / 3, r.NormFloat64()}[r.IntN(5)],
		[]string{"1000-01-01 00:00:00.000001", "9999-12-31 23:59:59.999999", fmt.Sprintf("2024-02-29 12:00:00.%06d", r.IntN(1e6))}[r.IntN(3)],
		[]string{"1970-01-02 00:00:01.001", "2038-01-01 00:00:00.999", fmt.Sprintf("2025-03-30 02:30:00.%03d", r.IntN(1000))}[r.IntN(3)],
		[]string{"one", "two", "drei", "四"}[r.IntN(4)], []string{"", "x", "x,z", "x,y,z"}[r.IntN(4)],
		[]int{1901, 2155, 2000, 0}[r.IntN(4)], r.IntN(4096), []string{"", "a", "b  c", "ÄÖÜ"}[r.IntN(4)],
		strings.Repeat("m", r.IntN(3)*r.IntN(long*20)),
	}
	if r.IntN(4) == 0 {
		row[r.IntN(len(row))] = nil
	}
	return row
}
