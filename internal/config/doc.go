// Package config reads the project file: what a user asked for, strictly read.
//
//	bytes ─▶ bounds (size, lines, tokens, depth) ─▶ YAML with positions ─▶ fields ─▶ Project
//	                                                          └──▶ Errors: every problem, by line
//
// A file is either understood completely or refused. Each problem names file, line, column and, where there is one, the
// nearest right word; all problems of a file that is YAML at all are reported together. What the environment or a password
// file supplied is never quoted in a problem, and a password is a Secret, which shows itself only when asked to.
//
// The package decides what a file says, not whether it can be done: whether a table exists, a user may read or a port
// answers is for the precheck to find.
package config
