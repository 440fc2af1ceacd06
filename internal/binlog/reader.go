package binlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"duplex/internal/change"
	"duplex/internal/conflict"
	"duplex/internal/tenant"
)

// defaultBudget is what Config.Budget 0 stands for.
const defaultBudget = 64 << 20

// Config says which log is read, and what in it is local.
type Config struct {
	Tenant  *tenant.Tenant                    // whose log is read, and whose catalogue tells what the rows are
	Changes string                            // host:port that serves the change stream; empty: the tenant's address
	Site    string                            // this site's name, under which its heartbeat is written
	Project string                            // the project, and
	Inbound string                            // the link that writes into this site, "peer>site": a transaction with a checkpoint row of the two is an applied one
	Match   func(database, table string) bool // whether a table is the project's; table is empty for a statement about a whole database
	// Conflicts is nil where the peer does not write here: then transactions are
	// stamped, and nothing is remembered of their rows.
	Conflicts *Conflicts
	History   *History // what the tables were; nil: the catalogue is asked when rows come, and nothing is kept
	// Ran finds the peer's statement that our inbound link has run here, by the
	// number of the connection that ran it, or by the statement's own mark; nil if
	// it is none of those. nil: the link runs none.
	Ran func(ctx context.Context, session uint32, text string) (*Carried, error)
	// Aside is for tables whose rows are none of the project's, and whose
	// definitions are followed; nil: there are none.
	Aside    func(database, table string) bool
	Budget   int64        // bytes of one transaction's rows that stay in memory; 0: 64 MiB
	SpoolDir string       // where what is beyond Budget goes; empty: the system's place
	Log      *slog.Logger // nil: silent
}

func (c *Config) check() error {
	switch {
	case c.Tenant == nil:
		return errors.New("reader: Tenant is missing")
	case c.Match == nil:
		return errors.New("reader: Match is missing")
	case c.Site == "":
		return errors.New("reader: Site is missing")
	case c.Project == "" || c.Inbound == "":
		return errors.New("reader: Project and Inbound are missing")
	}
	if c.History == nil {
		c.History = unstored(c.Tenant)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Budget <= 0 {
		c.Budget = defaultBudget
	}
	return c.Conflicts.check()
}

// A Reader gives a site's local transactions in log order. Next belongs to one
// goroutine; State, WaitBeat, Observe, Tasks and Close may be called from any.
type Reader struct {
	cfg       Config
	oceanbase bool
	dump      *dump
	parser    *replication.BinlogParser

	// Of the goroutine that calls Next.
	last     event                      // that was read
	pending  *event                     // it, if it was not taken in: ctx ended
	looking  *search                    // for the place to begin at; nil: it is found
	unpacked []*replication.BinlogEvent // what remains of a compressed transaction
	group    group
	ready    []*change.Txn
	file     string // of the log
	tables   map[uint64]*logTable
	history  *History
	cleared  []clearing                 // by the statement that is about to be given out
	layouts  map[*change.Table]nowadays // see layoutNow
	names    map[*change.Table]string   // their identities, as keys have them
	prepared map[string]bool            // XA transactions without rows of ours, in their first phase
	warned   [2]bool                    // of unmarked and of unsigned transactions
	keys     keyScan
	whole    rowScan
	told     []conflict.Row // of wrote
	// ask reads columns of a row whose images do not have them; nil: there is no such row.
	ask   func(ctx context.Context, t *logTable, image []change.Value, columns []int) ([]change.Value, error)
	proof time.Duration // anchorLimit

	// Written by the goroutine that calls Next, under mu.
	mu       sync.Mutex
	at       cursor
	observer *conflict.Observer
	counts   State // what state does not compute
	lastBeat State
	session  *tenant.Session // for ask; nil: not needed yet
	waiters  map[*waiter]bool
	err      error         // which ended the reader
	done     chan struct{} // closed with err
	tasks    chan struct{} // holds one
}

// Open connects and begins to read from position from, of End or of a
// transaction that a reader gave out. Errors that tenant.Classify calls
// Reconnect may pass; ErrPositionLost does not.
func Open(ctx context.Context, cfg Config, from change.Position) (*Reader, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	p, err := parsePosition(from)
	if err != nil {
		return nil, err
	}
	r := newReader(cfg, p, from)
	if err := r.connect(ctx); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("site %s: open the change log: %w", cfg.Site, err)
	}
	return r, nil
}

func newReader(cfg Config, p position, from change.Position) *Reader {
	r := &Reader{
		cfg: cfg, oceanbase: cfg.Tenant.Kind == tenant.OceanBase, parser: newParser(),
		file: p.file, tables: map[uint64]*logTable{}, history: cfg.History, layouts: map[*change.Table]nowadays{}, names: map[*change.Table]string{},
		prepared: map[string]bool{}, at: p.cursor, proof: anchorLimit,
		observer: newObserver(cfg.Conflicts, conflict.Point{Seq: p.seq, Version: p.version, Seen: p.seen, Position: from}, cfg.SpoolDir),
		waiters:  map[*waiter]bool{}, done: make(chan struct{}), tasks: make(chan struct{}, 1),
	}
	r.ask = r.askTenant
	return r
}

// connect asks for the log from the reader's position on.
func (r *Reader) connect(ctx context.Context) error {
	err := checkReach(ctx, r.cfg.Tenant, &r.at)
	if err != nil {
		return err
	}
	if r.dump, err = openDump(ctx, &r.cfg, &r.at); err != nil {
		return err
	}
	if err := r.prove(ctx); err != nil {
		return errors.Join(err, ignoreClosed(r.dump.close()))
	}
	return nil
}

func newParser() *replication.BinlogParser {
	p := replication.NewBinlogParser()
	p.SetTimestampStringLocation(time.UTC)
	p.SetRenderJSONAsMySQLText(true)
	p.SetPayloadDecoderConcurrency(1)
	p.SetTableMapOptionalMetaDecodeFunc(func([]byte) error { return nil }) // parseTableMap takes what is needed
	return p
}

// Close ends the connections. A Next that waits returns ErrClosed.
func (r *Reader) Close() error {
	err := r.fail(ErrClosed)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.observer.Index().Close()
	var ended error
	if r.session != nil {
		ended, r.session = r.session.Close(), nil
	}
	if !errors.Is(err, ErrClosed) {
		return ended // it failed, and the connection was closed then
	}
	return errors.Join(ended, ignoreClosed(r.dump.close()))
}

// Next gives the next local transaction, and waits until there is one. The
// caller closes its Rows. When ctx ends, Next returns its cause and may be
// called again; any other error ends the reader.
func (r *Reader) Next(ctx context.Context) (*change.Txn, error) {
	if err := r.failure(); err != nil {
		return nil, errors.Join(err, r.group.close())
	}
	stop := context.AfterFunc(ctx, r.dump.interrupt)
	defer stop()
	for len(r.ready) == 0 {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		err := r.step(ctx)
		if err == nil {
			continue
		}
		if ctx.Err() != nil && r.failure() == nil && errors.Is(err, context.Cause(ctx)) {
			return nil, context.Cause(ctx)
		}
		err = r.fail(fmt.Errorf("site %s: %w", r.cfg.Site, err))
		return nil, errors.Join(err, r.group.close(), ignoreClosed(r.dump.close()))
	}
	t := r.ready[0]
	r.ready = r.ready[1:]
	return t, nil
}

// step reads one event and takes it in.
func (r *Reader) step(ctx context.Context) error {
	if r.pending == nil {
		var err error
		if r.pending, err = r.event(ctx); err != nil {
			return err
		}
	}
	if err := r.take(ctx, r.pending); err != nil {
		return fmt.Errorf("change log at %s:%d: %w", r.file, r.pending.end, err)
	}
	r.pending = nil
	return nil
}

// event reads one event, which is valid until the next call; its bytes stay.
func (r *Reader) event(ctx context.Context) (*event, error) {
	raw, err := r.dump.event(ctx)
	if err != nil {
		return nil, err
	}
	if len(raw) < headerSize {
		return nil, errShortEvent
	}
	if err := r.last.parse(raw, r.dump.checked(raw)); err != nil {
		return nil, err
	}
	return &r.last, nil
}

// firstMariaDB is where MariaDB's own types of events begin.
const firstMariaDB = replication.MARIADB_ANNOTATE_ROWS_EVENT

// take handles one event. It may be repeated after an error of ctx.
func (r *Reader) take(ctx context.Context, e *event) error {
	if r.oceanbase && (e.kind >= firstMariaDB || e.kind == replication.TRANSACTION_PAYLOAD_EVENT) {
		return fmt.Errorf("event of type %d (%s), which the Binlog Service does not send", byte(e.kind), e.kind)
	}
	switch e.kind {
	case replication.FORMAT_DESCRIPTION_EVENT:
		return r.describe(e)
	case replication.ROTATE_EVENT:
		return r.rotate(e)
	case replication.GTID_EVENT, replication.ANONYMOUS_GTID_EVENT, replication.GTID_TAGGED_LOG_EVENT:
		return r.gtid(e)
	case replication.MARIADB_GTID_EVENT:
		return r.mariaGTID(e)
	case replication.QUERY_EVENT, replication.MARIADB_QUERY_COMPRESSED_EVENT:
		return r.query(ctx, e)
	case replication.TABLE_MAP_EVENT:
		return r.tableMap(e)
	case replication.WRITE_ROWS_EVENTv1, replication.WRITE_ROWS_EVENTv2, replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1:
		return r.rows(ctx, e, change.Insert)
	case replication.UPDATE_ROWS_EVENTv1, replication.UPDATE_ROWS_EVENTv2, replication.MARIADB_UPDATE_ROWS_COMPRESSED_EVENT_V1,
		replication.PARTIAL_UPDATE_ROWS_EVENT:
		return r.rows(ctx, e, change.Update)
	case replication.DELETE_ROWS_EVENTv1, replication.DELETE_ROWS_EVENTv2, replication.MARIADB_DELETE_ROWS_COMPRESSED_EVENT_V1:
		return r.rows(ctx, e, change.Delete)
	case replication.XID_EVENT:
		if !r.group.open {
			return errNoBegin
		}
		return r.finish(e)
	case replication.XA_PREPARE_LOG_EVENT:
		return r.xaPrepare(e)
	case replication.TRANSACTION_PAYLOAD_EVENT:
		return r.payload(ctx, e)
	case replication.HEARTBEAT_EVENT, replication.HEARTBEAT_LOG_EVENT_V2:
		r.mu.Lock()
		r.counts.Idle = time.Now()
		r.mu.Unlock()
		return nil
	}
	return takeOther(e)
}

// takeOther passes over what says nothing about rows, and refuses the rest.
func takeOther(e *event) error {
	switch e.kind {
	case replication.PREVIOUS_GTIDS_EVENT, replication.STOP_EVENT, replication.IGNORABLE_EVENT, replication.ROWS_QUERY_EVENT,
		replication.TRANSACTION_CONTEXT_EVENT, replication.VIEW_CHANGE_EVENT,
		replication.MARIADB_ANNOTATE_ROWS_EVENT, replication.MARIADB_BINLOG_CHECKPOINT_EVENT,
		replication.MARIADB_GTID_LIST_EVENT, replication.MARIADB_START_ENCRYPTION_EVENT:
		return nil
	case replication.INTVAR_EVENT, replication.RAND_EVENT, replication.USER_VAR_EVENT,
		replication.BEGIN_LOAD_QUERY_EVENT, replication.APPEND_BLOCK_EVENT, replication.DELETE_FILE_EVENT:
		return nil // go before a statement, which is refused itself if it matters
	case replication.EXECUTE_LOAD_QUERY_EVENT:
		return fmt.Errorf("%w: LOAD DATA", errStatement)
	case replication.INCIDENT_EVENT:
		return errors.New("the server says that changes are missing from its log (INCIDENT event): only a new copy brings the sites together")
	}
	if e.ignorable() {
		return nil
	}
	return fmt.Errorf("event of unknown type %d (%s)", byte(e.kind), e.kind)
}

// describe takes in a format description: which events follow, and whether they
// have checksums. The parser gets all events without.
func (r *Reader) describe(e *event) error {
	if at := algorithmAt(e.body); at == len(e.body)-1 { // the Binlog Service without checksums leaves out that of this event as well
		raw := append(bytes.Clone(e.raw), make([]byte, checksumSize)...)
		e = &event{kind: e.kind, raw: raw, body: raw[headerSize:]}
	}
	parsed, err := r.parse(e)
	if err != nil {
		return err
	}
	f, ok := parsed.(*replication.FormatDescriptionEvent)
	if !ok {
		return fmt.Errorf("format description is a %T", parsed)
	}
	r.dump.checksum, r.dump.described = f.ChecksumAlgorithm == replication.BINLOG_CHECKSUM_ALG_CRC32, true
	f.ChecksumAlgorithm = replication.BINLOG_CHECKSUM_ALG_OFF // f is what the parser goes by
	return nil
}

// algorithmAt is where a format description names its checksums: behind a
// byte for each type of event, of which the one of its own type says how many
// there are. https://dev.mysql.com/doc/dev/mysql-server/latest/classmysql_1_1binlog_1_1event_1_1Format__description__event.html
func algorithmAt(body []byte) int {
	const lengths = 2 + 50 + 4 + 1
	const own = lengths + int(replication.FORMAT_DESCRIPTION_EVENT) - 1
	if len(body) <= own {
		return -1
	}
	return int(body[own])
}

// rotate follows the server to another file; an artificial one begins the
// stream. https://dev.mysql.com/doc/dev/mysql-server/latest/classmysql_1_1binlog_1_1event_1_1Rotate__event.html
func (r *Reader) rotate(e *event) error {
	if len(e.body) < 8 {
		return errShortEvent
	}
	r.file = string(e.body[8:])
	if r.at.mode == byFile && r.file != r.at.file {
		r.mu.Lock()
		r.at.file, r.at.offset = r.file, binary.LittleEndian.Uint64(e.body)
		r.mu.Unlock()
	}
	return nil
}

// parse has the library decode an event. It panics on a malformed one.
func (r *Reader) parse(e *event) (out replication.Event, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("%s is malformed: %v", e.kind, p)
		}
	}()
	raw := e.raw[:headerSize+len(e.body)]
	if e.kind == replication.FORMAT_DESCRIPTION_EVENT {
		raw = e.raw
	}
	binary.LittleEndian.PutUint32(raw[9:], uint32(len(raw)))
	parsed, err := r.parser.Parse(raw)
	if err != nil {
		if x, ok := errors.AsType[*replication.EventError](err); ok { // prints the whole event
			return nil, fmt.Errorf("%s: %s", e.kind, x.Err)
		}
		return nil, fmt.Errorf("%s: %w", e.kind, err)
	}
	return parsed.Event, nil
}
