// Package account holds the product to its promise: two sites write the same
// few rows at once, everything that can break is broken, and in the end every
// acknowledged write is accounted for.
//
//	Work    ─▶ writers of both sites ─▶ Txn by Txn: what was written over what
//	Read    ─▶ what a site holds: tables, rows parked, the conflict log
//	Check   ─▶ history against both sites: each write visible, overwritten by
//	           one that had seen it, or in the conflict log as the loser
//	Sum     ─▶ the same for increments: nothing but their sum
//
// Each row that is written gets a token that no other row ever has, and the
// writer reads, under the row's lock, which token it writes over. So the history
// says not only what was written but on top of what.
package account
