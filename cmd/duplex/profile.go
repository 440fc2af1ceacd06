package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
)

// profiled runs the program with the profiles that the environment asks for:
// DUPLEX_CPUPROFILE and DUPLEX_MEMPROFILE name files. It is for measuring, and
// no part of what the program promises. A profile that cannot be written ends
// the program with an error, for nobody wants to find that out afterwards.
func profiled(a *app, run func() int) (code int) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(a.err, "profile:", err)
			code = max(code, exitFailed)
		}
	}
	if path := os.Getenv("DUPLEX_CPUPROFILE"); path != "" {
		f, err := os.Create(path)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fail(err)
			return code
		}
		defer func() {
			pprof.StopCPUProfile()
			fail(f.Close())
		}()
	}
	if path := os.Getenv("DUPLEX_MEMPROFILE"); path != "" {
		defer func() { fail(writeAllocations(path)) }()
	}
	return run()
}

// writeAllocations writes what was allocated since the start.
func writeAllocations(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	runtime.GC()
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}
