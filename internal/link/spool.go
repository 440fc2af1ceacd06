package link

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"duplex/internal/change"
)

// A spool is a queue of transactions on disk. One goroutine puts while another
// one takes what was put before.
type spool struct {
	dir   string                   // "" is the system's place
	limit int64                    // bytes after which the next file begins
	begin func() (*os.File, error) // makes a file

	count atomic.Int64 // transactions that wait
	bytes atomic.Int64 // of their records

	codec  *change.TxnCodec
	record []byte        // of the goroutine that puts
	used   bool          // the same: there may be files
	in     *bufio.Reader // of the one that takes
	at     int64         // the same: how far the oldest file is read
	broken error         // the same: what is behind it has lost its place

	mu    sync.Mutex
	files []*segment // oldest first; all but the last are complete
}

// A segment is one file of a spool.
type segment struct {
	file *os.File
	size int64
}

const (
	segmentBytes = 64 << 20
	readAhead    = 256 << 10
	header       = 12      // before each record: 8 bytes of length, 4 of checksum
	keptRecord   = 1 << 20 // the largest record whose room is used again
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errShort    = errors.New("file is cut off")
	errChecksum = errors.New("checksum is wrong")
)

func newSpool(dir string) *spool {
	s := &spool{dir: dir, limit: segmentBytes, codec: &change.TxnCodec{}}
	s.begin = s.unnamed
	return s
}

// unnamed makes a file that has no name, so that a kill leaves nothing behind.
func (s *spool) unnamed() (*os.File, error) {
	f, err := os.CreateTemp(s.dir, "duplex-backlog-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// put appends txn, which belongs to the spool from here on, unless there is an
// error.
func (s *spool) put(txn *change.Txn) error {
	var err error
	if s.record, err = s.codec.Append(append(s.record[:0], make([]byte, header)...), txn); err != nil {
		return err
	}
	b := s.record
	if cap(b) > keptRecord {
		s.record = nil
	}
	binary.LittleEndian.PutUint64(b, uint64(len(b)-header))
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b[header:], castagnoli))
	s.used = true
	last, err := s.last()
	if err == nil {
		_, err = last.file.WriteAt(b, last.size)
	}
	if err != nil {
		return s.trouble("write", err, freeSpace)
	}
	s.mu.Lock()
	last.size += int64(len(b))
	s.mu.Unlock()
	s.bytes.Add(int64(len(b)))
	s.count.Add(1) // the last: from here on it is taken
	return nil
}

// last gives the file to write to.
func (s *spool) last() (*segment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.files); n > 0 && s.files[n-1].size < s.limit {
		return s.files[n-1], nil
	}
	f, err := s.begin()
	if err != nil {
		return nil, err
	}
	s.files = append(s.files, &segment{file: f})
	return s.files[len(s.files)-1], nil
}

// take gives the oldest transaction; count says that there is one. It gives
// none any more after an error.
func (s *spool) take() (*change.Txn, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	if s.in == nil {
		s.in = bufio.NewReaderSize(ahead{s}, readAhead)
	}
	b, err := s.next()
	var txn *change.Txn
	if err == nil {
		txn, err = s.codec.Parse(b)
	}
	if err != nil {
		s.broken = s.trouble("read", err, "check that disk and run again, which reads the log anew")
		return nil, s.broken
	}
	s.bytes.Add(-int64(len(b) + header))
	s.count.Add(-1) // the last: from here on the spool may be emptied
	return txn, nil
}

// next reads a record into bytes of its own: the images of its rows stay there.
func (s *spool) next() ([]byte, error) {
	h, err := s.in.Peek(header)
	if err != nil {
		return nil, short(err)
	}
	n, sum := binary.LittleEndian.Uint64(h), binary.LittleEndian.Uint32(h[8:])
	if n > uint64(s.bytes.Load()) {
		return nil, errChecksum
	}
	if _, err := s.in.Discard(header); err != nil {
		return nil, short(err)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(s.in, b); err != nil {
		return nil, short(err)
	}
	if crc32.Checksum(b, castagnoli) != sum {
		return nil, errChecksum
	}
	return b, nil
}

// short keeps the end of a file from being taken for that of a connection,
// which would be tried again.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errShort
	}
	return err
}

// ahead reads a spool's files one after the other, and gives each back once it
// has read it.
type ahead struct{ *spool }

func (a ahead) Read(p []byte) (int, error) {
	a.mu.Lock()
	if len(a.files) > 1 && a.at == a.files[0].size {
		err := a.files[0].file.Close()
		a.files[0] = nil
		a.files, a.at = a.files[1:], 0
		if err != nil {
			a.mu.Unlock()
			return 0, err
		}
	}
	if len(a.files) == 0 {
		a.mu.Unlock()
		return 0, io.EOF
	}
	first := a.files[0]
	left := first.size - a.at
	a.mu.Unlock()
	n, err := first.file.ReadAt(p[:min(int64(len(p)), left)], a.at)
	a.at += int64(n)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// empty gives the files back. Nobody takes meanwhile, and what waits is lost.
func (s *spool) empty() error {
	if !s.used {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := []error{s.codec.Close()}
	for _, f := range s.files {
		errs = append(errs, f.file.Close())
	}
	s.codec, s.in, s.at, s.files, s.used = &change.TxnCodec{}, nil, 0, nil, false
	s.count.Store(0)
	s.bytes.Store(0)
	return errors.Join(errs...)
}

// freeSpace mends a disk that is full.
const freeSpace = "free space there"

// trouble says where err happened and what to do about it.
func (s *spool) trouble(what string, err error, mend string) error {
	dir, move := s.dir, "use another folder"
	if dir == "" {
		dir, move = os.TempDir(), "let TMPDIR name another folder"
	}
	return fmt.Errorf("%s the backlog kept in %s: %w: %s, or %s", what, dir, err, mend, move)
}
