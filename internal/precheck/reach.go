package precheck

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"

	"github.com/go-sql-driver/mysql"

	"duplex/internal/tenant"
)

// variables are all that checks ask a server for, read once.
var variables = []string{
	"auto_increment_increment", "auto_increment_offset", "binlog_checksum", "binlog_expire_logs_auto_purge", "binlog_expire_logs_seconds",
	"binlog_format", "binlog_row_image", "binlog_row_value_options", "character_set_server", "collation_server", "datadir",
	"event_scheduler", "expire_logs_days", "gtid_mode", "hostname", "innodb_read_only", "log_bin", "log_row_value_options", "lower_case_table_names",
	"max_allowed_packet", "max_connections", "port", "read_only", "server_id", "server_uuid", "sql_mode", "super_read_only",
	"system_time_zone", "time_zone",
}

// reach opens the site's tenant and reads its variables.
func reach(ctx context.Context, r *run, s *site) {
	c := tenant.Config{Site: s.Name, Address: s.Address, User: s.User, Password: s.Password.Reveal(), Log: r.Log}
	if s.TLS != nil {
		c.TLS = s.TLS.Config()
	}
	t, err := tenant.Open(ctx, c)
	if err == nil {
		if s.vars, err = t.Variables(ctx, variables...); err != nil {
			_ = t.Close()
		}
	}
	if err != nil {
		message, fix := unreachable(s, err)
		r.fail(s, "", fix, "%s", message)
		r.skip(s, "no other check of this site or of the pair was made")
		return
	}
	s.tenant = t
	r.pass(s, "%s, user %s", s.Address, s.User)
}

// unreachable says in words of people why a site does not let us in.
func unreachable(s *site, err error) (message, fix string) {
	address := "correct `address` of site " + s.Name
	if m, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return refused(s, m)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return "host name " + dns.Name + " is not known", address
	}
	if tlsErr, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the certificate of " + s.Address + " is not trusted: " + tlsErr.Err.Error(), "name its authority in `tls: {ca: …}` of site " + s.Name
	}
	timeout, _ := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens at " + s.Address + " (connection refused)", "start the server, or " + address
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no way to " + s.Address + " (unreachable)", "look at the network between here and there, or " + address
	case errors.Is(err, context.DeadlineExceeded), timeout != nil && timeout.Timeout():
		return "no answer from " + s.Address + " in time", "let connections through (firewall, bind-address), or " + address
	case errors.Is(err, mysql.ErrNoTLS):
		return s.Address + " offers no TLS", "turn TLS on at the server, or take `tls` out of site " + s.Name
	case errors.Is(err, tenant.ErrMode):
		return "the tenant is in Oracle mode", "name a tenant in MySQL mode"
	}
	return err.Error(), address + ": it has to be a MySQL-protocol server"
}

// refused is unreachable for what the server itself says.
func refused(s *site, m *mysql.MySQLError) (message, fix string) {
	switch m.Number {
	case 1045, 1698:
		return "user " + s.User + " is not let in at " + s.Address + ": wrong password, or no such user for this host",
			"correct `user` and `password` of site " + s.Name
	case 1130:
		return s.Address + " lets nobody in from this host", "CREATE USER for this host, or correct the server's bind-address and skip-name-resolve"
	case 1040, 1203, 1226:
		return s.Address + " has no connection left: " + m.Message, "raise max_connections, or the user's limit"
	case 4151, 1820:
		return "the password of user " + s.User + " has expired or the account is locked", "ALTER USER: set the password anew, or unlock the account"
	}
	return s.Address + " refuses: " + m.Message, "correct `address` and `user` of site " + s.Name
}

// distinct looks for two names of one tenant: what is applied to itself would
// go round for ever.
func distinct(_ context.Context, r *run) error {
	a, b := r.source, r.other
	same := a.Address == b.Address && a.User == b.User
	if a.tenant.Kind != tenant.OceanBase && !same {
		same = a.vars["server_uuid"] != "" && a.vars["server_uuid"] == b.vars["server_uuid"]
		if a.vars["server_uuid"] == "" {
			same = a.vars["hostname"] != "" && a.vars["hostname"] == b.vars["hostname"] &&
				a.vars["port"] == b.vars["port"] && a.vars["datadir"] == b.vars["datadir"]
		}
	}
	if same {
		r.fail(nil, "", "correct `address` of one site", "%s and %s are one and the same server", a.Name, b.Name)
		return nil
	}
	r.pass(nil, "two servers")
	return nil
}

// least is the oldest version that is supported, by kind.
func least(kind tenant.Kind) (major, minor int) {
	switch kind {
	case tenant.MariaDB:
		return 10, 3
	case tenant.OceanBase:
		return 4, 0
	}
	return 5, 6
}

func kindName(k tenant.Kind) string {
	switch k {
	case tenant.MariaDB:
		return "MariaDB"
	case tenant.OceanBase:
		return "OceanBase"
	}
	return "MySQL"
}

func version(_ context.Context, r *run, s *site) error {
	major, minor := least(s.tenant.Kind)
	switch server := s.tenant.Server(); {
	case s.tenant.Release == tenant.Release{}:
		r.warn(s, "", "", "of a version that is not known: %s", server)
	case s.tenant.Release.Before(major, minor):
		r.fail(s, "", "upgrade the server", "%s is older than %d.%d, the first version that is supported", server, major, minor)
	case s.tenant.Kind == tenant.OceanBase && s.tenant.Release.Major > 4:
		r.warn(s, "", "", "%s is newer than what this program was tried with", server)
	default:
		r.pass(s, "%s", server)
	}
	return nil
}

func sameFamily(_ context.Context, r *run) error {
	if a, b := kindName(r.source.tenant.Kind), kindName(r.other.tenant.Kind); a != b {
		r.warn(nil, "", "watch `target-tables` and `duplex verify` closely",
			"%s is %s, %s is %s: types, defaults and collations of the two are not all the same", r.source.Name, a, r.other.Name, b)
	}
	return nil
}

func writable(_ context.Context, r *run, s *site) error {
	switch {
	case s.tenant.OB.Standby():
		r.fail(s, "", "name the primary tenant, or make this one primary", "the tenant is a standby: it takes no writes and has no change stream of its own")
	case on(s.vars["super_read_only"]) || on(s.vars["innodb_read_only"]):
		r.fail(s, "", "SET GLOBAL super_read_only = OFF, or name the server that is primary", "the server takes no writes: super_read_only or innodb_read_only is on")
	case readOnly(s.vars["read_only"]):
		r.warn(s, "", "SET GLOBAL read_only = OFF", "read_only is on: only a user with special rights writes")
	default:
		r.pass(s, "writes are taken")
	}
	return nil
}

func on(value string) bool { return value == "ON" || value == "1" }

// readOnly knows MariaDB's further words for it, too.
func readOnly(value string) bool { return value != "" && value != "OFF" && value != "0" }
