package binlog

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"duplex/internal/change"
)

// A source is one origin of a MySQL GTID set: a server's UUID, with a tag on
// servers that know them.
type source struct {
	uuid [16]byte
	tag  string
	seen change.Seqs // of transaction numbers, which start at 1: 0 always counts as seen
	text string      // what append writes, kept while seen stays the same
}

// A gtidSet is MySQL's gtid_executed.
type gtidSet struct{ sources []source } // ordered by uuid, tag

func (g *gtidSet) find(uuid []byte, tag string) (int, bool) {
	return slices.BinarySearchFunc(g.sources, tag, func(s source, tag string) int {
		return cmp.Or(bytes.Compare(s.uuid[:], uuid), strings.Compare(s.tag, tag))
	})
}

func (g *gtidSet) has(uuid []byte, tag string, n uint64) bool {
	i, ok := g.find(uuid, tag)
	return ok && g.sources[i].seen.Has(n)
}

func (g *gtidSet) add(uuid []byte, tag string, n uint64) {
	s := g.source(uuid, tag)
	s.seen, s.text = s.seen.With(n), ""
}

// without is g with one transaction less. It shares with g what is not changed.
func (g *gtidSet) without(uuid []byte, n uint64) gtidSet {
	i, ok := g.find(uuid, "")
	if !ok || !g.sources[i].seen.Has(n) {
		return *g
	}
	out := gtidSet{sources: slices.Clone(g.sources)}
	s := &out.sources[i]
	all := append([]change.Range{{From: 1, To: s.seen.Low}}, s.seen.Above...)
	s.seen, s.text = change.Seqs{Low: 1}, ""
	for _, r := range all {
		below, above := change.Range{From: r.From, To: min(r.To, n)}, change.Range{From: max(r.From, n+1), To: r.To}
		for _, part := range []change.Range{below, above} {
			if part.From < part.To {
				s.seen = s.seen.Union(change.Seqs{Low: 1, Above: []change.Range{part}})
			}
		}
	}
	if s.seen.Low == 1 && len(s.seen.Above) == 0 {
		out.sources = slices.Delete(out.sources, i, i+1)
	}
	return out
}

// source finds or makes one.
func (g *gtidSet) source(uuid []byte, tag string) *source {
	i, ok := g.find(uuid, tag)
	if !ok {
		s := source{tag: tag, seen: change.Seqs{Low: 1}}
		copy(s.uuid[:], uuid)
		g.sources = slices.Insert(g.sources, i, s)
	}
	return &g.sources[i]
}

func (g *gtidSet) append(dst []byte) []byte {
	for i := range g.sources {
		s := &g.sources[i]
		if s.text == "" {
			s.text = s.format()
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, s.text...)
	}
	return dst
}

func (s *source) format() string {
	b := appendUUID(nil, s.uuid[:])
	if s.tag != "" {
		b = append(append(b, ':'), s.tag...)
	}
	if s.seen.Low > 1 {
		b = appendSpan(b, 1, s.seen.Low)
	}
	for _, r := range s.seen.Above {
		b = appendSpan(b, r.From, r.To)
	}
	return string(b)
}

// appendSpan writes :from-last or :from.
func appendSpan(b []byte, from, to uint64) []byte {
	b = strconv.AppendUint(append(b, ':'), from, 10)
	if to > from+1 {
		b = strconv.AppendUint(append(b, '-'), to-1, 10)
	}
	return b
}

func appendUUID(dst, u []byte) []byte {
	for i, n := range []int{4, 2, 2, 2, 6} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst, u = hex.AppendEncode(dst, u[:n]), u[n:]
	}
	return dst
}

func parseUUID(text string) (u [16]byte, err error) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != 16 || string(appendUUID(nil, b)) != strings.ToLower(text) {
		return u, fmt.Errorf("%q is no UUID", text)
	}
	return [16]byte(b), nil
}

// parseGTIDSet reads uuid[:tag]:from[-to]…,… as the server prints it.
func parseGTIDSet(text string) (gtidSet, error) {
	var g gtidSet
	if strings.TrimSpace(text) == "" {
		return g, nil
	}
	for item := range strings.SplitSeq(text, ",") {
		fields := strings.Split(strings.TrimSpace(item), ":")
		uuid, err := parseUUID(fields[0])
		if err != nil {
			return g, fmt.Errorf("GTID set %q: %w", text, err)
		}
		tag, spans := "", 0
		for _, f := range fields[1:] {
			if f = strings.TrimSpace(f); f != "" && (f[0] < '0' || f[0] > '9') {
				tag = strings.ToLower(f)
				continue
			}
			rs, err := change.ParseRanges(f)
			if err != nil || len(rs) != 1 || rs[0].From == 0 {
				return g, fmt.Errorf("GTID set %q: %q is no interval", text, f)
			}
			s := g.source(uuid[:], tag)
			s.seen, s.text = s.seen.Union(change.Seqs{Low: 1, Above: rs}), ""
			spans++
		}
		if spans == 0 {
			return g, fmt.Errorf("GTID set %q: no interval in %q", text, item)
		}
	}
	return g, nil
}

// A mariaGTID is MariaDB's name of a transaction.
type mariaGTID struct {
	domain, server uint32
	seq            uint64
}

func (g mariaGTID) append(dst []byte) []byte {
	dst = strconv.AppendUint(dst, uint64(g.domain), 10)
	dst = strconv.AppendUint(append(dst, '-'), uint64(g.server), 10)
	return strconv.AppendUint(append(dst, '-'), g.seq, 10)
}

// A mariaPos is a MariaDB GTID position: the last transaction of each domain.
type mariaPos []mariaGTID // ordered by domain

func (p mariaPos) find(domain uint32) (int, bool) {
	return slices.BinarySearchFunc(p, domain, func(g mariaGTID, d uint32) int { return cmp.Compare(g.domain, d) })
}

// has reports whether g is the domain's last one. A lower number is not taken
// as read: without strict mode a server may well go back.
func (p mariaPos) has(g mariaGTID) bool {
	i, ok := p.find(g.domain)
	return ok && p[i] == g
}

func (p *mariaPos) set(g mariaGTID) {
	i, ok := p.find(g.domain)
	if !ok {
		*p = slices.Insert(*p, i, g)
		return
	}
	(*p)[i] = g
}

func (p mariaPos) append(dst []byte) []byte {
	for i, g := range p {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = g.append(dst)
	}
	return dst
}

// errMariaPos says that a text is no GTID position.
var errMariaPos = errors.New("not of the form domain-server-sequence")

// parseMariaPos reads 0-1-55,3-4-5.
func parseMariaPos(text string) (mariaPos, error) {
	var p mariaPos
	err := eachMaria(text, func(g mariaGTID) error {
		if _, twice := p.find(g.domain); twice {
			return fmt.Errorf("GTID position %q names domain %d twice", text, g.domain)
		}
		p.set(g)
		return nil
	})
	return p, err
}

// parseMariaState reads gtid_binlog_state: the last number of each server in
// each domain.
func parseMariaState(text string) (map[[2]uint32]uint64, error) {
	state := map[[2]uint32]uint64{}
	return state, eachMaria(text, func(g mariaGTID) error {
		state[[2]uint32{g.domain, g.server}] = g.seq
		return nil
	})
}

func eachMaria(text string, fn func(mariaGTID) error) error {
	if text == "" {
		return nil
	}
	for item := range strings.SplitSeq(text, ",") {
		f := strings.Split(strings.TrimSpace(item), "-")
		if len(f) != 3 {
			return fmt.Errorf("GTID position %q: %q: %w", text, item, errMariaPos)
		}
		domain, err1 := strconv.ParseUint(f[0], 10, 32)
		server, err2 := strconv.ParseUint(f[1], 10, 32)
		seq, err3 := strconv.ParseUint(f[2], 10, 64)
		if err := cmp.Or(err1, err2, err3); err != nil {
			return fmt.Errorf("GTID position %q: %q: %w", text, item, errMariaPos)
		}
		if err := fn(mariaGTID{uint32(domain), uint32(server), seq}); err != nil {
			return err
		}
	}
	return nil
}
