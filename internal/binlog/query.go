package binlog

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-mysql-org/go-mysql/replication"

	"duplex/internal/change"
	"duplex/internal/schema"
)

var (
	errXA        = errors.New("XA transactions are not supported yet")
	errRollback  = errors.New("a rolled back transaction stands in the log with rows of the project: tables of an engine without transactions take part in it")
	errStatement = errors.New("a change was logged as a statement, not as rows: binlog_format is not ROW in some session")
	errCharset   = errors.New("statement is not in UTF-8 and its character set is not one that can be converted")
)

// query takes in a statement of the log: the limits of transactions, DDL, and
// what must not be there.
func (r *Reader) query(ctx context.Context, e *event) error {
	parsed, err := r.parse(e)
	if err != nil {
		return err
	}
	q, ok := parsed.(*replication.QueryEvent)
	if !ok {
		return fmt.Errorf("query event is a %T", parsed)
	}
	r.open(e)
	text := strings.TrimSpace(string(q.Query))
	if done, err := r.transactional(e, q, text); done || err != nil {
		return err
	}
	if !r.group.resent {
		if err := r.statement(ctx, q, text); err != nil {
			return err
		}
	}
	if r.group.begun {
		return nil
	}
	return r.finish(e) // a statement outside of a transaction is one of its own
}

// transactional handles the statements that begin and end transactions.
func (r *Reader) transactional(e *event, q *replication.QueryEvent, text string) (done bool, err error) {
	word, rest := firstWord(text)
	switch word {
	case "BEGIN":
		r.group.begun, r.group.origin = true, q.SlaveProxyID
		return true, nil
	case "COMMIT":
		return true, r.finish(e)
	case "ROLLBACK":
		next, _ := firstWord(rest)
		if r.group.rows != nil && r.group.applied == nil {
			return true, errRollback
		}
		if next == "TO" {
			return true, nil
		}
		r.group.applied, r.group.beat = nil, nil
		return true, r.finish(e)
	case "SAVEPOINT", "RELEASE":
		return true, nil
	case "XA":
		return true, r.xa(e, rest)
	}
	return false, nil
}

// xa handles the statements of distributed transactions, of which MySQL logs
// all and MariaDB the second phase.
func (r *Reader) xa(e *event, text string) error {
	word, xid := firstWord(text)
	switch word {
	case "START", "BEGIN":
		r.group.begun = true
		return nil
	case "END":
		return nil
	}
	if r.group.resent {
		return r.finish(e)
	}
	xid = strings.ReplaceAll(xid, " ", "")
	if word == "COMMIT" && !r.prepared[xid] {
		return fmt.Errorf("%w: XA COMMIT %s", errXA, xid)
	}
	delete(r.prepared, xid)
	return r.finish(e)
}

// xaPrepare ends the first phase: what it holds is not committed yet. In one
// phase it is.
// https://dev.mysql.com/doc/dev/mysql-server/latest/classmysql_1_1binlog_1_1event_1_1XA__prepare__event.html
func (r *Reader) xaPrepare(e *event) error {
	if len(e.body) < 13 {
		return errShortEvent
	}
	onePhase := e.body[0] != 0
	format := binary.LittleEndian.Uint32(e.body[1:])
	n, m := binary.LittleEndian.Uint32(e.body[5:]), binary.LittleEndian.Uint32(e.body[9:])
	data := e.body[13:]
	if uint64(n)+uint64(m) > uint64(len(data)) {
		return errShortEvent
	}
	g := &r.group
	if onePhase || g.resent {
		return r.finish(e)
	}
	xid := fmt.Sprintf("X'%s',X'%s',%d", hex.EncodeToString(data[:n]), hex.EncodeToString(data[n:n+m]), format)
	if g.rows != nil || g.applied != nil || g.foreign || g.beat != nil {
		return fmt.Errorf("%w: XA PREPARE %s", errXA, xid)
	}
	r.prepared[xid] = true
	return r.finish(e)
}

// statement takes in what is neither the begin nor the end of a transaction.
func (r *Reader) statement(ctx context.Context, q *replication.QueryEvent, text string) error {
	database := string(q.Schema)
	s := schema.Classify(text, database)
	switch s.Verb {
	case schema.Data:
		if r.elsewhere(text, database) {
			return nil
		}
		return fmt.Errorf("%w: %q", errStatement, head(text))
	case schema.Transaction, schema.Account, schema.Maintenance, schema.Session, schema.Routine:
		return nil
	}
	if s.Temporary || text == "" {
		return nil
	}
	r.forgetAll(&s)
	if !r.concerns(&s, database) {
		return nil
	}
	utf, err := toUTF8(q)
	if err != nil {
		return fmt.Errorf("%w: %q", err, head(text))
	}
	if r.group.rows != nil || r.group.ddl != nil {
		return fmt.Errorf("a definition is changed in the midst of a transaction: %q", head(text))
	}
	seq := r.place()
	if r.at.parts > 0 { // it was given out before
		seq--
	}
	var carried *Carried
	if r.cfg.Ran != nil {
		if carried, err = r.cfg.Ran(ctx, q.SlaveProxyID, utf); err != nil {
			return err
		}
	}
	if err := r.history.learn(ctx, seq, utf, database, carried); err != nil {
		return fmt.Errorf("what %q makes of the tables: %w", head(utf), err)
	}
	ours := carried != nil || strings.HasPrefix(utf, change.OwnMark)
	r.group.ddl = &change.DDL{Database: database, Text: utf, Mode: sqlMode(q.StatusVars), Ours: ours}
	r.clears(&s, seq, ours)
	return nil
}

// clears notes the tables whose rows the statement seq takes away.
func (r *Reader) clears(s *schema.Statement, seq uint64, ours bool) {
	if r.cfg.Conflicts == nil || s.Verb != schema.Truncate && s.Verb != schema.DropTable {
		return
	}
	for _, n := range s.Objects {
		r.group.cleared = append(r.group.cleared, clearing{
			table:   r.history.identity(n, seq),
			empties: s.Verb == schema.Truncate && !ours,
		})
	}
}

// A Carried is a statement of the peer that our inbound link has run here.
type Carried struct {
	Seq  uint64      // in the peer's log
	Seen change.Seqs // what the peer had seen of this site when it was run there
}

// concerns reports whether a statement is about tables of the project. One
// about a whole database is if Match says so for a table without name; so is
// one of which nothing is known, in a default database of that sort.
func (r *Reader) concerns(s *schema.Statement, database string) bool {
	match := func(n schema.Name) bool {
		if r.cfg.Tenant.LowerCase != 0 {
			n.Database, n.Name = strings.ToLower(n.Database), strings.ToLower(n.Name)
		}
		return !strings.EqualFold(n.Database, change.Database) &&
			(r.cfg.Match(n.Database, n.Name) || r.cfg.Aside != nil && r.cfg.Aside(n.Database, n.Name))
	}
	for _, n := range s.Objects {
		if match(n) {
			return true
		}
	}
	for _, n := range s.Renames {
		if match(n.To) {
			return true
		}
	}
	return len(s.Objects) == 0 && database != "" && match(schema.Name{Database: database})
}

// forgetAll drops the definitions that a statement may have changed.
func (r *Reader) forgetAll(s *schema.Statement) {
	if len(s.Objects) == 0 {
		r.forget("", "")
	}
	for _, n := range s.Objects {
		r.forget(n.Database, n.Name)
	}
	for _, n := range s.Renames {
		r.forget(n.To.Database, n.To.Name)
	}
}

// elsewhere recognises the statement with which a restarted server empties a
// table in memory, DELETE FROM `database`.`table`, when the table is none of
// the project's.
func (r *Reader) elsewhere(text, database string) bool {
	word, rest := firstWord(text)
	from, name := firstWord(rest)
	if word != "DELETE" || from != "FROM" {
		return false
	}
	s := schema.Classify("TRUNCATE TABLE "+name, database)
	if len(s.Objects) != 1 || strings.ContainsAny(name, " \t\n,") {
		return false
	}
	return !r.concerns(&s, database)
}

// firstWord gives the first word of text in upper case, and what follows it.
func firstWord(text string) (word, rest string) {
	i := strings.IndexFunc(text, func(c rune) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';' })
	if i < 0 {
		return strings.ToUpper(text), ""
	}
	return strings.ToUpper(text[:i]), strings.TrimSpace(text[i:])
}

// head shortens a statement for a message.
func head(text string) string {
	const enough = 120
	if len(text) > enough {
		return strings.ToValidUTF8(text[:enough], "") + "…"
	}
	return text
}

// toUTF8 gives the statement's text in UTF-8. It is logged in the character set
// of the session, whose collation's number is among the status variables.
func toUTF8(q *replication.QueryEvent) (string, error) {
	text := string(q.Query)
	if isASCII(text) {
		return text, nil
	}
	switch id := sessionCollation(q.StatusVars); {
	case id == 0 || isUTF8(id):
		if utf8.ValidString(text) {
			return text, nil
		}
	case id == 5 || id == 8 || id == 15 || id == 31 || id == 47 || id == 48 || id == 49 || id == 94: // latin1
		return fromLatin1(q.Query), nil
	}
	return "", errCharset
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isUTF8 knows the numbers of MySQL's and MariaDB's collations of utf8mb3 and
// utf8mb4.
func isUTF8(id uint16) bool {
	return id == 33 || id == 83 || id == 45 || id == 46 || id >= 192 && id <= 215 || id >= 223 && id <= 247 ||
		id >= 255 && id <= 323 || id == 76 || id >= 576 && id <= 639 || id >= 1057 && id <= 1270 || id >= 2048
}

// fromLatin1 converts what the servers call latin1, which is Windows-1252 with
// the five codes that this leaves out as control characters.
func fromLatin1(b []byte) string {
	const upper = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"
	high := []rune(upper)
	out := make([]rune, len(b))
	for i, c := range b {
		out[i] = rune(c)
		if c >= 0x80 && c < 0xa0 {
			out[i] = high[c-0x80]
		}
	}
	return string(out)
}

// sessionCollation finds Q_CHARSET_CODE among the status variables, 0 without.
func sessionCollation(vars []byte) uint16 {
	if b := statusVar(vars, varCharset); len(b) >= 2 {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// sqlMode finds the session's sql_mode, as a number, among the status variables;
// empty without.
func sqlMode(vars []byte) string {
	if b := statusVar(vars, varMode); len(b) == 8 {
		return strconv.FormatUint(binary.LittleEndian.Uint64(b), 10)
	}
	return ""
}

// The status variables that are wanted, and those that may stand before them.
// https://dev.mysql.com/doc/dev/mysql-server/latest/classmysql_1_1binlog_1_1event_1_1Query__event.html
const (
	varFlags     = 0
	varMode      = 1
	varIncrement = 3
	varCharset   = 4
	varZone      = 5
	varCatalogue = 6
)

// statusVar gives the bytes of one status variable, nil if it is not there.
func statusVar(vars []byte, want byte) []byte {
	for len(vars) > 0 {
		code := vars[0]
		vars = vars[1:]
		n := 0
		switch code {
		case varFlags, varIncrement:
			n = 4
		case varMode:
			n = 8
		case varCharset:
			n = 6
		case varZone, varCatalogue:
			if len(vars) == 0 {
				return nil
			}
			n = 1 + int(vars[0])
		default:
			return nil
		}
		if n > len(vars) {
			return nil
		}
		if code == want {
			return vars[:n]
		}
		vars = vars[n:]
	}
	return nil
}
