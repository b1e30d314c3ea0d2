SELECT t, t % 3 AS a, -t % 5 AS b, intDiv(t, 3) AS c, t / 2 AS d, positiveModulo(-t, 3) AS e FROM hits
SELECT t, layer == 1 ? 5 : 6 AS a, if(layer > 1, 1, 2) AS b, multiIf(layer = 1, 1, layer = 2, 2, 3) AS c FROM hits
SELECT t, bitShiftLeft(1, layer) AS a, bitAnd(t, 3) AS b, bitXor(t, 7) AS c, bitNot(layer) AS d, bitCount(layer) AS e FROM hits
SELECT t, near[1] AS a, near[-1] AS b, pair.1 AS c, pair.2 AS d, tupleElement(pair, 1) AS e FROM hits
SELECT 0xFF AS a, 0b101 AS b, 1e9 AS c, .5 AS d, 18446744073709551615 AS e, -9223372036854775808 AS f, inf AS g
SELECT count(DISTINCT layer) AS a, uniqExact(layer) AS b, countIf(t > 5) AS c, avg(t) AS d, quantileExact(0.25)(t) AS e, median(t) AS f, argMax(wire, t) AS g, quantiles(0.1, 0.9)(t) AS h, stddevPop(t) AS i, varSamp(t) AS j FROM hits
SELECT windowFunnel(10)(toUInt64(t), layer = 1, layer = 2) AS a, sequenceMatch('(?1).*(?2)')(toUInt64(t), layer = 1, layer = 3) AS b FROM hits
SELECT t, lagInFrame(t) OVER (ORDER BY t ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS a, row_number() OVER (PARTITION BY layer ORDER BY t) AS b, first_value(t) OVER w AS c, rank() OVER w AS d FROM hits WINDOW w AS (PARTITION BY wire ORDER BY t)
SELECT t, sum(layer) OVER (ORDER BY t RANGE BETWEEN 10 PRECEDING AND 5 FOLLOWING) AS a, count() OVER () AS b FROM hits
SELECT t FROM hits QUALIFY row_number() OVER (PARTITION BY layer ORDER BY t) = 1
SELECT t, layer FROM hits ORDER BY layer, t LIMIT 2 BY layer
SELECT t FROM hits ORDER BY t DESC LIMIT 2, 3
SELECT layer, wire, count() AS n FROM hits GROUP BY layer, wire WITH ROLLUP
SELECT t FROM hits ORDER BY t WITH FILL FROM 0 TO 20 STEP 1
SELECT a.t AS t, b.t AS u FROM hits AS a ASOF LEFT JOIN hits AS b ON a.layer = b.layer AND a.t > b.t
SELECT a.t AS t FROM hits AS a LEFT ANTI JOIN hits AS b ON a.t = b.t + 7
SELECT a.t AS t, b.t AS u FROM hits AS a ANY LEFT JOIN hits AS b ON a.wire = b.t
SELECT t, z, i FROM hits LEFT ARRAY JOIN near AS z, arrayEnumerate(near) AS i
SELECT t, arrayMap((v, i) -> v * i, near, arrayEnumerate(near)) AS a, arrayFilter(v -> v > t, near) AS b, arraySort(v -> -v, near) AS c, arrayReduce('max', near) AS d, arrayFold((s, v) -> s + v, near, toInt64(0)) AS e, has(near, 5) AS f FROM hits
SELECT t, CAST(t AS Int32) AS a, t::UInt8 AS b, toInt8(layer) AS c, toTypeName(CAST(t AS Nullable(Int64))) AS d, CAST((1, 'a') AS Tuple(u UInt8, v String)) AS e FROM hits
SELECT t, coalesce(NULL, 1) AS a, greatest(1, t) AS b, nullIf(layer, 1) AS c, CASE layer WHEN 1 THEN 1 ELSE 0 END AS d, isNaN(x) AS e FROM hits
SELECT t, sqrt(t) AS a, pow(t, 2) AS b, log(2) AS c, log10(5) AS d, atan2(1, 2) AS e, round(x, 2) AS f, floor(x) AS g, trunc(x) AS h, exp(1) AS i, hypot(3, 4) AS j FROM hits
SELECT t, substring(s, 1, 1) AS a, concat(s, 'a') AS b, upper(s) AS c, position('abc', 'b') AS d, match(s, '^1') AS e, s LIKE '1%' AS f, splitByChar(',', 'a,b') AS g, format('{} {}', s, s) AS h FROM hits
SELECT t, cityHash64(t) AS a, xxHash64(t) AS b, hex(MD5(s)) AS c, sipHash64(t, s) AS d FROM hits
SELECT t, toStartOfHour(toDateTime(t, 'UTC')) AS a, dateDiff('second', toDateTime(0, 'UTC'), toDateTime(t, 'UTC')) AS b, toDateTime(0, 'UTC') + INTERVAL 5 SECOND AS c FROM hits
SELECT t, t BETWEEN 5 AND 20 AS a, t NOT IN (7, 14) AS b, (t, layer) IN ((7, 1), (14, 2)) AS c, NOT t = 7 AS d, layer AND wire AS e, or(layer, wire) AS f, 1 - 2 - 3 AS g, 1 - (2 - 3) AS h, -(-t) AS i FROM hits
SELECT * EXCEPT (s, near, pair) FROM hits
SELECT * REPLACE (t + 1 AS t) FROM hits
SELECT t FROM (SELECT t FROM hits UNION DISTINCT SELECT t FROM hits)
WITH t * 2 AS d SELECT t, d FROM hits
WITH (SELECT max(t) FROM hits) AS m SELECT t, m FROM hits
WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM a WHERE n < 5) SELECT n AS t FROM a
SELECT sumMerge(z) AS a FROM (SELECT sumState(t) AS z FROM hits)
SELECT sum(t) FILTER (WHERE layer = 1) AS a, groupArrayIf(t, layer = 1) AS b, argMaxIf(t, x, layer = 1) AS c FROM (SELECT * FROM hits ORDER BY t)
SELECT t AS `select`, layer AS "a b" FROM hits
SELECT t, {p:UInt8} + 1 AS a, layer = {p:UInt8} AS b, {q:String} AS c FROM hits
