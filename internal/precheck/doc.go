// Package precheck is an ordered list of checks before a phase: it says what
// two tenants lack for a project, and what to do about it.
//
//	All ─▶ for each site that answers, or for the pair ─▶ Result: pass, warn, fail, skip
//
// Checks read. Only the loop probe writes: it makes database duplex and its
// tables where they are missing, and takes its own rows away again. A check
// that concerns one direction only looks at the sites that the project's
// scenario needs it of.
package precheck
