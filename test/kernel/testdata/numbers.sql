create sequence plain
create sequence down increment by -3 start with -1 maxvalue -1 minvalue -500000 order
create sequence round start with 5 maxvalue 60 cycle cache 2
create sequence alone start with 100 maxvalue 99999999999
create table counted (id bigint auto_increment primary key, part int) auto_increment_mode='ORDER'
create table spread (id bigint auto_increment, part int not null, primary key (id, part), unique key ug (id) global) auto_increment_mode='NOORDER' partition by hash (part) partitions 2
