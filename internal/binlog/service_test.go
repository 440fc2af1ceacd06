package binlog

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/server"
	"github.com/stretchr/testify/require"

	"duplex/internal/change"
	"duplex/internal/schema"
	"duplex/internal/tenant"
)

// A service serves streams as OceanBase's Binlog Service does: it knows few
// statements, and answers every other with an OK.
type service struct {
	address string

	mu       sync.Mutex
	streams  [][]byte // one for each dump that is asked for, the last for all that follow
	end      string   // "eof", or the text of an error 1236; empty: heartbeats
	checksum string   // the answer to the question for it: "-" is none, "!" an error
	asked    []string
	commands [][]byte
	auth     string
	skip     bool // leave out what a dump says that it has
}

// serve starts a service.
func serve(t *testing.T, streams ...[]byte) *service {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &service{address: listener.Addr().String(), streams: streams, checksum: "CRC32", auth: gomysql.AUTH_NATIVE_PASSWORD}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
				defer stop()
				_ = s.session(ctx, conn) // ends with the client
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		require.NoError(t, listener.Close())
		all.Wait()
	})
	return s
}

// ob speaks for all services: a certificate for each would take long.
var obServer = sync.OnceValue(func() *server.Server {
	return server.NewServer("5.7.38", gomysql.DEFAULT_COLLATION_ID, gomysql.AUTH_NATIVE_PASSWORD, nil, nil)
})

func (s *service) session(ctx context.Context, conn net.Conn) error {
	users := server.NewInMemoryAuthenticationHandler(s.auth)
	if err := users.AddUser("u", "p"); err != nil {
		return err
	}
	c, err := obServer().NewCustomizedConn(conn, users, server.EmptyHandler{})
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		p, err := c.ReadPacket()
		if err != nil {
			return err
		}
		switch p[0] {
		case gomysql.COM_QUERY:
			err = s.answer(c, string(p[1:]))
		case gomysql.COM_REGISTER_SLAVE:
			err = c.WriteValue(nil)
		case gomysql.COM_BINLOG_DUMP, gomysql.COM_BINLOG_DUMP_GTID:
			return s.dump(ctx, c, p)
		default:
			return io.EOF
		}
		if err != nil {
			return err
		}
		c.ResetSequence()
	}
}

func (s *service) answer(c *server.Conn, query string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, query)
	switch {
	case !strings.HasPrefix(query, "SELECT @@") || s.checksum == "-":
		return c.WriteValue(nil)
	case s.checksum == "!":
		return c.WriteValue(gomysql.NewError(gomysql.ER_UNKNOWN_SYSTEM_VARIABLE, "Unknown system variable 'binlog_checksum'"))
	}
	rows, err := gomysql.BuildSimpleTextResultset([]string{"@@global.binlog_checksum"}, [][]any{{s.checksum}})
	if err != nil {
		return err
	}
	return c.WriteValue(&gomysql.Result{Resultset: rows})
}

func (s *service) dump(ctx context.Context, c *server.Conn, command []byte) error {
	s.mu.Lock()
	s.commands = append(s.commands, command)
	n := min(len(s.commands), len(s.streams)) - 1
	stream, end := s.streams[n], s.end
	if s.skip {
		stream = wanted(stream, command)
	}
	s.mu.Unlock()
	for len(stream) > 0 {
		n := binary.LittleEndian.Uint32(stream[9:])
		if err := c.WritePacket(append(make([]byte, 5), stream[:n]...)); err != nil {
			return err
		}
		stream = stream[n:]
	}
	switch end {
	case "":
	case "eof":
		return c.WritePacket([]byte{0, 0, 0, 0, 0xfe, 0, 0, 2, 0})
	default:
		return c.WriteValue(gomysql.NewError(gomysql.ER_MASTER_FATAL_ERROR_READING_BINLOG, end))
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for beat := newStream().heartbeat(); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := c.WritePacket(append(make([]byte, 5), beat...)); err != nil {
			return err
		}
	}
}

// wanted leaves out of a stream what the set of a dump by GTID has, as the
// service does: from an event GTID to the next.
func wanted(stream, command []byte) []byte {
	set, err := gomysql.DecodeMysqlGTIDSet(command[1+2+4+4+8+4:])
	if err != nil {
		panic(err)
	}
	var out []byte
	skip := false
	for len(stream) > 0 {
		n := binary.LittleEndian.Uint32(stream[9:])
		e := stream[:n]
		stream = stream[n:]
		if e[4] == 33 {
			number := binary.LittleEndian.Uint64(e[headerSize+17:])
			one, err := gomysql.ParseMysqlGTIDSet(fmt.Sprintf("%s:%d", appendUUID(nil, e[headerSize+1:headerSize+17]), number))
			if err != nil {
				panic(err)
			}
			skip = set.Contain(one)
		}
		if !skip || e[4] == 4 || e[4] == 15 {
			out = append(out, e...)
		}
	}
	return out
}

// queries gives what clients have asked.
func (s *service) queries() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// obConfig is for a reader of a service's streams. Who is asked for what is in
// no stream has to be said.
func obConfig(t *testing.T, s *service) Config {
	return Config{
		Tenant:  &tenant.Tenant{Config: tenant.Config{Site: "a", User: "u", Password: "p"}, Kind: tenant.OceanBase},
		Changes: s.address, Site: "a", Project: testProject, Inbound: testInbound, SpoolDir: t.TempDir(),
		Match: func(d, table string) bool { return d == "shop" && !strings.HasPrefix(table, "other") },
		Log:   slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

// openService opens a reader that knows the tables of the streams.
func openService(t *testing.T, s *service, from change.Position) *Reader {
	t.Helper()
	r, err := Open(t.Context(), obConfig(t, s), from)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	r.know(obTables...)
	return r
}

// know gives the reader definitions, so that it need not ask the tenant: of now,
// and of behind the next local transaction, which may be a statement.
func (r *Reader) know(tables ...*obTable) {
	for _, table := range tables {
		name := schema.Name{Database: table.database, Name: table.name}
		for _, seq := range []uint64{r.observer.Next(), r.observer.Next() + 1} {
			if v := r.history.at(name, seq); v == nil || v.From != seq {
				r.history.put(&version{
					Placed:     schema.Placed{From: seq, Version: schema.Version{Name: name, Table: &schema.Table{Database: name.Database, Name: name.Name}}},
					definition: table.definition(),
				})
			}
		}
	}
}

// all reads until an error comes.
func all(t *testing.T, r *Reader) ([]*change.Txn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out []*change.Txn
	for {
		r.know(obTables...)
		txn, err := r.Next(ctx)
		if err != nil {
			require.NotErrorIs(t, err, context.DeadlineExceeded)
			return out, err
		}
		t.Cleanup(func() { require.NoError(t, txn.Rows.Close()) })
		out = append(out, txn)
	}
}

// ended is all of a stream that the service ends.
func ended(t *testing.T, r *Reader) []*change.Txn {
	t.Helper()
	out, err := all(t, r)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, tenant.Reconnect, tenant.Classify(err))
	return out
}

// obStart is before all of a stream.
const obStart = change.Position("1|gtid||0|0|0|0|")
