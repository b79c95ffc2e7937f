# initdb, a server, SQL with parallel workers, crash recovery. Not as root:
# the server refuses that.
export PATH=/usr/lib/postgresql/17/bin:$PATH PGDATA=$PWD/db PGHOST=$PWD
export TZ=UTC
initdb -A trust --no-sync -E UTF8 --locale C -U metic > log 2>&1 ||
    { cat log; exit 1; }
cat >> db/postgresql.conf <<END
listen_addresses = ''
unix_socket_directories = '$PWD'
shared_buffers = 32MB
END
pg_ctl -w -l server.log start > /dev/null || { cat server.log; exit 1; }
sql="psql -U metic -X -q -A -t -v ON_ERROR_STOP=1"
createdb -U metic test
$sql test <<'END'
create table t (id int primary key, grp int, txt text, at timestamptz);
insert into t select i, i % 17, md5(i::text),
  timestamptz '2024-01-01 00:00Z' + i * interval '1 minute'
  from generate_series(1, 50000) i;
create index on t (txt);
create index on t using gin (to_tsvector('simple', txt));
analyze;
select count(*), sum(id), max(txt) from t;
select grp, count(*), avg(id)::numeric(10,2) from t group by grp order by 1
  limit 3;
set max_parallel_workers_per_gather = 2;
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
select count(distinct substr(txt, 1, 3)) from t where txt ~ '^[a-f].*0$';
with recursive f(a, b) as (select 0::numeric, 1::numeric union all
  select b, a + b from f where b < 1e40) select max(a) from f;
create function fact(n int) returns numeric language plpgsql as
  $$ begin return case when n < 2 then 1 else n * fact(n - 1) end; end $$;
select fact(50);
begin; delete from t where id % 2 = 0; rollback;
select count(*) from t;
select jsonb_agg(x) from (select id, txt from t order by id limit 2) x;
select sqrt(2::float8), exp(1::float8), 0.1::float8 + 0.2;
END
for i in 1 2 3 4; do
	$sql test -c "update t set grp = grp + 1 where id % 4 = $i - 1" &
done
wait
$sql test -c 'select sum(grp) from t'
pgbench -U metic -i -q test > /dev/null 2>&1
pgbench -U metic -c 4 -j 2 -t 50 -n test 2>&1 | grep 'actually processed'
pg_dump -U metic -t t test | grep -v restrict | sort | sha256sum
pg_ctl -m immediate stop > /dev/null
pg_ctl -w -l server.log start > /dev/null
$sql test -c 'select count(*) from t'
pg_ctl -m fast stop > /dev/null
