// Package ddl changes the tables of a live pair while both sides are written,
// and looks whether they end with the same tables and the same rows. DUPLEX_KINDS
// names other servers than MariaDB and MySQL; on two kernels of OceanBase each
// test takes minutes.
package ddl
