package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"io/fs"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite the expected messages in testdata")

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// environment is what the files in testdata find in the environment.
func environment(name string) (string, bool) {
	value, ok := map[string]string{
		"HANGZHOU_PASSWORD": "hunter2-hangzhou ${NOT_EXPANDED}",
		"EMPTY_PASSWORD":    "",
		"USER_OF_NEW":       "root@app#new",
		"RATE":              "2500",
	}[name]
	return value, ok
}

// files are what the files in testdata can name.
type files map[string]string

func (f files) read(path string) ([]byte, error) {
	content, ok := f[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return []byte(content), nil
}

func newFiles(t testing.TB) files {
	cert, key := newCertificate(t)
	return files{
		"/run/secrets/shanghai": "hunter2-shanghai\r\n",
		"/run/secrets/empty":    "\n",
		"/run/secrets/lines":    "hunter2\nhunter3\n",
		"conf/ca.pem":           cert,
		"conf/cert.pem":         cert,
		"conf/key.pem":          key,
		"conf/notpem.pem":       "hunter2",
	}
}

func newCertificate(t testing.TB) (cert, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

// parseGood reads a file of testdata/good.
func parseGood(t *testing.T, name string) *Project {
	data, err := os.ReadFile("testdata/good/" + name)
	require.NoError(t, err)
	p, err := Parse("conf/"+name, data, environment, newFiles(t).read)
	require.NoError(t, err)
	return p
}
