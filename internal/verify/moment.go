package verify

import (
	"context"
	"time"

	"duplex/internal/tenant"
)

// momentLife is for how long ranges are read at one moment.
const momentLife = time.Second

// moments is one moment of each side, taken one after the other. Where servers
// have such a thing, both sides of a range are read as they were at about the
// same time, however long it takes: what differs was on its way then, and no row
// does that has only come since.
type moments struct {
	at   [2]string // see tenant.Moment
	took time.Time
	off  bool // a server did not keep one: ranges are read as they are
}

func (m *moments) next(ctx context.Context, sides [2]*side) ([2]string, error) {
	if m.off || time.Since(m.took) < momentLife {
		return m.at, nil
	}
	m.took = time.Now()
	for i, s := range sides {
		var err error
		if m.at[i], err = s.tenant.Moment(ctx); err != nil {
			return m.at, err
		}
	}
	return m.at, nil
}

// lost reports whether a range can be read as it is now, since the server does
// not keep the moment that it was to be read at.
func lost(at string, err error) bool {
	class := tenant.Classify(err)
	return at != "" && (class == tenant.Snapshot || class == tenant.Schema)
}
