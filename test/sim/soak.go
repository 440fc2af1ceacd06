package sim

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Result is what n schedules of one kind came to.
type Result struct {
	Stats
	First uint64 // seed of a schedule that failed, the least that was met
}

// Try runs schedules 0 to n-1 on all processors. stop says which verdicts end
// it early. done counts schedules as they end.
func (o *Options) Try(n int, stop func(wrong string) bool, done *atomic.Int64) Result {
	workers := runtime.GOMAXPROCS(0)
	all := make([]Result, workers)
	var ended atomic.Bool
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			r := &all[i]
			for seed := uint64(i); seed < uint64(n) && !ended.Load(); seed += uint64(workers) {
				wrong := o.Run(o.Make(seed), nil, &r.Stats)
				if wrong != "" && r.Failed == 1 {
					r.First = seed
				}
				if wrong != "" && stop(wrong) {
					ended.Store(true)
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	sum := all[0]
	for _, r := range all[1:] {
		if r.Failed > 0 && (sum.Failed == 0 || r.First < sum.First) {
			sum.First = r.First
		}
		sum.add(&r.Stats)
	}
	return sum
}

func (s *Stats) add(o *Stats) {
	s.Schedules += o.Schedules
	s.Failed += o.Failed
	s.Differ += o.Differ
	s.Conflicts += o.Conflicts
	s.Late += o.Late
	s.Drift += o.Drift
	s.Groups += o.Groups
	s.Parked += o.Parked
	s.Stopped += o.Stopped
}

// A Soak runs many schedules and writes what came of them as Markdown.
type Soak struct {
	Schedules int           // over all worlds
	Only      string        // worlds and ablations whose name holds it; empty: all
	Each      int           // of each ablation
	Every     time.Duration // between two lines of progress
	Tables    io.Writer
	Progress  io.Writer

	done  atomic.Int64
	doing atomic.Value
}

// Run gives the story of the first schedule that failed, "" if all held, and
// the ablations that nobody missed.
func (s *Soak) Run() (story string, pointless []string) {
	s.doing.Store("")
	stop, ended := make(chan struct{}), make(chan struct{})
	go s.tell(stop, ended)
	defer func() { close(stop); <-ended }()
	if story = s.worlds(); story != "" {
		return story, nil
	}
	return "", s.ablations()
}

func (s *Soak) tell(stop, ended chan struct{}) {
	defer close(ended)
	tick := time.NewTicker(s.Every)
	defer tick.Stop()
	begun := time.Now()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			fmt.Fprintf(s.Progress, "%4.0f s: %d schedules done, now %s\n", time.Since(begun).Seconds(), s.done.Load(), s.doing.Load())
		}
	}
}

func (s *Soak) worlds() (story string) {
	fmt.Fprint(s.Tables, "| world | schedules | conflicts | mended late | parked | failed |\n|---|--:|--:|--:|--:|--:|\n")
	var sum Stats
	line := func(name string, r *Stats) {
		fmt.Fprintf(s.Tables, "| %s | %d | %d | %d | %d | %d |\n", name, r.Schedules, r.Conflicts, r.Late, r.Parked, r.Failed)
	}
	worlds, shares := Worlds(), 0
	worlds = slices.DeleteFunc(worlds, func(w World) bool { return !strings.Contains(w.Name, s.Only) })
	for _, w := range worlds {
		shares += w.Share
	}
	for _, w := range worlds {
		s.doing.Store(w.Name)
		r := w.Try(s.Schedules*w.Share/shares, func(string) bool { return true }, &s.done)
		line(w.Name, &r.Stats)
		sum.add(&r.Stats)
		if r.Failed > 0 && story == "" {
			story = fmt.Sprintf("%s, seed %d:\n%s", w.Name, r.First, w.Story(w.Make(r.First)))
		}
	}
	line("all", &sum)
	return story
}

func (s *Soak) ablations() (pointless []string) {
	fmt.Fprint(s.Tables, "\n| left out | sites end different | of schedules |\n|---|--:|--:|\n")
	for _, a := range Ablations() {
		if !strings.Contains(a.Name, s.Only) {
			continue
		}
		s.doing.Store("without " + a.Name)
		r := a.Try(s.Each*max(1, a.Times), func(string) bool { return false }, &s.done)
		fmt.Fprintf(s.Tables, "| %s | %s | %d |\n", a.Name, rate(r.Differ, r.Schedules), r.Schedules)
		if (r.Differ == 0) != a.Harmless {
			pointless = append(pointless, a.Name)
		}
	}
	return pointless
}

// rate is a share in percent, of two digits that say something.
func rate(n, of int) string {
	if n == 0 {
		return "0"
	}
	return strings.TrimSuffix(fmt.Sprintf("%.2g", 100*float64(n)/float64(of)), ".0") + " %"
}
