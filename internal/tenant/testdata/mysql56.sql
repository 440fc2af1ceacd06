create table old_utf8 (a varchar(20) primary key) charset utf8 collate utf8_bin;
create table engine_myisam (id int primary key, p point not null, spatial key sp (p)) engine=myisam;
create table by_linear (id int primary key) partition by linear hash (id) partitions 3;
create table commented (id int primary key) partition by list (id) (partition a values in (1) comment 'it''s');
create table sized (id int primary key) row_format=compressed key_block_size=8 stats_persistent=1 checksum=1;
create table implicit (a int, b date, c varchar(5), primary key (a, b, c));
