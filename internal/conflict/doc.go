// Package conflict decides: which transactions are concurrent, which of two
// concurrent writes stays, and what has to be mended. It is pure: no clock of
// its own, no database, no goroutine, so that the product and test/sim run the
// same code. Its one tie to the outside are the files of Index.Spill, nameless
// and without meaning after the process; what they hold changes no answer.
//
//	log ─▶ Observer.Stamp, Wrote, Behind   a local transaction: its stamp, the Index
//	    ─▶ Observer.Applied                a marked one: late check, what settles
//	           Observer.Task ─▶ Plan       a restore, a row of the conflict log, a Revisit
//	           Observer.Settled            where a reader may start again
//	group ─▶ Case.Resolve ─▶ Outcome       each row under its lock, against Index.Find
//	      ─▶ Placement                     only where unique values clash
//	      ─▶ Notes                         what the mark says beyond its stamps
//	chunk ─▶ Came, Observer.Yields         the copy's rules
//
// Concurrent is what has not been seen (Local.Rival), never a matter of clocks.
// They choose only between two writes that are concurrent (Rule, Decide).
package conflict
