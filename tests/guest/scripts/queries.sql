create table item(id integer primary key, kind text, price real, parent int);
with recursive n(i) as (select 1 union all select i + 1 from n where i < SIZE)
insert into item select i, 'kind' || (i * 7919 % 13),
	(i * 104729 % 10007) / 7.0, i * 31 % 977 from n;
create index by_kind on item(kind, price);
select kind, count(*), round(sum(price), 3), min(id) from item
	group by kind order by 3 desc limit 5;
select count(*), round(avg(a.price - b.price), 6) from item a
	join item b on b.id = a.parent where a.price > b.price;
update item set price = price * 1.1 where kind in ('kind3', 'kind7');
delete from item where id % 10 = 3;
select round(total(price), 2), group_concat(distinct substr(kind, 5)) from
	(select * from item order by id limit 2000);
select id, printf('%08.3f', price), hex(kind) from item
	where kind like '%1_' order by price desc, id limit 3;
select json_extract('{"a":[1,2,{"b":7}]}', '$.a[2].b'), 1/3.0, 9e18 + 1;
pragma integrity_check;
