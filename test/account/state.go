package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"duplex/test/e2e"
)

// A State is what one site holds when nobody writes it any more.
type State struct {
	Rows      map[Key]Held
	Parked    []Parked
	Conflicts []Conflict
	Orphans   []Key    // children without a parent
	Faults    []string // what no reading of a table may show
}

// Held is a row of a table.
type Held struct {
	Token string
	Text  string // all columns, as the server gives them
}

// A Parked is a row that waits for a unique value.
type Parked struct {
	Table string
	Token string // as it is found in the image
	Text  string // key and image, which are the same on both sites
}

// A Conflict is a row of the conflict log.
type Conflict struct {
	ID              int64
	Link            string
	Table, RowKey   string
	Kind, Winner    string
	Local, Incoming Image
	LocalStamp      string
	IncomingStamp   string
	LostAt          time.Time // when the loser was committed, by its own clock; zero: the log does not say
	Undone          bool
}

// An Image is a row as the conflict log keeps it.
type Image struct {
	Key   Key
	Token string
	Text  string // "" = no row
}

// loser gives the image that did not stay and the one that did; ok is false if
// nobody lost.
func (c *Conflict) loser() (lost, won Image, ok bool) {
	switch c.Winner {
	case "incoming":
		return c.Local, c.Incoming, true
	case "local":
		return c.Incoming, c.Local, true
	}
	return lost, won, false
}

// Loser is the row that gave way, or was not let in.
func (c *Conflict) Loser() Key {
	lost, won, _ := c.loser()
	switch {
	case lost.Text != "":
		return lost.Key
	case !c.aside() && won.Text != "":
		return won.Key
	}
	_, id, _ := strings.Cut(c.RowKey, "=")
	return KeyOf(bare(c.Table), strings.Trim(id, `"'`))
}

// aside reports whether the loser was put aside for the sake of another row,
// and not replaced: it can be parked, and come back.
func (c *Conflict) aside() bool { return c.Kind == "unique-key" || c.Kind == "foreign-key" }

// side is the site whose write the loser was, by the letter of its name; ok is
// false if the log does not say.
func (c *Conflict) side() (site int, ok bool) {
	from, to, ok := strings.Cut(c.Link, ">")
	if c.Winner == "incoming" {
		from = to
	}
	if !ok || from == "" {
		return 0, false
	}
	return int(from[0] - 'a'), true
}

// bare is a table's name without its database, quoted or not.
func bare(table string) string {
	return strings.Trim(table[strings.LastIndexByte(table, '.')+1:], "`")
}

// Read reads a site. A site that knows no duplex has nothing parked and an
// empty log.
func Read(ctx context.Context, db *sql.DB) (*State, error) {
	s := &State{Rows: map[Key]Held{}}
	for _, t := range Tables {
		if err := s.table(ctx, db, t); err != nil {
			return nil, fmt.Errorf("table %s: %w", t, err)
		}
	}
	if err := s.parked(ctx, db); err != nil {
		return nil, fmt.Errorf("parked rows: %w", err)
	}
	if err := s.conflicts(ctx, db); err != nil {
		return nil, fmt.Errorf("conflict log: %w", err)
	}
	return s, s.orphans(ctx, db)
}

// each runs a query and gives the columns of each row by name; NULL is absent.
func each(ctx context.Context, db *sql.DB, query string, take func(row map[string]string)) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, places := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return err
		}
		row := map[string]string{}
		for i, v := range values {
			if v.Valid {
				row[columns[i]] = v.String
			}
		}
		take(row)
	}
	return rows.Err()
}

func (s *State) table(ctx context.Context, db *sql.DB, table string) error {
	return each(ctx, db, "SELECT * FROM "+Database+"."+table, func(row map[string]string) {
		k := KeyOf(table, row["id"])
		if _, twice := s.Rows[k]; twice {
			s.Faults = append(s.Faults, "row "+k.String()+" is there twice")
		}
		text, _ := json.Marshal(row) // of strings alone: in the order of the names, and without fail
		s.Rows[k] = Held{row["token"], string(text)}
	})
}

// token finds a token in an image of any form.
var token = regexp.MustCompile(`\[[a-z]+:[0-9:]+\.[0-9]+\]`)

func (s *State) parked(ctx context.Context, db *sql.DB) error {
	return absent(each(ctx, db, "SELECT table_name, key_hash, image FROM duplex.parked", func(row map[string]string) {
		s.Parked = append(s.Parked, Parked{bare(row["table_name"]), token.FindString(row["image"]),
			fmt.Sprintf("%s %s %q", row["table_name"], row["key_hash"], row["image"])})
	}))
}

func (s *State) conflicts(ctx context.Context, db *sql.DB) error {
	return absent(each(ctx, db, "SELECT id, link, table_name, row_key, kind, winner, local_image, incoming_image, local_stamp, "+
		"incoming_stamp, local_committed_at, incoming_committed_at, undone_at FROM duplex.conflict ORDER BY id", func(row map[string]string) {
		_, undone := row["undone_at"]
		c := Conflict{
			Link: row["link"], Table: row["table_name"], RowKey: row["row_key"], Kind: row["kind"], Winner: row["winner"],
			LocalStamp: row["local_stamp"], IncomingStamp: row["incoming_stamp"], Undone: undone,
		}
		_, _ = fmt.Sscan(row["id"], &c.ID)
		at := row["incoming_committed_at"]
		if c.Winner == "incoming" {
			at = row["local_committed_at"]
		}
		if t, err := time.Parse("2006-01-02 15:04:05", at); err == nil {
			c.LostAt = t
		}
		c.Local, c.Incoming = imageOf(c.Table, row["local_image"]), imageOf(c.Table, row["incoming_image"])
		s.Conflicts = append(s.Conflicts, c)
	}))
}

func imageOf(table, text string) Image {
	var columns map[string]any
	if json.Unmarshal([]byte(text), &columns) != nil || columns == nil {
		return Image{}
	}
	i := Image{Key: KeyOf(bare(table), fmt.Sprint(columns["id"])), Text: text}
	i.Token, _ = columns["token"].(string)
	return i
}

// absent passes over an error that says that duplex has no such table here.
func absent(err error) error {
	if code := e2e.Code(err); code == 1146 || code == 1049 || code == 1051 {
		return nil
	}
	return err
}

func (s *State) orphans(ctx context.Context, db *sql.DB) error {
	return each(ctx, db, "SELECT /*+ NO_REWRITE */ c.id FROM account.child c LEFT JOIN account.plain p ON p.id = c.parent WHERE p.id IS NULL", // see tenant.AsWritten
		func(row map[string]string) { s.Orphans = append(s.Orphans, KeyOf("child", row["id"])) })
}
