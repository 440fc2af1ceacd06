package account

import (
	"compress/gzip"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// An Outcome is what a writer knows of its transaction.
type Outcome uint8

// The outcomes.
const (
	Acknowledged Outcome = iota + 1
	Unknown              // the connection was lost at the commit, and nobody could say later
	Refused              // rolled back: a duplicate key, a deadlock, a site that went away before the commit
)

func (o Outcome) String() string { return []string{"?", "acknowledged", "unknown", "refused"}[o] }

// A Key is a row of both sites: its table and its primary key, folded so that
// what the server holds for equal is equal.
type Key struct{ Table, ID string }

// KeyOf gives the key of a row by the text of its primary key.
func KeyOf(table, id string) Key { return Key{table, strings.ToLower(id)} }

func (k Key) String() string { return k.Table + " " + k.ID }

// A Row is the net of what one transaction did to one row.
type Row struct {
	Key   Key
	Token string // what it wrote; "" = it took the row away
	Seen  string // what it wrote over, read under the row's lock; "" = there was no row
}

func (r Row) String() string {
	switch {
	case r.Seen == "":
		return fmt.Sprintf("insert %s %s", r.Key, r.Token)
	case r.Token == "":
		return fmt.Sprintf("delete %s over %s", r.Key, r.Seen)
	}
	return fmt.Sprintf("update %s %s over %s", r.Key, r.Token, r.Seen)
}

// A Txn is one transaction of a writer.
type Txn struct {
	Site, Writer, N int
	Start, Ack      time.Duration // since the work began; Ack is when the outcome was known
	Shift           time.Duration // what was wrong with the clock of its session
	Rows            []Row         // one a key
	Outcome         Outcome
	Why             string // it was refused
}

// ID names the transaction; the tokens of its rows begin with it.
func (t *Txn) ID() string { return fmt.Sprintf("%c:%d:%d", 'a'+t.Site, t.Writer, t.N) }

// Token is what the transaction's row number i gets. The brackets let it be
// found in any text or blob that holds it.
func (t *Txn) Token(i int) string { return fmt.Sprintf("[%s.%d]", t.ID(), i) }

// A Record is all that is known of a run: what Check needs.
type Record struct {
	Began   time.Time // what the history's times count from
	History []*Txn
	Sites   []*State // of two sites at rest, or of one alone
}

// Save writes the record to a file, for a look at it later.
func (r *Record) Save(path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(f)
	return errors.Join(gob.NewEncoder(z).Encode(r), z.Close(), f.Close())
}

// Load reads a record that Save wrote.
func Load(path string) (*Record, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", path, err)
	}
	r := &Record{}
	if err := gob.NewDecoder(z).Decode(r); err != nil {
		return nil, fmt.Errorf("record %s: %w", path, err)
	}
	return r, nil
}

// writes is how many rows are not as they were before.
func (t *Txn) writes() (n int) {
	for _, r := range t.Rows {
		if r.Token != "" || r.Seen != "" {
			n++
		}
	}
	return n
}
