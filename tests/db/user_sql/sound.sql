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
