// Package tenant starts real database servers for tests, benchmarks and the
// demonstration: one process per tenant, on 127.0.0.1, with a data folder of
// its own. Nothing here imports package testing except testing.go, so that the
// product's demo command can use Start as well.
//
//	For(t, kind) ─▶ Start ─▶ prepared data folder (made once a machine, copied)
//	                     ─▶ port (reserved across processes)
//	                     ─▶ process (dies with its parent, whatever happens)
//
// The cache folder is $DUPLEX_CACHE or ~/.cache/duplex:
//
//	dl/        what fetch.sh downloaded
//	servers/   unpacked servers, one folder a kind and version
//	prepared/  data folders with the password set and an empty log
//	ports/     one lock file for each port in use
//	bin/       tools of the build
package tenant
