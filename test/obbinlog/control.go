package obbinlog

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"time"
)

// Socket is the name of the socket, in the log's folder, on which the stand-alone
// program takes orders.
const Socket = "control"

// Control gives the faults to programs: POST /tear?n=1 and so on, by the names
// of a Remote's methods.
func (r *Rig) Control() http.Handler {
	mux := http.NewServeMux()
	order := func(name string, do func(n int) error) {
		mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, q *http.Request) {
			n, err := strconv.Atoi(q.FormValue("n"))
			if err == nil {
				err = do(n)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
			}
		})
	}
	plain := func(do func(n int)) func(int) error {
		return func(n int) error {
			do(n)
			return nil
		}
	}
	order("tear", plain(r.Faults.Tear))
	order("repeat", plain(r.Faults.Repeat))
	order("omit", plain(r.Faults.Omit))
	order("slow", plain(func(n int) { r.Faults.Slow(time.Duration(n)) }))
	order("stall", plain(func(n int) { r.Faults.Stall(n != 0) }))
	order("hide", plain(func(n int) { r.Faults.HideLOBs(n != 0) }))
	order("freeze", plain(func(n int) { r.Freeze(n != 0) }))
	order("cut", plain(func(int) { r.Faults.Cut() }))
	order("purge", func(int) error { return r.Purge() })
	return mux
}

// A Remote orders faults of a rig that is another process. The methods are those
// of Rig and Faults.
type Remote struct{ client *http.Client }

// Dial gives the remote of the rig whose log is in dir. It connects when it is
// used.
func Dial(dir string) *Remote {
	path := filepath.Join(dir, Socket)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	return &Remote{&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Tear is Faults.Tear.
func (r *Remote) Tear(ctx context.Context, n int) error { return r.order(ctx, "tear", n) }

// Repeat is Faults.Repeat.
func (r *Remote) Repeat(ctx context.Context, n int) error { return r.order(ctx, "repeat", n) }

// Omit is Faults.Omit.
func (r *Remote) Omit(ctx context.Context, n int) error { return r.order(ctx, "omit", n) }

// Slow is Faults.Slow.
func (r *Remote) Slow(ctx context.Context, d time.Duration) error {
	return r.order(ctx, "slow", int(d))
}

// Stall is Faults.Stall.
func (r *Remote) Stall(ctx context.Context, on bool) error {
	return r.order(ctx, "stall", number01(on))
}

// HideLOBs is Faults.HideLOBs.
func (r *Remote) HideLOBs(ctx context.Context, on bool) error {
	return r.order(ctx, "hide", number01(on))
}

// Freeze is Rig.Freeze.
func (r *Remote) Freeze(ctx context.Context, on bool) error {
	return r.order(ctx, "freeze", number01(on))
}

// Cut is Faults.Cut.
func (r *Remote) Cut(ctx context.Context) error { return r.order(ctx, "cut", 0) }

// Purge is Rig.Purge.
func (r *Remote) Purge(ctx context.Context) error { return r.order(ctx, "purge", 0) }

func number01(on bool) int {
	if on {
		return 1
	}
	return 0
}

func (r *Remote) order(ctx context.Context, name string, n int) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://rig/"+name+"?n="+url.QueryEscape(strconv.Itoa(n)), nil)
	if err != nil {
		return err
	}
	answer, err := r.client.Do(q)
	if err != nil {
		return fmt.Errorf("order %s of the rig: %w", name, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		return fmt.Errorf("order %s of the rig: %s", name, text)
	}
	return nil
}
