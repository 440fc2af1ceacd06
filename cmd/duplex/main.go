// Command duplex keeps two tenants equal while both take writes.
package main

import "os"

func main() {
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	os.Exit(profiled(a, func() int { return start(os.Args[1:], a) }))
}
