package obbinlog

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// Commands of the protocol that the relay has to tell apart.
const (
	comQuit             = 0x01
	comInitDB           = 0x02
	comQuery            = 0x03
	comFieldList        = 0x04
	comStatistics       = 0x09
	comProcessKill      = 0x0c
	comPing             = 0x0e
	comChangeUser       = 0x11
	comBinlogDump       = 0x12
	comRegisterSlave    = 0x15
	comStmtPrepare      = 0x16
	comStmtExecute      = 0x17
	comStmtSendLongData = 0x18
	comStmtClose        = 0x19
	comStmtFetch        = 0x1c
	comBinlogDumpGTID   = 0x1e
)

// Flags of a server's status.
const (
	statusInTrans      = 0x0001
	statusMoreResults  = 0x0008
	statusCursorExists = 0x0040
)

// Capabilities that a relay which reads the answers cannot do without knowing:
// TLS and compression hide them, the others change their form.
const hiddenCapabilities = 1<<5 | 1<<11 | 1<<24 | 1<<26 | 1<<27

// largest is the length of a packet that the next one continues.
const largest = 1<<24 - 1

var errMalformed = errors.New("malformed packet")

// A side is one end of a relayed connection.
type side struct {
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
	seq  byte // of the next packet to write where the rig itself answers
}

func newSide(conn net.Conn) *side {
	return &side{conn: conn, in: bufio.NewReaderSize(conn, 64<<10), out: bufio.NewWriterSize(conn, 64<<10)}
}

// read reads a packet with what continues it. seq follows the last part.
func (s *side) read() ([]byte, error) {
	var whole []byte
	for {
		var head [4]byte
		if _, err := io.ReadFull(s.in, head[:]); err != nil {
			return nil, err
		}
		n := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
		at := len(whole)
		whole = append(whole, make([]byte, n)...)
		if _, err := io.ReadFull(s.in, whole[at:]); err != nil {
			return nil, err
		}
		s.seq = head[3] + 1
		if n < largest {
			return whole, nil
		}
	}
}

// write writes a packet, in parts where it is long, with seq on.
func (s *side) write(payload []byte) error {
	for {
		n := min(len(payload), largest)
		head := [4]byte{byte(n), byte(n >> 8), byte(n >> 16), s.seq}
		s.seq++
		if _, err := s.out.Write(head[:]); err != nil {
			return err
		}
		if _, err := s.out.Write(payload[:n]); err != nil {
			return err
		}
		payload = payload[n:]
		if n < largest {
			return nil
		}
	}
}

// command sends a command of its own.
func (s *side) command(payload []byte) error {
	s.seq = 0
	if err := s.write(payload); err != nil {
		return err
	}
	return s.out.Flush()
}

// A packet that passes: its first bytes are enough to know what it is.
type glimpse struct {
	head  []byte // the beginning of the payload
	total int    // of the payload, the continuations included
}

const glimpsed = 64

// pass copies a packet from one side to the other and tells what it was. A nil
// to drops it.
func pass(from, to *side) (g glimpse, err error) {
	for {
		var head [4]byte
		if _, err := io.ReadFull(from.in, head[:]); err != nil {
			return g, err
		}
		n := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
		if g.head == nil {
			peek, err := from.in.Peek(min(n, glimpsed))
			if err != nil {
				return g, err
			}
			g.head = append(make([]byte, 0, glimpsed), peek...)
		}
		g.total += n
		out := io.Discard
		if to != nil {
			if _, err := to.out.Write(head[:]); err != nil {
				return g, err
			}
			out, to.seq = to.out, head[3]+1
		}
		from.seq = head[3] + 1
		if _, err := io.CopyN(out, from.in, int64(n)); err != nil {
			return g, err
		}
		if n < largest {
			return g, nil
		}
	}
}

func (g glimpse) isErr() bool { return len(g.head) > 0 && g.head[0] == 0xff }
func (g glimpse) isOK() bool  { return len(g.head) > 0 && g.head[0] == 0 }
func (g glimpse) isEOF() bool { return len(g.head) > 0 && g.head[0] == 0xfe && g.total < 9 }

// status reads the server's status from an OK or EOF packet.
func (g glimpse) status() (uint16, error) {
	b := g.head
	if g.isEOF() {
		if len(b) < 5 {
			return 0, errMalformed
		}
		return binary.LittleEndian.Uint16(b[3:]), nil
	}
	b = b[1:]
	for range 2 { // affected rows, insert id
		_, n := lengthEncoded(b)
		if n == 0 {
			return 0, errMalformed
		}
		b = b[n:]
	}
	if len(b) < 2 {
		return 0, errMalformed
	}
	return binary.LittleEndian.Uint16(b), nil
}

// lengthEncoded reads a number and says how many bytes it took, 0 for none.
func lengthEncoded(b []byte) (v uint64, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	switch b[0] {
	case 0xfc:
		n = 3
	case 0xfd:
		n = 4
	case 0xfe:
		n = 9
	default:
		return uint64(b[0]), 1
	}
	if len(b) < n {
		return 0, 0
	}
	for i := n - 1; i > 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v, n
}

func appendLengthEncoded(b []byte, v uint64) []byte {
	switch {
	case v < 251:
		return append(b, byte(v))
	case v < 1<<16:
		return binary.LittleEndian.AppendUint16(append(b, 0xfc), uint16(v))
	case v < 1<<24:
		return append(b, 0xfd, byte(v), byte(v>>8), byte(v>>16))
	}
	return binary.LittleEndian.AppendUint64(append(b, 0xfe), v)
}

func appendLengthString(b []byte, s string) []byte {
	return append(appendLengthEncoded(b, uint64(len(s))), s...)
}

// ok answers a command with success.
func (s *side) ok(status uint16) error {
	p := binary.LittleEndian.AppendUint16([]byte{0, 0, 0}, status)
	return s.write(append(p, 0, 0))
}

// fail answers a command with an error of the server's kind.
func (s *side) fail(code uint16, state, format string, args ...any) error {
	p := binary.LittleEndian.AppendUint16([]byte{0xff}, code)
	return s.write(append(append(p, '#'), state+fmt.Sprintf(format, args...)...))
}

func (s *side) eof(status uint16) error {
	return s.write(binary.LittleEndian.AppendUint16([]byte{0xfe, 0, 0}, status))
}

// A column of an answer of the rig's own: a text, or a number.
type field struct {
	name   string
	number bool
}

// rows answers a query.
func (s *side) rows(status uint16, fields []field, rows [][]any) error {
	if err := s.write(appendLengthEncoded(nil, uint64(len(fields)))); err != nil {
		return err
	}
	for _, f := range fields {
		kind, charset, width := byte(0xfd), uint16(45), uint32(1024)
		if f.number {
			kind, charset, width = 0x08, 63, 20
		}
		p := appendLengthString(nil, "def")
		for _, text := range []string{"", "", "", f.name, f.name} {
			p = appendLengthString(p, text)
		}
		p = binary.LittleEndian.AppendUint16(append(p, 0x0c), charset)
		p = binary.LittleEndian.AppendUint32(p, width)
		if err := s.write(append(p, kind, 0, 0, 0, 0, 0)); err != nil {
			return err
		}
	}
	if err := s.eof(status &^ statusMoreResults); err != nil {
		return err
	}
	for _, row := range rows {
		var p []byte
		for _, cell := range row {
			p = appendLengthString(p, fmt.Sprint(cell))
		}
		if err := s.write(p); err != nil {
			return err
		}
	}
	return s.eof(status)
}
