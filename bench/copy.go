package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// fullCopy makes the contest of copying a table to an empty server.
func fullCopy(o *options) ([]contest, error) {
	return []contest{{
		name:  "copy",
		title: fmt.Sprintf("copy a table of %s rows with a secondary index to an empty server", number(float64(o.rows))),
		unit:  "row",
		bars:  []bar{{of: ours, to: "mydumper + myloader", limit: 1.3}},
		open:  openCopy,
	}}, nil
}

func openCopy(ctx context.Context, r *rig) ([]competitor, error) {
	for _, tool := range []string{"mydumper", "myloader", "mariadb-dump", "mariadb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%w (test/tenant/fetch.sh bench installs it)", err)
		}
	}
	source, err := r.start(ctx, "source", sourceID, "")
	if err != nil {
		return nil, err
	}
	if err := r.tables.fill(ctx, source); err != nil {
		return nil, err
	}
	if err := r.tables.warm(ctx, source); err != nil {
		return nil, err
	}
	c := &carriage{rig: r, source: source}
	out := []competitor{
		c.competitor("mydumper + myloader", c.mydumper),
		c.competitor(ours, func(ctx context.Context, s *sample, t *server, no int) error {
			return r.runDuplex(ctx, s, source, t, fmt.Sprintf("copy-%d", no))
		}),
		c.competitor("mariadb-dump | mariadb", c.dump),
		c.competitor(ceiling, c.plain()),
	}
	if r.other != "" {
		out = append(out, c.competitor(otherBuild, func(ctx context.Context, s *sample, t *server, _ int) error {
			return r.runBuild(ctx, r.other, s, source, t, "")
		}))
	}
	return out, nil
}

// A carriage brings the rows of a source to one empty server after the other.
type carriage struct {
	*rig
	source *server
}

func (c *carriage) competitor(name string, work func(ctx context.Context, s *sample, t *server, no int) error) competitor {
	return competitor{name, func(ctx context.Context, no int) (sample, error) {
		target, err := c.start(ctx, "target", targetID, "")
		if err != nil {
			return sample{}, err
		}
		s, err := measure(ctx, c.rows, c.source, target, func(s *sample) error { return work(ctx, s, target, no) })
		if err != nil {
			return s, err
		}
		if err := c.tables.equal(ctx, c.source, target); err != nil {
			return s, err
		}
		return s, c.end(target)
	}}
}

// client is how the tools are told where a server is; the password is in the
// environment, out of the process list.
func client(ctx context.Context, program string, s *server, args ...string) *exec.Cmd {
	args = append([]string{"-h", s.Host(), "-P", strconv.Itoa(s.Port()), "-u", s.User()}, args...)
	if strings.HasPrefix(program, "mariadb") {
		args = append([]string{"--no-defaults"}, args...) // has to be the first
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+s.Password())
	return cmd
}

// mydumper goes by way of files, with two threads for the two cores, and with
// the target's log on.
func (c *carriage) mydumper(ctx context.Context, s *sample, t *server, _ int) error {
	dir := filepath.Join(c.folder, "dump")
	began := time.Now()
	dump := client(ctx, "mydumper", c.source, "-p", c.source.Password(), "-B", database, "-o", dir, "-t", "2", "-r", "100000",
		"--no-locks", "--trx-consistency-only")
	if err := quietly(dump, s); err != nil {
		return err
	}
	dumped := time.Now()
	if err := quietly(client(ctx, "myloader", t, "-p", t.Password(), "-B", database, "-d", dir, "-t", "2", "-o", "-e"), s); err != nil {
		return err
	}
	s.Parts = map[string]float64{"dump": dumped.Sub(began).Seconds(), "load": time.Since(dumped).Seconds()}
	return os.RemoveAll(dir)
}

// dump pipes one client into the other.
func (c *carriage) dump(ctx context.Context, s *sample, t *server, _ int) error {
	from := client(ctx, "mariadb-dump", c.source, "--single-transaction", "--quick", "--databases", database)
	to := client(ctx, "mariadb", t)
	r, w := io.Pipe()
	from.Stdout, to.Stdin = w, r
	var used [2]sample
	g, _ := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := quietly(from, &used[0])
		return errors.Join(err, w.CloseWithError(err))
	})
	g.Go(func() error {
		err := quietly(to, &used[1])
		return errors.Join(err, r.CloseWithError(err))
	})
	err := g.Wait()
	s.CPU.Own = used[0].CPU.Own + used[1].CPU.Own
	s.PeakRSS = max(used[0].PeakRSS, used[1].PeakRSS)
	return err
}

// quietly runs a tool; what it says is told only where it fails.
func quietly(cmd *exec.Cmd, s *sample) error {
	var out lastBytes
	cmd.Stderr = &out
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	if err := child(cmd, s); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, out)
	}
	return nil
}

// lastBytes keeps the end of what is written to it.
type lastBytes []byte

func (l *lastBytes) Write(p []byte) (int, error) {
	const most = 2000
	*l = append(*l, p...)
	if n := len(*l); n > most {
		*l = append((*l)[:0], (*l)[n-most:]...)
	}
	return len(p), nil
}
