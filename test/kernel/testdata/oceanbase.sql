-- Options of tables: those that are kept, and those that stay behind.
create table opt_auto_increment (id bigint auto_increment primary key) auto_increment=1000 auto_increment_mode='ORDER' auto_increment_cache_size=77
create table opt_noorder (id int unsigned auto_increment primary key, v int) auto_increment_mode='NOORDER'
create table opt_rows (id int primary key) row_format=compressed compression='lz4_1.0'
create table opt_rows_redundant (id int primary key) row_format=redundant compression='none'
create table opt_rows_condensed (id int primary key) row_format=condensed compression='snappy_1.0'
create table opt_disks (id int primary key, d datetime) replica_num=1 block_size=65536 use_bloom_filter=true enable_macro_block_bloom_filter=true tablet_size=268435456 pctfree=10 parallel 4 progressive_merge_num=7 expire_info=(d < current_timestamp) micro_index_clustered=true
create table opt_scope (id int primary key) duplicate_scope='cluster' duplicate_read_consistency='weak' read only
create table opt_group (id int primary key) tablegroup=`odd group`
create table opt_comment (id int primary key comment 'a ''quote'', a "double", a \\, a\nnewline', b int comment '', c int default 3 comment '; drop table x; -- ') comment='it''s "a" \\ table\nof two lines; -- /* */'
create table opt_mode_queuing (id int primary key) table_mode='queuing'
create table opt_mode_extreme (id int primary key) table_mode='extreme' merge_engine=delete_insert
create table opt_ttl (id int primary key, d timestamp null) ttl (d + interval 1 day)
create table opt_kv (k varchar(20), q varbinary(20), t bigint, v varbinary(1000), primary key (k, q, t)) kv_attributes='{"Hbase": {"TimeToLive": 3600, "MaxVersions": 3}}' partition by key(k) partitions 3
create table opt_lob (id int primary key, t longblob, j json) lob_inrow_threshold=0
create table opt_dynamic (d date, v int, primary key (d, v)) dynamic_partition_policy (enable = true, time_unit = 'month', precreate_time = '3 month', expire_time = '12 month') partition by range columns (d) (partition p0 values less than ('2030-01-01'))
create table opt_heap (id int primary key, v int) organization heap
create table opt_index (id int, v int, unique key (id)) organization = index
create table opt_columns (id int primary key, a int, b varchar(20), key ka (a) with column group (each column), key kb (b)) with column group (each column)
create table opt_columns_all (id int primary key, a int) partition by hash (id) partitions 2 with column group (all columns, each column)
create table opt_charset (id int primary key, a varchar(10), b varchar(10) collate utf8mb4_bin) default charset=gbk collate=gbk_bin
create table opt_mysql (id int primary key) engine=innodb checksum=1 stats_persistent=1 avg_row_length=100 max_rows=1000 min_rows=1 pack_keys=1 delay_key_write=1
-- Indexes.
create table idx_options (id int primary key, a int, b int, key ka (a) block_size 65536 comment 'it''s\\"x"', key kb (b) using hash, key kc (a, b) invisible, unique key ud (b) invisible, key ke (a) parallel 2)
create table idx_storing (id int primary key, a int, b int, c int, key k1 (a) storing (b), key k2 (b), key k3 (c) global, unique key k4 (b, a) storing (c), key k5 (a, c) storing (b, id) invisible comment 'x')
create table idx_local (id int primary key, a int, key la (a) local, key ga (a) global, unique key gu (a) global) partition by hash(id) partitions 3
create table idx_global_hash (id int primary key, a int, b varchar(20), key gh (a) global partition by hash(a) partitions 4, unique key gk (b) global partition by key(b) partitions 2) partition by hash(id) partitions 3
create table idx_global_range (id int primary key, a int, b int, key gr (a) global partition by range(a) (partition q0 values less than (10), partition `q 1` values less than (maxvalue))) partition by hash(id) partitions 3
create table idx_global_columns (id int primary key, a varchar(20), d date, key gr (d, a) global partition by range columns (d) (partition `q 0` values less than ('2020-01-01'), partition q1 values less than (maxvalue)), key gl (a) global partition by list columns (a) (partition q0 values in ('a', 'it''s'), partition q1 values in (default))) partition by key(id) partitions 2
create table idx_global_whole (id int primary key, a int, b int, key ga (a) global partition by hash(a) partitions 2, key gc (b) global storing (a) comment 'it''s' partition by hash (b) partitions 2 with column group (each column))
create table idx_descending (id int primary key, a int, b varchar(10), key kd (a desc, b asc), unique key ke (b desc))
create table idx_prefix (id int primary key, t text, b blob, v varchar(100), key kt (t(20)), key kb (b(10), v(5)), unique key uv (v(10)))
create table idx_function (id int primary key, a int, b varchar(20), j json, key f1 ((a + 1)), unique key f2 ((upper(b))), key f3 (a, (a * 2) desc), key f4 ((a + 3), (a - 4)), key f5 ((cast(json_extract(j, '$.a') as signed))))
create table idx_multivalued (id int primary key, j json, k int, key mv ((cast(j->'$.a' as unsigned array))), unique key mu ((cast(j->'$.b' as char(20) array))))
create table idx_fulltext (id int primary key, a text, b varchar(200), fulltext key fa (a), fulltext key fb (b) with parser ngram parser_properties=(ngram_token_size=3), fulltext key fab (a, b) with parser beng)
create table idx_fulltext_no_key (a text, fulltext key f (a) with parser ik parser_properties=(ik_mode="max_word"))
create table idx_spatial (id int primary key, p point not null srid 0, g geometry srid 0 not null, spatial key sp (p), spatial key sg (g))
create table idx_unnamed (id int primary key, a int, b int, c int, index (a), unique index (b), unique (c), key (a), constraint cu unique (a, b))
-- Partitions and subpartitions.
create table p_range (id int, y int, primary key (id, y)) partition by range (y) (partition p0 values less than (10), partition `p 1` values less than (-1 + 30), partition pm values less than maxvalue)
create table p_range_expression (id int, t timestamp, primary key (id, t)) partition by range (unix_timestamp(t)) (partition p0 values less than (1600000000), partition pm values less than maxvalue)
create table p_range_columns (a int, b varchar(20), d datetime, primary key (a, b, d)) partition by range columns (b, d, a) (partition p0 values less than ('it''s\\', '2020-01-01 00:00:00', 5), partition p1 values less than ('z', maxvalue, maxvalue))
create table p_range_bytes (a varbinary(10), v int, primary key (a)) partition by range columns (a) (partition p0 values less than (x'00ff'), partition p1 values less than (maxvalue))
create table p_range_size (id int primary key, v int) partition by range(id) size('128M')
create table p_range_size_parts (id int primary key, v int) partition by range (id) size ('128M') (partition p0 values less than (100))
create table p_list (id int, r int, primary key (id, r)) partition by list (r) (partition pa values in (1, 2, -3), partition pb values in (null, 7), partition pd values in (default))
create table p_list_columns (id int, r varchar(10), primary key (id, r)) partition by list columns (r) (partition pa values in ('a', 'b''c', 'd\\e'), partition pb values in ('ü,(', 'x''),(''y', '''z'), partition pd values in (default))
create table p_list_columns_two (a int, b varchar(10), c date, primary key (a, b)) partition by list columns (a, b) (partition pa values in ((1, 'x'), (2, 'y')), partition pb values in ((3, 'it''s')))
create table p_hash (id int primary key, v int) partition by hash (id div 10) partitions 4
create table p_hash_named (id int primary key) partition by hash (id) (partition one, partition `t wo`)
create table p_key (a int, b varchar(10), v int, primary key (a, b)) partition by key (a, b) partitions 3
create table p_key_own (a int, b varchar(10), v int, primary key (a, b)) partition by key () partitions 2
create table p_no_key (id int, a int, g int as (a + 1)) partition by hash (g) partitions 2
create table p_hash_hash (id int, y int, primary key (id, y)) partition by hash (id) partitions 2 subpartition by hash (y) subpartitions 3
create table p_key_hash (id int, y int, primary key (id, y)) partition by key (id) subpartition by hash (y) subpartitions 2 partitions 2
create table p_range_key (id int, y int, primary key (id, y)) partition by range columns (y) subpartition by key (id) subpartitions 2 (partition p0 values less than (10), partition p1 values less than (maxvalue))
create table p_range_list_template (id int, r varchar(10), primary key (id, r)) partition by range (id) subpartition by list columns (r) subpartition template (subpartition sa values in ('a', 'it''s'), subpartition sd values in (default)) (partition p0 values less than (10), partition p1 values less than maxvalue)
create table p_range_range_template (id int, d date, primary key (id, d)) partition by range columns (id) subpartition by range columns (d) subpartition template (subpartition s0 values less than ('2020-01-01'), subpartition sm values less than (maxvalue)) (partition p0 values less than (10), partition p1 values less than (maxvalue))
create table p_list_range_template (id int, r varchar(10), primary key (id, r)) partition by list columns (r) subpartition by range (id) subpartition template (subpartition s0 values less than (5), subpartition s1 values less than maxvalue) (partition pa values in ('a'), partition pb values in ('b', 'c'))
create table p_key_list_template (id int, y int, primary key (id, y)) partition by key (id) subpartition by list (y) subpartition template (subpartition s0 values in (5), subpartition s1 values in (default)) partitions 2
create table p_range_hash_template (id int, y int, primary key (id, y)) partition by range (y) subpartition by hash (id) subpartition template (subpartition h0, subpartition h1, subpartition h2) (partition p0 values less than (10), partition p1 values less than maxvalue)
create table p_range_hash_own (id int, y int, primary key (id, y)) partition by range (y) subpartition by hash (id) (partition p0 values less than (10) (subpartition s0, subpartition s1), partition p1 values less than maxvalue (subpartition s2, subpartition s3, subpartition s4))
create table p_range_list_own (id int, r varchar(10), primary key (id, r)) partition by range (id) subpartition by list columns (r) (partition p0 values less than (10) (subpartition s0a values in ('a', 'it''s'), subpartition s0d values in (default)), partition p1 values less than maxvalue (subpartition s1 values in ('b')))
create table p_list_range_own (id int, r varchar(10), primary key (id, r)) partition by list columns (r) subpartition by range columns (id) (partition pa values in ('a') (subpartition sa0 values less than (5), subpartition sa1 values less than (maxvalue)), partition pb values in ('b') (subpartition sb0 values less than (7)))
create table p_hash_range_own (id int, y int, primary key (id, y)) partition by hash (id) subpartition by range (y) (partition p0 (subpartition a0 values less than (5), subpartition a1 values less than maxvalue), partition p1 (subpartition b0 values less than (6)))
-- Columns.
create table c_numbers (id bigint unsigned not null auto_increment primary key, a tinyint, b smallint unsigned zerofill, c mediumint not null default 5, d int default -3, e int(5) zerofill, f float, g float(7,3) unsigned, h double, i decimal(65,30) default 7.5, k bit(64) default b'101', l bool default true, m numeric, n real, o integer, p int8, q dec(5), r fixed(6,1), x double default 1e10)
create table c_strings (id int primary key, k char(10) default 'x''y\\z', l varchar(20) default 'a"b`c', m varchar(20) default 'a\nb\tc\0d', p longtext, q binary(16), r varbinary(300) default 'b''in', s tinyblob, f varchar(20) default 'NULL', g varchar(20) default 'CURRENT_TIMESTAMP', y varchar(20) default '', z varchar(20) not null default '(1)', aa char charset binary, n national varchar(10), nc nchar(4), st string, mt mediumtext)
create table c_bytes (id int primary key, a binary(4) default x'ff00fe01', b varbinary(9) default x'27', c varbinary(4) default 0x5c, d varbinary(10) default 'ä', e varbinary(9) default x'')
create table c_times (id int primary key, a date default '2020-01-02', b datetime default current_timestamp, c datetime(6) default current_timestamp(6) on update current_timestamp(6), d timestamp not null default current_timestamp on update current_timestamp, e timestamp(3) null default null, f time(2) default '-12:13:14.25', g year default 1999, h timestamp null default '2020-01-01 00:00:00', i datetime(3) default '1999-12-31 23:59:59.123', j datetime(3) default now(3), l datetime(2) null on update current_timestamp(2))
create table c_labels (id int primary key, h enum('a','b''c','d,e','','x\\y','ß') default 'b''c', i set('x','y z','q"r') not null default 'x,q"r' comment 'odd ''comment'' \\ here\tand\n\nthere', e enum('c)', '(d', '\\''', '''', '"', 'new\nline', '\\'), s set('it''s', 'a\\b'))
create table c_charsets (a varchar(20) charset latin1 collate latin1_bin, b varchar(10) charset gbk, c varchar(10) collate utf8mb4_bin, d char(3) charset utf16, e text charset latin1, f enum('ä','b') charset latin1, g set('x') collate utf8mb4_bin, h varchar(10) charset gb18030, i varchar(10) collate utf8mb4_unicode_ci, j varchar(5) charset gb18030_2022, k varchar(10) charset binary, l varchar(10) collate utf8mb4_0900_ai_ci, primary key (a,b)) default charset utf8mb4
create table c_generated (id int primary key, a int, b int generated always as (a+1) virtual, c varchar(30) generated always as (concat('x''y\\',a)) stored comment 'made', d json, e int as (json_extract(d, '$.a')) virtual, n int as (a * 2) stored not null, u int as (a + 3) stored unique, key kb (b))
create table c_checks (id int primary key, a int check (a > 0), b int, constraint `c 1` check (a < 100 and b <> 5), constraint nope check (b > 1) not enforced, check (a + b > 0))
create table c_defaults (id int primary key, d varchar(20) default (concat('a','b')), x int default (1+2), u varchar(40) default (uuid()), t datetime(6) default current_timestamp(6), z varchar(20) default 'f(x)', n decimal(10,3) default 1.5, b bit(8) default b'11', e enum('a','b') default 'a', y year default '2020', ti time default '10:00:00', da date default (current_date), bo boolean default false)
create table c_shapes (id int primary key, j json not null, g geometry, p point not null, l linestring, po polygon, mp multipoint, ml multilinestring, mpo multipolygon, gc geometrycollection, q point srid 0)
create table c_hidden (id int primary key, a int invisible, b int default 5 invisible, c int skip_index(min_max, sum))
create table c_counter (a int not null, n tinyint unsigned not null auto_increment, b int, primary key (a), key first_n (n, b), key other (b))
-- Keys, foreign keys, names.
create table k_none (a int, b text)
create table k_unique (a int not null, b varchar(10), unique key ua (a), unique key `0first` (b))
create table k_order (a int, b int, c varchar(10), d date, e decimal(10,2), primary key (e, d, c, b, a) comment 'on the key', key by_b (b)) comment 'pk order'
create table f_parent (a int, b int, c varchar(20), primary key (a, b), unique key uc (c))
create table f_child (id int primary key, a int, b int, c varchar(20), d int, key ab (a, b), constraint fk1 foreign key (a, b) references f_parent (a, b) on delete cascade on update cascade, constraint `fk 2` foreign key (c) references f_parent (c) on delete set null, key dk (d), foreign key (d) references f_child (id) on delete restrict on update no action)
create table `we``ird "name'` (`sel ect` int, `q``t` varchar(10), `ä` int, `d"q` int, `s'q` int, primary key (`sel ect`), key `k``1` (`q``t`), unique `ü` (`ä`))
create table `select` (`key` int primary key, `table` int, `index` int, key `primary key` (`table`), key `global` (`index`))
create table `emoji_😀` (`c😀` int primary key) comment '😀'
