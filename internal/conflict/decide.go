package conflict

import (
	"errors"

	"duplex/internal/change"
)

// An Action is what becomes of an incoming row change.
type Action uint8

// The actions.
const (
	Apply  Action = iota + 1 // its image is written
	Keep                     // the row stays as it is
	Merge                    // Verdict.Image is written
	Refuse                   // the link stops: the policy asks for a person
)

// A Kind names what met, the local side first.
type Kind string

// The kinds of conflict.
const (
	None         Kind = ""
	InsertInsert Kind = "insert-insert"
	UpdateUpdate Kind = "update-update"
	UpdateDelete Kind = "update-delete" // written here, deleted there
	DeleteUpdate Kind = "delete-update" // deleted here, written there
	UniqueKey    Kind = "unique-key"
	ForeignKey   Kind = "foreign-key" // its parent is not there
	Drift        Kind = "drift"       // the row is not what either log says
	Late         Kind = "late"        // found when the log was read, after the row was written
)

// A Side is one of the two that met.
type Side string

// The sides.
const (
	Neither  Side = ""
	LocalWon Side = "local"
	Incoming Side = "incoming"
	Both     Side = "both" // merged
)

// ErrStop says that a table's policy leaves the decision to a person.
var ErrStop = errors.New("conflict: the table's policy is to stop")

// A Verdict is a decision about one incoming row change.
type Verdict struct {
	Action    Action
	Kind      Kind
	Winner    Side
	Image     []change.Value // Merge: what is written
	Log       bool           // a write was discarded or overridden: there is something to tell
	Ambiguous bool           // by versions nearer than the clocks are
}

// Decide judges an incoming change of a row, from before to in.After, where
// current is in the target and rival is the local write that in has not seen;
// nil where there is none. It decides nothing by itself about what is not
// known: a rival that nobody has read yet is found by Observer.Applied.
func Decide(r *Rule, in *Write, before []change.Value, rival *Write, current []change.Value) Verdict {
	if rival == nil {
		return unopposed(r, in, before, current)
	}
	r = r.between(rival, in)
	v := Verdict{Kind: kind(rival, in), Log: !r.sameContent(rival, in)}
	switch {
	case r.Policy == Stop && v.Log:
		return Verdict{Action: Refuse, Kind: v.Kind, Log: true}
	case r.Policy == Overwrite:
		v.Action, v.Winner = Apply, Incoming
	case r.Policy == Ignore:
		v.Action, v.Winner = Keep, LocalWon
	case r.beats(rival, in):
		v.Action, v.Winner = Keep, LocalWon
	default:
		v.Action, v.Winner = Apply, Incoming
	}
	if r.Policy == Newest || r.Policy == Delta || r.Policy == NewestByColumn && r.order(rival, in) == 0 {
		d := rival.Version - in.Version
		v.Ambiguous = max(d, -d) <= r.Uncertain
	}
	if r.Policy == Delta {
		return v.add(r, in, before, rival, current)
	}
	return v
}

// unopposed judges a change that no local write is concurrent with.
func unopposed(first *Rule, in *Write, before, current []change.Value) Verdict {
	r := first.At(in.Version)
	if r.equal(before, current) {
		return Verdict{Action: Apply}
	}
	v := Verdict{Action: Apply, Kind: Drift, Winner: Incoming, Log: true}
	switch r.Policy {
	case Stop:
		v.Action = Refuse
	case Ignore:
		v.Action, v.Winner = Keep, LocalWon
	case Delta: // what was added outside the logs stays; under an earlier rule the row may have been another for a moment
		if r == first && before != nil && in.After != nil && current != nil {
			return v.merge(r, in.After, current, r.difference(before, in.After))
		}
	}
	return v
}

func kind(local, in *Write) Kind {
	switch {
	case local.deleted():
		return DeleteUpdate
	case in.deleted():
		return UpdateDelete
	case local.Fresh && in.Fresh:
		return InsertInsert
	}
	return UpdateUpdate
}
