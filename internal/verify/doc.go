// Package verify compares the tables of two tenants value by value, also while
// both are written.
//
//	A: rows of (low, high] ──┐
//	                         ├──▶ equal: counted
//	B: rows of (low, high] ──┘    not equal: read again by key after a barrier
//
// The ranges follow A's key order and leave nothing out between them, before
// the first or after the last. Rows find each other by the bytes of their keys,
// never by their order: the two servers may sort texts differently, and a row
// that then lies in another range on the other side is found when it is read
// again by its key.
//
// What differs is a difference only if it stays as it is on both sides over
// several barriers, and unsettled if it keeps changing.
package verify
