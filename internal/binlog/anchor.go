package binlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"
)

// The Binlog Service gives transactions numbers of its own: an instance that is
// created anew may number them otherwise, under the same UUID. A set of numbers
// then names others than it was meant to, and the service would leave out what
// nobody has read. So a position on OceanBase also names its last transaction
// with the time of its commit. Open asks for that one once more; where another
// comes, the place is found by the time.

// An anchor is the last transaction before a position.
type anchor struct {
	uuid   [16]byte
	number uint64 // 0: there is none
	commit int64  // microseconds
	ties   uint64 // transactions up to it with the same time, itself among them; 0: not known
}

// disordered is what ties is once times went back: they do not tell places then.
const disordered = ^uint64(0)

func (a *anchor) String() string {
	return string(appendSpan(appendUUID(nil, a.uuid[:]), a.number, a.number+1))
}

// text is uuid:number@commit*ties.
func (a *anchor) append(dst []byte) []byte {
	dst = append(append(dst, a.String()...), '@')
	dst = strconv.AppendInt(dst, a.commit, 10)
	return strconv.AppendUint(append(dst, '*'), a.ties, 10)
}

func parseAnchor(text string) (a anchor, err error) {
	id, rest, ok := strings.Cut(text, "@")
	commit, ties, many := strings.Cut(rest, "*")
	uuid, number, named := strings.Cut(id, ":")
	if !ok || !many || !named {
		return a, fmt.Errorf("%q is not uuid:number@time*count", text)
	}
	if a.uuid, err = parseUUID(uuid); err != nil {
		return a, err
	}
	if a.number, err = strconv.ParseUint(number, 10, 64); err != nil {
		return a, fmt.Errorf("number: %w", err)
	}
	if a.commit, err = strconv.ParseInt(commit, 10, 64); err != nil {
		return a, fmt.Errorf("time: %w", err)
	}
	if a.ties, err = strconv.ParseUint(ties, 10, 64); err != nil {
		return a, fmt.Errorf("count: %w", err)
	}
	return a, nil
}

// next is the anchor behind g, which follows a.
func (a *anchor) next(g *group) anchor {
	b := anchor{uuid: g.uuid, number: g.number, commit: g.commit, ties: 1}
	switch {
	case a.number == 0:
		b.ties = 0 // whether others before it have its time is not known
	case g.commit < a.commit, a.ties == disordered:
		b.ties = disordered
	case g.commit == a.commit && a.ties == 0:
		b.ties = 0
	case g.commit == a.commit:
		b.ties = a.ties + 1
	}
	return b
}

// anchorLimit is how long a server may send nothing but heartbeats where it has
// been asked for a transaction that it has sent before.
const anchorLimit = 30 * time.Second

// prove makes sure that the log still has the transaction before the position,
// under its number; if not, the place is looked for. It reads up to that
// transaction.
func (r *Reader) prove(ctx context.Context) error {
	last := r.at.last
	if last.number == 0 || r.at.mode != byGTID {
		return nil
	}
	stop := context.AfterFunc(ctx, r.dump.interrupt)
	defer stop()
	for begin := time.Now(); ; {
		e, err := r.event(ctx)
		if err != nil {
			return err
		}
		switch e.kind {
		case replication.GTID_EVENT:
			parsed, err := r.parse(e)
			if err != nil {
				return err
			}
			g, ok := parsed.(*replication.GTIDEvent)
			if ok && [16]byte(g.SID) == last.uuid && uint64(g.GNO) == last.number && r.committed(e, g) == last.commit {
				r.pending = e
				return nil
			}
			return r.realign(ctx)
		case replication.HEARTBEAT_EVENT, replication.HEARTBEAT_LOG_EVENT_V2:
			if time.Since(begin) > r.proof {
				return r.realign(ctx)
			}
		default:
			if err := r.take(ctx, e); err != nil {
				return err
			}
		}
	}
}

// realign begins the log anew, to find the place behind the anchor by its time.
func (r *Reader) realign(ctx context.Context) error {
	last := r.at.last
	if last.ties == 0 || last.ties == disordered {
		return fmt.Errorf("%w: transaction %s is not in the log any more, or another has its number,"+
			" and times of commit do not tell the place", ErrPositionLost, &last)
	}
	if err := r.dump.close(); err != nil {
		return err
	}
	from := cursor{mode: byGTID}
	d, err := openDump(ctx, &r.cfg, &from)
	if err != nil {
		return err
	}
	r.dump, r.at.gtids, r.looking = d, from.gtids, &search{anchor: last}
	r.cfg.Log.Warn("the log's transactions have other numbers than before: the place to go on from is looked for by the time of commit",
		"site", r.cfg.Site, "transaction", last.String(), "committed", time.UnixMicro(last.commit).UTC())
	return nil
}

// A search is on while the place behind an anchor is looked for.
type search struct {
	anchor
	seen uint64 // transactions with the anchor's time
	high int64  // the time of the one before; 0: this is the first
}

var errNotFound = errors.New("the place to go on from was not found by its time in a log that was made anew")

// before reports whether a transaction with that time lies before the place.
func (s *search) before(commit int64) (bool, error) {
	lost := func(why string) error {
		return fmt.Errorf("%w: %w: %s (last read: %s)", ErrPositionLost, errNotFound, why, time.UnixMicro(s.commit).UTC())
	}
	switch {
	case s.high == 0 && commit > s.commit:
		return false, lost("the log begins later")
	case commit < s.high:
		return false, lost("times of commit go back in it")
	}
	s.high = commit
	switch {
	case commit < s.commit:
		return true, nil
	case commit == s.commit && s.seen < s.ties:
		s.seen++
		return true, nil
	case s.seen < s.ties:
		return false, lost("no transaction has that time")
	}
	return false, nil
}

// look passes over the open group where it lies before the place that is looked
// for.
func (r *Reader) look() error {
	if r.looking == nil {
		return nil
	}
	before, err := r.looking.before(r.group.commit)
	if err != nil {
		return err
	}
	r.group.resent = before
	if !before {
		r.looking = nil
	}
	return nil
}
