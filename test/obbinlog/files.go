package obbinlog

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// logPrefix begins the names of the files of the log.
const logPrefix = "mysql-bin."

// A state is what a rig goes on from. It is written after the events that it
// speaks of; what a file has beyond it was written by a rig that was killed,
// and is written again, under the same numbers.
type state struct {
	UUID    string            // of the GTIDs
	Server  uint32            // id in the events
	File    int               // the last one's number
	Offset  uint32            // its end
	Next    uint64            // number of the next transaction
	SCN     uint64            // every transaction up to it is in the log
	Created map[string]uint64 // by database.table: the SCN from which its changes are in a materialized view log
	Pending *pending          `json:",omitempty"`
}

// A binlog is the log's files in a folder. One goroutine appends; any may ask
// where the end is and read up to there.
type binlog struct {
	dir  string
	size uint32 // beyond which a file is ended

	mu      sync.Mutex
	state   state
	numbers []int         // of the files that are there
	grown   chan struct{} // closed, and made anew, when the end moves
	file    *os.File
}

// openLog goes on with a folder's log, or begins one.
func openLog(dir string, size uint32) (*binlog, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	l := &binlog{dir: dir, size: size, grown: make(chan struct{})}
	text, err := os.ReadFile(l.statePath())
	switch {
	case errors.Is(err, os.ErrNotExist):
		return l, l.begin()
	case err != nil:
		return nil, err
	}
	if err := json.Unmarshal(text, &l.state); err != nil {
		return nil, fmt.Errorf("%s: %w", l.statePath(), err)
	}
	return l, l.recover()
}

func (l *binlog) statePath() string { return filepath.Join(l.dir, "state") }

func (l *binlog) path(number int) string { return filepath.Join(l.dir, fileName(number)) }

func fileName(number int) string { return fmt.Sprintf("%s%06d", logPrefix, number) }

// begin makes the first file of a new log.
func (l *binlog) begin() error {
	var uuid [20]byte
	_, _ = rand.Read(uuid[:])
	l.state = state{
		UUID: formatUUID([16]byte(uuid[:16])), Next: 1, Created: map[string]uint64{},
		Server: 1_000_000_000 + uint32(uuid[16])<<16 + uint32(uuid[17])<<8 + uint32(uuid[18]),
	}
	return l.next(0)
}

// recover cuts off what lies beyond the state.
func (l *binlog) recover() error {
	paths, err := filepath.Glob(filepath.Join(l.dir, logPrefix+"*"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		number, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(path), logPrefix))
		switch {
		case err != nil:
		case number > l.state.File:
			if err := os.Remove(path); err != nil {
				return err
			}
		default:
			l.numbers = append(l.numbers, number)
		}
	}
	slices.Sort(l.numbers)
	if l.file, err = os.OpenFile(l.path(l.state.File), os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := l.file.Truncate(int64(l.state.Offset)); err != nil {
		return err
	}
	_, err = l.file.Seek(0, io.SeekEnd)
	return err
}

// encoder gives one for the end of the log.
func (l *binlog) encoder(seconds uint32) *encoder {
	return &encoder{server: l.state.Server, at: l.state.Offset, when: seconds}
}

// append adds events and makes known what holds behind them. change alters the
// state, which nobody else does.
func (l *binlog) append(events []byte, change func(s *state)) error {
	if _, err := l.file.Write(events); err != nil {
		return err
	}
	s := l.state
	s.Offset += uint32(len(events))
	change(&s)
	if err := l.save(&s); err != nil {
		return err
	}
	l.publish(s)
	return nil
}

// amend changes the state alone.
func (l *binlog) amend(change func(s *state)) error {
	s := l.state
	change(&s)
	if err := l.save(&s); err != nil {
		return err
	}
	l.publish(s)
	return nil
}

func (l *binlog) publish(s state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	grown := s.File != l.state.File || s.Offset != l.state.Offset
	if l.state = s; grown {
		close(l.grown)
		l.grown = make(chan struct{})
	}
}

// save makes a state durable: a reader of the file sees one or the other.
func (l *binlog) save(s *state) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.WriteFile(l.statePath()+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(l.statePath()+".new", l.statePath())
}

// next ends the file, if there is one, and begins another.
func (l *binlog) next(seconds uint32) error {
	s := l.state
	if l.file != nil {
		e := l.encoder(seconds)
		e.rotate(0, 4, fileName(s.File+1))
		if _, err := l.file.Write(e.out); err != nil {
			return err
		}
		if err := l.file.Close(); err != nil {
			return err
		}
	}
	s.File++
	uuid, err := parseUUID(s.UUID)
	if err != nil {
		return err
	}
	e := &encoder{server: s.Server, at: 4, when: seconds, out: []byte(magic)}
	e.describe()
	e.previous(uuid, s.Next)
	file, err := os.OpenFile(l.path(s.File), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	l.file = file
	if _, err := file.Write(e.out); err != nil {
		return err
	}
	s.Offset = e.at
	if err := l.save(&s); err != nil {
		return err
	}
	l.mu.Lock()
	l.numbers = append(l.numbers, s.File)
	l.mu.Unlock()
	l.publish(s)
	return nil
}

// full reports whether the file is as long as it may get.
func (l *binlog) full() bool { return l.state.Offset >= l.size }

// end gives the state, and what is closed when it is not the end any more.
func (l *binlog) end() (state, []int, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state, slices.Clone(l.numbers), l.grown
}

// purge removes the files before number.
func (l *binlog) purge(number int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.numbers) > 1 && l.numbers[0] < number {
		if err := os.Remove(l.path(l.numbers[0])); err != nil {
			return err
		}
		l.numbers = l.numbers[1:]
	}
	return nil
}

// length is how long a file is, as far as it may be read.
func (s *state) length(dir string, number int) (int64, error) {
	if number == s.File {
		return int64(s.Offset), nil
	}
	info, err := os.Stat(filepath.Join(dir, fileName(number)))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// executed is the set of all transactions of the log.
func (s *state) executed() string {
	switch {
	case s.Next <= 1:
		return ""
	case s.Next == 2:
		return s.UUID + ":1"
	}
	return fmt.Sprintf("%s:1-%d", s.UUID, s.Next-1)
}

func formatUUID(u [16]byte) string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func parseUUID(text string) (u [16]byte, err error) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != 16 {
		return u, fmt.Errorf("%q is no UUID", text)
	}
	return [16]byte(b), nil
}
