package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// partOrder is the order of what a run spends its time on.
var partOrder = []string{
	"connecting", "schema", "full", "indexes", "incremental", "dump", "load",
	"commit p50", "commit p99", "in the log p50", "in the log p99", "from log to target p50", "from log to target p99", "lag p50", "lag p99", "lag max",
	"app p50", "app p95", "app p99", "app max",
}

// runDuplex runs the program from its start until it has caught up. Profiles
// are written under name; none if that is empty.
func (r *rig) runDuplex(ctx context.Context, s *sample, source, target *server, name string) error {
	return r.runBuild(ctx, r.program, s, source, target, name)
}

func (r *rig) runBuild(ctx context.Context, program string, s *sample, source, target *server, name string) error {
	file, err := r.project(source, target)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, "run", file, "--until", "caught-up", "--skip-check", "--log-level", "info", "--json")
	cmd.Env = os.Environ()
	if r.profile != "" && name != "" {
		if err := os.MkdirAll(r.profile, 0o755); err != nil {
			return err
		}
		for variable, kind := range map[string]string{"DUPLEX_CPUPROFILE": "cpu", "DUPLEX_MEMPROFILE": "mem"} {
			path, err := filepath.Abs(filepath.Join(r.profile, name+"."+kind+".prof"))
			if err != nil {
				return err
			}
			cmd.Env = append(cmd.Env, variable+"="+path)
		}
	}
	var log bytes.Buffer
	cmd.Stderr = &log
	began := time.Now()
	if err := child(cmd, s); err != nil {
		return fmt.Errorf("duplex: %w: %s", err, log.Bytes())
	}
	s.Parts = phases(log.String(), began, time.Now())
	return nil
}

// project writes a project file for two servers.
func (r *rig) project(source, target *server) (string, error) {
	password := filepath.Join(r.folder, "password")
	if err := os.WriteFile(password, []byte(source.Password()+"\n"), 0o600); err != nil {
		return "", err
	}
	scenario := "primary-standby"
	if r.twoWay {
		scenario = "active-active"
	}
	text := "name: bench\nscenario: " + scenario + "\nsites:\n"
	for i, s := range []*server{source, target} {
		text += fmt.Sprintf("  %s:\n    address: %s\n    user: %s\n    password_file: %s\n", []string{"a", "b"}[i], s.address(), s.User(), password)
	}
	text += "source: a\ntables:\n  include: [\"" + database + ".*\"]\n"
	path := filepath.Join(r.folder, "bench.yaml")
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// child runs a process to its end and adds what it used to s. It does not
// outlive this one: the kernel ends it with the thread that started it.
func child(cmd *exec.Cmd, s *sample) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return err
	}
	watched := watch(cmd.Process.Pid)
	err := cmd.Wait()
	peak, resident := watched()
	s.PeakRSS, s.resident = max(s.PeakRSS, peak), append(s.resident, resident...)
	s.CPU.Own += (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	return err
}

// phases reads from the program's log how long it was in each.
func phases(log string, began, ended time.Time) map[string]float64 {
	parts := map[string]float64{}
	last, since := "connecting", began
	for line := range strings.Lines(log) {
		at, phase := "", ""
		if !strings.Contains(line, " msg=phase ") {
			continue
		}
		for word := range strings.FieldsSeq(line) {
			if v, ok := strings.CutPrefix(word, "time="); ok {
				at = v
			}
			if v, ok := strings.CutPrefix(word, "phase="); ok {
				phase = v
			}
		}
		t, err := time.Parse(time.RFC3339Nano, at)
		if err != nil || phase == "" {
			continue
		}
		parts[last] += t.Sub(since).Seconds()
		last, since = phase, t
	}
	parts[last] += ended.Sub(since).Seconds()
	return parts
}
