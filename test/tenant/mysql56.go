package tenant

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// mysql56Version is the version of the package that fetch.sh unpacks.
const mysql56Version = "5.6.24002"

type mysql56 struct{}

func (mysql56) program(cache string) (string, error) {
	return firstProgram(MySQL56, filepath.Join(cache, "servers", "mysql56-"+mysql56Version, "mysqld"))
}

// install takes the data folder that the package brings along.
func (mysql56) install(_ context.Context, program, data string) error {
	if err := copyTree(filepath.Join(filepath.Dir(program), "data", "mysql"), data); err != nil {
		return err
	}
	return removeAll(data, "auto.cnf", "ib_logfile*")
}

func (mysql56) secure() []string {
	return []string{
		"SET sql_log_bin = 0",
		"DELETE FROM mysql.user WHERE user = '' OR host NOT IN ('localhost', '127.0.0.1')",
		"FLUSH PRIVILEGES",
		"GRANT ALL ON *.* TO root@localhost IDENTIFIED BY '" + password + "' WITH GRANT OPTION",
		"GRANT ALL ON *.* TO root@'127.0.0.1' IDENTIFIED BY '" + password + "' WITH GRANT OPTION",
	}
}

// trim also removes auto.cnf, which holds the server's UUID: each copy makes
// its own.
func (mysql56) trim(data string) error {
	return removeAll(data, "binlog.*", "*.sock", "auto.cnf")
}

func (mysql56) command(program string, at place) *exec.Cmd {
	home := filepath.Dir(program)
	args := append(commonFlags(at),
		"--basedir="+home,
		"--lc-messages-dir="+home+"/share",
		"--tmpdir="+at.dir,
		"--gtid-mode=ON",
		"--enforce-gtid-consistency",
		"--log-slave-updates",
		"--master-info-repository=TABLE",
		"--relay-log-info-repository=TABLE",
		"--explicit-defaults-for-timestamp",
		// Two files make up the log.
		fmt.Sprintf("--innodb-log-file-size=%dM", max(at.opt.LogMB/2, 1)),
	)
	cmd := daemon(program, append(args, at.opt.Flags...)...)
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+home)
	return cmd
}
