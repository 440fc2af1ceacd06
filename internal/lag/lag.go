// Package lag measures how long transactions are on their way from the source's
// commit to the target's, and at which hop.
package lag

import (
	"time"

	"duplex/internal/change"
)

// A Hop is a part of the way.
type Hop int

// The hops, in the order of the way, and Whole, which is their sum.
const (
	Log    Hop = iota // from the source's commit until the log's last byte of it is out of the socket
	Decode            // until the link has it
	Queue             // until the applier has it in its window: a full window is the link's to wait for
	Wait              // until a lane takes it: for earlier transactions of the same rows, or for a lane
	Apply             // until it is committed in the target
	Whole
	hops = iota
)

var names = [hops]string{"log", "decode", "queue", "wait", "apply", "whole"}

func (h Hop) String() string { return names[h] }

// Hops lists all, Whole last.
func Hops() []Hop { return []Hop{Log, Decode, Queue, Wait, Apply, Whole} }

// From says what Whole counts from.
type From string

// Commit and Arrival are what Whole may count from. A log that tells commit times
// in whole seconds says nothing about Log: its Whole begins when a transaction has
// arrived.
const (
	Commit  From = "commit"
	Arrival From = "arrival"
)

// A Trip is a transaction's way. A stamp that is missing is that of the hop
// before.
type Trip struct {
	Txn     *change.Txn
	Fetched change.Moment // the applier had it in its window
	Taken   change.Moment // a lane took it
	Done    change.Moment // the target committed it
	At      time.Time     // the same as Done, by the clock that people set
}

// took gives the time of each hop; Log is negative where it cannot be known.
// offset is by how much the source's clock is ahead of ours.
func (t *Trip) took(offset time.Duration) (took [hops]time.Duration, from From) {
	stamps := [...]change.Moment{Decode: t.Txn.Queued, Queue: t.Fetched, Wait: t.Taken, Apply: t.Done}
	last := t.Txn.Read
	for h := Decode; h <= Apply; h++ {
		now := max(stamps[h], last)
		took[h], last = now.Sub(last), now
		took[Whole] += took[h]
	}
	since := func(committed time.Time) time.Duration {
		return max(0, t.At.Sub(committed)+offset-t.Done.Sub(t.Txn.Read))
	}
	switch {
	case !t.Txn.Coarse:
		took[Log] = since(t.Txn.Committed)
		took[Whole] += took[Log]
		return took, Commit
	case t.Txn.Beat != nil: // holds its own time
		took[Log] = since(t.Txn.Beat.Time())
	default:
		took[Log] = -1
	}
	return took, Arrival
}
