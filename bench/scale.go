package main

import (
	"context"
	"fmt"
	"slices"

	"duplex/test/fault"
)

// A point is a place on an axis.
type point struct {
	name   string
	tables layout
	rtt    int // milliseconds of a round trip to the target
}

// An axis is what grows while all else stays. The first of its points is what
// the others are compared with.
type axis struct {
	name, title string
	txns        int
	points      []point
	bars        []bar
}

// begun is the rate without the start, which takes as long for a short backlog as
// for a long one.
const begun = "txn/s, once begun"

// scale makes a contest of each axis: duplex catches up with oltp transactions at
// each point of it.
func scale(o *options) ([]contest, error) {
	w, err := findWork("oltp")
	if err != nil {
		return nil, err
	}
	var out []contest
	for _, x := range axes(o) {
		out = append(out, contest{
			name:  "scale-" + x.name,
			title: fmt.Sprintf("catch up with %s oltp transactions, %s", number(float64(x.txns)), x.title),
			unit:  "txn", base: x.points[0].name, bars: x.bars,
			open: func(ctx context.Context, r *rig) ([]competitor, error) { return openScale(ctx, r, x, w) },
		})
	}
	return out, nil
}

func axes(o *options) []axis {
	const fewest = 1000 // rows of a table
	rows := axis{name: "rows", title: "by the rows of the table", txns: o.txns}
	for _, part := range []int{100, 10, 1} {
		n := max(fewest, o.rows/part)
		p := point{name: number(float64(n)) + " rows", tables: layout{1, n, padding}}
		if !slices.Contains(rows.points, p) { // of few rows the parts are the same
			rows.points = append(rows.points, p)
		}
	}
	tables := axis{name: "tables", title: fmt.Sprintf("by the number of tables, which together have %s rows", number(float64(o.rows))), txns: o.txns}
	for _, n := range []int{1, 10, 100} {
		tables.points = append(tables.points, point{name: fmt.Sprintf("tables: %d", n), tables: layout{n, max(100, o.rows/n), padding}})
	}
	width := axis{name: "width", txns: max(1, o.txns/10)} // the log is as much larger as the rows are
	few := max(fewest, o.rows/20)
	width.title = fmt.Sprintf("by the width of its %s rows", number(float64(few)))
	for _, pad := range []int{60, 600, 6000} {
		width.points = append(width.points, point{name: fmt.Sprintf("%d bytes", 120+pad), tables: layout{1, few, pad}})
	}
	rtt := axis{name: "rtt", title: fmt.Sprintf("by the round-trip time to the target; table of %s rows", number(float64(o.rows))), txns: o.txns}
	for _, ms := range []int{0, 10, 30, 100} {
		rtt.points = append(rtt.points, point{name: fmt.Sprintf("%d ms", ms), tables: layout{1, o.rows, padding}, rtt: ms})
	}
	rtt.bars = []bar{{of: "30 ms", to: "0 ms", limit: 0.7}, {of: "30 ms", to: "0 ms", figure: begun, limit: 0.7}}
	return []axis{rows, tables, width, rtt}
}

func openScale(ctx context.Context, r *rig, x axis, w work) ([]competitor, error) {
	made := map[layout]*stretch{}
	var out []competitor
	for i, p := range x.points {
		b := made[p.tables]
		if b == nil {
			var err error
			if b, err = r.stretch(ctx, fmt.Sprint("-", len(made)), p.tables, x.txns, w); err != nil {
				return nil, err
			}
			made[p.tables] = b
		}
		out = append(out, competitor{p.name, func(ctx context.Context, no int) (sample, error) {
			return b.once(ctx, true, func(t *server) (sample, error) {
				wire, err := wireTo(t, p.rtt)
				if err != nil {
					return sample{}, err
				}
				defer wire.Stop()
				s, err := b.duplex(ctx, t, r.program, fmt.Sprintf("scale-%s-%d-%d", x.name, i, no))
				if took := s.Parts["incremental"]; took > 0 {
					s.Figures = map[string]float64{begun: s.Units / took}
				}
				return s, err
			})
		}})
	}
	return out, nil
}

// wireTo lays a wire to a server, which the program goes by from then on. Without
// delay it is laid as well: what a wire costs is none of what a delay costs.
func wireTo(s *server, rtt int) (*fault.Wire, error) {
	wire, err := fault.Lay(s.Addr())
	if err != nil {
		return nil, fmt.Errorf("lay a wire to %s: %w", s.Addr(), err)
	}
	s.via = wire.Listen
	if rtt > 0 {
		err = wire.Lengthen(rtt / 2)
	}
	return wire, err
}
