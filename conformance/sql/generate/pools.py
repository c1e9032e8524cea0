"""What fills the slots of templates: `«int»` is one of `POOLS["int"]`. Values are SQL; a value may have slots itself."""

INT = "0 1 -1 2 3 5 7 10 -10 42 100 -100 255 1000 32767 -32768 65536 2147483647 -2147483648".split()
SMALL = "0 1 2 3 5 7 10 -1 -3".split()
BIG = INT + "4294967296 9223372036854775807 -9223372036854775807 1000000000000".split()
NUM = "0 1 -1 0.5 -0.5 1.5 2.5 -2.5 0.1 0.01 99.99 100.00 1234.5678 -1234.5678 0.000001 1e10 3.14159265358979 123456789012345678901234567890.5 0.00000000000000000001 1.10 1e-5".split()
FLOAT = "0 1 -1 0.5 -0.5 1.5 2.5 3.5 0.1 0.2 1e10 1e-10 1e100 -1e100 123456.789 3.141592653589793 1e15 1e16 123456789012345678".split()
TEXT = ["''", "'a'", "'b'", "'A'", "'abc'", "'ABC'", "'Hello World'", "'hello'", "'foo_bar%'", "'  pad  '", "'äöü ß'", "'日本語'", "'123'", "'a,b,c'", "'x''y'", "'aaa'", "'abcabc'", "'The quick brown fox'", "'Zebra'", "'1.5'", "'a\\b'", "'é'", "'ABcDe'", "'xyzzy'", "'one two  three'"]
PATTERN = ["'a%'", "'%a'", "'%o%'", "'_'", "'__'", "'%'", "''", "'A_C'", "'foo\\_bar\\%'", "'%b_'", "'h%'", "'H%d'", "'abc'", "'%ö%'", "'日%'", "'%\\%'", "'a_c%'"]
REGEX = ["'a'", "'^a'", "'o$'", "'[0-9]+'", "'^[a-z]+$'", "'(b|c)+'", "'l{2}'", "'\\d'", "'\\w+'", "'.*'", "'^$'", "'[[:upper:]]'", "'x*'", "'(a)(b)'", "'o.'", "'\\s'", "'[^a-z]'", "'a|b'", "'\\m\\w'", "'h.*o'"]
DATE = ["'2024-02-29'", "'2000-01-01'", "'1999-12-31'", "'2023-03-01'", "'1970-01-01'", "'2024-12-31'", "'0001-01-01'", "'2024-07-04'", "'1600-02-29'", "'2100-03-01'", "'infinity'", "'9999-12-31'"]
TIME = ["'00:00'", "'12:34:56'", "'23:59:59.999999'", "'06:30'", "'18:45:10.5'", "'00:00:01'", "'13:05'", "'24:00:00'"]
TIMESTAMP = ["'2024-02-29 12:34:56'", "'2000-01-01 00:00:00'", "'1999-12-31 23:59:59.999999'", "'1970-01-01'", "'2024-12-31 18:45:10.5'", "'2023-03-26 02:30'", "'2024-07-04T12:00:00'", "'2020-02-29 20:20:20.202'", "'0044-03-15 BC'", "'infinity'", "'1600-01-01 00:00:00'"]
TIMESTAMPTZ = ["'2024-02-29 12:34:56+02'", "'2000-01-01 00:00:00Z'", "'1999-12-31 23:59:59.999999-05:30'", "'1970-01-01 UTC'", "'2024-12-31 18:45:10.5+00'", "'2024-07-04 12:00:00+14'", "'2023-03-26 02:30 UTC'", "'-infinity'"]
INTERVAL = ["'1 day'", "'-1 day'", "'1 month'", "'1 year 2 months 3 days'", "'04:05:06.789'", "'-04:05:06'", "'1 week'", "'2 hours 30 minutes'", "'0'", "'3 days 12:00'", "'1 mon -1 day'", "'P1Y2M3DT4H5M6S'", "'100 years'", "'1 microsecond'", "'36 hours'", "'90 minutes'", "'1.5 days'", "'-2 months 10 days'"]
UUID = ["'00000000-0000-0000-0000-000000000000'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "'{a0eebc999c0b4ef8bb6d6bb9bd380a12}'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'", "'550e8400e29b41d4a716446655440000'"]
BYTEA = ["'\\x'", "'\\x00'", "'\\xdeadbeef'", "'\\x616263'", "'\\xff00ff'", "'abc'", "'\\x0102030405'", "'a\\000b'"]
JSON = ["'null'", "'1'", "'\"x\"'", "'true'", "'[]'", "'{}'", "'[1, 2, 3]'", "'{\"a\": 1}'", "'{\"a\": 1, \"b\": [1, 2, {\"c\": null}]}'", "'{\"a\": {\"b\": {\"c\": \"deep\"}}, \"n\": 1.50}'", "'[{\"k\": 1}, {\"k\": 2}, {\"j\": 3}]'", "'{\"name\": \"Ann\", \"age\": 30, \"tags\": [\"x\", \"y\"]}'", "'[1, \"1\", null, true, 1.0, [1], {\"a\": 1}]'", "'{\"b\": 2, \"a\": 1, \"b\": 3}'", "'  {\"z\" : 1 , \"aa\":2}  '", "'{\"é\": \"\\u00e9\", \"q\": \"\\\"\"}'", "'1e2'", "'-0.0'", "'[[1,2],[3,[4]]]'"]
KEY = ["'a'", "'b'", "'name'", "'tags'", "'zz'", "'n'", "'k'", "''"]
PATH = ["'{a}'", "'{b,2,c}'", "'{a,b}'", "'{a,b,c}'", "'{tags,0}'", "'{0}'", "'{-1}'", "'{0,k}'", "'{zz}'", "'{}'", "'{b,-1}'"]
JSONPATH = ["'$'", "'$.a'", "'$.*'", "'$[*]'", "'$[0]'", "'$.b[*]'", "'$.b[1]'", "'$.a.b.c'", "'$.tags[*]'", "'$[*].k'", "'$[*] ? (@ > 1)'", "'$.b[*] ? (@ >= 2)'", "'$[*] ? (@.k == 2)'", "'$.name ? (@ starts with \"A\")'", "'$.**'", "'$[last]'", "'$.age + 1'", "'$.size()'", "'$.type()'", "'$.b.size()'", "'$.n.floor()'", "'strict $.a'", "'lax $.a[0]'", "'$[0 to 1]'", "'$.keyvalue()'", "'$.tags[*] ? (@ like_regex \"^x\")'", "'exists($.a)'", "'$.a == 1'", "'$.age > 20'", "'$[*].type()'"]
IARR = ["'{}'", "'{1}'", "'{1,2,3}'", "'{3,NULL,1}'", "'{5,5,5}'", "'{10,20,30,40}'", "'{{1,2},{3,4}}'", "'{-1,0,1}'", "'{NULL}'", "'{2,3}'", "'[0:2]={7,8,9}'"]
TARR = ["'{}'", "'{a}'", "'{a,b}'", "'{x,NULL,\"a b\"}'", "'{\"\",\"NULL\",\"a,b\"}'", "'{foo,bar,baz}'", "'{A,a,B,b}'", "'{dup,dup}'", "'{{a,b},{c,d}}'"]
BOOL = ["true", "false", "NULL"]
CMP = ["=", "<>", "<", "<=", ">", ">="]

POOLS = {
    "int": INT, "small": SMALL, "big": BIG, "num": NUM, "float": FLOAT, "text": TEXT, "pattern": PATTERN, "regex": REGEX,
    "date": [f"date {x}" for x in DATE], "time": [f"time {x}" for x in TIME], "ts": [f"timestamp {x}" for x in TIMESTAMP],
    "tz": [f"timestamptz {x}" for x in TIMESTAMPTZ], "iv": [f"interval {x}" for x in INTERVAL], "uuid": [f"uuid {x}" for x in UUID],
    "bytea": [f"{x}::bytea" for x in BYTEA], "json": [f"{x}::json" for x in JSON], "jsonb": [f"{x}::jsonb" for x in JSON],
    "key": KEY, "path": PATH, "jsonpath": JSONPATH, "iarr": [f"{x}::int[]" for x in IARR], "tarr": [f"{x}::text[]" for x in TARR],
    "bool": BOOL, "cmp": CMP, "op": ["+", "-", "*", "/", "%"], "opf": ["+", "-", "*", "/"],
    "rawdate": DATE, "rawtime": TIME, "rawts": TIMESTAMP, "rawiv": INTERVAL, "rawuuid": UUID, "rawjson": JSON, "rawiarr": IARR, "rawtarr": TARR, "rawbytea": BYTEA,
    "icol": ["i", "l", "s"], "ncol": ["n", "m"], "fcol": ["r", "d"], "tcol": ["t", "vc", "c"], "anycol": "i l s n m r d t vc c b by dt tm ts tz iv u jb ia ta".split(),
    "ordcol": "i l s n m r d t vc c b by dt tm ts tz iv u ia ta".split(),
    "dpart": "year month day hour minute second dow doy isodow isoyear week quarter decade century millennium epoch milliseconds microseconds".split(),
    "dpartdate": "year month day dow doy isodow isoyear week quarter decade century millennium epoch".split(),
    "trunc": "year month day hour minute second week quarter decade century millennium milliseconds microseconds".split(),
    "zone": ["'UTC'", "'Europe/Berlin'", "'America/New_York'", "'Asia/Kolkata'", "'+02'", "'Australia/Sydney'"],
    "tsfmt": ["'YYYY-MM-DD'", "'DD Mon YYYY'", "'HH24:MI:SS'", "'HH12:MI AM'", "'Day, DDth Month'", "'FMDay FMDD FMMonth'", "'YYYYMMDDHH24MISS'", "'IYYY-IW-ID'", "'Q J DDD'", "'MS US'", "'YY Y,YYY CC'", "'\"year\" YYYY'", "'mon MON Mon'", "'dy DY D'", "'SSSS'", "'RM rm'", "'TZ'", "'W WW'"],
    "numfmt": ["'999'", "'0000'", "'9999.99'", "'FM9999.99'", "'9,999,999.00'", "'S999'", "'999MI'", "'999PR'", "'FM000'", "'9.99EEEE'", "'RN'", "'FMRN'", "'L999'", "'SG99'", "'99th'", "'FM990.009'", "'V99'", "'0.99'", "'FM9,999'"],
    "agg": "count sum avg min max".split(), "col": ["i", "l", "s", "n", "m"], "dir": ["ASC", "DESC"], "nulls": ["", " NULLS FIRST", " NULLS LAST"],
    "trimside": ["BOTH", "LEADING", "TRAILING"], "region": ["'north'", "'south'", "'east'", "'west'"], "name": ["'Ada'", "'Bert'", "'Cora'", "'Eve'", "'Kim'", "'Zoe'"],
    "join": ["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"], "type": "int bigint smallint numeric real float8 text varchar boolean date time timestamp timestamptz interval uuid json jsonb bytea".split(),
    "k": [str(n) for n in range(1, 13)], "lim": [str(n) for n in range(0, 9)],
}
