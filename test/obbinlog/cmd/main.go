// Command obbinlog runs a rig until it is killed.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"duplex/test/obbinlog"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var o obbinlog.Options
	flag.StringVar(&o.Listen, "listen", "127.0.0.1:0", "where clients connect")
	flag.StringVar(&o.Kernel, "kernel", "", "host:port of the kernel")
	flag.StringVar(&o.User, "user", "root", "user with all rights")
	flag.StringVar(&o.Dir, "dir", "", "folder of the log, and of the socket by which faults are asked for")
	flag.IntVar(&o.Version, "version", 4, "of the Binlog Service that is played: 2 or 4")
	size := flag.Uint("file-size", 0, "bytes of a file of the log")
	flag.Parse()
	o.FileSize, o.Password = uint32(*size), os.Getenv("OBBINLOG_PASSWORD")
	o.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	rig, err := obbinlog.Start(ctx, o)
	if err != nil {
		return err
	}
	socket := filepath.Join(o.Dir, obbinlog.Socket)
	if err := os.RemoveAll(socket); err != nil {
		return err
	}
	control, err := (&net.ListenConfig{}).Listen(ctx, "unix", socket)
	if err != nil {
		return err
	}
	go func() { _ = http.Serve(control, rig.Control()) }() //nolint:gosec // a socket of the user's own
	<-rig.Done()
	return rig.Err()
}
