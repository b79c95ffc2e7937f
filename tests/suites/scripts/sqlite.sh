# Tables, indexes, full text, JSON, recursion, a damaged file, a dump.
sqlite3 a.db > out <<'END'
pragma journal_mode = wal;
create table t(id integer primary key, a real, b text);
insert into t select value, value * 1.5, printf('%x', value * 7919)
  from generate_series(1, 30000);
create index tb on t(b);
create virtual table f using fts5(body);
insert into f select b || ' word' || (id % 97) from t where id < 5000;
select count(*) from f where f match 'word13';
select sum(a), count(distinct substr(b, 1, 2)) from t;
select json_group_array(json_object('id', id, 'b', b)) from t where id < 4;
with recursive q(n) as (select 0 union all select n + 1 from q where n < 7),
  s(a) as (select '' union all select a || n from s, q where length(a) < 3)
  select count(*), max(a) from s;
update t set b = upper(b) where id % 3 = 0;
delete from t where id % 11 = 0;
vacuum;
pragma integrity_check;
select avg(a), total(length(b)), max(round(sqrt(a), 9)) from t;
END
cat out
sqlite3 a.db .dump | sha256sum
sqlite3 a.db .dump | sqlite3 b.db
sqlite3 b.db 'select count(*) from t' 'pragma quick_check'
for i in 1 2 3 4; do
	for k in $(seq 10); do
		sqlite3 -cmd '.timeout 60000' b.db \
		    "insert into t(b) values('p$i.$k')"
	done &
done
wait
sqlite3 b.db "select count(*) from t where b like 'p%'"
