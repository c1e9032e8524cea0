-- What a user of psql does; run.sh compares what it prints with expected.txt, PostgreSQL 15's output.
\set VERBOSITY default
\pset pager off
DROP SCHEMA IF EXISTS psql_shop CASCADE;
DROP SCHEMA IF EXISTS psql_other CASCADE;
\set QUIET off
CREATE SCHEMA psql_shop;
CREATE SCHEMA psql_other;
SET search_path TO psql_shop;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE customer (id serial PRIMARY KEY, name text NOT NULL, email varchar(50) UNIQUE, feeling mood DEFAULT 'ok', since timestamptz DEFAULT '2024-01-01 00:00:00+00');
CREATE TABLE product (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL, price numeric(10,2) CHECK (price >= 0), tags text[], info jsonb, gross numeric GENERATED ALWAYS AS (price * 1.2) STORED);
CREATE TABLE purchase (id bigint PRIMARY KEY, customer int NOT NULL REFERENCES customer ON DELETE CASCADE, product int REFERENCES product, amount int DEFAULT 1, CONSTRAINT positive CHECK (amount > 0));
CREATE INDEX purchase_by_customer ON purchase (customer, amount DESC);
CREATE UNIQUE INDEX product_title ON product (lower(title)) WHERE price > 0;
CREATE VIEW spent AS SELECT c.name, sum(p.price * x.amount) AS total FROM customer c JOIN purchase x ON x.customer = c.id JOIN product p ON p.id = x.product GROUP BY c.name;
CREATE SEQUENCE ticket START 100 INCREMENT 5;
COMMENT ON TABLE customer IS 'who buys';
COMMENT ON COLUMN customer.email IS 'one each';
INSERT INTO customer (name, email) VALUES ('Ada', 'ada@example.org'), ('Bert', NULL);
INSERT INTO product (title, price, tags, info) VALUES ('Pen', 1.5, '{blue,red}', '{"weight": 10}'), ('Desk', 250, NULL, NULL);
INSERT INTO purchase VALUES (1, 1, 1, 3), (2, 1, 2, 1), (3, 2, 1, 10);
\d customer
\d product
\d purchase
\d spent
\d ticket
\d+ customer
\d purchase_by_customer
\dt
\dt+ nothing
\dt psql_*.*
\dv
\ds
\di
\dn psql_*
\dT mood
\dT+ mood
\d nowhere
\df md5
\dp spent
\dd
\x on
SELECT * FROM customer ORDER BY id;
\x off
SELECT * FROM spent ORDER BY name;
\pset null '(none)'
SELECT id, email FROM customer ORDER BY id;
\pset format csv
SELECT * FROM product ORDER BY id;
\pset format aligned
\t on
SELECT count(*) FROM purchase;
\t off
\set who 'Ada'
SELECT :'who' AS who, :"who" FROM (SELECT 1 AS "Ada") x;
SELECT name FROM customer WHERE name = :'who' \gset found_
\echo :found_name
SELECT 1 AS a, 2 AS b \gx
SELECT 'SELECT ' || n FROM generate_series(1, 2) n \gexec
SELECT 1 AS a, 'x' AS b, 1.5 AS c, now() AS d, '{}'::jsonb AS e \gdesc
SELECT extract(month FROM d) AS m, i, 1 AS v FROM generate_series(date '2024-01-01', '2024-02-01', '1 month') d, generate_series(1, 2) i ORDER BY 1, 2 \crosstabview m i v
SELECT nothing FROM customer;
INSERT INTO customer (name, email) VALUES ('Eve', 'ada@example.org');
INSERT INTO purchase VALUES (4, 99, 1, 1);
INSERT INTO purchase VALUES (4, 1, 1, 0);
INSERT INTO product (title, price) VALUES (NULL, 1);
SELECT 1/0;
SELECT * FROM customer WHERE id = 'x';
SELEC 1;
\echo :ERROR :SQLSTATE :LAST_ERROR_MESSAGE
BEGIN;
SAVEPOINT s;
SELECT 1/0;
SELECT 1;
ROLLBACK TO s;
SELECT nextval('ticket'), nextval('ticket');
COMMIT;
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT 1/0;
SELECT 'still here' AS t;
COMMIT;
\set ON_ERROR_ROLLBACK off
\copy customer (name, email) from stdin with csv
Cora,cora@example.org
"Dan, Jr.",
\.
\copy (SELECT name, email FROM customer ORDER BY id) to stdout with csv header
COPY product (title, price) FROM STDIN;
Lamp	20.25
Chair	\N
\.
COPY (SELECT id, title, price FROM product ORDER BY id) TO STDOUT;
PREPARE by_name (text) AS SELECT id FROM customer WHERE name = $1;
EXECUTE by_name('Bert');
DEALLOCATE by_name;
\if true
\echo taken
\else
\echo not taken
\endif
\encoding
SHOW search_path;
ALTER TABLE customer ADD COLUMN note text DEFAULT 'new', DROP COLUMN feeling;
\d customer
DROP TABLE customer;
DROP SCHEMA psql_shop CASCADE;
\dn psql_*
DROP SCHEMA psql_other;
