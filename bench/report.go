package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"
)

// A report is everything that one call measured.
type report struct {
	At         time.Time `json:"at"`
	Commit     string    `json:"commit"`
	Command    []string  `json:"command"`
	Machine    machine   `json:"machine"`
	Runs       int       `json:"runs"`
	LoadBefore string    `json:"load_before"`
	LoadAfter  string    `json:"load_after"`
	Results    []*result `json:"results"`
}

// A result is what came out of a contest.
type result struct {
	Name        string    `json:"name"`
	Title       string    `json:"title"`
	Unit        string    `json:"unit"`
	Server      string    `json:"server"`
	Competitors []string  `json:"competitors"`
	Ratios      []ratio   `json:"ratios"`
	Verdicts    []verdict `json:"verdicts,omitempty"`
	Samples     []sample  `json:"samples"`

	base string // see contest
}

// A ratio compares us with another, run by run: above 1 we are better.
type ratio struct {
	Of   string `json:"of"`
	To   string `json:"to"`
	Rate spread `json:"rate"`
	CPU  spread `json:"cpu"` // processor time of all for one unit: theirs / ours
	Own  spread `json:"own"` // the same of the competitors' own processes; zero where one has none
}

// of gives a competitor's samples in the order of the runs.
func (r *result) of(name string) []sample {
	var out []sample
	for _, s := range r.Samples {
		if s.Competitor == name {
			out = append(out, s)
		}
	}
	return out
}

func column(samples []sample, f func(s *sample) float64) spread {
	values := make([]float64, len(samples))
	for i := range samples {
		values[i] = f(&samples[i])
	}
	return spreadOf(values)
}

// compare sets us beside each of the others, or each of the others beside the
// base, within each run.
func (r *result) compare() {
	for _, name := range r.Competitors {
		of, to := ours, name
		if r.base != "" {
			of, to = name, r.base
		}
		us, them := r.of(of), r.of(to)
		if of == to || len(us) == 0 {
			continue
		}
		var rate, cost, own []float64
		for i := range us {
			rate = append(rate, us[i].rate()/them[i].rate())
			cost = append(cost, them[i].cost()/us[i].cost())
			if o := them[i].CPU.Own / us[i].CPU.Own; o > 0 && !math.IsInf(o, 0) {
				own = append(own, o)
			}
		}
		r.Ratios = append(r.Ratios, ratio{Of: of, To: to, Rate: spreadOf(rate), CPU: spreadOf(cost), Own: spreadOf(own)})
	}
}

// print writes the tables for people.
func (r *result) print(out io.Writer) {
	fmt.Fprintf(out, "\n%s · %s\n\n", r.Title, r.Server)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "competitor\t%s/s min\tmedian\tmax\tCPU µs: own\tsource\ttarget\tpeak RSS\tother cores\t\n", r.Unit)
	for _, name := range r.Competitors {
		s := r.of(name)
		rate := column(s, (*sample).rate)
		each := func(f func(c cpu) float64) float64 {
			return column(s, func(s *sample) float64 { return f(s.CPU) / s.Units * 1e6 }).Median
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.1f\t%.1f\t%.1f\t%s\t%.1f\t\n", name, number(rate.Min), number(rate.Median), number(rate.Max),
			each(func(c cpu) float64 { return c.Own }), each(func(c cpu) float64 { return c.Source }),
			each(func(c cpu) float64 { return c.Target }),
			size(int64(column(s, func(s *sample) float64 { return float64(s.PeakRSS) }).Max)),
			column(s, func(s *sample) float64 { return s.Others }).Median)
	}
	_ = w.Flush() // what cannot be printed is in the file
	r.printRatios(out)
	r.printParts(out)
	r.printVerdicts(out)
	r.printCounts(out, "figures, medians", func(s *sample) map[string]float64 { return s.Figures }, func(_ *sample, v float64) float64 { return v })
	r.printCounts(out, fmt.Sprintf("the target's counters for 1,000 %ss, medians", r.Unit),
		func(s *sample) map[string]float64 { return s.Target }, func(s *sample, v float64) float64 { return v / s.Units * 1000 })
}

func (r *result) printRatios(out io.Writer) {
	if len(r.Ratios) == 0 {
		return
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "ratio\tspeed min\tmedian\tmax\tCPU of all min\tmedian\tmax\town: median\t")
	for _, x := range r.Ratios {
		fmt.Fprintf(w, "%s / %s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", x.Of, x.To,
			x.Rate.Min, x.Rate.Median, x.Rate.Max, x.CPU.Min, x.CPU.Median, x.CPU.Max, x.Own.Median)
	}
	_ = w.Flush() // what cannot be printed is in the file
}

// printCounts writes a table of figures that are not 0 everywhere, of each
// competitor the median.
func (r *result) printCounts(out io.Writer, title string, in func(s *sample) map[string]float64, of func(s *sample, v float64) float64) {
	names := map[string]bool{}
	for i := range r.Samples {
		for name, n := range in(&r.Samples[i]) {
			names[name] = names[name] || n != 0
		}
	}
	maps.DeleteFunc(names, func(_ string, some bool) bool { return !some })
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s\n", title)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, c := range r.Competitors {
		fmt.Fprintf(w, "\t%s", c)
	}
	fmt.Fprintln(w, "\t")
	for _, name := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprint(w, name)
		for _, c := range r.Competitors {
			fmt.Fprintf(w, "\t%.1f", column(r.of(c), func(s *sample) float64 { return of(s, in(s)[name]) }).Median)
		}
		fmt.Fprintln(w, "\t")
	}
	_ = w.Flush() // what cannot be printed is in the file
}

// printParts says where the time of a run went, where that is known.
func (r *result) printParts(out io.Writer) {
	for _, name := range r.Competitors {
		parts := map[string][]float64{}
		var order []string
		for _, s := range r.of(name) {
			for _, p := range partOrder {
				if v, ok := s.Parts[p]; ok {
					if parts[p] == nil {
						order = append(order, p)
					}
					parts[p] = append(parts[p], v)
				}
			}
		}
		if len(order) == 0 {
			continue
		}
		fmt.Fprintf(out, "  %s, median seconds:", name)
		for _, p := range order {
			fmt.Fprintf(out, " %s %.4f", p, spreadOf(parts[p]).Median)
		}
		fmt.Fprintln(out)
	}
}

func (r *report) print(out io.Writer) {
	m := r.Machine
	fmt.Fprintf(out, "\n%d cores (%s), %d MiB, %s, %s; load before %s, after %s; %d runs, commit %s\n",
		m.Cores, m.Processor, m.MemoryMiB, m.Kernel, m.Go, r.LoadBefore, r.LoadAfter, r.Runs, m.Commit)
	fmt.Fprintln(out, "CPU µs are for one unit; other cores: kept busy by processes that are no part of the contest.")
}

// save writes the report to a file: the named one, or one for each call.
func (r *report) save(path string) error {
	r.At, r.Command, r.Commit = time.Now().UTC(), os.Args[1:], r.Machine.Commit
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if path == "-" {
		_, err := os.Stdout.Write(text)
		return err
	}
	if path == "" {
		path = filepath.Join("bench", "results", r.At.Format("20060102-150405")+".json")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "kept:", path)
	return nil
}
