// Package e2e runs the real program between real servers and proves from their
// own logs what it did.
//
//	Workload ─▶ writers of both sites ─▶ history: what was acknowledged
//	Program  ─▶ duplex run, status, barrier, verify as child processes
//	Scan     ─▶ both change logs, read by other code than the product's
//	Prove    ─▶ history against logs: each transaction once at home, once and
//	            whole on the other side, and never a third time
//
// Every transaction of a writer names itself: a row in table ledger, one in
// mark_first before and one in mark_last behind all its other rows. Each site
// keeps to keys and unique values of its own, in one interleaved space.
package e2e
