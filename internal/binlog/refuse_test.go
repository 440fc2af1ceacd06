package binlog

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duplex/internal/tenant"
	servers "duplex/test/tenant"
)

// inSession runs statements on one connection.
func (s *site) inSession(statements ...string) {
	s.t.Helper()
	c, err := s.db.Conn(s.t.Context())
	require.NoError(s.t, err)
	for _, q := range statements {
		_, err := c.ExecContext(s.t.Context(), q)
		require.NoError(s.t, err, q)
	}
	require.ErrorIs(s.t, c.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn) // ends it
}

// TestRefused has what must end the reader, with a clear message, for tables of
// the project, and must not for others.
func TestRefused(t *testing.T) {
	cases := []struct {
		name       string
		statements []string // %s: the table
		want       string
		only       servers.Kind
		always     bool // also for tables of nobody
	}{
		{name: "minimal image", want: "binlog_row_image other than FULL",
			statements: []string{"SET binlog_row_image = MINIMAL", "UPDATE %s SET v = 'x'"}},
		{name: "empty image", want: "binlog_row_image other than FULL",
			statements: []string{"SET binlog_row_image = MINIMAL", "SET sql_mode = ''", "DELETE FROM %s", "INSERT INTO %s () VALUES ()"}},
		{name: "statement", want: `binlog_format is not ROW in some session: "UPDATE `, always: true,
			statements: []string{"SET binlog_format = STATEMENT", "UPDATE %s SET v = 'x'"}},
		{name: "XA", want: "XA transactions are not supported yet: XA PREPARE X'61',X'',1", only: servers.MariaDB,
			statements: []string{"XA START 'a'", "UPDATE %s SET v = 'x'", "XA END 'a'", "XA PREPARE 'a'", "XA COMMIT 'a'"}},
	}
	logKinds(t, func(t *testing.T, s *site) {
		if s.server.Kind() == servers.OceanBase {
			t.Skip("the stand-in's images are whole, whatever a session says: TestStreamRefuses")
		}
		s.exec("CREATE TABLE t (id int PRIMARY KEY, v varchar(10), w int)", "CREATE TABLE other LIKE t",
			"INSERT INTO t VALUES (1, 'a', 1)", "INSERT INTO other SELECT * FROM t")
		for _, c := range cases {
			if c.only != "" && c.only != s.server.Kind() {
				continue
			}
			err := s.readAfter(c.statements, "t")
			require.ErrorContains(t, err, c.want, c.name)
			require.Equal(t, tenant.Fatal, tenant.Classify(err))
			if !c.always {
				require.NoError(t, s.readAfter(c.statements, "other"), c.name)
			}
		}
	})
}

// readAfter runs the statements on a table, in a session of their own, and
// reads the log of them.
func (s *site) readAfter(statements []string, table string) error {
	s.t.Helper()
	s.exec("UPDATE t SET v = 'a'", "UPDATE other SET v = 'a'")
	r := s.open(s.end())
	var q []string
	for _, x := range statements {
		q = append(q, strings.ReplaceAll(x, "%s", table))
	}
	s.inSession(q...)
	last := s.beat()
	for {
		txn, err := r.Next(s.t.Context())
		if err != nil {
			return err
		}
		require.NoError(s.t, txn.Rows.Close())
		if txn.Beat != nil && txn.Beat.Count == last {
			return nil
		}
	}
}

func TestSavepoints(t *testing.T) {
	logKinds(t, func(t *testing.T, s *site) {
		s.exec("CREATE TABLE t (id int PRIMARY KEY)")
		r := s.open(s.end())
		s.inSession("BEGIN", "INSERT INTO t VALUES (1)", "SAVEPOINT a", "INSERT INTO t VALUES (2)", "ROLLBACK TO a",
			"RELEASE SAVEPOINT a", "INSERT INTO t VALUES (3)", "COMMIT")
		s.inSession("BEGIN", "INSERT INTO t VALUES (4)", "ROLLBACK")
		got := until(t, r, s.beat())
		require.Len(t, got, 1)
		require.Equal(t, []string{"insert t - (1)", "insert t - (3)"}, rowsIn(t, got[0]))
	})
}

func TestUnmarked(t *testing.T) {
	s := newSite(t, servers.MySQL56)
	s.exec("CREATE TABLE t (id int PRIMARY KEY)")
	r := s.open(s.end())
	own := "SET pseudo_thread_id = 2147473650"
	s.inSession(own, "BEGIN", mark(testInbound, 0, 1), "INSERT INTO t VALUES (1)", "COMMIT")
	s.inSession(own, "BEGIN", mark("x>y", 0, 1), "INSERT INTO t VALUES (2)", "COMMIT")
	s.inSession(own, "INSERT INTO t VALUES (3)")
	require.Len(t, until(t, r, s.beat()), 2)
	require.Equal(t, uint64(1), r.State().Unmarked)
}

// TestChecksum proves that the server sends checksums, and that one is missed.
func TestChecksum(t *testing.T) {
	logKinds(t, func(t *testing.T, s *site) {
		s.exec("CREATE TABLE t (id int PRIMARY KEY)")
		r := s.open(s.end())
		s.exec("INSERT INTO t VALUES (1)")
		next(t, r)
		require.True(t, r.dump.checksum)
		s.exec("INSERT INTO t VALUES (2)")
		raw, err := r.dump.event(t.Context())
		require.NoError(t, err)
		_, err = parseEvent(raw, true)
		require.NoError(t, err)
		raw[len(raw)-5] ^= 1
		_, err = parseEvent(raw, true)
		require.ErrorIs(t, err, errChecksum)

		if s.server.Kind() == servers.OceanBase {
			return // the variable cannot be set there
		}
		s.exec("SET GLOBAL binlog_checksum = NONE")
		r = s.open(s.end())
		s.exec("INSERT INTO t VALUES (3)")
		require.Equal(t, []string{"insert t - (3)"}, rowsIn(t, next(t, r)))
		require.False(t, r.dump.checksum)
		s.exec("SET GLOBAL binlog_checksum = CRC32", "INSERT INTO t VALUES (4)") // the server goes to a new file
		require.Equal(t, []string{"insert t - (4)"}, rowsIn(t, next(t, r)))
		require.True(t, r.dump.checksum)
	})
}

// TestDefinitionChanged has rows in the log that the catalogue no longer knows.
func TestDefinitionChanged(t *testing.T) {
	logKinds(t, func(t *testing.T, s *site) {
		s.exec("CREATE TABLE t (id int PRIMARY KEY, v int)", "CREATE TABLE u (id int PRIMARY KEY, v int)")
		from := s.end()
		s.exec("INSERT INTO t VALUES (1, 1)", "ALTER TABLE t ADD COLUMN w int")
		_, err := s.open(from).Next(t.Context())
		require.ErrorContains(t, err, s.database+".t has 3 columns, its rows in the log have 2")
		require.Equal(t, tenant.Fatal, tenant.Classify(err))

		from = s.end()
		s.exec("INSERT INTO u VALUES (1, 1)", "ALTER TABLE u MODIFY v varchar(10)")
		_, err = s.open(from).Next(t.Context())
		require.ErrorContains(t, err, "column v cannot have values of the log's type 3")

		from = s.end()
		s.exec("INSERT INTO u VALUES (2, 'x')", "DROP TABLE u")
		_, err = s.open(from).Next(t.Context())
		require.ErrorContains(t, err, s.database+".u has rows in the log, and neither the history nor the catalogue knows it")
	})
}

func TestGeneratedColumns(t *testing.T) {
	s := newSite(t, servers.MariaDB)
	s.exec("CREATE TABLE t (id int PRIMARY KEY, v int, a int AS (v+1) VIRTUAL, b int AS (v+2) PERSISTENT, w int INVISIBLE DEFAULT 4)")
	r := s.open(s.end())
	s.exec("INSERT INTO t (id, v) VALUES (1, 10)", "UPDATE t SET v = 20", "DELETE FROM t")
	var got []string
	for _, txn := range until(t, r, s.beat()) {
		got = append(got, rowsIn(t, txn)...)
	}
	require.Equal(t, []string{"insert t - (1,10,11,12,4)", "update t (1,10,11,12,4) (1,20,21,22,4)", "delete t (1,20,21,22,4) -"}, got)
}

func TestOpenRefuses(t *testing.T) {
	s := newSite(t, servers.MariaDB)
	_, err := Open(t.Context(), s.cfg, "x")
	require.ErrorContains(t, err, `position "x": format "x", want "1"`)
	cfg := s.cfg
	cfg.Inbound = ""
	_, err = Open(t.Context(), cfg, s.end())
	require.ErrorContains(t, err, "Inbound")
}

// TestLogReset sets the log up anew under a position.
func TestLogReset(t *testing.T) {
	logKinds(t, func(t *testing.T, s *site) {
		if s.server.Kind() == servers.OceanBase {
			t.Skip("there is no such statement: TestRenumbered has a service that is set up anew")
		}
		s.exec("CREATE TABLE t (id int PRIMARY KEY)")
		from := s.end()
		s.exec("RESET MASTER", "INSERT INTO t VALUES (1)")
		_, err := Open(t.Context(), s.cfg, from)
		require.ErrorIs(t, err, ErrPositionLost)
		require.ErrorContains(t, err, "it lost transactions that it had given out")
		require.Equal(t, tenant.Fatal, tenant.Classify(err))
	})
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	pool := writeCertificate(t, dir)
	s := newSite(t, servers.MariaDB, servers.WithFlags("--ssl-cert="+filepath.Join(dir, "cert.pem"), "--ssl-key="+filepath.Join(dir, "key.pem")))
	tn, err := tenant.Open(t.Context(), tenant.Config{Site: "a", Address: s.server.Addr(), User: s.server.User(), Password: s.server.Password(),
		TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tn.Close()) })
	s.cfg.Tenant = tn
	s.exec("CREATE TABLE t (id int PRIMARY KEY, v longblob)")
	r := s.open(s.end())
	s.exec("INSERT INTO t VALUES (1, repeat('x', 3000000))")
	require.IsType(t, &tls.Conn{}, r.dump.conn)
	require.Equal(t, int64(1), int64(next(t, r).Rows.Len()))
	for range 3 { // a read that was interrupted goes on
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err := r.Next(ctx)
		cancel()
		require.Error(t, err)
	}
	s.exec("INSERT INTO t VALUES (2, 'y')")
	require.Equal(t, []string{"insert t - (2,0x79)"}, rowsIn(t, next(t, r)))
}

// writeCertificate makes cert.pem and key.pem for 127.0.0.1.
func writeCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	pkcs, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: pkcs}} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool
}

// TestTwoDomains has MariaDB write in two GTID domains.
func TestTwoDomains(t *testing.T) {
	s := newSite(t, servers.MariaDB)
	s.exec("CREATE TABLE t (id int PRIMARY KEY)")
	from := s.end()
	for i := range 6 {
		s.inSession(fmt.Sprintf("SET gtid_domain_id = %d", 5+i%2), fmt.Sprintf("INSERT INTO t VALUES (%d)", i))
	}
	r := s.open(from)
	whole := plainOf(t, until(t, r, s.beat()))
	require.Len(t, whole, 6)
	for i := range whole {
		require.Equal(t, append([]plain(nil), whole[i+1:]...), plainOf(t, until(t, s.open(whole[i].Position), s.beats)))
	}
}
