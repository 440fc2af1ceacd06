package precheck

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"duplex/internal/config"
	"duplex/internal/tenant"
)

func TestGrants(t *testing.T) {
	for _, c := range []struct {
		name, right, database, table string
		fold, may                    bool
		lines                        []string
	}{
		{name: "nothing", lines: []string{"GRANT USAGE ON *.* TO `u`@`%`"}, right: "SELECT", database: "shop"},
		{name: "all", lines: []string{"GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION"}, right: "REPLICATION SLAVE", may: true},
		{name: "everywhere", lines: []string{"GRANT SELECT, INSERT ON *.* TO 'u'@'%'"}, right: "INSERT", database: "shop", table: "t", may: true},
		{name: "database", lines: []string{"GRANT ALL PRIVILEGES ON `shop`.* TO 'u'@'%'"}, right: "CREATE VIEW", database: "shop", may: true},
		{name: "other database", lines: []string{"GRANT ALL PRIVILEGES ON `shop`.* TO 'u'@'%'"}, right: "SELECT", database: "mall"},
		{name: "wildcard", lines: []string{"GRANT SELECT ON `sh%`.* TO 'u'@'%'"}, right: "SELECT", database: "shop", may: true},
		{name: "underscore is a wildcard", lines: []string{"GRANT SELECT ON `a_b`.* TO 'u'@'%'"}, right: "SELECT", database: "axb", may: true},
		{name: "escaped underscore", lines: []string{`GRANT SELECT ON ` + "`a\\_b`" + `.* TO 'u'@'%'`}, right: "SELECT", database: "a_b", may: true},
		{name: "escaped underscore, other", lines: []string{`GRANT SELECT ON ` + "`a\\_b`" + `.* TO 'u'@'%'`}, right: "SELECT", database: "axb"},
		{name: "the more precise pattern counts", right: "INSERT", database: "shop",
			lines: []string{"GRANT SELECT, INSERT ON `s%`.* TO 'u'@'%'", "GRANT SELECT ON `shop`.* TO 'u'@'%'"}},
		{name: "patterns of a role count by themselves", right: "INSERT", database: "shop", may: true,
			lines: []string{"GRANT `r` TO `u`@`%`", "GRANT SELECT ON `shop`.* TO `u`@`%`", "GRANT INSERT ON `s%`.* TO `r`"}},
		{name: "table", lines: []string{"GRANT SELECT, UPDATE ON `shop`.`t` TO 'u'@'%'"}, right: "UPDATE", database: "shop", table: "t", may: true},
		{name: "other table", lines: []string{"GRANT SELECT ON `shop`.`t` TO 'u'@'%'"}, right: "SELECT", database: "shop", table: "v"},
		{name: "columns only", lines: []string{"GRANT SELECT (`a`, `b`), INSERT ON `shop`.`t` TO 'u'@'%'"}, right: "SELECT", database: "shop", table: "t"},
		{name: "behind columns", lines: []string{"GRANT SELECT (`a`, `b`), INSERT ON `shop`.`t` TO 'u'@'%'"}, right: "INSERT", database: "shop", table: "t", may: true},
		{name: "procedure", lines: []string{"GRANT EXECUTE ON PROCEDURE `shop`.`p` TO 'u'@'%'"}, right: "SELECT", database: "shop"},
		{name: "taken back", lines: []string{"GRANT SELECT ON *.* TO `u`@`%`", "REVOKE SELECT ON `shop`.* FROM `u`@`%`"}, right: "SELECT", database: "shop"},
		{name: "taken back elsewhere", may: true, right: "SELECT", database: "mall",
			lines: []string{"GRANT SELECT ON *.* TO `u`@`%`", "REVOKE SELECT ON `shop`.* FROM `u`@`%`"}},
		{name: "MariaDB's word", lines: []string{"GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO `u`@`%`"}, right: "REPLICATION CLIENT", may: true},
		{name: "names with quotes and words", may: true, right: "SELECT", database: "a ON `b", table: "",
			lines: []string{"GRANT SELECT ON `a ON ``b`.* TO `x TO y`@`%`"}},
		{name: "case counts", lines: []string{"GRANT SELECT ON `Shop`.* TO 'u'@'%'"}, right: "SELECT", database: "shop"},
		{name: "case does not count", lines: []string{"GRANT SELECT ON `Shop`.* TO 'u'@'%'"}, right: "SELECT", database: "shop", fold: true, may: true},
		{name: "not understood", lines: []string{"SET DEFAULT ROLE r FOR u", "GRANT", "GRANT x", "GRANT SELECT ON", ""}, right: "SELECT", database: "shop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := parseGrants(c.lines, c.fold)
			if c.database == "" {
				require.Equal(t, c.may, g.everywhere(c.right))
				return
			}
			require.Equal(t, c.may, g.may(c.right, c.database, c.table))
		})
	}
	require.Equal(t, "`u v`@`%`", parseGrants([]string{"GRANT USAGE ON *.* TO `u v`@`%` WITH GRANT OPTION"}, false).user)
}

func TestUnreachable(t *testing.T) {
	s := &site{Site: config.Site{Name: "hangzhou", Address: "db.example:3306", User: "app"}}
	dial := func(err error) error { return &net.OpError{Op: "dial", Err: err} }
	for _, c := range []struct {
		err  error
		want string
	}{
		{dial(&net.DNSError{Name: "db.example", IsNotFound: true}), "host name db.example is not known"},
		{dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), "nothing listens at db.example:3306 (connection refused)"},
		{dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), "there is no way to db.example:3306 (unreachable)"},
		{dial(context.DeadlineExceeded), "no answer from db.example:3306 in time"},
		{dial(os.ErrDeadlineExceeded), "no answer from db.example:3306 in time"},
		{mysql.ErrNoTLS, "db.example:3306 offers no TLS"},
		{&tls.CertificateVerificationError{Err: errors.New("expired")}, "the certificate of db.example:3306 is not trusted: expired"},
		{tenant.ErrMode, "the tenant is in Oracle mode"},
		{&mysql.MySQLError{Number: 1045}, "user app is not let in at db.example:3306: wrong password, or no such user for this host"},
		{&mysql.MySQLError{Number: 1130}, "db.example:3306 lets nobody in from this host"},
		{&mysql.MySQLError{Number: 1040, Message: "Too many connections"}, "db.example:3306 has no connection left: Too many connections"},
		{&mysql.MySQLError{Number: 5150, Message: "no tenant"}, "db.example:3306 refuses: no tenant"},
	} {
		message, fix := unreachable(s, fmt.Errorf("site hangzhou: %w", c.err))
		require.Equal(t, c.want, message)
		require.NotEmpty(t, fix)
	}
}
