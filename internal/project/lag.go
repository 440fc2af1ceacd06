package project

import (
	"time"

	"duplex/internal/lag"
)

// Lag is how long the transactions of the last minute were on their way, in
// milliseconds from the source's commit to the target's. Where the log tells commit
// times in whole seconds, it begins when they arrive, and hop "log" is of the
// heartbeats.
type Lag struct {
	P50  *float64 `json:"lag_p50_ms"` // nil: there was no transaction, or nothing runs
	P99  *float64 `json:"lag_p99_ms"`
	Max  *float64 `json:"lag_max_ms"`
	From lag.From `json:"lag_from,omitempty"`
	Hops []Hop    `json:"hops"` // in the order of the way; those without a transaction are left out
}

// Hop is a part of the way, in milliseconds.
type Hop struct {
	Hop          string  `json:"hop"`
	Transactions uint64  `json:"transactions"`
	P50          float64 `json:"p50_ms"`
	P99          float64 `json:"p99_ms"`
	Max          float64 `json:"max_ms"`
}

// LagOf puts what was measured in a document's words.
func LagOf(f lag.Figures) Lag {
	out := Lag{From: f.From, Hops: []Hop{}}
	for _, h := range lag.Hops() {
		x := f.Hops[h]
		if x.Count == 0 {
			continue
		}
		row := Hop{h.String(), x.Count, milliseconds(x.P50), milliseconds(x.P99), milliseconds(x.Max)}
		if h == lag.Whole {
			out.P50, out.P99, out.Max = &row.P50, &row.P99, &row.Max
		}
		out.Hops = append(out.Hops, row)
	}
	return out
}

// milliseconds keeps microseconds.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
