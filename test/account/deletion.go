package account

import (
	"slices"
	"time"
)

// A deletion leaves no token behind, so what became of it is read from what the
// site showed next: nothing, a row that was inserted anew, or one that goes back
// to the same insert as the row that was deleted. In the last case somebody
// outlived the deletion, and the log has to say so.

type site struct {
	key  Key
	site int
}

// A touch is what one transaction did to the row.
type touch struct {
	txn *Txn
	row Row
}

type touches []touch

// order sorts who wrote what at a site by the time at which they knew.
func (c *checker) order() {
	for _, list := range c.touched {
		slices.SortFunc(list, func(a, b touch) int { return int(a.txn.Ack - b.txn.Ack) })
	}
}

// deletion accounts for a row that was taken away.
func (c *checker) deletion(t *Txn, row Row) bool {
	r := c.report
	next := c.next(t, row)
	switch {
	case next == "" && !c.holds(row.Key):
		r.Visible++
	case next == "":
		r.Overwritten++
	case c.root(next) != c.root(row.Seen) && c.inserted[row.Key] >= t.Start:
		r.Overwritten++
	case c.gaveWay(t, row.Key):
		r.Lost++
	default:
		return false
	}
	return true
}

// holds reports whether a site has the row, parked or not.
func (c *checker) holds(k Key) bool {
	return slices.ContainsFunc(c.final, func(final map[Key]string) bool { return final[k] != "" })
}

// next is the token that the site showed to the first who wrote the row after
// the deletion, or that it shows now; "" = no row.
func (c *checker) next(t *Txn, row Row) string {
	list := c.touched[site{row.Key, t.Site}]
	i, _ := slices.BinarySearchFunc(list, t.Ack, func(x touch, at time.Duration) int { return int(x.txn.Ack - at) })
	for ; i < len(list); i++ {
		x := list[i]
		// Two who end together may be noted in the wrong order: one whose write
		// the deletion goes back to was before it.
		if x.txn != t && !c.before(x.row, row.Seen) {
			return x.row.Seen
		}
	}
	return c.final[min(t.Site, len(c.final)-1)][row.Key]
}

// near is how many writes of a row may be noted in the wrong order.
const near = 32

// before reports whether a write, or what it was written over, is the token or
// one that the token goes back to.
func (c *checker) before(x Row, token string) bool {
	for range near {
		if token == "" {
			return false
		}
		if x.Token == token || x.Seen == token {
			return true
		}
		token = c.writes[token].seen
	}
	return false
}

// root is the insert that a token goes back to.
func (c *checker) root(token string) string {
	var way []string
	at := token
	for {
		if known, ok := c.roots[at]; ok {
			at = known
			break
		}
		way = append(way, at)
		seen := c.writes[at].seen
		if seen == "" || len(way) > len(c.writes) {
			break
		}
		at = seen
	}
	for _, passed := range way {
		c.roots[passed] = at
	}
	return at
}

// gaveWay reports whether a site's log has a deletion of the row as the loser
// that can be this one: of the same site, and of about the time that its session
// took it to be.
func (c *checker) gaveWay(t *Txn, k Key) bool {
	const second = 1100 * time.Millisecond // the logs of some servers have no finer time
	return slices.ContainsFunc(c.nulls[k], func(e *Conflict) bool {
		if from, ok := e.side(); ok && from != t.Site {
			return false
		}
		return e.LostAt.IsZero() || e.LostAt.After(c.record.Began.Add(t.Start+t.Shift-second)) && e.LostAt.Before(c.record.Began.Add(t.Ack+t.Shift+second))
	})
}
