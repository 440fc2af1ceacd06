package checkpoint

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"duplex/internal/change"
	"duplex/internal/tenant"
)

// ErrFenced says that a newer run of the project has taken the link over: this
// one may not write any more.
var ErrFenced = errors.New("fenced: a newer run of this project has taken the link over")

// A Store is the checkpoint of one link, in the link's target tenant.
type Store struct {
	tenant  *tenant.Tenant
	project string
	link    string
}

// New gives the checkpoint of a link.
func New(t *tenant.Tenant, project, link string) *Store {
	return &Store{tenant: t, project: project, link: link}
}

// A State is what is durable of a link: where it goes on.
type State struct {
	Epoch     uint64
	Position  change.Position // where the source's reader goes on
	From      uint64          // the seq that the reader gives first from there; at or below Done.Low
	Done      change.Seqs     // source transactions that are in this tenant
	Settled   Settled         // the newest
	Committed time.Time       // source commit time of what was applied last; zero: nothing was
}

// Load reads the state without touching it. ok is false where the link never
// ran.
func (s *Store) Load(ctx context.Context) (st State, ok bool, err error) {
	rows, err := s.tenant.DB().QueryContext(ctx, s.selectLanes(""))
	if err != nil {
		if missing(err) {
			return State{}, false, nil
		}
		return State{}, false, s.wrap("read", err)
	}
	return s.merge(rows)
}

func (s *Store) selectLanes(suffix string) string {
	return "SELECT epoch, `position`, low, applied, settled, settled_position, COALESCE(CAST(committed_at AS CHAR), '') FROM `duplex`.`checkpoint` WHERE " + s.where() + suffix
}

func (s *Store) where() string {
	b := change.AppendString([]byte("project = "), s.project)
	return string(change.AppendString(append(b, " AND link = "...), s.link))
}

func (s *Store) wrap(what string, err error) error {
	return fmt.Errorf("site %s: %s the checkpoint of link %s: %w", s.tenant.Site, what, s.link, err)
}

// merge takes the lanes' rows together: below the highest low everything is
// done, above it what any lane did.
func (s *Store) merge(rows *sql.Rows) (st State, ok bool, err error) {
	defer rows.Close()
	var top uint64 // the highest low of a row: its position is the one to go on from
	for rows.Next() {
		var epoch, low uint64
		var settled Settled
		var position, applied, committed string
		if err := rows.Scan(&epoch, &position, &low, &applied, &settled.Seq, &settled.Position, &committed); err != nil {
			return State{}, false, s.wrap("read", err)
		}
		above, err := change.ParseRanges(applied)
		if err != nil {
			return State{}, false, s.wrap("read", err)
		}
		if !ok || low >= top {
			top, st.From, st.Position = low, low, change.Position(position)
		}
		st.Done = st.Done.Union(change.Seqs{Low: low})
		for _, r := range above {
			st.Done = st.Done.Union(change.Seqs{Above: []change.Range{r}})
		}
		st.Epoch = max(st.Epoch, epoch)
		if settled.Seq >= st.Settled.Seq {
			st.Settled = settled
		}
		if at, err := time.Parse(timeForm, committed); err == nil && at.After(st.Committed) {
			st.Committed = at
		}
		ok = true
	}
	if err := rows.Err(); err != nil {
		return State{}, false, s.wrap("read", err)
	}
	return st, ok, nil
}

// Claim takes the link over for this run: it waits for what an older run has
// open, raises the epoch, and gives each of the lanes 0 to lanes-1 a row. A
// link that never ran begins at start.
func (s *Store) Claim(ctx context.Context, lanes int, start change.Position) (State, error) {
	tx, err := s.tenant.DB().BeginTx(ctx, nil)
	if err != nil {
		return State{}, s.wrap("claim", err)
	}
	st, err := s.claim(ctx, tx, lanes, start)
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return State{}, errors.Join(s.wrap("claim", err), ignoreDone(tx.Rollback()))
	}
	return st, nil
}

// ignoreDone leaves out what Rollback says of a transaction that has ended.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

func (s *Store) claim(ctx context.Context, tx *sql.Tx, lanes int, start change.Position) (State, error) {
	rows, err := tx.QueryContext(ctx, s.selectLanes(" FOR UPDATE"))
	if err != nil {
		return State{}, err
	}
	st, ok, err := s.merge(rows)
	if err != nil {
		return State{}, err
	}
	if !ok {
		st.Position = start
	}
	st.Epoch++
	if _, err := tx.ExecContext(ctx, "DELETE FROM `duplex`.`checkpoint` WHERE "+s.where()+" AND lane >= "+strconv.Itoa(lanes)); err != nil {
		return State{}, err
	}
	for lane := range lanes {
		r := Record{Lane: lane, Position: st.Position, Low: st.From, Applied: above(st), Settled: st.Settled, Committed: st.Committed}
		if _, err := tx.ExecContext(ctx, string(s.appendInsert(nil, st.Epoch, r))); err != nil {
			return State{}, err
		}
	}
	return st, nil
}

// above is what is done from st.From on.
func above(st State) []change.Range {
	if st.Done.Low > st.From {
		return append([]change.Range{{From: st.From, To: st.Done.Low}}, st.Done.Above...)
	}
	return st.Done.Above
}
