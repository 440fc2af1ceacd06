// Package change holds the words of replication: values, rows, transactions,
// stamps, positions and marks, with the one codec that every room shares.
//
// A value enters Duplex in one of two ways, from a row event of a change log or
// from the text of a SELECT, and leaves it as an SQL literal. All three live
// here, so that copy, apply, verify and repair cannot disagree about a value:
//
//	row event ──▶ Value ──▶ AppendLiteral ──▶ INSERT, UPDATE, WHERE
//	SELECT    ──▶ Value ──▶ Equal
//
// The package knows no database, no clock and no network. Only Rows touches
// the disk, when a transaction is larger than its budget.
package change
