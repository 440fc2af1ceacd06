package conflict

// cold holds the entries that are not in memory: records in segments, and for
// each hash the place of the newest. The records of one hash are of different
// keys, each names the place of the next, and their seqs do not rise on the way.
type cold struct {
	open     func() (file, error)
	limit    int64 // a segment of this size gets no more records; places reach to 1 << offsetBits
	places   hashes[place]
	first    uint64     // number of segments[0]
	segments []*segment // nil: let go
	keys     int        // records that hold; settled ones are taken off with their segment
	live     int64      // bytes of those
	disk     int64      // bytes of all segments
	bound    uint64     // writes below it are settled: as if they were not there
	cleaning bool
	record   []byte // the last one written
}

// A place is a segment's number and an offset in it. Zero is none. As the value
// of a hash its highest bit says that there may be more than one record.
type place uint64

const (
	offsetBits  = 26
	segmentSize = 1 << offsetBits
	shared      = place(1 << 63)
)

func (c *cold) segment(p place) *segment {
	number := uint64(p&^shared) >> offsetBits
	if number < c.first || number-c.first >= uint64(len(c.segments)) {
		return nil
	}
	return c.segments[number-c.first]
}

// head is the place of the newest record of a hash, zero if there is none.
func (c *cold) head(hash uint64) place {
	p, ok := c.places.get(hash)
	if !ok || c.segment(p) == nil {
		return 0
	}
	return p
}

// A stored is an entry read from its record.
type stored struct {
	*entry
	at     place
	length int64
}

// chain reads the entries of a hash that are not settled.
func (c *cold) chain(hash uint64) ([]stored, error) {
	var all []stored
	for p := c.head(hash) &^ shared; p != 0; {
		s := c.segment(p)
		if s == nil {
			break // settled, and all behind it
		}
		b, n, err := s.read(int64(p & (segmentSize - 1)))
		if err != nil {
			return nil, err
		}
		e, before, err := parseRecord(b)
		if err != nil {
			return nil, err
		}
		if e.write.Seq < c.bound {
			break
		}
		e.hash = hash
		all = append(all, stored{e, p, n})
		p = before
	}
	return all, nil
}

// add puts an entry before the others of its hash.
func (c *cold) add(e *entry) error {
	s, err := c.current()
	if err != nil {
		return err
	}
	before := c.head(e.hash) &^ shared
	number := c.first + uint64(len(c.segments)) - 1
	at := place(number<<offsetBits | uint64(s.size))
	c.record = appendRecord(c.record[:0], e, before)
	n, err := s.append(c.record)
	if err != nil {
		return err
	}
	if cap(c.record) > tailSize {
		c.record = nil
	}
	if before != 0 {
		at |= shared
	}
	c.places.put(e.hash, at)
	s.newest = max(s.newest, e.write.Seq)
	s.keys++
	c.keys++
	s.live += n
	c.live += n
	c.disk += n
	return nil
}

// replace puts entries in the place of all of a hash, which chain has given.
func (c *cold) replace(hash uint64, old []stored, by []stored) error {
	c.places.delete(hash)
	for _, o := range old {
		s := c.segment(o.at)
		s.keys--
		c.keys--
		s.live -= o.length
		c.live -= o.length
		if s.keys == 0 && s != c.segments[len(c.segments)-1] {
			c.drop(s)
		}
	}
	for i := len(by) - 1; i >= 0; i-- {
		if err := c.add(by[i].entry); err != nil {
			return err
		}
	}
	return nil
}

// current is the segment that takes the next record.
func (c *cold) current() (*segment, error) {
	if n := len(c.segments); n > 0 {
		s := c.segments[n-1]
		if s != nil && s.size < c.limit {
			return s, nil
		}
		if s != nil {
			if err := s.seal(); err != nil {
				return nil, err
			}
		}
	}
	f, err := c.open()
	if err != nil {
		return nil, err
	}
	if c.first == 0 {
		c.first = 1 // so that no place is zero
	}
	c.segments = append(c.segments, &segment{file: f})
	if err := c.clean(); err != nil {
		return nil, err
	}
	return c.segments[len(c.segments)-1], nil
}

// clean keeps the disk within twice of what holds, and a few segments: where
// later writes have replaced most of a segment, the rest is written anew.
func (c *cold) clean() error {
	if c.cleaning {
		return nil
	}
	c.cleaning = true
	defer func() { c.cleaning = false }()
	for c.disk > 2*c.live+4*c.limit {
		number, least := uint64(0), (*segment)(nil)
		for i, s := range c.segments[:len(c.segments)-1] {
			if s != nil && s.live <= s.size/2 && (least == nil || s.live < least.live) {
				number, least = c.first+uint64(i), s
			}
		}
		if least == nil {
			return nil
		}
		if err := c.rewrite(number, least); err != nil {
			return err
		}
	}
	return nil
}

// rewrite writes the records of a segment that hold to the end, and drops it.
func (c *cold) rewrite(number uint64, s *segment) error {
	err := s.each(func(offset int64, record []byte) (bool, error) {
		e, _, err := parseRecord(record)
		if err != nil {
			return false, err
		}
		hash, at := e.key.Hash(), place(number<<offsetBits|uint64(offset))
		if head := c.head(hash); head != at && head&shared == 0 {
			return true, nil
		}
		all, err := c.chain(hash)
		if err != nil {
			return false, err
		}
		for _, o := range all {
			if o.at == at {
				err = c.replace(hash, all, all)
				break
			}
		}
		return s.keys > 0, err
	})
	if err == nil && c.segment(place(number<<offsetBits)) == s {
		c.drop(s)
	}
	return err
}

// settle lets go of every segment of which nothing holds.
func (c *cold) settle(bound uint64) {
	c.bound = bound
	for _, s := range c.segments {
		if s != nil && s.newest < bound {
			c.drop(s)
		}
	}
	// The places of those are cleared away when they are as many as the others.
	if c.keys == 0 {
		c.places = hashes[place]{}
	} else if c.places.n > 2*c.keys+4096 {
		c.places.keep(func(p place) bool { return c.segment(p) != nil })
	}
}

// drop closes a segment, which has no name: that is the end of it. That of a
// file which nobody needs cannot fail in a way that matters.
func (c *cold) drop(s *segment) {
	c.keys -= s.keys
	c.live -= s.live
	c.disk -= s.size
	_ = s.file.Close()
	for i := range c.segments {
		if c.segments[i] == s {
			c.segments[i] = nil
		}
	}
	for len(c.segments) > 0 && c.segments[0] == nil {
		c.segments = c.segments[1:]
		c.first++
	}
}

func (c *cold) close() {
	for _, s := range c.segments {
		if s != nil {
			c.drop(s)
		}
	}
	c.places = hashes[place]{}
}
