package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Build makes the program in a new folder. Remove the folder in the end.
func Build(ctx context.Context) (program string, err error) {
	dir, err := os.MkdirTemp("", "duplex-e2e-")
	if err != nil {
		return "", err
	}
	program = filepath.Join(dir, "duplex")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "duplex/cmd/duplex").CombinedOutput()
	if err != nil {
		return "", errors.Join(fmt.Errorf("go build: %w: %s", err, out), os.RemoveAll(dir))
	}
	return program, nil
}

// A Site of a project file.
type Site struct{ Name, Address, User, Password string }

// WriteProject writes a project file for two sites, the first of which holds
// the rows at the start.
func WriteProject(path string, rowsPerSecond int, sites [2]Site) error {
	var b strings.Builder
	fmt.Fprintf(&b, "name: e2e\nscenario: active-active\nsites:\n")
	for _, s := range sites {
		fmt.Fprintf(&b, "  %s: {address: \"%s\", user: \"%s\", password: \"%s\"}\n", s.Name, s.Address, s.User, s.Password)
	}
	fmt.Fprintf(&b, "source: %s\ntables:\n  include: [\"%s.*\"]\nlimits: {rows_per_second: %d, memory: 64MiB}\n",
		sites[0].Name, Database, rowsPerSecond)
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

// A Program is the program with a project file.
type Program struct {
	Path    string
	Project string
}

// Output is what a command said.
type Output struct {
	Stdout, Stderr string
	Code           int
}

// Call runs a command on the project file to its end.
func (p *Program) Call(ctx context.Context, command string, args ...string) (Output, error) {
	cmd := exec.CommandContext(ctx, p.Path, append([]string{command, p.Project}, args...)...)
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	err := cmd.Run()
	o := Output{Stdout: out.String(), Stderr: diag.String(), Code: cmd.ProcessState.ExitCode()}
	if _, ok := errors.AsType[*exec.ExitError](err); ok && o.Code >= 0 {
		err = nil
	}
	return o, err
}

// JSON runs a command with --json and reads its document into v. It fails
// unless the command's exit code is 0.
func (p *Program) JSON(ctx context.Context, v any, command string, args ...string) error {
	o, err := p.Call(ctx, command, append(args, "--json")...)
	if err != nil {
		return fmt.Errorf("duplex %s: %w", command, err)
	}
	jerr := json.Unmarshal([]byte(o.Stdout), v)
	if o.Code != 0 {
		return fmt.Errorf("duplex %s: exit code %d: %s\n%s", command, o.Code, o.Stderr, cut(o.Stdout))
	}
	if jerr != nil {
		return fmt.Errorf("duplex %s: %w: %s", command, jerr, cut(o.Stdout))
	}
	return nil
}

func cut(s string) string {
	const most = 4000
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// Barrier runs duplex barrier until it passes: one that finds the project not
// running is asked again until ctx ends.
func (p *Program) Barrier(ctx context.Context) error {
	for {
		o, err := p.Call(ctx, "barrier", "--json")
		if err == nil && o.Code == 0 {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("duplex barrier: exit code %d: %s", o.Code, o.Stderr)
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// A Run is a running `duplex run`. It does not outlive this process.
type Run struct {
	Began time.Time
	pid   int
	done  chan struct{}
	state *os.ProcessState
	log   lines
}

// Start starts `duplex run` with further arguments.
func (p *Program) Start(args ...string) (*Run, error) {
	cmd := exec.CommandContext(context.Background(), p.Path, append([]string{"run", p.Project}, args...)...)
	r := &Run{Began: time.Now(), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &r.log, &r.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // whose end would be the child's
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			r.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			_ = cmd.Wait()
			r.state = cmd.ProcessState
			close(r.done)
		}
	}()
	return r, <-started
}

// Ended reports whether the process has ended.
func (r *Run) Ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// Done is closed when the process has ended.
func (r *Run) Done() <-chan struct{} { return r.done }

// Kill ends the process with SIGKILL. It fails if it had ended by itself.
func (r *Run) Kill() error { return r.end(syscall.SIGKILL, -1) }

// Interrupt ends the process as ^C does, and fails unless it says so.
func (r *Run) Interrupt() error { return r.end(syscall.SIGINT, 130) }

func (r *Run) end(sig syscall.Signal, want int) error {
	if r.Ended() {
		return fmt.Errorf("duplex run ended by itself: %v\n%s", r.state, r.Log())
	}
	if err := syscall.Kill(r.pid, sig); err != nil {
		return err
	}
	select {
	case <-r.done:
	case <-time.After(time.Minute):
		_ = syscall.Kill(r.pid, syscall.SIGQUIT)
		<-r.done
		return fmt.Errorf("duplex run did not end within a minute of %v\n%s", sig, r.Log())
	}
	if code := r.state.ExitCode(); code != want {
		return fmt.Errorf("duplex run ended with %v after %v\n%s", r.state, sig, r.Log())
	}
	return nil
}

// Log is the end of what the process printed.
func (r *Run) Log() string { return r.log.String() }

// lines keeps the end of what is written to it.
type lines struct {
	mu   sync.Mutex
	text []byte
}

const keepLog = 64 << 10

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if len(l.text) > 2*keepLog {
		l.text = append(l.text[:0], l.text[len(l.text)-keepLog:]...)
	}
	return len(p), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
