package conflict

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cespare/xxhash/v2"
)

// A file is what the index needs of one: records are written at its end and
// read anywhere.
type file interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

// temporary makes files in dir that have no name from the start, so that nothing
// is left behind by a kill.
func temporary(dir string) func() (file, error) {
	return func() (file, error) {
		f, err := os.CreateTemp(dir, "duplex-index-*")
		if err != nil {
			return nil, err
		}
		if err := os.Remove(f.Name()); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return f, nil
	}
}

// A segment is one file of records, let go as a whole.
type segment struct {
	file   file
	size   int64  // with the tail
	tail   []byte // its end, not written yet
	newest uint64 // the highest seq of its records
	keys   int    // records that hold: no later write of their key is known
	live   int64  // and their bytes
}

const (
	tailSize = 256 << 10 // written at once
	readSize = 512       // read at once: most records are shorter
	headSize = 4         // of a record, before its length: a checksum
)

// append puts a record at the end and gives its length with what frames it.
func (s *segment) append(record []byte) (int64, error) {
	n := len(s.tail)
	s.tail = binary.LittleEndian.AppendUint32(s.tail, uint32(xxhash.Sum64(record)))
	s.tail = appendBytes(s.tail, record)
	n = len(s.tail) - n
	s.size += int64(n)
	if len(s.tail) < tailSize {
		return int64(n), nil
	}
	return int64(n), s.flush()
}

func (s *segment) flush() error {
	if _, err := s.file.Write(s.tail); err != nil {
		return err
	}
	s.tail = s.tail[:0]
	if cap(s.tail) > 2*tailSize {
		s.tail = nil
	}
	return nil
}

// seal writes what is left: no record follows.
func (s *segment) seal() error {
	err := s.flush()
	s.tail = nil
	return err
}

// read gives the record at an offset, in memory of its own, and its length with
// what frames it.
func (s *segment) read(offset int64) ([]byte, int64, error) {
	written := s.size - int64(len(s.tail))
	var b []byte
	if offset >= written {
		b = s.tail[offset-written:]
	} else {
		b = make([]byte, min(readSize, written-offset))
		if _, err := s.file.ReadAt(b, offset); err != nil {
			return nil, 0, fmt.Errorf("read: %w", err)
		}
	}
	if len(b) < headSize {
		return nil, 0, errRecord
	}
	n, k := binary.Uvarint(b[headSize:])
	if k <= 0 || n > uint64(s.size-offset) {
		return nil, 0, errRecord
	}
	sum, at := binary.LittleEndian.Uint32(b), headSize+k
	record := make([]byte, n)
	if have := copy(record, b[at:]); have < len(record) {
		if _, err := s.file.ReadAt(record[have:], offset+int64(at+have)); err != nil {
			return nil, 0, fmt.Errorf("read: %w", err)
		}
	}
	if uint32(xxhash.Sum64(record)) != sum {
		return nil, 0, errRecord
	}
	return record, int64(at) + int64(n), nil
}

// each goes over the records of a sealed segment, in order, until visit is
// done or fails. A record is valid until visit returns.
func (s *segment) each(visit func(offset int64, record []byte) (more bool, err error)) error {
	r := bufio.NewReaderSize(io.NewSectionReader(s.file, 0, s.size), 1<<20)
	var record []byte
	for offset := int64(0); offset < s.size; {
		if _, err := r.Discard(headSize); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		n, err := binary.ReadUvarint(r)
		if err != nil || n > uint64(s.size-offset) {
			return errors.Join(errRecord, err)
		}
		if uint64(cap(record)) < n {
			record = make([]byte, n)
		}
		record = record[:n]
		if _, err := io.ReadFull(r, record); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if more, err := visit(offset, record); err != nil || !more {
			return err
		}
		offset += headSize + int64(len(binary.AppendUvarint(nil, n))) + int64(n)
	}
	return nil
}
