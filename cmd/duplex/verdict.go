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
	Verify  *verify.Report `json:"verify"`
}

type siteAnswer struct {
	Name         string `json:"name"`
	Transactions uint64 `json:"transactions"`
	Rows         uint64 `json:"rows"`
	ArrivalMS    int64  `json:"arrival_ms"` // median, of what the other site wrote
	ArrivalP99MS int64  `json:"arrival_p99_ms"`
}

type momentsAnswer struct {
	Compared  int `json:"compared"`
	Different int `json:"different"`
}

func verdictOf(v *demo.Verdict) demoAnswer {
	d := demoAnswer{
		Equal: v.Equal, Seconds: v.Took.Seconds(), Links: linksOf(v.Pair), Verify: v.Report,
		Moments: momentsAnswer{v.Equality.Checks, v.Equality.Different},
	}
	for _, s := range v.Sites {
		d.Sites = append(d.Sites, siteAnswer{s.Name, s.Transactions, s.Rows, s.Arrival.Median.Milliseconds(), s.Arrival.P99.Milliseconds()})
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
	a.printf("\n")
	if err := c.compared(v.Report); err != nil {
		return err
	}
	text := c.paint(green, "EQUAL")
	switch {
	case !v.Report.Equal:
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
