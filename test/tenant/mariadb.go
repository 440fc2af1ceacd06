package tenant

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

type mariadb struct{}

func (mariadb) program(string) (string, error) {
	return firstProgram(MariaDB, "mariadbd", "/usr/sbin/mariadbd", "/usr/libexec/mariadbd")
}

func (mariadb) install(ctx context.Context, _, data string) error {
	installer, err := firstProgram(MariaDB, "mariadb-install-db", "/usr/bin/mariadb-install-db")
	if err != nil {
		return err
	}
	args := []string{
		"--no-defaults",
		"--datadir=" + data,
		"--auth-root-authentication-method=normal",
		"--skip-test-db",
		"--skip-name-resolve",
		"--skip-log-bin",
		"--innodb-log-file-size=8M",
	}
	if os.Geteuid() == 0 {
		args = append(args, "--user=root")
	}
	out, err := exec.CommandContext(ctx, installer, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mariadb-install-db: %w: %s", err, lastLines(out, 5))
	}
	return nil
}

func (mariadb) secure() []string {
	return []string{
		"SET sql_log_bin = 0",
		"ALTER USER root@localhost IDENTIFIED BY '" + password + "'",
		"CREATE OR REPLACE USER root@'127.0.0.1' IDENTIFIED BY '" + password + "'",
		"GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION",
	}
}

func (mariadb) trim(data string) error {
	return removeAll(data, "binlog.*", "*.sock")
}

func (mariadb) command(program string, at place) *exec.Cmd {
	args := append(commonFlags(at),
		"--tmpdir="+at.dir, // a server that starts removes the temporary tables it finds there, another's too
		fmt.Sprintf("--gtid-domain-id=%d", at.opt.ServerID),
		"--gtid-strict-mode=1",
		"--log-slave-updates=1",
		"--binlog-row-metadata="+at.opt.RowMetadata,
		"--binlog-annotate-row-events=0",
		fmt.Sprintf("--innodb-log-file-size=%dM", at.opt.LogMB),
		"--aria-pagecache-buffer-size=8M",
	)
	return daemon(program, append(args, at.opt.Flags...)...)
}
