package account

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Around a write this much of its row's history is told, in so many lines at
// most.
const (
	storyBefore = 300 * time.Millisecond
	storyAfter  = 2 * time.Second
	storyLines  = 40
)

// Story tells what both sites did to a row about the time of a write; of no
// time in particular, its end.
func (r *Record) Story(k Key, start, ack time.Duration) string {
	type line struct {
		at   time.Duration
		text string
	}
	var lines []line
	tokens := map[string]bool{}
	for _, t := range r.History {
		if ack > 0 && (t.Ack < start-storyBefore || t.Start > ack+storyAfter) {
			continue
		}
		for _, row := range t.Rows {
			if row.Key == k {
				lines = append(lines, line{t.Start, fmt.Sprintf("  %c %-10s %9.3f to %9.3f s, clock %+4.1f s  %s: %s",
					'a'+t.Site, t.ID(), t.Start.Seconds(), t.Ack.Seconds(), t.Shift.Seconds(), row, t.Outcome)})
				tokens[row.Token], tokens[row.Seen] = true, true
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	var b strings.Builder
	if n := len(lines) - storyLines; n > 0 {
		cut := lines[n:] // the end counts where no time is given
		if ack > 0 {
			cut = lines[:storyLines]
		}
		fmt.Fprintf(&b, "  (%d of %d lines)\n", len(cut), len(lines))
		lines = cut
	}
	for _, l := range lines {
		b.WriteString(l.text + "\n")
	}
	delete(tokens, "")
	for i, s := range r.Sites {
		s.tell(&b, i, k, tokens)
	}
	return b.String()
}

// tell adds what a site's log says of the row and of its tokens, and what the
// site holds.
func (s *State) tell(b *strings.Builder, site int, k Key, tokens map[string]bool) {
	n := 0
	for _, c := range s.Conflicts {
		if c.Loser() != k || len(tokens) > 0 && !tokens[c.Local.Token] && !tokens[c.Incoming.Token] {
			continue
		}
		if n++; n <= storyLines {
			fmt.Fprintf(b, "  %c conflict %d, %s %s, %s won: local %s %s, incoming %s %s\n", 'a'+site, c.ID, c.Link, c.Kind, c.Winner,
				orNothing(c.Local.Text), c.LocalStamp, orNothing(c.Incoming.Text), c.IncomingStamp)
		}
	}
	if n > storyLines {
		fmt.Fprintf(b, "  %c and %d conflicts more\n", 'a'+site, n-storyLines)
	}
	fmt.Fprintf(b, "  %c holds %s\n", 'a'+site, orNothing(s.Rows[k].Text))
	for _, p := range s.Parked {
		if tokens[p.Token] {
			fmt.Fprintf(b, "  %c has parked %s\n", 'a'+site, p.Text)
		}
	}
}

// String is the report as a table, and the faults below it.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d transactions acknowledged, %d refused, %d unknown; %d written rows:\n", r.Transactions, r.RefusedTxns, r.UnknownTxns, r.Writes)
	for _, way := range []struct {
		name string
		n    int
		more string
	}{
		{"visible", r.Visible, fmt.Sprintf("in the tables, in %d parked rows, or gone as wanted", r.Parked)},
		{"overwritten", r.Overwritten, fmt.Sprintf("by a write that had seen it; %d of them in the conflict log as well", r.AlsoLogged)},
		{"lost and logged", r.Lost, "the loser of a row of the conflict log"},
		{"vanished", r.Vanished, fmt.Sprintf("must be 0; %d transactions torn", r.Torn)},
		{"refused", r.RefusedWrites, "rolled back"},
		{"unknown", r.UnknownWrites, "the connection was lost at the commit"},
	} {
		fmt.Fprintf(&b, "  %-16s %9d  %s\n", way.name, way.n, way.more)
	}
	for i, kinds := range r.Conflicts {
		fmt.Fprintf(&b, "  conflict log of %c:", 'a'+i)
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			fmt.Fprintf(&b, "  %s %d", kind, kinds[kind])
		}
		b.WriteString("\n")
	}
	if r.Orphans > 0 {
		fmt.Fprintf(&b, "  %d children without a parent\n", r.Orphans)
	}
	if r.Returned > 0 {
		fmt.Fprintf(&b, "  %d times a site's writers saw a row again that they had written over\n", r.Returned)
	}
	count := map[FaultKind]int{}
	for _, f := range r.Faults {
		if count[f.Kind]++; count[f.Kind] <= stories {
			fmt.Fprintf(&b, "%s: %s\n%s", strings.ToUpper(string(f.Kind)), f.Text, f.Story)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(&b, "%d times %s\n", count[kind], kind)
	}
	return b.String()
}
