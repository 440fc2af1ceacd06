package tenant

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// seekdbVersion is the version of the package that fetch.sh unpacks.
const seekdbVersion = "1.3.0.post5"

// seekdbMemoryMB is the least memory with which the kernel starts well.
const seekdbMemoryMB = 1024

// seekdb listens on every interface and has no setting against it. Its password
// is set before it is handed over, so the door is open only while the data
// folder is prepared, once a machine.
type seekdb struct{}

func (seekdb) program(cache string) (string, error) {
	return firstProgram(SeekDB, filepath.Join(cache, "servers", "seekdb-"+seekdbVersion, "seekdb"))
}

// install leaves it to the first start, which fills an empty folder.
func (seekdb) install(_ context.Context, _, data string) error {
	return os.MkdirAll(data, 0o700)
}

func (seekdb) secure() []string {
	return []string{
		"SET GLOBAL time_zone = '+00:00'",
		"ALTER USER root@'%' IDENTIFIED BY '" + password + "'",
	}
}

func (seekdb) trim(data string) error {
	return removeAll(data, "run/*", "log/*")
}

func (seekdb) command(program string, at place) *exec.Cmd {
	args := []string{
		"--nodaemon",
		"--base-dir", at.data(),
		"--port", fmt.Sprint(at.port),
		"--log-level", "ERROR",
		"--parameter", fmt.Sprintf("memory_limit=%dM", max(at.opt.PoolMB, seekdbMemoryMB)),
		"--parameter", "log_disk_size=2G",
		"--parameter", "_lcl_op_interval=30ms", // as an observer has it: deadlocks are found at once, and not after up to 10 s
	}
	return daemon(program, append(args, at.opt.Flags...)...)
}
