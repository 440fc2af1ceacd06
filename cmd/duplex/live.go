package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// What is sent to a terminal. The synchronised pair keeps a terminal that
// knows it from showing half a frame; the others ignore it.
const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	beginFrame = "\x1b[?2026h"
	endFrame   = "\x1b[?2026l"
	restOfLine = "\x1b[K"
	restOfPage = "\x1b[J"
)

// live is a block of lines at the bottom of a terminal that is painted over in
// place. It may be used by many goroutines.
type live struct {
	terminal *os.File

	mu    sync.Mutex
	lines []string // on the terminal now
}

// newLive gives a block on w, or nil where w is no terminal.
func newLive(w io.Writer) *live {
	if f := terminal(w); f != nil {
		return &live{terminal: f}
	}
	return nil
}

// show paints lines over what the block showed before.
func (l *live) show(lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paint(lines, nil)
}

// Write puts text above the block. It makes the block an output for a log.
func (l *live) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paint(l.lines, text)
	return len(text), nil
}

// close leaves the block as it is and the cursor below it.
func (l *live) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = nil
	fmt.Fprint(l.terminal, showCursor)
}

// clear takes the block away.
func (l *live) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paint(nil, nil)
	fmt.Fprint(l.terminal, showCursor)
}

// paint writes one frame in one piece, so that nothing flickers.
func (l *live) paint(lines []string, above []byte) {
	var b bytes.Buffer
	b.WriteString(beginFrame + hideCursor + "\r")
	if n := len(l.lines); n > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", n)
	}
	if len(above) > 0 {
		b.WriteString(restOfPage)
		b.Write(above)
		if above[len(above)-1] != '\n' {
			b.WriteByte('\n')
		}
	}
	columns, rows, err := term.GetSize(int(l.terminal.Fd()))
	if err != nil || columns <= 0 {
		columns, rows = 80, 24
	}
	if len(lines) >= rows && rows > 1 { // what has scrolled away cannot be painted over
		lines = lines[:rows-1]
	}
	for _, line := range lines {
		b.WriteString(cut(line, columns) + restOfLine + "\n")
	}
	b.WriteString(restOfPage + endFrame)
	l.lines = lines
	_, _ = l.terminal.Write(b.Bytes())
}

// cut shortens a line to a number of columns; colours take none.
func cut(line string, columns int) string {
	if printed(line) <= columns {
		return line
	}
	var b strings.Builder
	state, coloured := -1, false
	for len(line) > 0 {
		if n := colour(line); n > 0 {
			b.WriteString(line[:n])
			line, state, coloured = line[n:], -1, true
			continue
		}
		var cluster string
		var width int
		cluster, line, width, state = uniseg.FirstGraphemeClusterInString(line, state)
		if columns -= width; columns < 0 {
			break
		}
		b.WriteString(cluster)
	}
	if coloured {
		b.WriteString("\x1b[0m")
	}
	return b.String()
}

// colour gives the length of the colour that a text begins with, or 0.
func colour(text string) int {
	if !strings.HasPrefix(text, "\x1b[") {
		return 0
	}
	return strings.IndexByte(text, 'm') + 1
}

// printed is how many columns a text takes.
func printed(text string) int {
	width := 0
	for len(text) > 0 {
		if n := colour(text); n > 0 {
			text = text[n:]
			continue
		}
		next := strings.IndexByte(text[1:], '\x1b') + 1
		if next == 0 {
			next = len(text)
		}
		width += uniseg.StringWidth(text[:next])
		text = text[next:]
	}
	return width
}
