package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// called is a run of the command as a process.
type called struct {
	cmd *exec.Cmd

	mu       sync.Mutex
	out, err bytes.Buffer
}

// output collects what a process writes, to be read while it runs.
type output struct {
	of  *called
	buf *bytes.Buffer
}

func (o output) Write(p []byte) (int, error) {
	o.of.mu.Lock()
	defer o.of.mu.Unlock()
	return o.buf.Write(p)
}

// limit is how long one call may take on a busy machine.
const limit = 2 * time.Minute

// launch starts the command; it is killed when the test ends before it.
func launch(t *testing.T, env []string, args ...string) *called {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	self, err := os.Executable()
	require.NoError(t, err)
	c := &called{cmd: exec.CommandContext(ctx, self, args...)}
	c.cmd.Stdout, c.cmd.Stderr = output{c, &c.out}, output{c, &c.err}
	c.cmd.Env = append(append(c.cmd.Environ(), asCommand+"=1"), env...)
	require.NoError(t, c.cmd.Start())
	return c
}

// wait gives the exit code.
func (c *called) wait(t *testing.T) int {
	t.Helper()
	err := c.cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		require.NoError(t, err)
	}
	return c.cmd.ProcessState.ExitCode()
}

func (c *called) text() (out, err string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.String(), c.err.String()
}

// interrupt sends what ^C sends.
func (c *called) interrupt(t *testing.T) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGINT))
}

// until waits for a text in either output.
func (c *called) until(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return bytes.Contains(c.out.Bytes(), []byte(text)) || bytes.Contains(c.err.Bytes(), []byte(text))
	}, limit, 20*time.Millisecond, "no %q in the output", text)
}

// call runs the command to its end.
func call(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	c := launch(t, nil, args...)
	code = c.wait(t)
	out, err = c.text()
	return code, out, err
}
