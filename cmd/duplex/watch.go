package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"duplex/internal/change"
	"duplex/internal/config"
	"duplex/internal/lag"
	"duplex/internal/pair"
	"duplex/internal/project"
	"duplex/internal/verify"
)

// How often a run is looked at, how often it is painted, and how often it says
// a line where there is no terminal to paint on.
const (
	lookEvery  = 50 * time.Millisecond
	paintEvery = 250 * time.Millisecond
	lineEvery  = 10 * time.Second
)

// A watch shows a run while it goes on: a block that is painted over on a
// terminal, elsewhere a line every 10 s and one for every phase.
type watch struct {
	app     *app
	project *config.Project
	block   *live // nil: no terminal
	log     *slog.Logger
	began   time.Time

	last   pair.Status // the newest that had its links
	rates  map[config.Link]*rate
	copied rate
	report *verify.Report // the one that was printed
}

func newWatch(a *app, p *config.Project) *watch {
	w := &watch{app: a, project: p, log: a.log, began: time.Now(), rates: map[config.Link]*rate{}}
	if w.block = newLive(a.err); w.block != nil {
		var level slog.Level
		_ = level.UnmarshalText([]byte(a.level)) // it was read before
		w.log = logger(w.block, level)
	}
	return w
}

// close takes the block away; it may be called twice.
func (w *watch) close() {
	if w.block != nil {
		w.block.clear()
	}
}

// follow shows a run until it has ended and gives what it ended with.
// At a signal it reads the project file again.
func (w *watch) follow(r *project.Run, ended <-chan error, file string) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var phase pair.Phase
	var painted, said time.Time
	for {
		p := r.Progress()
		w.look(p)
		switch {
		case w.block != nil && time.Since(painted) >= paintEvery:
			painted = time.Now()
			w.block.show(w.lines(p))
		case w.block != nil:
		case p.Pair.Phase != phase || time.Since(said) >= lineEvery:
			phase, said = p.Pair.Phase, time.Now()
			fmt.Fprintln(w.app.err, w.line(p))
		}
		select {
		case err := <-ended:
			w.look(r.Progress())
			return err
		case <-hup:
			w.reread(r, file)
		case <-tick.C:
		}
	}
}

// reread gives the run what the project file says now. A file that does not do
// changes nothing.
func (w *watch) reread(r *project.Run, file string) {
	p, err := load(file)
	if err == nil {
		err = r.Change(p)
	}
	if err != nil {
		w.log.Error("the project file was read again and not taken", "error", err)
		return
	}
	w.log.Warn("the project file was read again")
}

// look keeps what is known of a run, and prints a verification that is new.
func (w *watch) look(p project.Progress) {
	now := time.Now()
	if len(p.Pair.Links) > 0 {
		w.last = p.Pair
	}
	w.last.Phase, w.last.Retries = p.Pair.Phase, p.Pair.Retries
	w.copied.add(now, p.Pair.Copy.Rows)
	for _, l := range p.Pair.Links {
		if w.rates[l.Link] == nil {
			w.rates[l.Link] = &rate{}
		}
		w.rates[l.Link].add(now, l.Rows)
	}
	if p.Report != nil && p.Report != w.report {
		w.report = p.Report
		if !w.app.json {
			w.close()
			_ = p.Report.Print(w.app.out)
		}
	}
}

// lines are the block on a terminal.
func (w *watch) lines(p project.Progress) []string {
	s := p.Pair
	lines := []string{fmt.Sprintf("%s  %s for %s", w.project.Name, s.Phase, brief(time.Since(s.Since)))}
	if s.Error != nil {
		lines = append(lines, fmt.Sprintf("  trying again (%d): %s", s.Retries, oneLine(s.Error)))
	}
	if c := s.Copy; c.Tables > 0 && s.Phase == pair.Full {
		lines = append(lines, fmt.Sprintf("  copy    %s  %s rows/s", bar(c.Rows, c.RowsTotal), number(w.copied.perSecond())),
			fmt.Sprintf("          %s of about %s rows, %d of %d tables, %s",
				number(c.Rows), number(c.RowsTotal), c.TablesDone, c.Tables, size(c.Bytes)))
	}
	for _, l := range s.Links {
		lines = append(lines,
			fmt.Sprintf("  %-24s %8s rows/s   %s   queued %s", l.Link.From+" > "+l.Link.To,
				number(w.rates[l.Link].perSecond()), lagging(&l), size(l.Queue.Bytes)),
			fmt.Sprintf("    %s transactions, applied below %s", number(l.Transactions), number(l.Apply.Low)))
		if w.project.TwoWay() {
			lines = append(lines, "    "+judged(&l))
		}
		if l.Apply.Pause > 0 {
			lines = append(lines, "    "+slowed(&l))
		}
	}
	if p.Verify != nil && p.Report == nil {
		lines = append(lines, "  verify  "+verifying(*p.Verify))
	}
	return lines
}

// line is the same where there is no terminal.
func (w *watch) line(p project.Progress) string {
	s := p.Pair
	parts := []string{fmt.Sprintf("%s %s", brief(time.Since(w.began)), s.Phase)}
	if s.Error != nil {
		parts = append(parts, fmt.Sprintf("trying again (%d): %s", s.Retries, oneLine(s.Error)))
	}
	if c := s.Copy; c.Tables > 0 && s.Phase == pair.Full {
		parts = append(parts, fmt.Sprintf("copy %s of about %s rows, %s rows/s", number(c.Rows), number(c.RowsTotal), number(w.copied.perSecond())))
	}
	for _, l := range s.Links {
		parts = append(parts, fmt.Sprintf("%s > %s %s rows/s, %s, low %s, queued %s", l.Link.From, l.Link.To,
			number(w.rates[l.Link].perSecond()), lagging(&l), number(l.Apply.Low), size(l.Queue.Bytes)))
		if l.Apply.Conflicts > 0 || l.Reader.IndexKeys > 0 || l.Queue.Spooled > 0 {
			parts = append(parts, judged(&l))
		}
		if l.Apply.Pause > 0 {
			parts = append(parts, slowed(&l))
		}
	}
	if p.Verify != nil && p.Report == nil {
		parts = append(parts, "verify "+verifying(*p.Verify))
	}
	return strings.Join(parts, " · ")
}

// judged is what a link has decided, and what its source holds in memory and on
// disk for that: the writes that the other side may not have seen.
func judged(l *pair.LinkStatus) string {
	text := fmt.Sprintf("%s conflicts at %s (%s ambiguous, %s drift)", number(l.Apply.Conflicts), l.Link.To, number(l.Apply.Ambiguous), number(l.Apply.Drifts))
	text += fmt.Sprintf("   %s keys of %s unsettled, %s", number(uint64(l.Reader.IndexKeys)), l.Link.From, size(l.Reader.IndexBytes))
	if l.Reader.Tasks > 0 {
		text += fmt.Sprintf("   %d rows to look at again", l.Reader.Tasks)
	}
	if l.Queue.Spooled > 0 {
		text += fmt.Sprintf("   %s waiting on disk", size(l.Queue.Spooled))
	}
	return text
}

// lagging is how long the transactions of the last minute took, and where most of
// it was.
func lagging(l *pair.LinkStatus) string {
	f := l.Lag.Figures(change.Now())
	whole := f.Hops[lag.Whole]
	if whole.Count == 0 {
		return "lag -"
	}
	most := lag.Log
	for _, h := range lag.Hops() {
		if h != lag.Whole && f.Hops[h].P50 > f.Hops[most].P50 {
			most = h
		}
	}
	return fmt.Sprintf("lag %s, p99 %s, most at hop %s", brief(whole.P50), brief(whole.P99), most)
}

// slowed says why a link holds itself back.
func slowed(l *pair.LinkStatus) string {
	return fmt.Sprintf("slowed by %s: memory of %s is %.0f %% towards its limit", brief(l.Apply.Pause), l.Link.To, 100*l.Apply.Memory)
}

// A rate is how fast a counter grows, over the last two seconds.
type rate struct {
	at    []time.Time
	count []uint64
}

const rateSpan = 2 * time.Second

func (r *rate) add(now time.Time, n uint64) {
	r.at, r.count = append(r.at, now), append(r.count, n)
	for len(r.at) > 2 && now.Sub(r.at[1]) >= rateSpan {
		r.at, r.count = r.at[1:], r.count[1:]
	}
}

func (r *rate) perSecond() uint64 {
	if r == nil || len(r.at) < 2 {
		return 0
	}
	last := len(r.at) - 1
	if r.count[last] < r.count[0] {
		return 0
	}
	return uint64(float64(r.count[last]-r.count[0]) / r.at[last].Sub(r.at[0]).Seconds())
}
