package binlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/go-mysql-org/go-mysql/replication"
)

// headerSize is that of an event of binlog version 4,
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_replication_binlog_event.html
const (
	headerSize   = replication.EventHeaderSize
	checksumSize = replication.BinlogChecksumLength
)

// An event is one event of the log, not yet decoded.
type event struct {
	kind      replication.EventType
	timestamp uint32 // seconds since 1970
	server    uint32 // that wrote it first
	flags     uint16
	size      uint32
	end       uint32 // offset behind it in its file; 0 when it is in no file
	body      []byte // without header and checksum
	raw       []byte // all of it
}

var (
	errShortEvent = errors.New("event is shorter than its header says")
	errNoBegin    = errors.New("the log goes on inside a transaction whose begin it has not sent")
	errChecksum   = errors.New("checksum of an event is wrong: the log, or its way here, is damaged")
)

// parseEvent reads the header and verifies the checksum, if there is one.
func parseEvent(raw []byte, checksum bool) (*event, error) {
	e := &event{}
	return e, e.parse(raw, checksum)
}

func (e *event) parse(raw []byte, checksum bool) error {
	if len(raw) < headerSize {
		return errShortEvent
	}
	e.timestamp = binary.LittleEndian.Uint32(raw) // each by itself: a literal is made elsewhere and copied
	e.kind = replication.EventType(raw[4])
	e.server = binary.LittleEndian.Uint32(raw[5:])
	e.size = binary.LittleEndian.Uint32(raw[9:])
	e.end = binary.LittleEndian.Uint32(raw[13:])
	e.flags = binary.LittleEndian.Uint16(raw[17:])
	e.body, e.raw = raw[headerSize:], raw
	if uint64(e.size) != uint64(len(raw)) {
		return fmt.Errorf("%w: %d bytes, want %d", errShortEvent, len(raw), e.size)
	}
	if checksum {
		if !hasChecksum(raw) {
			return fmt.Errorf("%w: %s at %d", errChecksum, e.kind, e.end)
		}
		e.body = raw[headerSize : len(raw)-checksumSize]
	}
	return nil
}

// hasChecksum reports whether the checksum of what is before them is in the last
// bytes of an event.
func hasChecksum(raw []byte) bool {
	n := len(raw) - checksumSize
	return n >= headerSize && crc32.ChecksumIEEE(raw[:n]) == binary.LittleEndian.Uint32(raw[n:])
}

// ignorable reports whether the server says that who does not know the event
// may pass over it.
func (e *event) ignorable() bool { return e.flags&replication.LOG_EVENT_IGNORABLE_F != 0 }
