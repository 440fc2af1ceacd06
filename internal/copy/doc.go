// Package copy brings the rows that a source holds into a target that both
// sides may be writing already.
//
// A table is read in the order of its identity, one range after the other, and
// each range becomes a chunk, an applied transaction of its own:
//
//	mark ──▶ read (low, high] ──▶ mark ──▶ WaitLow ──▶ Writer.Copy: rows, and the
//	 low                           high                row of duplex.copy_chunk
//
// What is durable is told by duplex.copy_chunk alone. Its chunks are numbered in
// key order and each begins where the one before it ended, with the very same
// text; so a run that follows finds what is missing without comparing keys,
// which only the server's collations can. A missing range is filled by the chunk
// before it: its row is written again and again with bounds that grow.
//
// Both readers have to run before a copy does, and the source's rows that are
// written meanwhile come by the link: the Writer drops them from a chunk.
package copy
