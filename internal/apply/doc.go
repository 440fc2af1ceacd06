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
package apply
