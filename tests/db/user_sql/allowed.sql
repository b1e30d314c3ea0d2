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
