package tenant

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// prepared returns the cached data folder of the kind, making it first if
// this machine has none for this very server program and recipe.
func prepared(ctx context.Context, e engine, program, cache string, o Options) (string, error) {
	key, err := prepareKey(e, program)
	if err != nil {
		return "", err
	}
	shelf := filepath.Join(cache, "prepared")
	folder := filepath.Join(shelf, string(o.Kind)+"-"+key)
	if isDir(folder) {
		return folder, nil
	}
	if err := os.MkdirAll(shelf, 0o700); err != nil {
		return "", err
	}
	lock, err := waitLock(ctx, folder+".lock")
	if err != nil {
		return "", err
	}
	defer lock.release()
	if isDir(folder) { // made by another process while we waited
		return folder, nil
	}
	say(o.Out, "prepare a data folder for %s (once)", o.Kind)
	work := folder + ".new"
	if err := os.RemoveAll(work); err != nil {
		return "", err
	}
	err = prepare(ctx, e, program, cache, work, o)
	if err == nil {
		err = os.Rename(filepath.Join(work, "data"), folder)
	}
	if err != nil {
		return "", fmt.Errorf("prepare %s: %w", o.Kind, err)
	}
	return folder, os.RemoveAll(work)
}

// prepare installs a data folder below dir, starts a server on it, gives root
// its password and stops it cleanly.
func prepare(ctx context.Context, e engine, program, cache, dir string, o Options) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := e.install(ctx, program, filepath.Join(dir, "data")); err != nil {
		return err
	}
	port, lock, err := reservePort(ctx, cache, 0)
	if err != nil {
		return err
	}
	defer lock.release()
	bare := Options{Kind: o.Kind, ServerID: 1, LogMB: 8}
	s := &Server{
		engine: e, program: program, password: "",
		place: place{dir: dir, port: port, opt: bare.withDefaults()},
	}
	if err := s.run(ctx); err != nil {
		return err
	}
	if err := s.exec(ctx, e.secure()...); err != nil {
		return errors.Join(err, s.Kill(context.WithoutCancel(ctx)))
	}
	if err := s.Stop(ctx); err != nil {
		return err
	}
	return e.trim(s.data())
}

// prepareKey changes with everything that decides what a data folder holds.
func prepareKey(e engine, program string) (string, error) {
	info, err := os.Stat(program)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, _ = fmt.Fprintln(sum, "recipe 1", program, info.Size(), info.ModTime().UnixNano())
	_, _ = fmt.Fprintln(sum, e.secure())
	bare := Options{ServerID: 1}.withDefaults()
	_, _ = fmt.Fprintln(sum, strings.Join(e.command(program, place{opt: bare}).Args, " "))
	return fmt.Sprintf("%x", sum.Sum(nil)[:6]), nil
}

// copyTree copies folders and files. Where the file system can share blocks
// the kernel does so; sockets and the like are left out.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case d.Type().IsRegular():
			return copyFile(path, target)
		}
		return nil
	})
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
