package binlog

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"duplex/internal/tenant"
)

const (
	dialLimit = 10 * time.Second
	// heartbeatPeriod is how often a server with nothing to send says so.
	heartbeatPeriod = 500 * time.Millisecond
	// silenceLimit is how long a server may say nothing at all.
	silenceLimit = 10 * time.Second
	// writeLimit is how long the server lets us be slow, in seconds: its own
	// limit is a minute, a large transaction can hold us up longer.
	writeLimit = 3600
	// serverIDs are where our server ids begin: a server wants each subscriber
	// to have one of its own, and people number their servers from below.
	serverIDs = 1 << 31
)

// openDump logs in and asks for the log from cursor on. client does handshake
// and login; from the dump command on the connection is ours.
func openDump(ctx context.Context, cfg *Config, at *cursor) (_ *dump, err error) {
	var raw net.Conn
	defer func() { // the library panics on answers that it does not expect
		if p := recover(); p != nil {
			err = errors.Join(broken("log in to the change stream", fmt.Errorf("%v", p)), raw.Close())
		}
	}()
	stop := func() bool { return true }
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		var err error
		raw, err = (&net.Dialer{Timeout: dialLimit}).DialContext(ctx, network, address)
		if err == nil {
			stop = context.AfterFunc(ctx, func() { _ = raw.Close() })
		}
		return raw, err
	}
	defer func() { stop() }()
	address, t := cfg.address(), cfg.Tenant.Config
	c, err := client.ConnectWithDialer(ctx, "tcp", address, t.User, t.Password, "", dial, func(c *client.Conn) error {
		c.ReadTimeout, c.WriteTimeout = dialLimit, dialLimit
		if t.TLS != nil {
			tls := t.TLS.Clone()
			if tls.ServerName == "" && !tls.InsecureSkipVerify {
				tls.ServerName, _, _ = net.SplitHostPort(address)
			}
			c.SetTLSConfig(tls)
		}
		return nil
	})
	if err != nil {
		return nil, fromClient("log in to the change stream", err)
	}
	d := &dump{raw: raw, silence: silenceLimit, oceanbase: cfg.Tenant.Kind == tenant.OceanBase}
	if err := d.subscribe(c, cfg, at); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	d.stream(c.Conn.Conn) // with TLS around it
	return d, nil
}

// subscribe makes the settings of a replica and sends the dump command.
func (d *dump) subscribe(c *client.Conn, cfg *Config, at *cursor) error {
	d.thread = c.GetConnectionID()
	algorithm, err := askChecksum(c, cfg.Tenant.Kind)
	if err != nil {
		return err
	}
	id, err := rand.Int(rand.Reader, big.NewInt(serverIDs-1))
	if err != nil {
		return fmt.Errorf("draw a server id: %w", err)
	}
	server := uint32(serverIDs + id.Int64())
	for _, q := range subscription(cfg.Tenant.Kind, at, algorithm) {
		if _, err := c.Execute(q); err != nil {
			return fromClient(q, err)
		}
	}
	if err := register(c, server); err != nil {
		return fromClient("register as a replica", err)
	}
	command, err := dumpCommand(at, server)
	if err != nil {
		return err
	}
	c.ResetSequence()
	if err := c.WritePacket(command); err != nil {
		return fromClient("ask for the change stream", err)
	}
	return nil
}

// askChecksum gives the server's word for what it appends to events, CRC32 or
// NONE. A proxy before the Binlog Service may pass the question on to a server
// that knows no such variable, and the service answers what it cannot parse with
// an OK and no rows: its own default is CRC32.
func askChecksum(c *client.Conn, kind tenant.Kind) (string, error) {
	const usual = "CRC32"
	r, err := c.Execute("SELECT @@global.binlog_checksum")
	if refused, ok := errors.AsType[*gomysql.MyError](err); ok && kind == tenant.OceanBase && refused.Code == gomysql.ER_UNKNOWN_SYSTEM_VARIABLE {
		return usual, nil
	}
	if err != nil {
		return "", fromClient("ask for binlog_checksum", err)
	}
	if r.Resultset == nil || r.RowNumber() == 0 {
		return usual, nil
	}
	algorithm, err := r.GetString(0, 0)
	switch {
	case err != nil:
		return "", fmt.Errorf("binlog_checksum: %w", err)
	case strings.EqualFold(algorithm, usual):
		return usual, nil
	}
	return "NONE", nil
}

// subscription is what a replica of the kind sets. Each variable has a statement
// and a value of its own: the Binlog Service parses no more than that, and would
// take the name of a variable for its value.
func subscription(kind tenant.Kind, at *cursor, checksum string) []string {
	period := fmt.Sprint(heartbeatPeriod.Nanoseconds())
	set := []string{
		"SET @master_binlog_checksum = '" + checksum + "'",
		"SET @master_heartbeat_period = " + period,
		fmt.Sprintf("SET net_write_timeout = %d", writeLimit),
	}
	// A server ends the old dump of a replica that comes again; each of our
	// connections is a replica of its own.
	var uuid [16]byte
	_, _ = rand.Read(uuid[:])
	name := string(appendUUID(nil, uuid[:]))
	set = append(set, "SET @slave_uuid = '"+name+"'")
	switch kind {
	case tenant.MySQL: // names since 8.0.26
		set = append(set,
			"SET @source_binlog_checksum = '"+checksum+"'",
			"SET @source_heartbeat_period = "+period,
			"SET @replica_uuid = '"+name+"'")
	case tenant.MariaDB:
		set = append(set, "SET @mariadb_slave_capability = 4") // GTID events, https://mariadb.com/kb/en/replication-protocol/
	}
	if at.mode == byMaria {
		set = append(set,
			"SET @slave_connect_state = '"+string(at.maria.append(nil))+"'",
			"SET @slave_gtid_strict_mode = 1") // a position that is not in the log is refused
	}
	return set
}

// register sends COM_REGISTER_SLAVE, so that SHOW SLAVE HOSTS names us.
func register(c *client.Conn, server uint32) error {
	const host = "duplex"
	b := []byte{0, 0, 0, 0, gomysql.COM_REGISTER_SLAVE}
	b = binary.LittleEndian.AppendUint32(b, server)
	b = append(append(b, byte(len(host))), host...)
	b = append(b, 0, 0)                        // user, password: shown to people only
	b = binary.LittleEndian.AppendUint16(b, 0) // port
	b = append(b, make([]byte, 8)...)          // rank, master id
	c.ResetSequence()
	if err := c.WritePacket(b); err != nil {
		return err
	}
	_, err := c.ReadOKPacket()
	return err
}

// dumpCommand is COM_BINLOG_DUMP_GTID for a GTID set, else COM_BINLOG_DUMP.
// MariaDB takes its GTID position from @slave_connect_state.
func dumpCommand(at *cursor, server uint32) ([]byte, error) {
	b := []byte{0, 0, 0, 0}
	if at.mode == byGTID {
		without := at.gtids
		if at.last.number > 0 { // is wanted once more, as a proof
			without = without.without(at.last.uuid[:], at.last.number)
		}
		set, err := gomysql.ParseMysqlGTIDSet(string(without.append(nil)))
		if err != nil {
			return nil, fmt.Errorf("GTID set: %w", err)
		}
		data := set.Encode()
		b = append(b, gomysql.COM_BINLOG_DUMP_GTID, 0, 0)
		b = binary.LittleEndian.AppendUint32(b, server)
		b = binary.LittleEndian.AppendUint32(b, 0) // no file name
		b = binary.LittleEndian.AppendUint64(b, 4) // its first event
		b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
		return append(b, data...), nil
	}
	if at.offset > 1<<32-1 {
		return nil, fmt.Errorf("offset %d of %s is beyond what a dump can ask for", at.offset, at.file)
	}
	b = append(b, gomysql.COM_BINLOG_DUMP)
	b = binary.LittleEndian.AppendUint32(b, uint32(at.offset))
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint32(b, server)
	return append(b, at.file...), nil
}

// fromClient gives an error of the client library in our terms.
func fromClient(what string, err error) error {
	if m, ok := errors.AsType[*gomysql.MyError](err); ok {
		return fmt.Errorf("%s: %w", what, serverError(m.Code, m.State, m.Message))
	}
	return broken(what, err)
}

func (c *Config) address() string {
	if c.Changes != "" {
		return c.Changes
	}
	return c.Tenant.Config.Address
}
