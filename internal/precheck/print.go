package precheck

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// A Printer writes results for people, a line each, what to do below.
type Printer struct {
	w      io.Writer
	colour bool
	name   int // widths of the columns
	site   int
	count  map[Status]int
}

// NewPrinter makes one for results about these sites. It uses colour if w is a
// terminal and NO_COLOR is not set.
func NewPrinter(w io.Writer, sites ...string) *Printer {
	p := &Printer{w: w, count: map[Status]int{}}
	for _, c := range All() {
		p.name = max(p.name, len(c.Name))
	}
	for _, s := range sites {
		p.site = max(p.site, utf8.RuneCountInString(s))
	}
	if f, ok := w.(*os.File); ok && os.Getenv("NO_COLOR") == "" {
		p.colour = term.IsTerminal(int(f.Fd()))
	}
	return p
}

// Print writes all results and their summary.
func Print(w io.Writer, results []Result) error {
	var sites []string
	for _, r := range results {
		sites = append(sites, r.Site)
	}
	p := NewPrinter(w, sites...)
	for _, r := range results {
		if err := p.Result(r); err != nil {
			return err
		}
	}
	return p.Summary()
}

// mark is the sign of a status and its colour, as a terminal takes it.
func mark(s Status) (sign, colour string) {
	switch s {
	case Pass:
		return "✓", "\x1b[32m"
	case Warn:
		return "!", "\x1b[33m"
	case Fail:
		return "✗", "\x1b[31m"
	}
	return "–", "\x1b[2m"
}

// Result writes one result.
func (p *Printer) Result(r Result) error {
	p.count[r.Status]++
	sign, colour := mark(r.Status)
	text := r.Message
	if r.Object != "" {
		text = r.Object + ": " + text
	}
	site := r.Site + strings.Repeat(" ", max(p.site-utf8.RuneCountInString(r.Site), 0))
	line := fmt.Sprintf("%s %-*s  %s  %s\n", p.paint(colour, sign), p.name, r.Check, site, text)
	if p.site == 0 {
		line = fmt.Sprintf("%s %-*s  %s\n", p.paint(colour, sign), p.name, r.Check, text)
	}
	if r.Fix != "" {
		line += strings.Repeat(" ", p.name+4) + p.paint("\x1b[1m", "→ "+r.Fix) + "\n"
	}
	_, err := io.WriteString(p.w, line)
	return err
}

// Summary writes how many results of each kind there were.
func (p *Printer) Summary() error {
	text := plural(p.count[Pass], "result") + " good"
	for _, s := range []struct {
		status Status
		word   string
	}{{Warn, "warning"}, {Fail, "failure"}} {
		if n := p.count[s.status]; n > 0 {
			text += ", " + plural(n, s.word)
		}
	}
	if n := p.count[Skip]; n > 0 {
		text += fmt.Sprintf(", %d not looked at", n)
	}
	_, err := fmt.Fprintf(p.w, "%s\n", text)
	return err
}

func (p *Printer) paint(colour, text string) string {
	if !p.colour {
		return text
	}
	return colour + text + "\x1b[0m"
}
