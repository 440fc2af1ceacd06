// Package ddl changes the tables of a live pair while both sides are written,
// and looks whether they end with the same tables and the same rows.
package ddl
