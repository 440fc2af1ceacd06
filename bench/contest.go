package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
)

// A contest is the same work done by several competitors.
type contest struct {
	name  string
	title string
	unit  string // what is counted
	base  string // the competitor with which all others are compared; empty: we are compared with all others
	bars  []bar
	// open prepares what all runs share, and gives the competitors.
	open func(ctx context.Context, r *rig) ([]competitor, error)
}

// A competitor does the work once, from an identical start.
type competitor struct {
	name string
	// run gives what was measured; name and number are set by the caller.
	run func(ctx context.Context, no int) (sample, error)
}

// ours is the competitor that is compared with the others; another build of it
// is one of them.
const ours, otherBuild = "duplex", "other build"

// hold opens a contest and lets the competitors take turns; every other run
// goes through them backwards, so that what warms up or wears off helps none.
func hold(ctx context.Context, o *options, c contest) (res *result, err error) {
	r, err := newRig(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	r.say("%s", c.title)
	competitors, err := c.open(ctx, r)
	if err != nil {
		return nil, err
	}
	res = &result{Name: c.name, Title: c.title, Unit: c.unit, Server: r.version, base: c.base}
	for _, p := range competitors {
		res.Competitors = append(res.Competitors, p.name)
	}
	for no := range o.runs {
		order := slices.Clone(competitors)
		if no%2 == 1 {
			slices.Reverse(order)
		}
		for _, p := range order {
			s, err := p.run(ctx, no)
			if err != nil {
				return nil, fmt.Errorf("run %d of %s: %w", no+1, p.name, err)
			}
			s.Competitor, s.Run = p.name, no
			res.Samples = append(res.Samples, s)
			r.say("  run %d/%d  %-24s %9.2f s  %10s %s/s", no+1, o.runs, p.name, s.Seconds, number(s.rate()), c.unit)
		}
	}
	res.compare()
	res.judge(c.bars)
	return res, nil
}

// A sample is one measured run of one competitor.
type sample struct {
	Competitor string             `json:"competitor"`
	Run        int                `json:"run"`
	Seconds    float64            `json:"seconds"`
	Units      float64            `json:"units"` // transactions or rows
	CPU        cpu                `json:"cpu_seconds"`
	PeakRSS    int64              `json:"peak_rss_bytes,omitempty"` // of the competitor's own process
	Others     float64            `json:"other_cores"`              // cores that foreign processes kept busy meanwhile
	Parts      map[string]float64 `json:"parts_seconds,omitempty"`
	Figures    map[string]float64 `json:"figures,omitempty"` // whatever else was measured, named with its unit
	Target     map[string]float64 `json:"target,omitempty"`  // what the target counted, by the names of SHOW STATUS

	resident []int64 // memory of the competitor's own processes over time, in bytes
}

// cpu is processor time, in seconds: of the competitor's own processes and of
// both servers.
type cpu struct {
	Own    float64 `json:"own"`
	Source float64 `json:"source"`
	Target float64 `json:"target"`
}

func (c cpu) sum() float64 { return c.Own + c.Source + c.Target }

func (s *sample) rate() float64 { return s.Units / s.Seconds }

// cost is the processor time of everybody involved for one unit, in µs.
func (s *sample) cost() float64 { return s.CPU.sum() / s.Units * 1e6 }

// say tells on standard error what goes on.
func (r *rig) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
