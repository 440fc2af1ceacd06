package main

import (
	"fmt"

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
		d.Sites = append(d.Sites, siteAnswer{s.Name, s.Transactions, s.Rows})
	}
	return d
}

// verdict prints the end of a demo.
func (c *screen) verdict(v *demo.Verdict) error {
	a := c.app
	a.printf("\n")
	for _, s := range v.Sites {
		a.printf("%-10s wrote %s transactions, %s rows\n", s.Name, number(s.Transactions), number(s.Rows))
	}
	for _, l := range linksOf(v.Pair) {
		a.printf("%-10s applied %s of %s's, %s rows, %s echoed, lag p99 %d ms\n",
			l.To, number(l.Transactions), l.From, number(l.Rows), number(l.Echo), l.LagP99MS)
	}
	if e := v.Equality; e.Checks > 0 {
		a.printf("moments    %d compared while both sides were written, %d differed\n", e.Checks, e.Different)
	}
	a.printf("\n")
	if err := v.Report.Print(a.out); err != nil {
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
