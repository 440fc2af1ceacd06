package project

import (
	"context"
	"time"

	"duplex/internal/checkpoint"
	"duplex/internal/config"
	"duplex/internal/copy"
	"duplex/internal/lag"
)

// Status is a project as its tenants show it, whether or not anything runs.
type Status struct {
	Name     string          `json:"name"`
	Scenario config.Scenario `json:"scenario"`
	Phase    string          `json:"phase"` // new, full, incremental
	State    string          `json:"state"` // running, stopped
	Since    time.Time       `json:"since"` // of the newest heartbeat
	Sites    []SiteStatus    `json:"sites"`
	Links    []LinkStatus    `json:"links"`
	Copy     CopyStatus      `json:"copy"`
}

// SiteStatus is one tenant.
type SiteStatus struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Version  string `json:"version"`
	Server   string `json:"server"`          // both for people; of an OceanBase tenant its name, role and proxy too
	OffsetMS int64  `json:"clock_offset_ms"` // of its clock against this machine's
}

// LinkStatus is one direction.
type LinkStatus struct {
	From     string `json:"from"`
	To       string `json:"to"`
	State    string `json:"state"` // running, stopped, new
	Position string `json:"position"`
	LagMS    int64  `json:"lag_ms"` // age of the newest heartbeat of the source that has come through: grows by up to a second, and while the link stands
	Lag
	Transactions uint64    `json:"transactions"`
	Epoch        uint64    `json:"epoch"`
	Committed    time.Time `json:"committed_at"`
	Conflicts    uint64    `json:"conflicts"` // decisions between two writes, logged at To
	Drifts       uint64    `json:"drifts"`    // rows that were not what either log says
	Parked       uint64    `json:"parked"`    // rows that wait at To for a unique value
	// Statement changes definitions and stands in the link's way: it is being
	// carried, or was refused, for the reason behind it; empty: none does.
	Statement string `json:"statement,omitempty"`
}

// CopyStatus is the full copy.
type CopyStatus struct {
	Tables     int    `json:"tables"`
	TablesDone int    `json:"tables_done"`
	Chunks     int    `json:"chunks"`
	Rows       uint64 `json:"rows"`
	Bytes      uint64 `json:"bytes"`
}

// quiet is the age of a heartbeat, and of the figures that the run writes with it,
// beyond which nothing runs: sites are touched every second.
const quiet = 5 * time.Second

// Status reads the tenants.
func (s *Sites) Status(ctx context.Context) (Status, error) {
	p := s.Project
	st := Status{Name: p.Name, Scenario: p.Scenario, Phase: "new", State: "stopped", Sites: []SiteStatus{}, Links: []LinkStatus{}}
	offsets := map[string]time.Duration{}
	for _, site := range p.Sites {
		t := s.Tenant(site.Name)
		offset, _, err := t.Offset(ctx)
		if err != nil {
			return st, err
		}
		offsets[site.Name] = offset
		st.Sites = append(st.Sites, SiteStatus{Name: site.Name, Kind: string(t.Kind), Version: t.Version, Server: t.Server(), OffsetMS: offset.Milliseconds()})
	}
	for _, l := range p.Links() {
		ls, at, err := s.link(ctx, l, offsets)
		if err != nil {
			return st, err
		}
		st.Links = append(st.Links, ls)
		if ls.State == "running" {
			st.State = "running"
		}
		if at.After(st.Since) {
			st.Since = at
		}
	}
	if len(st.Links) > 0 && st.Links[0].State != "new" {
		st.Phase = "full"
		if err := s.copied(ctx, &st); err != nil {
			return st, err
		}
	}
	return st, nil
}

func (s *Sites) link(ctx context.Context, l config.Link, offsets map[string]time.Duration) (LinkStatus, time.Time, error) {
	to := s.Tenant(l.To)
	ls := LinkStatus{From: l.From, To: l.To, State: "new", Lag: LagOf(lag.Figures{})}
	store := checkpoint.New(to, s.Project.Name, l.String())
	state, ok, err := store.Load(ctx)
	if err != nil || !ok {
		return ls, time.Time{}, err
	}
	ls.State, ls.Position, ls.Epoch, ls.Committed = "stopped", string(state.Position), state.Epoch, state.Committed
	ls.Transactions = state.Done.Low
	if err := s.decided(ctx, l, &ls); err != nil {
		return ls, time.Time{}, err
	}
	if ls.Statement, err = s.statement(ctx, l); err != nil {
		return ls, time.Time{}, err
	}
	pulse, ok, err := checkpoint.ReadPulse(ctx, to, l.From)
	if err != nil || !ok {
		return ls, time.Time{}, err
	}
	age := time.Since(pulse.At.Add(-offsets[l.From]))
	ls.LagMS = max(0, age.Milliseconds())
	figures, at, ok, err := store.Lag(ctx)
	if err != nil {
		return ls, time.Time{}, err
	}
	if ok && time.Since(at.Add(-offsets[l.To])) < quiet { // also of a link that is far behind
		ls.State, ls.Lag = "running", LagOf(figures)
	}
	if age < quiet {
		ls.State = "running"
	}
	return ls, pulse.At, nil
}

// decided counts what was decided on a link.
func (s *Sites) decided(ctx context.Context, l config.Link, ls *LinkStatus) error {
	log := s.conflictLog(l.To)
	tallies, err := log.Links(ctx)
	if err != nil {
		return err
	}
	ls.Conflicts, ls.Drifts = tallies[l.String()].Conflicts, tallies[l.String()].Drifts
	ls.Parked, err = log.Parked(ctx)
	return err
}

// copied reads how far the copy is, from the chunks that the target holds.
func (s *Sites) copied(ctx context.Context, st *Status) error {
	states, err := copy.Load(ctx, s.Target, s.Project.Name)
	if err != nil {
		return err
	}
	for _, c := range states {
		st.Copy.Tables++
		st.Copy.Chunks += c.Chunks
		st.Copy.Rows += c.Rows
		st.Copy.Bytes += c.Bytes
		if c.Complete {
			st.Copy.TablesDone++
		}
	}
	whole, err := copy.Whole(ctx, s.Target, s.Project.Name)
	if whole {
		st.Phase = "incremental"
	}
	return err
}
