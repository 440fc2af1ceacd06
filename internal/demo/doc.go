// Package demo is a small shop in which two sites work at once: its tables,
// believable data, the people who order, ship and cancel on both sides, and a
// screen that shows what they do and that both sides stay equal.
//
//	shop.go     the tables
//	fill.go     the data that is there at the start, names.go what it is made of
//	staff.go    who writes, deeds.go what they do, rush.go what both sides do at once
//	ledger.go   whether the stock holds what both sides put in and took out
//	decided.go  what was decided where both sides wrote a row
//	arrive.go   how long it takes until the other side has it
//	equal.go    the comparison of a moment, while everything goes on
//	demo.go     the whole of it, with a project between the sites
//	screen.go   what is shown
//
// Most of the time each side's staff keeps to its own keys: even numbers on the
// first side, odd ones on the second. A few times a second both write the same
// row at the same moment, on purpose.
package demo
