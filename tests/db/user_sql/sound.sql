SELECT t FROM hits
SELECT t FROM hits WHERE layer IN (1, 2) ORDER BY t LIMIT 5
SELECT h.t FROM hits AS h JOIN tracks AS k ON h.t = k.t
SELECT t FROM hits WHERE t IN (SELECT t FROM tracks)
SELECT t FROM hits UNION ALL SELECT t FROM tracks
WITH near AS (SELECT t FROM hits), far AS (SELECT t FROM near) SELECT t FROM far
WITH 5 AS five SELECT t + five FROM hits
SELECT t FROM (SELECT t FROM hits)
SELECT number AS t FROM numbers(10)
SELECT t, x FROM hits ARRAY JOIN [1, 2] AS x
SELECT t, x FROM hits ARRAY JOIN (SELECT [1]) AS x
SELECT t FROM hits WHERE layer = {layer:UInt8}
SELECT t, uniqExact(layer) OVER (ORDER BY t RANGE BETWEEN CURRENT ROW AND {w:Int64} FOLLOWING) FROM hits
SELECT groupArray(t) FROM hits -- what is told here is left out: FROM chunks
SELECT t /* FROM chunks */ FROM hits
SELECT 'SELECT * FROM chunks; DROP TABLE chunks' AS t FROM hits
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
SELECT t, abs(-t) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(abs(-t)) != ''
SELECT t, sqrt(t) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(sqrt(t)) != ''
SELECT t, sin(t) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(sin(t)) != ''
SELECT t, intDiv(t, 2) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(intDiv(t, 2)) != ''
SELECT t, t % 5 AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(t % 5) != ''
SELECT t, bitAnd(t, 3) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(bitAnd(t, 3)) != ''
SELECT t, greatest(t, 1) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(greatest(t, 1)) != ''
SELECT t, round(x, 1) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(round(x, 1)) != ''
SELECT t, toString(t) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(toString(t)) != ''
SELECT t, toUInt8(layer) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(toUInt8(layer)) != ''
SELECT t, length(near) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(length(near)) != ''
SELECT t, near[1] AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(near[1]) != ''
SELECT t, arraySum(near) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(arraySum(near)) != ''
SELECT t, has(near, 5) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(has(near, 5)) != ''
SELECT t, arraySort(near) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(arraySort(near)) != ''
SELECT t, arrayReverse(near) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(arrayReverse(near)) != ''
SELECT t, arrayConcat(near, [1]) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(arrayConcat(near, [1])) != ''
SELECT t, arrayDistinct(near) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(arrayDistinct(near)) != ''
SELECT t, arrayMax(near) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(arrayMax(near)) != ''
SELECT t, arrayMap(v -> v + 1, near) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(arrayMap(v -> v + 1, near)) != ''
SELECT t, arrayFilter(v -> v > 5, near) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(arrayFilter(v -> v > 5, near)) != ''
SELECT t, arrayCount(v -> v = 5, near) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(arrayCount(v -> v = 5, near)) != ''
SELECT t, arrayCumSum(near) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(arrayCumSum(near)) != ''
SELECT t, range(layer) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(range(layer)) != ''
SELECT t, upper(s) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(upper(s)) != ''
SELECT t, concat(s, 'a') AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(concat(s, 'a')) != ''
SELECT t, substring(s, 1, 1) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(substring(s, 1, 1)) != ''
SELECT t, cityHash64(t) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(cityHash64(t)) != ''
SELECT t, hex(t) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(hex(t)) != ''
SELECT t, if(t > 5, 1, 0) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(if(t > 5, 1, 0)) != ''
SELECT t, multiIf(t > 5, 1, t > 3, 2, 0) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(multiIf(t > 5, 1, t > 3, 2, 0)) != ''
SELECT t, coalesce(NULL, t) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(coalesce(NULL, t)) != ''
SELECT t, toTypeName(t) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(toTypeName(t)) != ''
SELECT t, tupleElement(pair, 1) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(tupleElement(pair, 1)) != ''
SELECT t, pair.1 AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(pair.1) != ''
SELECT t, toDateTime(t, 'UTC') AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(toDateTime(t, 'UTC')) != ''
SELECT t, t::Int32 AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(t::Int32) != ''
SELECT t, CAST(t AS Float64) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(CAST(t AS Float64)) != ''
SELECT t, JSONExtractInt('{"a": 1}', 'a') AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(JSONExtractInt('{"a": 1}', 'a')) != ''
SELECT t, splitByChar(',', 'a,b') AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(splitByChar(',', 'a,b')) != ''
SELECT t, map('a', t)['a'] AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(map('a', t)['a']) != ''
SELECT t, transform(layer, [1, 2], [5, 6], 0) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(transform(layer, [1, 2], [5, 6], 0)) != ''
SELECT t, bar(t, 0, 200, 10) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(bar(t, 0, 200, 10)) != ''
SELECT t, toStartOfMinute(toDateTime(t, 'UTC')) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(toStartOfMinute(toDateTime(t, 'UTC'))) != ''
SELECT t, formatReadableSize(t) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(formatReadableSize(t)) != ''
SELECT t, isNaN(x) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(isNaN(x)) != ''
SELECT t, t IN (7, 14) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(t IN (7, 14)) != ''
SELECT t, t BETWEEN 5 AND 9 AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(t BETWEEN 5 AND 9) != ''
SELECT t, s LIKE '1%' AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(s LIKE '1%') != ''
SELECT t, NOT t = 7 AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(NOT t = 7) != ''
SELECT t, (t, layer) IN ((7, 1)) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString((t, layer) IN ((7, 1))) != ''
SELECT t, t IN (SELECT t FROM hits) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(t IN (SELECT t FROM hits)) != ''
SELECT t, exp(-x) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(exp(-x)) != ''
SELECT t, pow(t, 2) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(pow(t, 2)) != ''
SELECT t, layer = 1 OR wire = 2 AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(layer = 1 OR wire = 2) != ''
SELECT t, CASE WHEN t > 5 THEN 1 ELSE 2 END AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(CASE WHEN t > 5 THEN 1 ELSE 2 END) != ''
SELECT t, toInt64(t) - 5 AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(toInt64(t) - 5) != ''
SELECT t, bitShiftLeft(1, layer) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(bitShiftLeft(1, layer)) != ''
SELECT t, positiveModulo(t, 3) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(positiveModulo(t, 3)) != ''
SELECT t, floor(x) AS v FROM hits
SELECT count() AS n FROM hits WHERE toString(floor(x)) != ''
SELECT layer, count() AS v FROM hits GROUP BY layer
SELECT count() AS v FROM hits HAVING 1
SELECT layer, sum(t) AS v FROM hits GROUP BY layer
SELECT sum(t) AS v FROM hits HAVING 1
SELECT layer, avg(t) AS v FROM hits GROUP BY layer
SELECT avg(t) AS v FROM hits HAVING 1
SELECT layer, min(t) AS v FROM hits GROUP BY layer
SELECT min(t) AS v FROM hits HAVING 1
SELECT layer, max(t) AS v FROM hits GROUP BY layer
SELECT max(t) AS v FROM hits HAVING 1
SELECT layer, any(t) AS v FROM hits GROUP BY layer
SELECT any(t) AS v FROM hits HAVING 1
SELECT layer, uniq(t) AS v FROM hits GROUP BY layer
SELECT uniq(t) AS v FROM hits HAVING 1
SELECT layer, uniqExact(t) AS v FROM hits GROUP BY layer
SELECT uniqExact(t) AS v FROM hits HAVING 1
SELECT layer, quantile(0.5)(t) AS v FROM hits GROUP BY layer
SELECT quantile(0.5)(t) AS v FROM hits HAVING 1
SELECT layer, median(t) AS v FROM hits GROUP BY layer
SELECT median(t) AS v FROM hits HAVING 1
SELECT layer, stddevPop(t) AS v FROM hits GROUP BY layer
SELECT stddevPop(t) AS v FROM hits HAVING 1
SELECT layer, varPop(t) AS v FROM hits GROUP BY layer
SELECT varPop(t) AS v FROM hits HAVING 1
SELECT layer, groupArray(t) AS v FROM hits GROUP BY layer
SELECT groupArray(t) AS v FROM hits HAVING 1
SELECT layer, groupUniqArray(layer) AS v FROM hits GROUP BY layer
SELECT groupUniqArray(layer) AS v FROM hits HAVING 1
SELECT layer, argMax(t, x) AS v FROM hits GROUP BY layer
SELECT argMax(t, x) AS v FROM hits HAVING 1
SELECT layer, sumIf(t, layer = 1) AS v FROM hits GROUP BY layer
SELECT sumIf(t, layer = 1) AS v FROM hits HAVING 1
SELECT layer, countIf(t > 5) AS v FROM hits GROUP BY layer
SELECT countIf(t > 5) AS v FROM hits HAVING 1
SELECT layer, avgIf(t, layer = 2) AS v FROM hits GROUP BY layer
SELECT avgIf(t, layer = 2) AS v FROM hits HAVING 1
SELECT layer, topK(3)(layer) AS v FROM hits GROUP BY layer
SELECT topK(3)(layer) AS v FROM hits HAVING 1
SELECT layer, corr(t, x) AS v FROM hits GROUP BY layer
SELECT corr(t, x) AS v FROM hits HAVING 1
SELECT layer, sumMap(map(layer, 1)) AS v FROM hits GROUP BY layer
SELECT sumMap(map(layer, 1)) AS v FROM hits HAVING 1
SELECT layer, groupBitXor(t) AS v FROM hits GROUP BY layer
SELECT groupBitXor(t) AS v FROM hits HAVING 1
SELECT layer, histogram(5)(t) AS v FROM hits GROUP BY layer
SELECT histogram(5)(t) AS v FROM hits HAVING 1
SELECT layer, quantiles(0.1, 0.9)(t) AS v FROM hits GROUP BY layer
SELECT quantiles(0.1, 0.9)(t) AS v FROM hits HAVING 1
SELECT layer, count(DISTINCT layer) AS v FROM hits GROUP BY layer
SELECT count(DISTINCT layer) AS v FROM hits HAVING 1
SELECT layer, arrayReduce('max', groupArray(t)) AS v FROM hits GROUP BY layer
SELECT arrayReduce('max', groupArray(t)) AS v FROM hits HAVING 1
SELECT layer, maxOrNull(t) AS v FROM hits GROUP BY layer
SELECT maxOrNull(t) AS v FROM hits HAVING 1
SELECT layer, sumArray(near) AS v FROM hits GROUP BY layer
SELECT sumArray(near) AS v FROM hits HAVING 1
SELECT t, sum(t) OVER (ORDER BY t) AS v FROM hits
SELECT t, sum(t) OVER (PARTITION BY layer ORDER BY t) AS v FROM hits
SELECT t, count() OVER (ORDER BY t) AS v FROM hits
SELECT t, count() OVER (PARTITION BY layer ORDER BY t) AS v FROM hits
SELECT t, row_number() OVER (ORDER BY t) AS v FROM hits
SELECT t, row_number() OVER (PARTITION BY layer ORDER BY t) AS v FROM hits
SELECT t, rank() OVER (ORDER BY t) AS v FROM hits
SELECT t, rank() OVER (PARTITION BY layer ORDER BY t) AS v FROM hits
SELECT t, lagInFrame(t) OVER (ORDER BY t) AS v FROM hits
SELECT t, lagInFrame(t) OVER (PARTITION BY layer ORDER BY t) AS v FROM hits
SELECT t, leadInFrame(t) OVER (ORDER BY t) AS v FROM hits
SELECT t, leadInFrame(t) OVER (PARTITION BY layer ORDER BY t) AS v FROM hits
SELECT t, first_value(t) OVER (ORDER BY t) AS v FROM hits
SELECT t, first_value(t) OVER (PARTITION BY layer ORDER BY t) AS v FROM hits
SELECT t, avg(t) OVER (ORDER BY t) AS v FROM hits
SELECT t, avg(t) OVER (PARTITION BY layer ORDER BY t) AS v FROM hits
