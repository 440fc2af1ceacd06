// Package binlog turns the change log of a site into the site's local
// transactions, stamped.
//
//	server ─▶ dump (packets) ─▶ event ─▶ group (one transaction of the log)
//	                                        │ holds our inbound link's checkpoint row
//	                                        ├─▶ applied: clock and seen set move on, what it overwrote is found
//	                                        │   (conflict.Observer), nothing comes out
//	                                        ├─▶ local rows, a DDL, a beat: stamp ─▶ change.Txn
//	                                        └─▶ anything else: skipped
//
// The stream is pulled: Next reads the connection itself, so nothing is
// buffered but what the kernel holds, and a slow consumer slows the server.
// Reading the same log again from a position gives identical transactions,
// stamps included.
//
// Servers: MySQL 5.6 and later and OceanBase's Binlog Service by GTID set or by
// file and offset, MariaDB by GTID position.
package binlog
