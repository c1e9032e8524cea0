"""More functions, aggregates and values for the fuzzer, as lines of text: `RESULT: TEMPLATE`, where `<int4>` stands for an expression of that
type and `<#0>` for the first one again.

Left out is what differs from run to run (clocks, random numbers) and what PostgreSQL leaves to the plan: sums of floats without an order,
aggregates of values in an order with ties between values that are written differently.
"""

import re

TYPE_NAMES = (
    "int4", "int8", "int2", "numeric", "float8", "float4", "text", "varchar", "bpchar", "bool", "date", "timestamptz", "timestamp", "time",
    "interval", "uuid", "bytea", "jsonb", "json",
)
ARRAYS = ("int4[]", "text[]", "numeric[]", "date[]", "bool[]", "float8[]", "int8[]")
MARK = re.compile("<(#[0-9]|(?:" + "|".join(TYPE_NAMES) + r")(?:\[\])?)>")

LITERALS = {
    "numeric[]": ["'{}'", "'{1.50,NULL}'", "'{1.5,2,-0.001}'", "'{NaN,0}'"],
    "date[]": ["'{}'", "'{2024-02-29}'", "'{NULL,2000-01-01,infinity}'"],
    "bool[]": ["'{}'", "'{t,f}'", "'{NULL,true}'"],
    "float8[]": ["'{}'", "'{1.5,NULL}'", "'{NaN,-0,1e300}'"],
    "int8[]": ["'{}'", "'{1,9223372036854775807}'", "'{NULL,-5}'", "'[2:3]={7,8}'"],
    "json": ["'null'", "'1'", "'{\"a\":1, \"a\":2}'", "'[1, {\"b\" : null}]'", "' \"x\" '", "'{}'"],
}
# Values at the edges of their types, in addition to those of the grammar.
EXTREMES = {
    "int4": ["2147483646", "-2147483647", "65536"], "int8": ["-9223372036854775808", "-9223372036854775807", "2147483648"], "int2": ["256", "-32767"],
    "numeric": ["1e30", "-1e30", "'NaN'", "'Infinity'", "'-Infinity'", "123456789012345678901234567890.123456789", "1e-20", "0.00"],
    "float8": ["1.7976931348623157e308", "5e-324", "'-0'", "'-Infinity'", "0.1", "1e15", "123456789012345680"],
    "float4": ["3.4028235e38", "1e-45", "'-0'", "'Infinity'", "0.1", "1e6"],
    "text": ["'ab\\c'", "'日本'", "'😀b'", "'ǅ'", "'a\nb'", "'2024-01-31'", "'1e3'", "'true'", "'{1,2}'", "'aaa'", "'ÀÉ'", "'ß'"],
    "varchar": ["'日本'", "'a  '"], "bpchar": ["'😀'", "'  a'"],
    "date": ["'4713-01-01 BC'", "'5874897-12-31'", "'-infinity'", "'0001-01-01'", "'2024-01-31'"],
    "time": ["'00:00:00.000001'", "'12:00'"],
    "timestamp": ["'4713-01-01 00:00 BC'", "'294276-12-31 23:59:59.999999'", "'infinity'", "'2024-01-31 23:59:60'", "'0001-12-31 00:00 BC'"],
    "timestamptz": ["'4713-01-02 00:00+00 BC'", "'294276-12-31 12:00+00'", "'-infinity'", "'2024-03-31 01:30+00'", "'1883-11-18 12:00+00'"],
    "interval": ["'178000000 years'", "'-178000000 years'", "'2147483647 days'", "'-1 year +2 days -03:04:05.6'", "'30 days'", "'720:00'", "'P1Y2M3DT4H5M6.7S'"],
    "bytea": ["'\\x5c00ff'", "'abc'"],
    "jsonb": ["'[[1],[2]]'", "'{\"a\": [1, 2], \"b\": \"x\"}'", "'1e5'", "'\"\\u00e9\"'", "'[{\"a\": 1}, {\"a\": null}]'", "'-0.0'", "'false'"],
    "int4[]": ["'[0:1]={5,6}'", "'{2147483647}'", "'{{1,NULL}}'"], "text[]": ["'{\"a,b\",\"\\\"\"}'", "'{NULL}'", "'{null,\"NULL\"}'"],
}

FUNCTIONS = r"""
bool: (<text> SIMILAR TO '(a|b)%')
bool: (<text> LIKE 'a!%' ESCAPE '!')
bool: (<text> ~ '^\w+$')
bool: (<text> ~ '(a)(b)?\1')
bool: (<text> !~* '[[:upper:]]')
bool: (<text> ~ <text>)
bool: regexp_like(<text>, 'A', 'i')
bool: (<bpchar> LIKE <text>)
bool: (<bytea> LIKE <bytea>)
bool: (<jsonb> @? '$.a')
bool: (<jsonb> @@ '$.a == 1')
bool: (<jsonb> ?| ARRAY['a', 'c'])
bool: (<jsonb> ?& ARRAY['a', 'c'])
bool: jsonb_path_exists(<jsonb>, '$[*] ? (@ > 1)')
bool: ((<date>, <date>) OVERLAPS (<date>, <date>))
bool: ((<timestamp>, <interval>) OVERLAPS (<timestamp>, <interval>))
bool: isfinite(<timestamp>)
bool: isfinite(<interval>)
bool: (<int4> = ANY(ARRAY[<int4>, <int4>]))
bool: (<numeric> >= ALL(<numeric[]>))
bool: (<date> < ANY(<date[]>))
bool: (<int4> NOT IN (<int4>, <int4>, <int4>))
bool: (<interval> BETWEEN SYMMETRIC <interval> AND <interval>)
bool: (<float8> NOT BETWEEN <float8> AND <float8>)
bool: ((<int4>, <text>) IN ((<int4>, <text>), (<int4>, <text>)))
bool: ((<int4>, <date>) >= (<int4>, <date>))
bool: ((<int4>, <text>) IS DISTINCT FROM (<int4>, <text>))
bool: ((<int4>, <text>) IS NULL)
bool: ((<int4>, <text>) IS NOT NULL)
bool: (<bool> IS NOT UNKNOWN)
bool: (<int4>)::bool
bool: (to_jsonb(<bool>))::bool
bool: (<jsonb> -> 'a' = <jsonb>)
bool: (<int8[]> <@ <int8[]>)
bool: (<numeric[]> && <numeric[]>)
bool: (CASE <int4> WHEN <int4> THEN <bool> WHEN <int4> THEN <bool> END)
int4: bit_length(<text>)
int4: strpos(<text>, <text>)
int4: char_length(<varchar>)
int4: octet_length(<bytea>)
int4: get_byte(<bytea> || 'a', 0)
int4: array_ndims(<int4[]>)
int4: array_upper(<int4[]>, 1)
int4: array_lower(<int8[]>, 1)
int4: array_length(<int4[]>, 2)
int4: (<int4[]>)[1][2]
int4: (<int4[]>)[<int4>]
int4: regexp_count(<text>, 'a')
int4: regexp_instr(<text>, 'b+')
int4: jsonb_array_length(<jsonb>)
int4: (to_jsonb(<int4>))::int4
int4: ((<int8> % 100000)::text)::int4
int4: (<float8>)::int4
int4: (<int8> % 1000000)::int4
int4: gcd(<int4>, <int4>)
int4: lcm(<int4>, <int4>)
int4: (~ <int4>)
int4: (<int4> << (<int2> % 40))
int4: (<int4> >> (<int2> % 40))
int4: div(<numeric>, 7)::int4
int4: width_bucket(<numeric>, 0, 100, 5)
int4: width_bucket(<float8>, ARRAY[0, 1, 10]::float8[])
int4: scale(<numeric>)
int4: min_scale(<numeric>)
int4: num_nulls(<int4>, <text>, <date>)
int4: (<date> - '2000-01-01'::date)
int4: date_part('week', <date>)::int4
int4: bit_count(<bytea>)::int4
int4: length(convert_to(<text>, 'UTF8'), 'UTF8')
int4: coalesce(<int4>, <int2>)
int4: (<int4> % <int4>)
int4: (<int4> / <int4>)
int8: (<int8> # <int8>)
int8: (<int8> / <int4>)
int8: (<numeric>)::int8
int8: ((<int8>)::text)::int8
int8: gcd(<int8>, <int8>)
int8: bit_count(<bytea>)
int8: (<int8[]>)[1]
int8: (<int8> << 3)
int8: factorial(abs(<int2> % 15))::int8
int2: (<int8> % 30000)::int2
int2: (<numeric> % 9999)::int2
int2: (sign(<float8>))::int2
int2: (<int2> & <int2>)
int2: ((<int4> % 1000)::text)::int2
int2: mod(<int2>, nullif(<int2>, 0))
numeric: (<text>)::numeric
numeric: (<float8>)::numeric
numeric: (<float4>)::numeric
numeric: (<int8>)::numeric(6,2)
numeric: (<numeric>)::numeric(5,-1)
numeric: (to_jsonb(<numeric>))::numeric
numeric: power(<numeric>, (<int2> % 5))
numeric: round(<numeric>, (<int2> % 8))
numeric: trunc(<numeric>)
numeric: sign(<numeric>)
numeric: div(<numeric>, <numeric>)
numeric: trim_scale(<numeric>)
numeric: ln(abs(<numeric>) + 0.001)
numeric: exp(<numeric> % 5)
numeric: log(abs(<numeric>) + 1)
numeric: log(2, abs(<numeric>) + 1)
numeric: gcd(<numeric>, <numeric>)
numeric: (<numeric> ^ 2)
numeric: (<numeric> / <numeric>)
numeric: (<int8> + <numeric>)
numeric: (<numeric[]>)[1]
numeric: to_number(<text>, '999D99')
numeric: extract(century FROM <timestamp>)
numeric: extract(millennium FROM <date>)
numeric: extract(decade FROM <timestamp>)
numeric: extract(julian FROM <timestamp>)
numeric: extract(isodow FROM <timestamptz>)
numeric: extract(microseconds FROM <time>)
numeric: extract(milliseconds FROM <interval>)
numeric: extract(year FROM <interval>)
numeric: extract(day FROM <interval>)
numeric: extract(timezone FROM <timestamptz>)
numeric: extract(epoch FROM <date>)
numeric: (CASE WHEN <bool> THEN <int4> ELSE <numeric> END)
float8: ((<float8>)::text)::float8
float8: (<int8>)::float8
float8: (to_jsonb(<numeric>))::float8
float8: (<float8> * <float4>)
float8: (<int4> / <float8>)
float8: (<float8> / <float8>)
float8: power(<float8>, 2)
float8: (<float8> ^ 0.5)
float8: exp(<float8>)
float8: ln(abs(<float8>) + 1)
float8: log(abs(<float8>) + 1)
float8: cbrt(<float8>)
float8: sin(<float8>)
float8: atan2(<float8>, <float8>)
float8: degrees(<float8>)
float8: radians(<float8>)
float8: tanh(<float8>)
float8: cosd(<float8>)
float8: trunc(<float8>)
float8: ceil(<float8>)
float8: sign(<float8>)
float8: (@ <float8>)
float8: (||/ <float8>)
float8: date_part('epoch', <interval>)
float8: date_part('hour', <timestamp>)
float8: (<float8[]>)[1]
float8: pi() * <float8>
float4: (<float8>)::float4
float4: (<numeric>)::float4
float4: ((<float4>)::text)::float4
float4: (<float4> * <float4>)
float4: (<float4> / <float4>)
text: overlay(<text> placing <text> from 2 for 1)
text: btrim(<text>, 'ab ')
text: ltrim(<text>, 'a')
text: rtrim(<text>, <text>)
text: trim(both 'a' from <text>)
text: rpad(<text>, abs(<int4> % 10), <text>)
text: lpad(<text>, abs(<int4> % 10))
text: substr(<text>, <int4>, abs(<int4> % 10))
text: substring(<text> from '(a)b')
text: substring(<text> from 'b+')
text: substring(<text> similar 'a#"%#"b' escape '#')
text: left(<text>, <int4>)
text: right(<text>, <int4> % 3)
text: split_part(<text>, <text>, -1)
text: regexp_replace(<text>, '(a)|b', '[\1]')
text: regexp_replace(<text>, 'B', 'x', 'gi')
text: regexp_substr(<text>, '[a-z]+')
text: (regexp_match(<text>, '(.)(.)'))[2]
text: chr(abs(<int4> % 200) + 1)
text: to_hex(<int4>)
text: to_hex(<int8>)
text: quote_ident(<text>)
text: quote_nullable(<text>)
text: format('%I=%L|%-5s|%5s', <text>, <text>, <int4>, <text>)
text: concat(<text>, <date>, <bool>, <numeric>)
text: concat_ws(<text>, <text>, <int4>, <text>)
text: ascii(<text>)::text
text: encode(<bytea>, 'base64')
text: encode(<bytea>, 'escape')
text: convert_from(convert_to(<text>, 'UTF8'), 'UTF8')
text: sha256(<bytea>)::text
text: normalize(<text>, NFD)
text: unistr(<text>)
text: array_to_string(<int4[]>, '-')
text: array_dims(<int4[]>)
text: (<text[]>)[<int4> % 3]
text: (<jsonb> ->> 0)
text: (<jsonb> ->> <text>)
text: (<json> ->> 'a')
text: (<json> #>> '{0}')
text: (<json>)::text
text: jsonb_pretty(<jsonb>)
text: json_typeof(<json>)
text: to_char(<timestamp>, 'Day, DD Month YYYY HH12:MI:SS.US AM')
text: to_char(<timestamp>, 'FMDay FMDDth Mon YY IYYY-IW-ID Q J DDD')
text: to_char(<timestamptz>, 'YYYY-MM-DD HH24:MI:SS TZ OF')
text: to_char(<interval>, 'YYYY MM DD HH24:MI:SS')
text: to_char(<interval>, 'FMHH24:FMMI')
text: to_char(<int4>, '999,999S')
text: to_char(<int4>, 'RN')
text: to_char(<numeric>, '00009.99PR')
text: to_char(<numeric>, 'MI9G999D9')
text: to_char(<float8>, '9.99EEEE')
text: to_char(<float8>, 'FM9990.099')
text: (<date> || ' ' || <time>)
text: (<interval> || '')
text: (<float8> || '')
text: (<text[]> || '')::text
text: (<text> COLLATE "C")
text: quote_literal(<int4>)
text: (pg_typeof(<int2> + <int4>))::text
text: (CASE <text> WHEN <text> THEN <text> ELSE <text> END)
varchar: (<int4>)::varchar
varchar: (<date>)::varchar(6)
varchar: (<bpchar>)::varchar
varchar: (<bool>)::varchar(3)
bpchar: (<int4>)::char(4)
bpchar: (<varchar>)::bpchar
bpchar: (<bool>)::char(2)
bytea: (<text>)::bytea
bytea: convert_to(<text>, 'UTF8')
bytea: decode(md5(<text>), 'hex')
bytea: set_byte('b' || <bytea>, 0, 65)
bytea: overlay(<bytea> placing <bytea> from 1)
bytea: trim(both '\x00'::bytea from <bytea>)
bytea: substr(<bytea>, <int4>)
bytea: sha224(<bytea>)
date: (<date> - <int4>)
date: (<text>)::date
date: to_date(<text>, 'YYYY-MM-DD')
date: (<date> + (<int2> % 400))
date: (<date[]>)[1]
date: date_trunc('month', <timestamp>)::date
date: make_date(<int4>, <int4> % 13, <int4> % 32)
time: ((<time>)::text)::time
time: (<interval>)::time
time: (<timestamptz>)::time
time: (<time> - <interval>)
time: (<time>)::time(0)
time: make_time(abs(<int4> % 24), abs(<int2> % 60), 1.5)
timestamp: ((<timestamp>)::text)::timestamp
timestamp: (<timestamp>)::timestamp(0)
timestamp: (<timestamptz>)::timestamp
timestamp: date_bin('15 minutes', <timestamp>, '2001-01-01')
timestamp: date_bin(<interval>, <timestamp>, <timestamp>)
timestamp: date_trunc('century', <timestamp>)
timestamp: date_trunc('milliseconds', <timestamp>)
timestamp: make_timestamp(2024, abs(<int4> % 12) + 1, 1, 1, 2, 3.25)
timestamp: (<date> - <interval>)
timestamp: (<timestamptz> at time zone interval '-03:30')
timestamp: to_timestamp(<text>, 'YYYY-MM-DD HH24:MI')::timestamp
timestamptz: ((<timestamptz>)::text)::timestamptz
timestamptz: (<timestamp>)::timestamptz
timestamptz: to_timestamp(<float8>)
timestamptz: date_trunc('day', <timestamptz>, 'Australia/Sydney')
timestamptz: date_trunc('week', <timestamptz>)
timestamptz: make_timestamptz(2024, abs(<int4> % 12) + 1, 15, 12, 0, 0, 'Asia/Tokyo')
timestamptz: (<timestamp> at time zone 'EST5EDT')
timestamptz: (<timestamptz> - <interval>)
interval: (<interval> - <interval>)
interval: (<interval> * <float8>)
interval: (<interval> / 3)
interval: (<int4> * <interval>)
interval: ((<interval>)::text)::interval
interval: (<time>)::interval
interval: (<interval>)::interval(1)
interval: (<interval>)::interval day to minute
interval: justify_hours(<interval>)
interval: justify_interval(<interval>)
interval: make_interval(years => <int2>, hours => <int4> % 50, secs => 1.5)
interval: (<timestamptz> - <timestamptz>)
interval: age(<timestamptz>, <timestamptz>)
interval: date_trunc('hour', <interval>)
interval: (<date> - <timestamp>)
uuid: (<text>)::uuid
uuid: (md5(<text>))::uuid
jsonb: (<jsonb> - 'a')
jsonb: (<jsonb> - 0)
jsonb: (<jsonb> - ARRAY['a', 'c'])
jsonb: (<jsonb> #- '{a,b}')
jsonb: (<jsonb> -> <int4>)
jsonb: (<jsonb> -> <text>)
jsonb: jsonb_set(<jsonb>, '{a}', <jsonb>)
jsonb: jsonb_set(<jsonb>, '{0}', <jsonb>, false)
jsonb: jsonb_set_lax(<jsonb>, '{a}', <jsonb>)
jsonb: jsonb_insert(<jsonb>, '{a,0}', <jsonb>)
jsonb: jsonb_insert(<jsonb>, '{0}', <jsonb>, true)
jsonb: jsonb_path_query_first(<jsonb>, '$.a')
jsonb: jsonb_path_query_array(<jsonb>, 'strict $.a.b[*]')
jsonb: jsonb_path_query_array(<jsonb>, '$[*].a ? (@ != null)')
jsonb: jsonb_path_query_array(<jsonb>, '$.** ? (@.type() == "number")')
jsonb: jsonb_path_query_array(<jsonb>, '$[*] + 1')
jsonb: jsonb_path_query_array(<jsonb>, '$.keyvalue().key')
jsonb: to_jsonb(<float8>)
jsonb: to_jsonb(<date>)
jsonb: to_jsonb(<timestamptz>)
jsonb: to_jsonb(<timestamp>)
jsonb: to_jsonb(<bool>)
jsonb: to_jsonb(<text[]>)
jsonb: to_jsonb(<interval>)
jsonb: to_jsonb(<json>)
jsonb: to_jsonb(<bytea>)
jsonb: to_jsonb(<bpchar>)
jsonb: jsonb_object(<text[]>)
jsonb: jsonb_object(ARRAY['a', 'b'], ARRAY[<text>, <text>])
jsonb: jsonb_build_object(<text>, <jsonb>, <int4>, <date>)
jsonb: jsonb_build_array(<int4>, <text>, <jsonb>, <float8>, <text[]>)
jsonb: (<text>)::jsonb
jsonb: (<json>)::jsonb
jsonb: (<jsonb> #> ARRAY[<text>, '0'])
jsonb: (<jsonb>)['a']
json: to_json(<numeric>)
json: to_json(<text>)
json: json_build_object('a', <int4>, 'b', <text>)
json: json_build_array(<date>, <bool>, <json>)
json: (<json> -> 'a')
json: (<json> -> 0)
json: (<json> #> '{1,b}')
json: array_to_json(<int4[]>)
json: json_strip_nulls(<json>)
json: (<jsonb>)::json
int4[]: array_cat(<int4[]>, <int4[]>)
int4[]: array_prepend(<int4>, <int4[]>)
int4[]: (<int4> || <int4[]>)
int4[]: array_positions(<text[]>, <text>)
int4[]: trim_array(<int4[]>, 1)
int4[]: array_fill(<int4>, ARRAY[2])
int4[]: (<int4[]>)[2:]
int4[]: (<int4[]>)[:1]
int4[]: (<int4[]>)[<int2> % 3:<int2> % 4]
int4[]: ((<int4[]>)::text)::int4[]
int4[]: (<int8[]>)::int4[]
int4[]: array_replace(<int4[]>, <int4>, <int4>)
int4[]: ARRAY[[<int4>, 1], [2, <int4>]]
int8[]: (<int4[]>)::int8[]
int8[]: array_append(<int8[]>, <int8>)
int8[]: ARRAY[<int4>, <int8>]
text[]: regexp_split_to_array(<text>, 'a|\s')
text[]: regexp_match(<text>, '(a)(b)?')
text[]: string_to_array(<text>, NULL)
text[]: string_to_array(<text>, ',', 'b')
text[]: (<int4[]>)::text[]
text[]: array_append(<text[]>, <text>)
text[]: array_prepend(<text>, <text[]>)
text[]: (<text[]>)[1:1]
text[]: parse_ident(<text>)
text[]: array_remove(<text[]>, <text>)
text[]: ARRAY[<varchar>, <text>, NULL]
numeric[]: ARRAY[<numeric>, <int4>]
numeric[]: array_remove(<numeric[]>, <numeric>)
numeric[]: (<numeric[]> || <numeric>)
numeric[]: (<int4[]>)::numeric[]
numeric[]: (<numeric[]>)[1:1]
numeric[]: array_cat(<numeric[]>, <numeric[]>)
numeric[]: array_prepend(<numeric>, <numeric[]>)
numeric[]: array_replace(<numeric[]>, <numeric>, 0)
numeric[]: array_fill(<numeric>, ARRAY[1, 2])
numeric[]: (<numeric[]>)::numeric(5,1)[]
date[]: ARRAY[<date>, <date>]
date[]: array_append(<date[]>, <date>)
date[]: (<date[]> || <date[]>)
bool[]: ARRAY[<bool>, <bool>]
bool[]: array_replace(<bool[]>, <bool>, <bool>)
bool[]: (<bool[]> || <bool>)
float8[]: ARRAY[<float8>, <int4>]
float8[]: (<numeric[]>)::float8[]
"""

AGGREGATES = r"""
int8: count(*)
int8: count(DISTINCT (<int4> % 3))
int8: count(<uuid>) FILTER (WHERE <bool>)
int8: count(DISTINCT <bool>) FILTER (WHERE <bool>)
int8: sum(<int2>)
int8: sum(DISTINCT <int4>)
int8: regr_count(<float8>, <float8>)
int8: rank(5) WITHIN GROUP (ORDER BY <int4>)
int8: dense_rank('b') WITHIN GROUP (ORDER BY <text> DESC)
numeric: avg(<int8>)
numeric: avg(DISTINCT <int4>)
numeric: avg(<numeric>) FILTER (WHERE <bool>)
numeric: var_pop(<int4>)
numeric: round(var_samp(<numeric>), 4)
numeric: stddev_pop(<int8>)
numeric: max(<numeric>) FILTER (WHERE <bool>)
interval: avg(<interval>)
interval: max(<interval>) FILTER (WHERE <bool>)
float8: sum(<float8> ORDER BY <#0>)
float8: avg(<float8> ORDER BY <#0>)
float8: percentile_cont(0.25) WITHIN GROUP (ORDER BY <float8>)
float8: percentile_cont(0.5) WITHIN GROUP (ORDER BY <int4>)
float8: percent_rank(3) WITHIN GROUP (ORDER BY <int4>)
float8: cume_dist(3) WITHIN GROUP (ORDER BY <int4>)
float4: max(<float4>)
float4: sum(<float4> ORDER BY <#0>)
text: string_agg(<text>, '|' ORDER BY <int4> DESC, <#0>)
text: string_agg(DISTINCT <text>, ',' ORDER BY <#0> DESC)
text: string_agg(<text>, <text> ORDER BY <#0>, <#1>)
text: min(<text>) FILTER (WHERE <bool>)
text: mode() WITHIN GROUP (ORDER BY <text>)
text: percentile_disc(0.75) WITHIN GROUP (ORDER BY <text> DESC)
date: max(<date>) FILTER (WHERE <bool>)
date: mode() WITHIN GROUP (ORDER BY <date>)
bytea: string_agg(<bytea>, '\x2c' ORDER BY <#0>)
bool: every(<bool>)
bool: bool_or(<bool>) FILTER (WHERE <bool>)
int4: bit_and(<int4>)
int4: bit_xor(<int4>)
int4: min(<int4>) FILTER (WHERE <bool>)
int2: max(<int2>)
int4[]: array_agg(<int4> ORDER BY <#0> DESC NULLS LAST)
int4[]: array_agg(DISTINCT <int4>)
int4[]: array_agg(<int4> ORDER BY <text> NULLS FIRST, <#0>) FILTER (WHERE <bool>)
int4[]: percentile_disc(ARRAY[0.1, 0.9]) WITHIN GROUP (ORDER BY <int4>)
date[]: array_agg(<date> ORDER BY <#0>)
bool[]: array_agg(<bool> ORDER BY <#0>)
text[]: max(<text[]>)
jsonb: jsonb_agg(<text> ORDER BY <#0> DESC)
jsonb: jsonb_agg(<date> ORDER BY <#0>) FILTER (WHERE <bool>)
jsonb: jsonb_object_agg(coalesce(<text>, '?'), <int4> ORDER BY <#1>)
json: json_agg(<int4> ORDER BY <#0>)
"""

# Rows from functions, in FROM: the columns' types and the call. What is in it may look at the tables before.
SETS = r"""
int4: unnest(<int4[]>)
text: unnest(<text[]>)
int4,text: unnest(<int4[]>, <text[]>)
int4: generate_subscripts(<text[]>, 1)
int4: generate_series(1, abs(<int4> % 5))
int4: generate_series(5, <int2> % 4, -2)
int8: generate_series(<int8> % 3, 4)
numeric: generate_series(0, 1, 0.25)
timestamp: generate_series('2024-01-30'::timestamp, '2024-03-02', '1 week')
timestamptz: generate_series('2024-03-30 12:00+00'::timestamptz, '2024-04-02 12:00+00', '1 day')
jsonb: jsonb_array_elements(<jsonb>)
text: jsonb_array_elements_text('[1, "a", null]')
text: jsonb_object_keys('{"a": 1, "b": 2}')
text,jsonb: jsonb_each('{"a": 1, "b": {"c": 2}}')
text,text: jsonb_each_text('{"a": 1, "b": null}')
jsonb: jsonb_path_query(<jsonb>, '$[*]')
jsonb: jsonb_path_query(<jsonb>, '$.*')
text[]: regexp_matches(<text>, '[a-c]', 'g')
text: regexp_split_to_table(<text>, 'b')
text: string_to_table(<text>, 'a')
"""


def numbered(template):
    """The template for `str.format`, and the types of its arguments."""
    types = []

    def place(match):
        if match[1].startswith("#"):
            return "{" + match[1][1:] + "}"
        types.append(match[1])
        return "{%d}" % (len(types) - 1)

    return MARK.sub(place, template.replace("{", "{{").replace("}", "}}")), tuple(types)


def rows(text):
    for line in text.strip().splitlines():
        result, template = line.split(": ", 1)
        template, types = numbered(template)
        yield result, (template if types else template.replace("{{", "{").replace("}}", "}")), types
