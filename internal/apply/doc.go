// Package apply writes transactions into a tenant.
//
//	Source.Next ─▶ fetch ─▶ window ─▶ lanes ─▶ one target transaction each:
//	                         ▲                   checkpoint row (the mark)
//	                 chunks of a copy            rows locked, compared, written
//
// The window holds what is not yet applied, in source order, and knows which
// transaction shares a key with which. A lane takes the oldest that nothing
// earlier blocks, several small ones together, and never a part of one. Lanes
// commit in any order; the checkpoint says exactly what is done.
//
//	lock ─▶ decide: each row by package conflict, with what the target's own
//	        reader (Site) knows, if need be after a wait for the end of its log
//	     ─▶ placer: only where unique values or foreign keys clash, which rows
//	        are in their tables and which wait aside (Parked)
//	     ─▶ script: mark, rows, conflict log, COMMIT
//
// The mender is one more lane: what the late check of the target's reader finds
// is put back by it.
package apply
