1064 create table opt_row_movement (id int primary key) enable row movement
1235 create table opt_dup_cluster (id int primary key) duplicate_scope='cluster'
1064 create table opt_merge_engine (id int primary key, a int) merge_engine='delete_insert'
1235 create table opt_semi (id int primary key, j json) semistruct_encoding_type='encoding'
1235 create table opt_cache_policy (id int primary key) storage_cache_policy (global = 'hot')
1235 create table opt_cg_named (id int primary key, a int, b int, c int) with column group (g1(a, b), g2(c))
1064 create table opt_locality (id int primary key) locality='F@zone1'
1064 create table opt_primary_zone (id int primary key) primary_zone='zone1'
1235 create table idx_global_sub (id int primary key, a int, b int, key ga (a,b) global partition by range(a) subpartition by hash(b) subpartitions 2 (partition q0 values less than (10), partition q1 values less than maxvalue))
1064 create table idx_pk_desc (id int, a int, primary key (id desc, a))
3548 create table idx_spatial (id int primary key, g geometry not null srid 4326, p point not null srid 0, spatial key sg (g), spatial index sp (p))
1064 create table p_linear_hash (id int primary key) partition by linear hash (id) partitions 4
1064 create table p_key_algo (a int primary key) partition by key algorithm=2 (a) partitions 2
1064 create table p_comment (id int primary key) partition by range (id) (partition p0 values less than (10) comment = 'it''s', partition pm values less than maxvalue)
1064 create table p_interval (id int, d date, primary key (id, d)) partition by range columns (d) interval (interval 1 month) (partition p0 values less than ('2020-01-01'))
1215 create table f_set_default (id int primary key, c varchar(20), foreign key (c) references f_parent (c) on delete set default)
1067 create table c_default_text (id int primary key, tx text default 'abc')
1101 create table c_default_json (id int primary key, j json default (json_array()))
1064 create table c_map (id int primary key, m map(varchar, int))
