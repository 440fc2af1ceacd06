package tenant

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"duplex/test/obbinlog"
)

// oceanbase is two processes: a kernel in a folder of its own, and before it the
// rig of test/obbinlog, at whose address the tenant is.
type oceanbase struct{}

func (oceanbase) program(cache string) (string, error) {
	kernel, err := seekdb{}.program(cache)
	if err != nil {
		return "", fmt.Errorf("%s: %w", OceanBase, err)
	}
	return kernel, nil
}

func (oceanbase) install(context.Context, string, string) error { return nil }
func (oceanbase) secure() []string                              { return nil }
func (oceanbase) trim(string) error                             { return nil }

// command runs the rig; program is its own.
func (oceanbase) command(program string, at place) *exec.Cmd {
	cmd := daemon(program, "-listen", fmt.Sprintf("127.0.0.1:%d", at.port), "-kernel", at.kernel, "-user", user, "-dir", at.data())
	cmd.Env = append(os.Environ(), "OBBINLOG_PASSWORD="+password)
	return cmd
}

// settleKernel starts the kernel and builds the rig.
func (s *Server) settleKernel(ctx context.Context, cache string) error {
	rig, err := buildRig(ctx, cache)
	if err != nil {
		return err
	}
	o := s.opt
	o.Kind, o.Dir, o.Port = SeekDB, filepath.Join(s.dir, "kernel"), 0
	if s.kernel, err = Start(ctx, o); err != nil {
		return err
	}
	s.program, s.place.kernel = rig, s.kernel.Addr()
	return os.MkdirAll(s.data(), 0o700)
}

// buildRig makes the rig's program. Trees of the source lie side by side.
func buildRig(ctx context.Context, cache string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	tree := sha256.Sum256([]byte(strings.TrimSpace(string(out))))
	path := filepath.Join(cache, "bin", fmt.Sprintf("obbinlog-%x", tree[:6]))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	lock, err := waitLock(ctx, path+".lock")
	if err != nil {
		return "", err
	}
	defer lock.release()
	if out, err = exec.CommandContext(ctx, "go", "build", "-o", path, "duplex/test/obbinlog/cmd").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return path, nil
}

// Kernel is the server behind an OceanBase tenant's change log service, which
// has no log of its own; nil of any other kind. Nobody writes to it directly:
// its log would lack that.
func (s *Server) Kernel() *Server { return s.kernel }

// Service orders faults of an OceanBase tenant's change log service.
func (s *Server) Service() *obbinlog.Remote { return obbinlog.Dial(s.data()) }

// KillService ends an OceanBase tenant's change log service with SIGKILL, and
// with it all connections. The kernel stays. Restart brings the service back.
func (s *Server) KillService(ctx context.Context) error { return s.endFront(ctx, syscall.SIGKILL) }

// endKernel ends what is behind, if there is something.
func (s *Server) endKernel(ctx context.Context, sig syscall.Signal) error {
	if s.kernel == nil {
		return nil
	}
	return s.kernel.end(ctx, sig)
}

// restartKernel starts what is behind, if it is down.
func (s *Server) restartKernel(ctx context.Context) error {
	if s.kernel == nil || s.kernel.PID() != 0 {
		return nil
	}
	return s.kernel.Restart(ctx)
}

// closeKernel gives back what is behind.
func (s *Server) closeKernel() error {
	if s.kernel == nil {
		return nil
	}
	return s.kernel.Close()
}
