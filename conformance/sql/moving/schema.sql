-- A schema with one of everything that moves, and rows of every type.
create schema app;
create schema "Odd Name";
create type app.mood as enum ('sad', 'it''s ok', 'happy');
create table app.users (id serial primary key, name varchar(40) not null unique, born date, tags text[] default '{}', mood app.mood default 'sad', balance numeric(12,3) default 0 check (balance >= 0), made timestamptz default now(), doc jsonb, raw bytea, js json, u uuid, iv interval, t time, f8 double precision, f4 real, b boolean, i2 smallint, i8 bigint, ch char(5), moods app.mood[], ts timestamp(3), len int generated always as (length(name)) stored);
insert into app.users (name, born, tags, mood, balance, made, doc, raw, js, u, iv, t, f8, f4, b, i2, i8, ch, moods, ts)
 select 'user'||g, date '1900-01-01' + g, array['a'||g, null, 'x,"y\'||chr(9)||chr(10)], (array['sad','it''s ok','happy'])[1+g%3]::app.mood, g/7.0, timestamptz '2020-01-01 00:00+00' + g * interval '1 hour 3.25 s', jsonb_build_object('g', g, 'b', g/3.0, 'z', null), decode(md5(g::text),'hex'), ('{"k" :  '||g||'}')::json, md5(g::text)::uuid, make_interval(months => g, days => -g, secs => g/3.0), time '00:00' + g * interval '1.5 s', sqrt(g) * 1e100, sqrt(g), g%2=0, g%30000, g::bigint*1000000000, 'c'||g%10, array['sad','happy']::app.mood[], timestamp '1000-01-01' + g * interval '1 day' from generate_series(1,5000) g;
insert into app.users (name, f8, f4, born, made, balance) values ('nan', 'NaN', '-Infinity', 'infinity', '-infinity', 0), (E'tab\tback\\slash\nnl\r', 0, -0.0, '0044-03-15 BC', null, null);
create table app.orders (id bigint generated always as identity (start with 100 increment by 5) primary key, user_id int not null references app.users(id) on delete cascade, "Total Amount" numeric, note text default 'it''s');
insert into app.orders (user_id, "Total Amount", note) select 1+g%5000, g*1.10, case when g%3=0 then null else repeat('x', g%50) end from generate_series(1,20000) g;
create table app.items (order_id bigint references app.orders(id), code text collate "C", qty int, primary key (code, order_id), unique (order_id, qty, code));
insert into app.items select 100+5*(g%20000), chr(65+g%26)||g, g%9 from generate_series(1,30000) g;
create table "Odd Name"."T a" ("select" int, "Ünï" text);
insert into "Odd Name"."T a" select g%5, 'ü'||g%3 from generate_series(1,1000) g;
create table app.empty (a int);
create sequence app.loose as int start 7 increment -2 minvalue -100 maxvalue 50 cycle;
select nextval('app.loose'), nextval('app.loose');
create sequence app.fresh start 42;
create index on app.orders (user_id, "Total Amount" desc nulls last);
create index users_lower on app.users (lower(name)) where b;
create unique index one_happy on app.items (order_id, code);
create view app.z_base as select id, name from app.users where balance > 5;
create view app.a_view as select z.name, count(*) as n from app.z_base z join app.orders o on o.user_id = z.id group by z.name;
comment on table app.users is 'people; it''s them'; comment on column app.users.name is 'E\x'; comment on view app.z_base is 'v'; comment on sequence app.loose is 's'; comment on type app.mood is 'm'; comment on schema app is 'sch'; comment on index app.users_lower is 'i'; comment on constraint users_name_key on app.users is 'c';
