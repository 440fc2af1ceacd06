package obbinlog

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"

	"duplex/internal/schema"
)

// A concern says who answers a statement.
type concern int

const (
	kernels   concern = iota // the kernel alone
	service                  // the rig, as the Binlog Service does
	structure                // the kernel, and the stream has to know
)

// special tells whom a statement concerns.
func special(text string) concern {
	text = bare(text)
	word, rest, _ := strings.Cut(text, " ")
	switch strings.ToUpper(word) {
	case "SHOW":
		if own(text) != nil {
			return service
		}
	case "PURGE":
		if next, _, _ := strings.Cut(strings.TrimSpace(rest), " "); strings.EqualFold(next, "BINARY") || strings.EqualFold(next, "MASTER") {
			return service
		}
		return structure
	case "CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE", "FLASHBACK", "FORK", "MERGE":
		switch s := schema.Classify(text, ""); {
		case s.Temporary, s.Verb == schema.Account, s.Verb == schema.Other, s.Verb == schema.Session:
		default:
			return structure
		}
	}
	return kernels
}

// bare takes comments and blanks off the beginning of a statement, and makes
// blanks behind its first word one space.
func bare(text string) string {
	for {
		text = strings.TrimLeft(text, " \t\r\n;(")
		switch {
		case strings.HasPrefix(text, "/*") && !strings.HasPrefix(text, "/*!"):
			_, after, ok := strings.Cut(text, "*/")
			if !ok {
				return ""
			}
			text = after
		case strings.HasPrefix(text, "-- "), strings.HasPrefix(text, "#"):
			_, after, ok := strings.Cut(text, "\n")
			if !ok {
				return ""
			}
			text = after
		default:
			if i := strings.IndexAny(text, " \t\r\n"); i > 0 {
				return text[:i] + " " + strings.TrimSpace(text[i:])
			}
			return text
		}
	}
}

// statements cuts a text into its statements.
func statements(text string) []string {
	var out []string
	begin := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == ';':
			if strings.TrimSpace(text[begin:i]) != "" {
				out = append(out, text[begin:i])
			}
			begin = i + 1
		case c == '\'' || c == '"' || c == '`':
			i = closing(text, i)
		case c == '#', c == '-' && strings.HasPrefix(text[i:], "-- "):
			if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
				i += n
			} else {
				i = len(text)
			}
		case c == '/' && strings.HasPrefix(text[i:], "/*"):
			if n := strings.Index(text[i:], "*/"); n >= 0 {
				i += n + 1
			} else {
				i = len(text)
			}
		}
	}
	if strings.TrimSpace(text[begin:]) != "" {
		out = append(out, text[begin:])
	}
	return out
}

// closing finds the end of what is quoted from i on.
func closing(text string, i int) int {
	for c := text[i]; i+1 < len(text); {
		i++
		switch text[i] {
		case c:
			return i // a doubled one opens the next
		case '\\':
			if c != '`' {
				i++
			}
		}
	}
	return len(text)
}

// setting finds the assignments of user variables in a SET statement.
var setting = regexp.MustCompile("(?i)@`?(\\w+)`?\\s*:?=\\s*([^,;]+)")

// noteSettings keeps the user variables that a SET statement sets: those of a
// dump are among them. The kernel sets them too.
func (c *relay) noteSettings(text string) {
	text = bare(text)
	if len(text) < 4 || !strings.EqualFold(text[:4], "SET ") {
		return
	}
	for _, m := range setting.FindAllStringSubmatch(text, -1) {
		c.settings[strings.ToLower(m[1])] = strings.Trim(strings.TrimSpace(m[2]), "'\"")
	}
}

// heartbeat is how a statement begins that an open transaction of Duplex may wait
// for, with rows locked: the reader is to come to the end of the log.
const heartbeat = "INSERT INTO `duplex`.`heartbeat` "

// writes reports whether a statement may change rows, or lock some, that the gate
// is shut for.
func writes(text string) bool {
	text = bare(text)
	if strings.HasPrefix(text, heartbeat) {
		return false
	}
	word, _, _ := strings.Cut(text, " ")
	switch strings.ToUpper(word) {
	case "SHOW", "SET", "USE", "EXPLAIN", "DESC", "DESCRIBE", "KILL", "BEGIN", "START", "COMMIT", "ROLLBACK":
		return false
	case "SELECT":
		return strings.Contains(strings.ToUpper(text), "FOR UPDATE")
	}
	return true
}

// own carries a query of statements in some of which the rig has a part.
func (c *relay) own(ctx context.Context, parts []string) (err error) {
	for i, p := range parts {
		more := uint16(0)
		if i+1 < len(parts) {
			more = statusMoreResults
		}
		failed := false
		switch special(p) {
		case service:
			err = c.serviceQuery(p, more)
		case structure:
			failed, err = c.define(ctx, p, more)
		default:
			failed, err = c.part(ctx, p, more)
		}
		if failed || err != nil {
			return err
		}
	}
	return nil
}

// part carries one statement of several.
func (c *relay) part(ctx context.Context, text string, more uint16) (failed bool, err error) {
	if err := c.rig.gate.enter(ctx, c, !writes(text)); err != nil {
		return false, err
	}
	defer func() { c.rig.gate.exit(c, c.inTrans) }()
	packets, failed, err := c.ask(text)
	if err != nil {
		return false, err
	}
	return failed, c.give(packets, more)
}

// ask has the kernel carry out a statement and keeps its answer.
func (c *relay) ask(text string) (packets [][]byte, failed bool, err error) {
	if err := c.kernel.command(append([]byte{comQuery}, text...)); err != nil {
		return nil, false, err
	}
	if err := c.answer(); err != nil {
		return nil, false, err
	}
	for ends := 0; ; {
		p, err := c.kernel.read()
		if err != nil {
			return nil, false, err
		}
		packets = append(packets, p)
		g := glimpse{head: p[:min(len(p), glimpsed)], total: len(p)}
		switch {
		case g.isErr():
			return packets, true, nil
		case len(packets) == 1 && g.isOK():
			return packets, false, c.took(g)
		case g.isEOF():
			if ends++; ends == 2 {
				return packets, false, c.took(g)
			}
		}
	}
}

// give passes a kept answer on.
func (c *relay) give(packets [][]byte, more uint16) error {
	last := packets[len(packets)-1]
	if at := statusAt(last); at > 0 {
		status := binary.LittleEndian.Uint16(last[at:])
		binary.LittleEndian.PutUint16(last[at:], status|more)
	}
	for _, p := range packets {
		if err := c.client.write(p); err != nil {
			return err
		}
	}
	return nil
}

// statusAt is where the status lies in an OK or EOF packet, 0 of any other.
func statusAt(p []byte) int {
	switch {
	case len(p) < 5 || p[0] == 0xff:
		return 0
	case p[0] == 0xfe:
		return 3
	}
	at := 1
	for range 2 {
		_, n := lengthEncoded(p[at:])
		at += n
	}
	return at
}

// An answer is a statement of the Binlog Service.
type answer struct {
	pattern *regexp.Regexp
	give    func(c *relay, match []string, status uint16) error
}

var answers = []answer{
	{words(`SHOW MASTER STATUS`), (*relay).masterStatus},
	{words(`SHOW (?:BINARY|MASTER) LOGS`), (*relay).binaryLogs},
	{words(`SHOW BINLOG EVENTS(?: IN '([^']*)')?(?: FROM (\d+))?(?: LIMIT (?:(\d+)\s*,\s*)?(\d+))?`), (*relay).binlogEvents},
	{words(`SHOW BINLOG SERVER FOR TENANT .*`), (*relay).binlogServer},
	{words(`PURGE (?:BINARY|MASTER) LOGS TO '([^']*)'`), (*relay).purgeLogs},
	{words(`SHOW (?:SLAVE HOSTS|REPLICAS|DUMPLIST|BINLOG INSTANCES|BINLOG STATUS)`), (*relay).nobody},
}

func words(p string) *regexp.Regexp {
	return regexp.MustCompile(`(?is)^` + strings.ReplaceAll(p, " ", `\s+`) + `\s*$`)
}

func (c *relay) nobody(_ []string, status uint16) error {
	return c.client.rows(status, []field{{name: "Server_id"}, {name: "Host"}}, nil)
}

// own finds the answer to a statement, nil if the rig has none.
func own(text string) func(c *relay, status uint16) error {
	text = strings.TrimRight(strings.TrimSpace(text), "; \t\r\n")
	for _, a := range answers {
		if m := a.pattern.FindStringSubmatch(text); m != nil {
			return func(c *relay, status uint16) error { return a.give(c, m, status) }
		}
	}
	return nil
}

func (c *relay) serviceQuery(text string, more uint16) error {
	status := more | 0x0002 // autocommit
	if c.inTrans {
		status |= statusInTrans
	}
	give := own(bare(text))
	if give == nil {
		return c.client.ok(status) // the service says OK to what it does not know
	}
	return give(c, status)
}

func (c *relay) masterStatus(_ []string, status uint16) error {
	s, _, _ := c.rig.log.end()
	if old := c.rig.Faults.frozen(); old != nil {
		s = *old
	}
	return c.client.rows(status, []field{{"File", false}, {"Position", true}, {"Binlog_Do_DB", false}, {"Binlog_Ignore_DB", false},
		{"Executed_Gtid_Set", false}}, [][]any{{fileName(s.File), s.Offset, "", "", s.executed()}})
}

func (c *relay) binaryLogs(_ []string, status uint16) error {
	s, numbers, _ := c.rig.log.end()
	var rows [][]any
	for _, n := range numbers {
		size, err := s.length(c.rig.log.dir, n)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		rows = append(rows, []any{fileName(n), size})
	}
	return c.client.rows(status, []field{{"Log_name", false}, {"File_size", true}}, rows)
}

// binlogServer answers with the columns of a version.
func (c *relay) binlogServer(_ []string, status uint16) error {
	host, port, _ := strings.Cut(c.rig.Addr(), ":")
	fields := []field{{name: "ip"}, {name: "port", number: true}, {name: "status"}, {name: "subscribe_status"}}
	row := []any{host, port, "OK", "OK"}
	if c.rig.opt.Version >= 4 {
		fields = []field{{name: "cluster"}, {name: "tenant"}, {name: "ip"}, {name: "port", number: true}, {name: "status"}}
		row = []any{"cluster", "tenant", host, port, "OK"}
	}
	return c.client.rows(status, fields, [][]any{row})
}

func (c *relay) purgeLogs(match []string, status uint16) error {
	number, err := strconv.Atoi(strings.TrimPrefix(match[1], logPrefix))
	if err != nil {
		return c.client.fail(1373, "HY000", "Target log not found in binlog index")
	}
	if err := c.rig.log.purge(number); err != nil {
		return c.client.fail(1105, "HY000", "%v", err)
	}
	return c.client.ok(status)
}
