package tenant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// process is a running child. done is closed when it has ended and has been
// waited for; err may be read after that.
type process struct {
	pid  int
	done chan struct{}
	err  error
}

// daemon is a command that no context ends: the one given to Start bounds the
// start, not the server's life.
func daemon(program string, args ...string) *exec.Cmd {
	return exec.CommandContext(context.Background(), program, args...)
}

// launch starts cmd so that it cannot outlive this process. The kernel kills
// the child when the thread that started it ends; therefore one goroutine
// keeps its thread for itself from start to end. The child has a process group
// of its own: a Ctrl-C at the terminal is for us to handle, not for it.
func launch(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	p := &process{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		p.pid = cmd.Process.Pid
		started <- nil
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// end sends the signal and waits for the end of the process. When ctx ends
// before that, the process is killed, waited for, and the reason returned.
func (p *process) end(ctx context.Context, sig syscall.Signal) error {
	if p.ended() {
		return nil
	}
	// The process is ours and not yet waited for, or was so a moment ago: its
	// id has not been given to another in between.
	if err := syscall.Kill(p.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %v to process %d: %w", sig, p.pid, err)
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	}
	_ = syscall.Kill(p.pid, syscall.SIGKILL)
	<-p.done
	return fmt.Errorf("process %d killed after %v: %w", p.pid, sig, context.Cause(ctx))
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// logTail returns the last lines that a server wrote into its folder's logs.
func logTail(dir string) string {
	var tail []string
	for _, name := range []string{"output.log", "error.log"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil && len(text) > 0 {
			tail = append(tail, lastLines(text, 8))
		}
	}
	return strings.Join(tail, "\n")
}

func lastLines(text []byte, n int) string {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}
