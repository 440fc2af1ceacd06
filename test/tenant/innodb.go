package tenant

import (
	"fmt"
	"os"
)

// sqlMode is the same for every server with a binary log, so that two tenants
// of different kinds pass the comparison of their settings.
const sqlMode = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"

// commonFlags are the flags that MariaDB and MySQL share. Commits reach the
// operating system but are not forced to disk: a killed server keeps what it
// acknowledged, a power failure is not what these tenants are for.
func commonFlags(at place) []string {
	flags := []string{
		"--no-defaults", // must come first
		"--datadir=" + at.data(),
		"--socket=server.sock", // relative to the data folder: its path may be long
		"--pid-file=" + at.dir + "/server.pid",
		"--log-error=" + at.dir + "/error.log",
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--port=%d", at.port),
		fmt.Sprintf("--server-id=%d", at.opt.ServerID),
		"--log-bin=binlog",
		"--binlog-format=ROW",
		"--binlog-row-image=FULL",
		"--binlog-checksum=CRC32",
		"--sync-binlog=0",
		"--innodb-flush-log-at-trx-commit=2",
		fmt.Sprintf("--innodb-buffer-pool-size=%dM", at.opt.PoolMB),
		"--innodb-log-buffer-size=4M",
		"--key-buffer-size=1M",
		"--performance-schema=0",
		"--max-connections=500",
		"--max-allowed-packet=64M",
		"--skip-name-resolve",
		"--local-infile=1",
		"--character-set-server=utf8mb4",
		"--collation-server=utf8mb4_general_ci",
		"--default-time-zone=+00:00",
		"--sql-mode=" + sqlMode,
	}
	if os.Geteuid() == 0 {
		flags = append(flags, "--user=root") // refused otherwise
	}
	return flags
}
