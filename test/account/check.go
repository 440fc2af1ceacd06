package account

import (
	"fmt"
	"time"
)

// Options say how strict Check is.
type Options struct {
	Orphans bool // a child without a parent is a fault; else it is only counted
}

// A Fault is something that must not be, with all that is known about it.
type Fault struct {
	Kind  FaultKind
	Text  string
	Story string
}

// A FaultKind says what is wrong.
type FaultKind string

// The kinds of fault.
const (
	Vanished        FaultKind = "vanished"                // an acknowledged write that nothing accounts for
	Differ          FaultKind = "sites differ"            // a row is not the same on both
	ParkedDiffer    FaultKind = "parked rows differ"      // one is parked on one site only, or with another image
	LostVisible     FaultKind = "lost but visible"        // the conflict log says that it lost
	OverVisible     FaultKind = "overwritten but visible" // somebody has written over it
	NeverWritten    FaultKind = "never written"           // a token or image that no transaction wrote
	RefusedThere    FaultKind = "refused but there"       // its transaction was rolled back
	Elsewhere       FaultKind = "in another row"          // not the one that it was written to
	Twice           FaultKind = "there twice"             // in one table, or in the table and parked
	LoggedTwice     FaultKind = "logged twice"            // one decision, two rows of one site's log
	DriftLogged     FaultKind = "drift"                   // nobody wrote outside the logs
	ChildWithout    FaultKind = "child without parent"    // at rest
	RepeatedHistory FaultKind = "history"                 // the history itself is broken
)

// A Report is how the writes of a run are accounted for.
type Report struct {
	Transactions, RefusedTxns, UnknownTxns int
	Writes                                 int // rows of acknowledged transactions: the sum of the next four
	Visible, Overwritten, Lost, Vanished   int
	AlsoLogged                             int // of the overwritten ones: in the conflict log as well
	UnknownWrites, RefusedWrites           int
	Torn                                   int // transactions of which only some rows vanished
	Returned                               int // tokens that a site's writers wrote over twice
	Parked, Orphans                        int // on the first site
	Conflicts                              []map[string]int
	Faults                                 []Fault
}

// Check accounts for every write of the record.
func Check(r *Record, o Options) *Report {
	c := &checker{record: r, report: &Report{}, writes: map[string]written{}, over: map[string]overwriter{}, again: map[place]bool{},
		inserted: map[Key]time.Duration{}, there: map[string]Key{}, lost: map[string]bool{}, placed: map[string]bool{},
		nulls: map[Key][]*Conflict{}, touched: map[site]touches{}, roots: map[string]string{}}
	c.index()
	c.order()
	for i, s := range r.Sites {
		c.site(i, s)
	}
	if len(r.Sites) == 2 {
		c.equal(r.Sites[0], r.Sites[1])
	}
	for _, t := range r.History {
		c.transaction(t)
	}
	if o.Orphans {
		for i, s := range r.Sites {
			for _, k := range s.Orphans {
				c.fault(ChildWithout, k, "site %c: %s", 'a'+i, k)
			}
		}
	}
	return c.report
}

type checker struct {
	record   *Record
	report   *Report
	writes   map[string]written
	over     map[string]overwriter
	again    map[place]bool // who was written over, and where
	inserted map[Key]time.Duration
	there    map[string]Key      // in a table or parked
	lost     map[string]bool     // tokens that lost their row
	placed   map[string]bool     // tokens of rows that were put aside: they may be there nevertheless
	nulls    map[Key][]*Conflict // of which a deletion lost
	final    []map[Key]string    // what the sites hold, table or parked
	touched  map[site]touches    // who wrote a row at a site
	roots    map[string]string   // the insert that a token goes back to
}

type written struct {
	txn  *Txn
	key  Key
	seen string
}

type overwriter uint8

const (
	nobody overwriter = iota
	perhaps
	somebody
)

type place struct {
	site  int
	token string
}

// stories is how many faults of one kind are told whole.
const stories = 5

func (c *checker) fault(kind FaultKind, k Key, format string, args ...any) {
	c.faultAbout(kind, k, "", format, args...)
}

// faultAbout is a fault whose story is that of the time of a token.
func (c *checker) faultAbout(kind FaultKind, k Key, token, format string, args ...any) {
	f := Fault{Kind: kind, Text: fmt.Sprintf(format, args...)}
	n := 0
	for _, other := range c.report.Faults {
		if other.Kind == kind {
			n++
		}
	}
	if n < stories && kind != Vanished {
		var from, to time.Duration
		if w, ok := c.writes[token]; ok {
			from, to = w.txn.Start, w.txn.Ack
		}
		f.Story = c.record.Story(k, from, to)
	}
	c.report.Faults = append(c.report.Faults, f)
}

// index notes who wrote what, and over what.
func (c *checker) index() {
	for _, t := range c.record.History {
		for _, row := range t.Rows {
			if row.Token == "" {
				continue
			}
			if _, twice := c.writes[row.Token]; twice {
				c.fault(RepeatedHistory, row.Key, "token %s is written twice", row.Token)
			}
			c.writes[row.Token] = written{t, row.Key, row.Seen}
		}
	}
	for _, t := range c.record.History {
		if t.Outcome == Refused {
			continue
		}
		for _, row := range t.Rows {
			if t.Outcome == Acknowledged {
				at := site{row.Key, t.Site}
				c.touched[at] = append(c.touched[at], touch{t, row})
			}
			if row.Seen == "" {
				c.inserted[row.Key] = max(c.inserted[row.Key], t.Ack)
				continue
			}
			c.known("seen by "+t.ID(), row.Key, row.Seen)
			how := perhaps
			if t.Outcome == Acknowledged {
				how = somebody
			}
			c.over[row.Seen] = max(c.over[row.Seen], how)
			if at := (place{t.Site, row.Seen}); how == somebody && c.again[at] {
				c.report.Returned++
			} else if how == somebody {
				c.again[at] = true
			}
		}
	}
}

// known checks that a token that was found somewhere was written to that row
// by a transaction that may have committed.
func (c *checker) known(where string, k Key, token string) {
	w, ok := c.writes[token]
	switch {
	case !ok:
		c.fault(NeverWritten, k, "%s: %s holds %q", where, k, token)
	case w.txn.Outcome == Refused:
		c.fault(RefusedThere, k, "%s: %s holds %s, which was rolled back: %s", where, k, token, w.txn.Why)
	case w.key != k:
		c.fault(Elsewhere, k, "%s: %s holds %s, which was written to %s", where, k, token, w.key)
	}
}

// site takes in what a site holds.
func (c *checker) site(i int, s *State) {
	name := fmt.Sprintf("site %c", 'a'+i)
	final := map[Key]string{}
	c.final = append(c.final, final)
	for _, text := range s.Faults {
		c.fault(Twice, Key{}, "%s: %s", name, text)
	}
	for k, held := range s.Rows {
		c.known(name, k, held.Token)
		c.there[held.Token], final[k] = k, held.Token
	}
	parked := map[Key]bool{}
	for _, p := range s.Parked {
		w, ok := c.writes[p.Token]
		if !ok {
			c.fault(NeverWritten, Key{}, "%s: parked: %s", name, p.Text)
			continue
		}
		c.known(name+", parked", Key{p.Table, w.key.ID}, p.Token)
		if _, also := s.Rows[w.key]; also || parked[w.key] {
			c.fault(Twice, w.key, "%s: %s is parked, and in the table or parked once more", name, w.key)
		}
		parked[w.key] = true
		c.there[p.Token] = w.key
		if final[w.key] == "" {
			final[w.key] = p.Token
		}
	}
	c.log(name, s)
	if i == 0 {
		c.report.Parked, c.report.Orphans = len(s.Parked), len(s.Orphans)
	}
}

// log takes in a site's conflict log.
func (c *checker) log(name string, s *State) {
	kinds := map[string]int{}
	type decision struct{ link, table, local, incoming, token string }
	decided := map[decision]int64{}
	for i := range s.Conflicts {
		e := &s.Conflicts[i]
		kinds[e.Kind]++
		k := e.Loser()
		for _, image := range []Image{e.Local, e.Incoming} {
			if image.Text != "" {
				c.known(fmt.Sprintf("%s, conflict %d", name, e.ID), image.Key, image.Token)
			}
		}
		if e.Kind == "drift" {
			c.faultAbout(DriftLogged, k, e.Incoming.Token, "%s: conflict %d, %s: had %s, got %s", name, e.ID, k, orNothing(e.Local.Text), orNothing(e.Incoming.Text))
		}
		lost, _, ok := e.loser()
		if !ok || e.Undone {
			continue
		}
		switch {
		case lost.Text == "":
			c.nulls[k] = append(c.nulls[k], e)
		case e.aside():
			c.placed[lost.Token] = true
		default:
			c.lost[lost.Token] = true
		}
		d := decision{e.Link, k.String(), e.LocalStamp, e.IncomingStamp, lost.Token}
		if first, twice := decided[d]; twice && !e.aside() {
			c.faultAbout(LoggedTwice, k, lost.Token, "%s: conflicts %d and %d of %s, loser %s", name, first, e.ID, k, lost.Token)
		}
		decided[d] = e.ID
	}
	c.report.Conflicts = append(c.report.Conflicts, kinds)
}

// equal holds the two sites against each other.
func (c *checker) equal(a, b *State) {
	for k, held := range a.Rows {
		if other := b.Rows[k]; other.Text != held.Text {
			c.fault(Differ, k, "%s: site a has %s, site b has %s", k, held.Text, orNothing(other.Text))
		}
	}
	for k, held := range b.Rows {
		if _, ok := a.Rows[k]; !ok {
			c.fault(Differ, k, "%s: site a has nothing, site b has %s", k, held.Text)
		}
	}
	parked := map[string]int{}
	for _, p := range a.Parked {
		parked[p.Text]++
	}
	for _, p := range b.Parked {
		if parked[p.Text]--; parked[p.Text] < 0 {
			c.fault(ParkedDiffer, c.writes[p.Token].key, "on site b only: %s %s", p.Table, p.Token)
		}
	}
	for _, p := range a.Parked {
		if parked[p.Text]--; parked[p.Text] >= 0 {
			c.fault(ParkedDiffer, c.writes[p.Token].key, "on site a only: %s %s", p.Table, p.Token)
		}
	}
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

// transaction accounts for the rows of one transaction.
func (c *checker) transaction(t *Txn) {
	r := c.report
	switch t.Outcome {
	case Refused:
		r.RefusedTxns++
		r.RefusedWrites += t.writes()
		return
	case Unknown:
		r.UnknownTxns++
		r.UnknownWrites += t.writes()
		return
	}
	r.Transactions++
	r.Writes += t.writes()
	var gone []Row
	for _, row := range t.Rows {
		if !c.account(t, row) {
			gone = append(gone, row)
		}
	}
	if len(gone) > 0 && len(gone) < len(t.Rows) {
		r.Torn++
	}
	for _, row := range gone {
		r.Vanished++
		f := Fault{Kind: Vanished, Text: fmt.Sprintf("%s of transaction %s, %d of whose %d rows vanished", row, t.ID(), len(gone), len(t.Rows))}
		if r.Vanished <= stories {
			f.Story = c.record.Story(row.Key, t.Start, t.Ack)
		}
		r.Faults = append(r.Faults, f)
	}
}

// account counts a write under the way in which it is accounted for. It is
// false if there is none.
func (c *checker) account(t *Txn, row Row) bool {
	r := c.report
	if row.Token == "" && row.Seen == "" { // it came and went, and nobody can miss it; but who deleted it before has been overwritten
		return true
	}
	if row.Token == "" {
		return c.deletion(t, row)
	}
	_, visible := c.there[row.Token]
	over, logged := c.over[row.Token], c.lost[row.Token] || c.placed[row.Token]
	switch {
	case visible:
		r.Visible++
		if c.lost[row.Token] {
			c.faultAbout(LostVisible, row.Key, row.Token, "%s of transaction %s", row, t.ID())
		}
		if over == somebody {
			c.faultAbout(OverVisible, row.Key, row.Token, "%s of transaction %s", row, t.ID())
		}
	case over != nobody:
		r.Overwritten++
		if logged {
			r.AlsoLogged++
		}
	case logged:
		r.Lost++
	default:
		return false
	}
	return true
}
