package obbinlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
)

// An eventReader reads a file of the log event by event.
type eventReader struct {
	file *os.File
	at   int64
}

func (r *eventReader) next() ([]byte, error) {
	var head [headerSize]byte
	if _, err := r.file.ReadAt(head[:], r.at); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(head[9:])
	if size < headerSize+checksumSize || size > 1<<30 {
		return nil, errMalformed
	}
	event := make([]byte, size)
	if _, err := r.file.ReadAt(event, r.at); err != nil {
		return nil, err
	}
	r.at += int64(size)
	return event, nil
}

func eventType(event []byte) replication.EventType { return replication.EventType(event[4]) }

// A dump sends the log to a client until the client goes.
type dump struct {
	*relay
	uuid   [16]byte
	server uint32
	bare   bool          // events without checksum
	wait   bool          // at the end of the log for more
	period time.Duration // of heartbeats
	has    func(number uint64) bool
	number int   // of the file
	at     int64 // in the file
	skip   bool  // the client has the transaction
	gone   chan struct{}
}

var errCut = errors.New("the connection was cut on demand")

// noPosition is the error of a dump from where the log does not reach.
const noPosition = 1236

// dump answers COM_BINLOG_DUMP and COM_BINLOG_DUMP_GTID.
func (c *relay) dump(ctx context.Context, command []byte) error {
	sum := c.settings["master_binlog_checksum"]
	if sum == "" {
		return c.client.fail(noPosition, "HY000", "Slave can not handle replication events with the checksum that master is configured to log; "+
			"the first event '' at 4, the last event read from '' at 4, the last byte read from '' at 4.")
	}
	s, _, _ := c.rig.log.end()
	uuid, err := parseUUID(s.UUID)
	if err != nil {
		return err
	}
	d := &dump{relay: c, uuid: uuid, server: s.Server, bare: strings.EqualFold(sum, "NONE"), period: c.rig.opt.Heartbeat, gone: make(chan struct{}), has: func(uint64) bool { return false }}
	if n, err := strconv.ParseInt(c.settings["master_heartbeat_period"], 10, 64); err == nil && n > 0 {
		d.period = time.Duration(n)
	}
	var flags uint16
	var refusal string
	if command[0] == comBinlogDump {
		flags, refusal = d.fromFile(command[1:])
	} else {
		flags, refusal = d.fromSet(command[1:])
	}
	if refusal != "" {
		return c.client.fail(noPosition, "HY000", "%s", refusal)
	}
	d.wait = flags&1 == 0
	go func() { // a client that dumps sends nothing more
		defer close(d.gone)
		_, _ = c.client.in.ReadByte()
	}()
	err = d.run(ctx)
	if errors.Is(err, errCut) || errors.Is(err, io.EOF) {
		err = nil
	}
	_ = c.client.out.Flush()
	c.close()
	<-d.gone
	return errors.Join(err, io.EOF)
}

// fromFile reads a dump's place: file and offset.
func (d *dump) fromFile(b []byte) (flags uint16, refusal string) {
	if len(b) < 10 {
		return 0, "malformed command"
	}
	s, numbers, _ := d.rig.log.end()
	d.at, flags = max(4, int64(binary.LittleEndian.Uint32(b))), binary.LittleEndian.Uint16(b[4:])
	name := string(b[10:])
	d.number = numbers[0]
	if name != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(name, logPrefix))
		if err != nil || n < numbers[0] || n > s.File {
			return 0, "Could not find first log file name in binary log index file"
		}
		d.number = n
	}
	if size, err := s.length(d.rig.log.dir, d.number); err != nil || d.at > size {
		return 0, "Client requested master to start replication from position > file size"
	}
	return flags, ""
}

// fromSet reads a dump's place: the transactions that the client has.
func (d *dump) fromSet(b []byte) (flags uint16, refusal string) {
	if len(b) < 10 || len(b) < 22+int(binary.LittleEndian.Uint32(b[6:])) {
		return 0, "malformed command"
	}
	flags = binary.LittleEndian.Uint16(b)
	b = b[10+int(binary.LittleEndian.Uint32(b[6:]))+8+4:]
	set, err := gomysql.DecodeMysqlGTIDSet(b)
	if err != nil {
		return 0, "malformed GTID set: " + err.Error()
	}
	intervals := (*set)[d.uuid][gomysql.Tag{}]
	holds := func(n uint64) bool {
		for _, i := range intervals {
			if int64(n) >= i.Start && int64(n) < i.Stop {
				return true
			}
		}
		return false
	}
	_, numbers, _ := d.rig.log.end()
	for i := len(numbers) - 1; i >= 0; i-- {
		next, err := d.rig.log.firstOf(numbers[i])
		if err != nil {
			return 0, err.Error()
		}
		if next <= 1 || len(intervals) > 0 && intervals[0].Start <= 1 && intervals[0].Stop >= int64(next) {
			d.number, d.at = numbers[i], 4
			d.has = d.rig.again(holds)
			return flags, ""
		}
	}
	return 0, "The slave is connecting using CHANGE MASTER TO MASTER_AUTO_POSITION = 1, but the master has purged binary logs containing GTIDs " +
		"that the slave requires; the requested log no longer exists and may have been cleaned up"
}

// again is has with a stretch at the end that is sent once more, on demand.
func (r *Rig) again(holds func(uint64) bool) func(uint64) bool {
	n := r.Faults.takeRepeat()
	if n == 0 {
		return holds
	}
	s, _, _ := r.log.end()
	from := s.Next
	for count := 0; from > 1 && count < n; from-- {
		if holds(from - 1) {
			count++
		}
	}
	return func(number uint64) bool { return number < from && holds(number) }
}

// firstOf is the number of the first transaction of a file.
func (l *binlog) firstOf(number int) (uint64, error) {
	file, err := os.Open(l.path(number))
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	r := &eventReader{file: file, at: 4}
	for range 2 {
		event, err := r.next()
		if err != nil {
			return 0, fmt.Errorf("%s: %w", fileName(number), err)
		}
		if eventType(event) != replication.PREVIOUS_GTIDS_EVENT {
			continue
		}
		if body := event[headerSize:]; len(body) >= 48 {
			return binary.LittleEndian.Uint64(body[40:]), nil
		}
	}
	return 1, nil
}

// run sends files until something ends the dump.
func (d *dump) run(ctx context.Context) error {
	for {
		end, err := d.sendFile(ctx)
		if err != nil || end {
			return err
		}
		d.number, d.at = d.number+1, 4
	}
}

// sendFile sends the rest of a file; end says that the client wants no more.
func (d *dump) sendFile(ctx context.Context) (end bool, err error) {
	file, err := os.Open(d.rig.log.path(d.number))
	if err != nil {
		return false, d.client.fail(noPosition, "HY000", "could not find next log; the requested log no longer exists and may have been cleaned up")
	}
	defer func() { _ = file.Close() }()
	e := &encoder{server: d.server}
	e.rotate(artificial, uint64(d.at), fileName(d.number))
	if err := d.send(e.out); err != nil {
		return false, err
	}
	r := &eventReader{file: file, at: d.at}
	if d.at > 4 { // what the events that follow look like
		event, err := (&eventReader{file: file, at: 4}).next()
		if err != nil {
			return false, err
		}
		if err := d.send(event); err != nil {
			return false, err
		}
	}
	for {
		s, _, grown := d.rig.log.end()
		limit := int64(s.Offset)
		if d.number < s.File { // it is whole, and may have been purged
			info, err := file.Stat()
			if err != nil {
				return false, err
			}
			limit = info.Size()
		}
		for r.at < limit {
			event, err := r.next()
			if err != nil {
				return false, err
			}
			if err := d.sendEvent(ctx, event); err != nil {
				return false, err
			}
		}
		if d.number < s.File {
			return false, nil
		}
		if !d.wait {
			return true, d.client.eof(0)
		}
		if err := d.idle(ctx, grown, uint32(r.at)); err != nil {
			return false, err
		}
	}
}

// idle waits for the log to grow, with heartbeats.
func (d *dump) idle(ctx context.Context, grown <-chan struct{}, at uint32) error {
	if err := d.client.out.Flush(); err != nil {
		return err
	}
	_, cut := d.rig.Faults.pace()
	timer := time.NewTimer(d.period)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-d.gone:
			return io.EOF
		case <-cut:
			return errCut
		case <-grown:
			return nil
		case <-timer.C:
			e := &encoder{server: d.server}
			e.heartbeat(fileName(d.number), at)
			if err := d.send(e.out); err != nil {
				return err
			}
			if err := d.client.out.Flush(); err != nil {
				return err
			}
			timer.Reset(d.period)
		}
	}
}

// sendEvent sends an event of a file unless the client has it, with the faults
// that are wanted.
func (d *dump) sendEvent(ctx context.Context, event []byte) error {
	switch eventType(event) {
	case replication.GTID_EVENT:
		number := binary.LittleEndian.Uint64(event[headerSize+17:])
		d.skip = d.has(number)
	case replication.FORMAT_DESCRIPTION_EVENT, replication.PREVIOUS_GTIDS_EVENT, replication.ROTATE_EVENT:
		d.skip = false
	}
	if d.skip {
		return nil
	}
	slow, cut := d.rig.Faults.pace()
	select {
	case <-cut:
		return errCut
	case <-d.gone:
		return io.EOF
	default:
	}
	if slow > 0 {
		if err := d.client.out.Flush(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-d.gone:
			return io.EOF
		case <-time.After(slow):
		}
	}
	torn := false
	switch eventType(event) {
	case replication.WRITE_ROWS_EVENTv2, replication.UPDATE_ROWS_EVENTv2, replication.DELETE_ROWS_EVENTv2:
		torn = d.rig.Faults.takeTear()
	}
	if torn {
		return d.tear(event)
	}
	return d.send(event)
}

// tear sends half an event.
func (d *dump) tear(event []byte) error {
	n := len(event) + 1
	head := []byte{byte(n), byte(n >> 8), byte(n >> 16), d.client.seq, 0}
	if _, err := d.client.out.Write(append(head, event[:len(event)/2]...)); err != nil {
		return err
	}
	return errors.Join(d.client.out.Flush(), errCut)
}

func (d *dump) send(event []byte) error {
	if d.bare {
		event = withoutChecksum(event)
	}
	return d.client.write(append([]byte{0}, event...))
}

// withoutChecksum gives an event as MySQL sends it to a client that wants no
// checksums. A format description keeps its own, and says that others have none.
func withoutChecksum(event []byte) []byte {
	end := len(event) - checksumSize
	if eventType(event) == replication.FORMAT_DESCRIPTION_EVENT {
		event[end-1] = 0
		return binary.LittleEndian.AppendUint32(event[:end], crc32.ChecksumIEEE(event[:end]))
	}
	binary.LittleEndian.PutUint32(event[9:], uint32(end))
	return event[:end]
}
