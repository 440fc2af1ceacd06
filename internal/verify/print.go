package verify

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// printed is how many differences Print shows of a report.
const printed = 20

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	var b strings.Builder
	sites := r.sites()
	verdict := "are equal"
	if !r.Equal {
		verdict = "are NOT equal"
	}
	rows := uint64(0)
	for i := range r.Tables {
		rows += r.Tables[i].Rows
	}
	fmt.Fprintf(&b, "%s %s: %s in %s, %s\n\n", strings.Join(sites, " and "), verdict, count(len(r.Tables), "table"),
		count(rows, "row"), r.Ended.Sub(r.Started).Round(time.Millisecond))
	r.printTables(&b, sites)
	r.printDifferences(&b, sites)
	_, err := io.WriteString(w, b.String())
	return err
}

// sites gives the names of both sites, A's first where Run made the report.
func (r *Report) sites() []string {
	if len(r.names) > 0 {
		return r.names
	}
	for i := range r.Tables {
		return slices.Sorted(maps.Keys(r.Tables[i].Only))
	}
	return nil
}

func (r *Report) printTables(b *strings.Builder, sites []string) {
	head := []string{"table", "result", "rows", "equal", "different"}
	for _, s := range sites {
		head = append(head, "only "+s)
	}
	lines := [][]string{append(head, "unsettled")}
	for i := range r.Tables {
		t := &r.Tables[i]
		line := []string{t.Table, string(t.Result), number(t.Rows), number(t.Equal), number(t.Different)}
		for _, s := range sites {
			line = append(line, number(t.Only[s]))
		}
		lines = append(lines, append(line, number(t.Unsettled)))
	}
	align(b, lines, 2)
	for i := range r.Tables {
		if t := &r.Tables[i]; t.Reason != "" {
			fmt.Fprintf(b, "\n%s: %s\n", t.Table, t.Reason)
		}
	}
}

func (r *Report) printDifferences(b *strings.Builder, sites []string) {
	if len(r.Differences) == 0 {
		return
	}
	shown := r.Differences[:min(len(r.Differences), printed)]
	all := uint64(len(r.Differences)) + r.Unlisted
	b.WriteByte('\n')
	if n := uint64(len(shown)); n < all {
		fmt.Fprintf(b, "the first %d of %s:\n", n, count(all, "difference"))
	} else {
		fmt.Fprintf(b, "%s:\n", count(all, "difference"))
	}
	for i := range shown {
		d := &shown[i]
		if site, only := strings.CutPrefix(d.Kind, KindOnly); only {
			fmt.Fprintf(b, "  %s  %s  only at %s\n", d.Table, d.Key, site)
			continue
		}
		fmt.Fprintf(b, "  %s  %s\n", d.Table, d.Key)
		var lines [][]string
		for _, c := range d.Columns {
			line := []string{"     " + c.Name}
			for _, s := range sites {
				line = append(line, s+" "+c.Values[s])
			}
			lines = append(lines, line)
		}
		align(b, lines, len(sites)+1)
	}
}

// align writes cells in columns, the first few to the left, the rest, numbers,
// to the right.
func align(b *strings.Builder, lines [][]string, left int) {
	var width []int
	for _, line := range lines {
		for i, cell := range line {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, line := range lines {
		var text strings.Builder
		for i, cell := range line {
			if i > 0 {
				text.WriteString("  ")
			}
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i < left {
				text.WriteString(cell + pad)
			} else {
				text.WriteString(pad + cell)
			}
		}
		b.WriteString(strings.TrimRight(text.String(), " ") + "\n")
	}
}

// number groups digits by thousands; nothing is a dot.
func number(n uint64) string {
	if n == 0 {
		return "·"
	}
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func count[N int | uint64](n N, noun string) string {
	switch n {
	case 0:
		return "no " + noun + "s"
	case 1:
		return "1 " + noun
	}
	return number(uint64(n)) + " " + noun + "s"
}
