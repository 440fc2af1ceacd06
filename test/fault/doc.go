// Package fault ends, cuts and slows whatever can be ended, cut and slowed
// while two sites are kept equal. Its tests run the real program with
// toxiproxy between it and both servers.
package fault
