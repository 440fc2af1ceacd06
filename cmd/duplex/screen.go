package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"duplex/internal/demo"
	"duplex/internal/pair"
)

// How often the screen is painted, and how often a line is written where there
// is no terminal.
const (
	frameEvery = 200 * time.Millisecond
	plainEvery = 2 * time.Second
)

// columns is the width that the screen is made for.
const columns = 78

// A screen shows a demo: a block that is painted over in place, or lines.
type screen struct {
	app   *app
	stage *stage
	block *live // nil: no terminal
	began time.Time

	written [2]rate // transactions
	rows    [2]rate
	applied [2]rate // transactions that came from the other side
	lines   int
	links   []pair.LinkStatus // as they were last
}

func newScreen(a *app, s *stage) *screen {
	c := &screen{app: a, stage: s, began: time.Now()}
	if !a.json {
		c.block = newLive(a.out)
	}
	fmt.Fprintf(a.notes(), "the project file, for `duplex status` and the others in another window:\n  %s\n\n", s.file)
	return c
}

func (c *screen) every() time.Duration {
	if c.block != nil {
		return frameEvery
	}
	return plainEvery
}

func (c *screen) close() {
	if c.block != nil {
		c.block.close()
	}
}

// show paints or writes one state.
func (c *screen) show(s demo.State) {
	now := time.Now()
	if s.Stage == demo.Compared { // the project has ended
		s.Project.Pair.Links = c.links
	}
	c.links = s.Project.Pair.Links
	for i := range s.Sites {
		c.written[i].add(now, s.Sites[i].Transactions)
		c.rows[i].add(now, s.Sites[i].Rows)
		if l := inbound(s, i); l != nil {
			c.applied[i].add(now, l.Transactions)
		}
	}
	if c.block != nil {
		c.block.show(c.frame(s))
		return
	}
	out := c.app.notes()
	if c.lines++; c.lines%20 == 1 {
		fmt.Fprintln(out, plainHead(s))
	}
	fmt.Fprintln(out, c.plain(s))
}

// inbound is the link that brings a site what the other one writes.
func inbound(s demo.State, site int) *pair.LinkStatus {
	for i := range s.Project.Pair.Links {
		if l := &s.Project.Pair.Links[i]; l.Link.To == s.Sites[site].Name {
			return l
		}
	}
	return nil
}

// frame is the whole screen.
func (c *screen) frame(s demo.State) []string {
	rule := c.paint(dim, strings.Repeat("─", columns))
	head := fmt.Sprintf("duplex demo   %s   %s", clock(time.Since(c.began)), s.Stage)
	lines := []string{between(c.paint(bold, head), c.paint(dim, "^C ends and compares")), rule}
	lines = append(lines, c.pair(c.paint(bold, c.titled(s, 0)), c.paint(bold, c.titled(s, 1))))
	for _, row := range []struct {
		name string
		cell func(s demo.State, i int) string
	}{
		{"writes", c.writes}, {"applies", c.applies}, {"after", after}, {"queue", queued}, {"written", total}, {"decided", decidedAt},
	} {
		lines = append(lines, c.pair(cell(row.name, row.cell(s, 0)), cell(row.name, row.cell(s, 1))))
	}
	lines = append(lines, c.pair(c.paint(dim, "  "+cut(s.Sites[0].Last, 35)), c.paint(dim, "  "+cut(s.Sites[1].Last, 35))), rule)
	return append(lines, c.lastDecided(s), c.copied(s), c.equality(s))
}

func (c *screen) titled(s demo.State, i int) string {
	server := c.stage.servers[i]
	return fmt.Sprintf("%s  %s %s", s.Sites[i].Name, server.Kind(), server.Addr())
}

func cell(name, value string) string { return fmt.Sprintf("  %-9s%s", name, value) }

// pair puts two texts side by side.
func (c *screen) pair(left, right string) string {
	return left + strings.Repeat(" ", max(columns/2-printed(left), 1)) + right
}

// between puts one text at the left and one at the right edge.
func between(left, right string) string {
	return left + strings.Repeat(" ", max(columns-printed(left)-printed(right), 1)) + right
}

func (c *screen) writes(_ demo.State, i int) string {
	return fmt.Sprintf("%5s tx/s  %6s rows/s", number(c.written[i].perSecond()), number(c.rows[i].perSecond()))
}

func (c *screen) applies(s demo.State, i int) string {
	if inbound(s, i) == nil {
		return ""
	}
	return fmt.Sprintf("%5s tx/s", number(c.applied[i].perSecond()))
}

// after is how long after its commit at the other side something is here.
func after(s demo.State, i int) string {
	v := s.Sites[i].Arrival
	if v.Samples == 0 {
		return ""
	}
	return fmt.Sprintf("%5s       p99 %s", brief(v.Median), brief(v.P99))
}

func queued(s demo.State, i int) string {
	l := inbound(s, i)
	if l == nil {
		return ""
	}
	return fmt.Sprintf("%5s tx    %s", number(l.Queue.Queued), size(l.Queue.Bytes+l.Apply.Held))
}

func total(s demo.State, i int) string {
	return fmt.Sprintf("%5s tx    %6s rows", number(s.Sites[i].Transactions), number(s.Sites[i].Rows))
}

// decidedAt is what was decided at a side where both had written a row.
func decidedAt(s demo.State, i int) string {
	d := s.Sites[i].Decided
	return fmt.Sprintf("%5s conflicts  %s parked", number(d.Total), number(d.Parked))
}

// lastDecided is the newest conflict in a line.
func (c *screen) lastDecided(s demo.State) string {
	if s.Last == nil {
		return cell("conflict", c.paint(dim, "where both sides write the same row"))
	}
	return cell("conflict", cut(c.lostAndKept(s.Last), columns-11))
}

// copied says how far the project is.
func (c *screen) copied(s demo.State) string {
	p := s.Project.Pair
	switch {
	case s.Stage == demo.Filling:
		return cell("phase", "customers, stock and orders are made up")
	case p.Error != nil:
		return cell("phase", c.paint(yellow, "trying again: "+oneLine(p.Error)))
	case p.Phase == pair.Full:
		return cell("copy", fmt.Sprintf("%s  %s of about %s rows", bar(p.Copy.Rows, p.Copy.RowsTotal), number(p.Copy.Rows), number(p.Copy.RowsTotal)))
	case (s.Stage == demo.Comparing || s.Stage == demo.Compared) && s.Project.Verify != nil:
		return cell("verify", verifying(*s.Project.Verify))
	case p.Phase == pair.Incremental:
		return cell("phase", fmt.Sprintf("incremental; %s rows were copied while both sides wrote", number(p.Copy.Rows)))
	}
	return cell("phase", string(p.Phase))
}

// equality says how the comparisons of single moments stand.
func (c *screen) equality(s demo.State) string {
	e := s.Equality
	switch {
	case e.Checks == 0:
		return cell("equal", c.paint(dim, "compared every 3 s once the copy is complete"))
	case e.Different > 0:
		return cell("equal", c.paint(red, fmt.Sprintf("≠ %d of %d moments differed, the last in %s", e.Different, e.Checks, e.Table)))
	}
	ago := fmt.Sprintf("compared %s ago", brief(time.Since(e.At).Truncate(time.Second)))
	return cell("equal", c.paint(green, fmt.Sprintf("= all %s rows", number(e.Rows)))+
		fmt.Sprintf(", %s, %d of %d moments", ago, e.Checks-e.Different, e.Checks))
}

// plainHead is the head of the lines.
func plainHead(s demo.State) string {
	return fmt.Sprintf("%5s  %-11s  %-27s  %-27s  %-18s  %s", "time", "phase", "at "+s.Sites[0].Name+": wrote, applied", "at "+s.Sites[1].Name, "conflicts (parked)", "equal")
}

// plain is a state in a line.
func (c *screen) plain(s demo.State) string {
	var sides [2]string
	for i := range s.Sites {
		sides[i] = fmt.Sprintf("%s/s", number(c.written[i].perSecond()))
		if l := inbound(s, i); l != nil {
			sides[i] += fmt.Sprintf(", %s/s", number(c.applied[i].perSecond()))
			if v := s.Sites[i].Arrival; v.Samples > 0 {
				sides[i] += ", after " + brief(v.Last)
			}
		}
	}
	phase, sign := string(s.Project.Pair.Phase), "-"
	if s.Stage == demo.Filling {
		phase = "filling"
	}
	if p := s.Project.Pair; p.Phase == pair.Full && p.Copy.RowsTotal > 0 {
		phase = fmt.Sprintf("copy %d%%", min(100, p.Copy.Rows*100/p.Copy.RowsTotal))
	}
	if e := s.Equality; e.Different > 0 {
		sign = fmt.Sprintf("≠ in %s (%d of %d)", e.Table, e.Different, e.Checks)
	} else if e.Checks > 0 {
		sign = fmt.Sprintf("= %s rows (%d)", number(e.Rows), e.Checks)
	}
	a, b := s.Sites[0].Decided, s.Sites[1].Decided
	fought := fmt.Sprintf("%s + %s (%s + %s)", number(a.Total), number(b.Total), number(a.Parked), number(b.Parked))
	return fmt.Sprintf("%5s  %-11s  %-27s  %-27s  %-18s  %s", clock(time.Since(c.began)), phase, sides[0], sides[1], fought, sign)
}

// clock writes a duration as minutes and seconds.
func clock(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// The colours.
const (
	bold   = "1"
	dim    = "2"
	red    = "1;31"
	green  = "32"
	yellow = "33"
)

func (c *screen) paint(colour, text string) string {
	if c.block == nil || os.Getenv("NO_COLOR") != "" || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
