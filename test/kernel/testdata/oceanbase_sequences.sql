create sequence plain
create sequence everything start with 5 increment by 2 minvalue 1 maxvalue 1000 cache 7 cycle order
create sequence down increment by -3 nocache noorder maxvalue -1 minvalue -500
create sequence later start with 10 nomaxvalue nominvalue noorder nocycle
create sequence below start with -5 minvalue -10 increment by 3 cache 5
create sequence `odd``name` order
