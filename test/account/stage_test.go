package account_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/test/account"
	"duplex/test/e2e"
	"duplex/test/fault"
	"duplex/test/tenant"
)

// A stage is two sites, the program between them, and what is done to them.
type stage struct {
	*e2e.Pair
	t     *testing.T
	wires [2]*fault.Wire
	run   *e2e.Run
	work  *account.Work
	rng   *rand.Rand
	done  map[string]int // faults
	n     int
}

// project is the project file but for the sites.
const project = `name: account
scenario: active-active
sites:
%s
source: a
tables: {include: ["account.*"]}
limits: {memory: 256MiB}
conflict:
  policy: newest
`

// newStage starts the servers. fill makes the tables and rows of site a.
func newStage(t *testing.T, kind tenant.Kind, work *account.Work, rules string, fill func(db *sql.DB) error) *stage {
	s := &stage{Pair: &e2e.Pair{}, t: t, work: work, rng: rand.New(rand.NewPCG(work.Seed, 7)), done: map[string]int{}}
	if kind == tenant.OceanBase {
		work.Skew = 0 // a session's timestamp is not the time of its commit there
	}
	var sites []string
	for i, server := range tenant.All(t, []tenant.Kind{kind, kind}) {
		s.Servers[i], s.DBs[i], s.wires[i] = server, server.DB(t), fault.NewWire(t, server)
		sites = append(sites, fmt.Sprintf("  %c: {address: %q, user: %q, password: %q}", 'a'+i, s.wires[i].Listen, server.User(), server.Password()))
		require.NoError(t, account.Prepare(t.Context(), s.DBs[i]))
	}
	require.NoError(t, fill(s.DBs[0]))
	file := filepath.Join(t.TempDir(), "project.yaml")
	require.NoError(t, os.WriteFile(file, []byte(fmt.Sprintf(project, strings.Join(sites, "\n"))+rules), 0o600))
	s.Program = &e2e.Program{Path: program, Project: file}
	t.Cleanup(func() {
		if t.Failed() && s.run != nil {
			t.Logf("the last duplex run:\n%s", s.run.Log())
		}
	})
	return s
}

// begin starts the program, waits for the end of the copy, and lets the
// writers loose.
func (s *stage) begin() {
	s.t.Helper()
	s.run = s.Started(s.t, "--skip-check")
	e2e.WaitFor(s.t, s.run, "incremental", 4*time.Minute, func(context.Context) bool {
		var status struct{ Phase string }
		require.NoError(s.t, s.Program.JSON(s.t.Context(), &status, "status"))
		return status.Phase == "incremental"
	})
	s.t.Cleanup(func() {
		if err := s.work.Stop(); err != nil {
			s.t.Error(err)
		}
	})
	for i, server := range s.Servers {
		require.NoError(s.t, s.work.Start(i, server))
	}
}

// A blow is one thing that is done to a stage.
type blow struct {
	name string
	do   func()
}

// blows are done one after the other; the first two take the least time to
// recover from.
func (s *stage) blows() []blow {
	all := []blow{
		{"kill of duplex", func() {
			require.NoError(s.t, s.run.Kill())
			s.pause(500 * time.Millisecond)
			s.run = s.Started(s.t, "--skip-check")
		}},
		{"cut connection", func() {
			w := s.wires[s.n%2]
			w.Cut()
			s.pause(1500 * time.Millisecond)
			w.Mend(s.t)
		}},
	}
	for i, death := range fault.Deaths(s.Servers[0]) {
		all = append(all, blow{"kill of " + death.Of, func() {
			death := fault.Deaths(s.Servers[s.n%2])[i]
			require.NoError(s.t, death.Kill(s.t.Context()))
			s.pause(1500 * time.Millisecond)
			require.NoError(s.t, death.Restart(s.t.Context()))
		}})
	}
	return all
}

// pause waits for a random time below limit, which is the schedule of faults.
func (s *stage) pause(limit time.Duration) { fault.Pause(s.t, s.rng, limit) }

// progress is how often a line tells how far a run is.
const progress = 10 * time.Second

// suffer does something about every so often until over says that it is
// enough.
func (s *stage) suffer(every time.Duration, blows []blow, over func() bool) {
	began := time.Now()
	told, next := began, began.Add(every)
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for ; !over(); <-look.C {
		if s.run.Ended() {
			s.t.Fatalf("duplex run ended by itself after %v\n%s", time.Since(began).Round(time.Second), s.run.Log())
		}
		if now := time.Now(); now.Sub(told) >= progress {
			told = now
			s.tell(now.Sub(began))
		}
		if time.Now().After(next) {
			b := blows[s.n%len(blows)]
			b.do()
			s.done[b.name]++
			s.n++
			next = time.Now().Add(every/2 + time.Duration(s.rng.Int64N(int64(every))))
		}
	}
	s.tell(time.Since(began))
}

func (s *stage) tell(at time.Duration) {
	acknowledged, refused := s.work.Counts()
	var conflicts [2]int64
	for i := range conflicts {
		_ = s.DBs[i].QueryRowContext(s.t.Context(), "SELECT COUNT(*) FROM duplex.conflict").Scan(&conflicts[i]) // none: the site is down
	}
	s.t.Logf("%v: %d transactions, %d refused; %d and %d conflicts logged; faults: %v", at.Round(time.Second), acknowledged, refused,
		conflicts[0], conflicts[1], s.done)
}

// settle ends the writers and waits until each side has all of the other.
func (s *stage) settle(limit time.Duration) {
	s.t.Helper()
	require.NoError(s.t, s.work.Stop())
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	began := time.Now()
	for range 2 { // what the first one lets through can make the readers mend something
		err := s.Program.Barrier(ctx)
		if err != nil || s.run.Ended() {
			s.t.Fatalf("%v\nduplex run, ended: %v\n%s", err, s.run.Ended(), s.run.Log())
		}
	}
	s.t.Logf("barrier after %v", time.Since(began).Round(time.Millisecond))
}

// calm is how long both sides may differ after the barrier.
const calm = 20 * time.Second

// quiet asks until a judgement finds nothing, for a while; it gives the last.
func quiet[T any](judge func() (T, bool)) T {
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for began := time.Now(); ; <-look.C {
		if v, good := judge(); good || time.Since(began) > calm {
			return v
		}
	}
}
