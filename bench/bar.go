package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// A bar is what a contest is expected to reach.
type bar struct {
	of, to string // competitors that are compared run by run; without to the figure of one is the matter
	figure string // of a sample's parts or figures; empty: the rate
	limit  float64
	most   bool // the limit is the most that it may be; otherwise the least
}

// A verdict is what became of a bar.
type verdict struct {
	What string `json:"what"`
	Want string `json:"want"`
	Got  spread `json:"got"` // the median counts
	Held bool   `json:"held"`
}

// figure gives the rate, a part or a figure of a sample.
func (s *sample) figure(name string) (float64, bool) {
	if name == "" {
		return s.rate(), true
	}
	if v, ok := s.Parts[name]; ok {
		return v, true
	}
	v, ok := s.Figures[name]
	return v, ok
}

// judge holds the result against bars. One whose competitors were not there, as
// on a kind of server that has no such replication, is passed over.
func (r *result) judge(bars []bar) {
	for _, b := range bars {
		if v, ok := r.verdict(b); ok {
			r.Verdicts = append(r.Verdicts, v)
		}
	}
}

func (r *result) verdict(b bar) (v verdict, ok bool) {
	of, to := r.of(b.of), r.of(b.to)
	var got []float64
	for i := range of {
		x, ok := of[i].figure(b.figure)
		if !ok {
			return v, false
		}
		if b.to != "" {
			if i >= len(to) {
				return v, false
			}
			y, ok := to[i].figure(b.figure)
			if !ok || y == 0 {
				return v, false
			}
			x /= y
		}
		got = append(got, x)
	}
	if len(got) == 0 {
		return v, false
	}
	v = verdict{What: b.of, Want: fmt.Sprintf("at least %.4g", b.limit), Got: spreadOf(got)}
	if b.to != "" {
		v.What += " / " + b.to
	}
	if b.figure != "" {
		v.What += ": " + b.figure
	}
	v.Held = v.Got.Median >= b.limit
	if b.most {
		v.Want = fmt.Sprintf("at most %.4g", b.limit)
		v.Held = v.Got.Median <= b.limit
	}
	return v, true
}

func (r *result) printVerdicts(out io.Writer) {
	if len(r.Verdicts) == 0 {
		return
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "bar\tmin\tmedian\tmax\twanted\t\t")
	for _, v := range r.Verdicts {
		said := "held"
		if !v.Held {
			said = "MISSED"
		}
		fmt.Fprintf(w, "%s\t%.4g\t%.4g\t%.4g\t%s\t%s\t\n", v.What, v.Got.Min, v.Got.Median, v.Got.Max, v.Want, said)
	}
	_ = w.Flush() // what cannot be printed is in the file
}
