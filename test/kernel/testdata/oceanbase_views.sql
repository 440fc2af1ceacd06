create view v_first as select id, v from p_hash
create view a_second as select v_first.id, 'it''s \\ "x"' as q from v_first where v_first.v > 3
create view third (x, y) as select id, count(*) from a_second group by id
create view checked as select id from p_hash where v > 1 with check option
create view checked_here as select id from p_hash where v > 1 with local check option
create view `we``ird v` as select id as `odd``c` from p_hash
create view united as select * from v_first union all select id, v from p_hash where v = (select max(v) from p_hash) order by 1 limit 5
create view counting as with recursive r as (select 1 n union all select n + 1 from r where n < 5) select n from r
create view joined as select x.id, y.v from p_hash x left join third z on z.x = x.id, v_first y where x.id = y.id and x.v in (1, 2)
