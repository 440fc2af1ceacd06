package tenant

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// fileLock is a lock between processes. The kernel gives it back when the
// holder ends, however it ends.
type fileLock struct{ file *os.File }

// tryLock takes the lock at path or returns ErrBusy.
func tryLock(path string) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &fileLock{file: f}, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrBusy
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// waitLock takes the lock at path, waiting for its holder until ctx ends.
func waitLock(ctx context.Context, path string) (*fileLock, error) {
	for {
		lock, err := tryLock(path)
		if !errors.Is(err, ErrBusy) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", err, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (l *fileLock) release() {
	if l != nil {
		_ = l.file.Close()
	}
}

// Ports are taken from below the range that the kernel uses for outgoing
// connections: a client that redials a stopped server must not be given the
// server's own port.
const (
	firstPort = 17000
	lastPort  = 31999
)

// reservePort finds a free port, or takes the wanted one if it is not 0, and
// keeps other users of this package off it until the lock is released.
func reservePort(ctx context.Context, cache string, want int) (int, *fileLock, error) {
	dir := filepath.Join(cache, "ports")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, nil, err
	}
	if want != 0 {
		lock, err := lockPort(ctx, dir, want)
		return want, lock, err
	}
	var err error
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		var lock *fileLock
		if lock, err = lockPort(ctx, dir, port); err == nil {
			return port, lock, nil
		}
	}
	return 0, nil, fmt.Errorf("free port: %w", err)
}

func lockPort(ctx context.Context, dir string, port int) (*fileLock, error) {
	lock, err := tryLock(filepath.Join(dir, strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil {
		err = l.Close()
	}
	if err != nil {
		lock.release()
		return nil, fmt.Errorf("port %d: %w", port, err)
	}
	return lock, nil
}
