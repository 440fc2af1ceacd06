package main

import (
	"fmt"
	"text/tabwriter"

	"duplex/internal/demo"
	"duplex/internal/verify"
)

// demoAnswer is the document of `demo --json`.
type demoAnswer struct {
	Equal   bool           `json:"equal"`
	Seconds float64        `json:"seconds"`
	Sites   []siteAnswer   `json:"sites"`
	Links   []linkSummary  `json:"links"`
	Moments momentsAnswer  `json:"moments"`
	Stock   stockAnswer    `json:"stock"`
	Parked  []string       `json:"parked_different"` // rows that wait, not the same on both sides
	Last    *conflictRow   `json:"last_conflict"`    // null: none
	History []conflictRow  `json:"conflicts_of_differences"`
	Verify  *verify.Report `json:"verify"`
}

type siteAnswer struct {
	Name         string `json:"name"`
	Transactions uint64 `json:"transactions"`
	Rows         uint64 `json:"rows"`
	ArrivalMS    int64  `json:"arrival_ms"` // median, of what the other site wrote
	ArrivalP99MS int64  `json:"arrival_p99_ms"`

	Conflicts uint64            `json:"conflicts"` // logged at this site
	Kinds     map[string]uint64 `json:"kinds"`
	Ambiguous uint64            `json:"ambiguous"`
	Parked    uint64            `json:"parked"` // rows that wait for a unique value
}

// stockAnswer is whether every product has what both sides put in and took out.
type stockAnswer struct {
	Start int64    `json:"start"`
	Added [2]int64 `json:"added"` // in the order of sites
	Held  [2]int64 `json:"held"`
	Wrong []string `json:"wrong"`
}

type momentsAnswer struct {
	Compared  int `json:"compared"`
	Different int `json:"different"`
}

func verdictOf(v *demo.Verdict) demoAnswer {
	d := demoAnswer{
		Equal: v.Equal, Seconds: v.Took.Seconds(), Links: linksOf(v.Pair), Verify: v.Report,
		Moments: momentsAnswer{v.Equality.Checks, v.Equality.Different},
		Stock:   stockAnswer{v.Stock.Start, v.Stock.Added, v.Stock.Held, append([]string{}, v.Stock.Wrong...)},
		Parked:  append([]string{}, v.Parked...), History: []conflictRow{},
	}
	if v.Last != nil {
		last := newConflictRow(v.Last)
		d.Last = &last
	}
	for i := range v.History {
		d.History = append(d.History, newConflictRow(&v.History[i]))
	}
	for _, s := range v.Sites {
		d.Sites = append(d.Sites, siteAnswer{
			Name: s.Name, Transactions: s.Transactions, Rows: s.Rows,
			ArrivalMS: s.Arrival.Median.Milliseconds(), ArrivalP99MS: s.Arrival.P99.Milliseconds(),
			Conflicts: s.Decided.Total, Kinds: s.Decided.Kinds, Ambiguous: s.Decided.Ambiguous, Parked: s.Decided.Parked,
		})
	}
	return d
}

// verdict prints the end of a demo.
func (c *screen) verdict(v *demo.Verdict) error {
	a := c.app
	a.printf("\n")
	links := linksOf(v.Pair)
	for _, s := range v.Sites {
		a.printf("%-9s wrote %s transactions, %s rows\n", s.Name, number(s.Transactions), number(s.Rows))
		for _, l := range links {
			if l.To == s.Name {
				a.printf("%9s applied %s transactions, %s rows (copy included), %s echoed\n",
					"", number(l.Transactions), number(l.Rows), number(l.Echo))
			}
		}
		if s.Arrival.Samples > 0 {
			a.printf("%9s had what the other side committed after %s, p99 %s\n", "", brief(s.Arrival.Median), brief(s.Arrival.P99))
		}
	}
	if e := v.Equality; e.Checks > 0 {
		a.printf("moments   %d compared while both sides were written, %d differed\n", e.Checks, e.Different)
	}
	c.fought(v)
	a.printf("\n")
	if err := c.compared(v.Report); err != nil {
		return err
	}
	c.unequal(v)
	text := c.paint(green, "EQUAL")
	switch {
	case !v.Report.Equal || len(v.Parked) > 0 || len(v.Stock.Wrong) > 0:
		text = c.paint(red, "DIFFERENT")
	case !v.Equal:
		text = c.paint(red, "EQUAL AT THE END, BUT NOT AT EVERY MOMENT")
	}
	_, err := fmt.Fprintf(a.out, "\nverdict: %s\n", text)
	return err
}

// compared prints what the comparison of every row found: a narrow table where
// there is nothing to tell but that all is equal.
func (c *screen) compared(r *verify.Report) error {
	if !r.Equal {
		return r.Print(c.app.out)
	}
	t := tabwriter.NewWriter(c.app.out, 10, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%-18s\trows\tequal\tdifferent\t\n", "table")
	for _, one := range r.Tables {
		fmt.Fprintf(t, "%-18s\t%s\t%s\t%s\t\n", one.Table, number(one.Rows), number(one.Equal), number(one.Rows-one.Equal))
	}
	return t.Flush()
}
