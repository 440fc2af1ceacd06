package binlog

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"duplex/internal/change"
)

// A dump is the connection on which a server sends its log. It is read by one
// goroutine; interrupt and close may be called from any. A read that was
// interrupted goes on where it stood.
type dump struct {
	raw     net.Conn // under TLS
	conn    net.Conn
	thread  uint32 // the server's number of the connection
	silence time.Duration

	oceanbase bool // the Binlog Service sends it
	checksum  bool // of the last format description: events have one
	described bool // there was one

	in    *bufio.Reader
	head  [4]byte
	have  int // of head
	body  []byte
	got   int  // of body
	more  bool // a packet of the largest size is continued by the next
	piece []byte
	armed time.Time

	arrived change.Moment // what was read last out of the socket
}

// readBuffer is what one read of the socket may bring.
const readBuffer = 256 << 10

// largestEvent is what an event may have: the most that a server sends in one,
// and what it adds to it.
const largestEvent = 1<<30 + 1<<20

// largest is the length of a packet that is continued.
const largest = 1<<24 - 1

func (d *dump) stream(conn net.Conn) {
	d.conn, d.in = conn, bufio.NewReaderSize(arrivals{d}, readBuffer)
}

// arrivals notes when bytes come out of the socket. in asks for more only when it
// has no more, so an event that is whole came with the last of them.
type arrivals struct{ *dump }

func (a arrivals) Read(p []byte) (int, error) {
	n, err := a.conn.Read(p)
	a.arrived = change.Now()
	return n, err
}

// interrupt makes a read that waits return, and the next one look at its ctx.
func (d *dump) interrupt() { _ = d.raw.SetReadDeadline(time.Unix(1, 0)) }

func (d *dump) close() error { return d.raw.Close() }

// event reads the next event of the stream. Its bytes are the caller's.
func (d *dump) event(ctx context.Context) ([]byte, error) {
	p, err := d.packet(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case len(p) == 0:
		return nil, broken("change stream", errors.New("empty packet"))
	case p[0] == 0:
		return p[1:], nil
	case p[0] == 0xff && len(p) >= 3: // https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_err_packet.html
		code, text, state := binary.LittleEndian.Uint16(p[1:]), p[3:], ""
		if len(text) >= 6 && text[0] == '#' {
			state, text = string(text[1:6]), text[6:]
		}
		if d.oceanbase {
			return nil, fmt.Errorf("change stream: %w", serviceError(code, state, string(text)))
		}
		return nil, fmt.Errorf("change stream: %w", serverError(code, state, string(text)))
	case p[0] == 0xfe && len(p) < 9: // a server that ends a dump, on KILL or shutdown, sends EOF
		return nil, broken("change stream", io.EOF)
	default:
		return nil, broken("change stream", fmt.Errorf("packet begins with %#x", p[0]))
	}
}

// checked reports whether an event has a checksum. Format descriptions tell of
// those that follow. Before the first there is only the artificial rotation,
// which the Binlog Service sends as its session was told, or as it was set up.
func (d *dump) checked(raw []byte) bool {
	switch {
	case replication.EventType(raw[4]) == replication.FORMAT_DESCRIPTION_EVENT:
		return false
	case !d.described:
		return hasChecksum(raw)
	}
	return d.checksum
}

// packet reads a whole packet, its continuations included.
func (d *dump) packet(ctx context.Context) ([]byte, error) {
	var begin time.Time // of the wait
	if d.in.Buffered() == 0 {
		begin = time.Now()
		d.arm(begin)
	}
	for {
		err := d.fill()
		if err == nil {
			p := d.body
			d.body, d.got = nil, 0
			return p, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, broken("read the change stream", err)
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		now := time.Now()
		if begin.IsZero() { // the rest of it was waited for with the deadline of an earlier one
			begin = now
		}
		if now.Sub(begin) >= d.silence {
			return nil, broken("read the change stream", fmt.Errorf("nothing was heard for %v: %w", d.silence, err))
		}
		d.armed = time.Time{}
		d.arm(now)
	}
}

// arm moves the deadline of reads. A packet has from silence to a second less.
func (d *dump) arm(now time.Time) {
	if now.Sub(d.armed) > time.Second {
		_ = d.conn.SetReadDeadline(now.Add(d.silence))
		d.armed = now
	}
}

// fill reads until body is whole. Each of its steps can be repeated after an
// error.
func (d *dump) fill() error {
	for {
		for d.have < len(d.head) {
			n, err := d.in.Read(d.head[d.have:])
			d.have += n
			if err != nil {
				return err
			}
			if d.have == len(d.head) {
				size := int(d.head[0]) | int(d.head[1])<<8 | int(d.head[2])<<16
				d.more = size == largest
				if len(d.body)+size > largestEvent {
					return fmt.Errorf("an event of more than %d bytes", largestEvent)
				}
				if d.body == nil {
					d.body = d.room(size)
				} else {
					d.body = append(d.body, make([]byte, size)...)
				}
			}
		}
		for d.got < len(d.body) {
			n, err := d.in.Read(d.body[d.got:])
			d.got += n
			if err != nil {
				return err
			}
			d.armedByData(n)
		}
		d.have = 0
		if !d.more {
			return nil
		}
	}
}

// room gives size bytes that nobody else uses. Small packets lie together in a piece,
// which is let go of with the last of them.
func (d *dump) room(size int) []byte {
	const piece, small = 64 << 10, 4 << 10
	if size > small {
		return make([]byte, size)
	}
	if size > len(d.piece) {
		d.piece = make([]byte, piece)
	}
	b := d.piece[:size:size]
	d.piece = d.piece[size:]
	return b
}

// armedByData gives a packet that keeps coming more time.
func (d *dump) armedByData(n int) {
	if n >= readBuffer/2 {
		d.arm(time.Now())
	}
}
