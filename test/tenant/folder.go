package tenant

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// temporaryPrefix begins the names of temporary folders. They do not lie in a
// test's own folder, because a path with the test's name in it can be too long
// for a socket.
const temporaryPrefix = "duplex-tenant-"

// takeFolder makes the server's folder if need be and locks it.
func (s *Server) takeFolder() error {
	if s.dir = s.opt.Dir; s.dir == "" {
		sweep()
		dir, err := os.MkdirTemp("", temporaryPrefix)
		if err != nil {
			return err
		}
		s.dir, s.temporary = dir, true
	}
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return err
	}
	s.dir = dir
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	lock, err := tryLock(filepath.Join(s.dir, "lock"))
	if err != nil {
		return fmt.Errorf("folder %s: %w", s.dir, err)
	}
	s.locks = append(s.locks, lock)
	return nil
}

// sweep removes the temporary folders of processes that were killed before
// they could clean up. A folder in use is locked; a young one may be about to
// be. What cannot be removed stays: the next sweep comes.
func sweep() {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), temporaryPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		lock, err := tryLock(filepath.Join(dir, "lock"))
		if err != nil {
			continue
		}
		_ = os.RemoveAll(dir)
		lock.release()
	}
}
