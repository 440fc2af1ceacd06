// Command duplex keeps two tenants equal while both take writes.
package main

import "os"

func main() {
	os.Exit(start(os.Args[1:], &app{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}
