package binlog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"duplex/internal/change"
)

// A mode is how a place in a log is named and asked for.
type mode string

const (
	byGTID  mode = "gtid"    // MySQL's set of executed transactions
	byMaria mode = "mariadb" // MariaDB's last transaction of each domain
	byFile  mode = "file"    // file and offset
)

// A cursor is a place between two transactions of a log.
type cursor struct {
	mode   mode
	gtids  gtidSet
	maria  mariaPos
	file   string
	offset uint64
	last   anchor // the transaction before, on OceanBase
	parts  uint64 // of the transaction that follows, so many are behind already: a CREATE TABLE … SELECT comes out as two
}

// clone shares nothing with c that changes.
func (c *cursor) clone() cursor {
	d := *c
	d.gtids.sources = slices.Clone(c.gtids.sources)
	d.maria = slices.Clone(c.maria)
	return d
}

// A position is a cursor with the state of the stamps there.
type position struct {
	cursor
	seq     uint64 // of the next local transaction
	version int64  // of the clock
	seen    change.Seqs
}

const positionFormat = "1"

// text is format|mode|place|parts|seq|version|low|ranges, and |anchor where
// there is one.
func (p *position) text() change.Position {
	b := make([]byte, 0, 160)
	b = append(append(append(b, positionFormat+"|"...), p.mode...), '|')
	switch p.mode {
	case byGTID:
		b = p.gtids.append(b)
	case byMaria:
		b = p.maria.append(b)
	default:
		b = strconv.AppendUint(append(append(b, p.file...), ':'), p.offset, 10)
	}
	b = strconv.AppendUint(append(b, '|'), p.parts, 10)
	b = strconv.AppendUint(append(b, '|'), p.seq, 10)
	b = strconv.AppendInt(append(b, '|'), p.version, 10)
	b = strconv.AppendUint(append(b, '|'), p.seen.Low, 10)
	b = append(b, '|')
	if len(p.seen.Above) > 0 {
		b = append(b, change.FormatRanges(p.seen.Above)...)
	}
	if p.last.number > 0 {
		b = p.last.append(append(b, '|'))
	}
	return change.Position(b)
}

// parsePosition reads what text wrote.
func parsePosition(text change.Position) (position, error) {
	p, err := parseFields(strings.Split(string(text), "|"))
	if err != nil {
		return position{}, fmt.Errorf("position %q: %w", text, err)
	}
	return p, nil
}

// Earlier gives the one of two positions of a site's log with the lower seq. The
// empty one is passed over.
func Earlier(a, b change.Position) (change.Position, error) {
	if a == "" || b == "" {
		return a + b, nil
	}
	p, err := parsePosition(a)
	if err != nil {
		return "", err
	}
	q, err := parsePosition(b)
	if err != nil {
		return "", err
	}
	if q.seq < p.seq {
		return b, nil
	}
	return a, nil
}

func parseFields(f []string) (p position, err error) {
	if f[0] != positionFormat {
		return p, fmt.Errorf("format %q, want %q", f[0], positionFormat)
	}
	if len(f) != 8 && len(f) != 9 {
		return p, fmt.Errorf("%d fields, want 8 or 9", len(f))
	}
	if p.cursor, err = parseCursor(mode(f[1]), f[2]); err != nil {
		return p, err
	}
	if p.parts, err = strconv.ParseUint(f[3], 10, 64); err != nil {
		return p, fmt.Errorf("parts: %w", err)
	}
	if p.seq, err = strconv.ParseUint(f[4], 10, 64); err != nil {
		return p, fmt.Errorf("seq: %w", err)
	}
	if p.version, err = strconv.ParseInt(f[5], 10, 64); err != nil {
		return p, fmt.Errorf("version: %w", err)
	}
	if p.seen.Low, err = strconv.ParseUint(f[6], 10, 64); err != nil {
		return p, fmt.Errorf("seen below: %w", err)
	}
	above, err := change.ParseRanges(f[7])
	if err != nil {
		return p, fmt.Errorf("seen above: %w", err)
	}
	p.seen = p.seen.Union(change.Seqs{Above: above})
	if len(f) == 9 {
		if p.last, err = parseAnchor(f[8]); err != nil {
			return p, fmt.Errorf("last transaction: %w", err)
		}
	}
	return p, nil
}

func parseCursor(m mode, text string) (c cursor, err error) {
	c.mode = m
	switch m {
	case byGTID:
		c.gtids, err = parseGTIDSet(text)
	case byMaria:
		c.maria, err = parseMariaPos(text)
	case byFile:
		i := strings.LastIndexByte(text, ':')
		if i <= 0 {
			return c, fmt.Errorf("place %q is not file:offset", text)
		}
		c.file = text[:i]
		if c.offset, err = strconv.ParseUint(text[i+1:], 10, 64); err != nil {
			return c, fmt.Errorf("place %q is not file:offset", text)
		}
	default:
		return c, fmt.Errorf("mode %q is unknown", m)
	}
	return c, err
}
