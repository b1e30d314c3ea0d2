SELECT * FROM url('http://x', 'CSV')
SELECT * FROM file('/etc/passwd')
SELECT * FROM file('/etc/passwd', 'CSV', 'a String')
SELECT * FROM remote('host', 'db', 't')
SELECT * FROM remoteSecure('host', 'db', 't')
SELECT * FROM s3('https://x/y')
SELECT * FROM gcs('https://x/y')
SELECT * FROM hdfs('hdfs://x/y')
SELECT * FROM azureBlobStorage('x')
SELECT * FROM mysql('x', 'y', 'z', 'u', 'p')
SELECT * FROM postgresql('x', 'y', 'z', 'u', 'p')
SELECT * FROM mongodb('x', 'y', 'z', 'u', 'p')
SELECT * FROM redis('x', 'y', 'z')
SELECT * FROM sqlite('x', 'y')
SELECT * FROM odbc('x', 'y')
SELECT * FROM jdbc('x', 'y')
SELECT * FROM iceberg('x')
SELECT * FROM deltaLake('x')
SELECT * FROM executable('x', 'CSV', 'a String')
SELECT * FROM merge('everyhit', '.*')
SELECT * FROM cluster('x', system.one)
SELECT * FROM clusterAllReplicas('x', system.one)
SELECT * FROM view(SELECT 1)
SELECT * FROM loop(hits)
SELECT * FROM Python(hits)
SELECT * FROM dictionary('x')
SELECT * FROM input('a Int64')
SELECT * FROM generateRandom('a Int64')
SELECT * FROM mergeTreeIndex('everyhit', 'chunks')
SELECT * FROM fileCluster('x', 'y')
SELECT * FROM urlCluster('x', 'y')
SELECT * FROM s3Cluster('x', 'y')
SELECT * FROM system.tables
SELECT * FROM `system`.`tables`
SELECT * FROM "system"."tables"
SELECT * FROM system.numbers
SELECT * FROM INFORMATION_SCHEMA.tables
SELECT * FROM everyhit.chunks
SELECT * FROM default.x
SELECT * FROM a.b.c
SELECT * FROM chunks
SELECT * FROM `chunks`
SELECT * FROM (chunks)
SELECT t FROM hits, chunks
SELECT t FROM hits JOIN chunks USING t
SELECT t FROM hits UNION ALL SELECT t_first FROM chunks
SELECT t FROM hits EXCEPT SELECT t_first FROM chunks
SELECT t FROM hits WHERE t IN (SELECT t_first FROM chunks)
SELECT t FROM hits WHERE EXISTS (SELECT 1 FROM chunks)
SELECT t FROM hits LIMIT (SELECT count() FROM chunks)
SELECT (SELECT count() FROM system.tables)
SELECT arrayMap(x -> (SELECT count() FROM chunks), [1])
WITH (SELECT count() FROM chunks) AS n SELECT n
WITH x AS (SELECT * FROM chunks) SELECT * FROM x
SELECT * FROM (SELECT * FROM (SELECT * FROM chunks))
SELECT t FROM hits ORDER BY (SELECT count() FROM chunks)
SELECT t FROM hits GROUP BY t HAVING t > (SELECT count() FROM chunks)
SELECT t FROM hits QUALIFY 1 IN (SELECT 1 FROM chunks)
SELECT t, sum(t) OVER (PARTITION BY (SELECT count() FROM chunks)) FROM hits
SELECT t FROM hits WHERE t IN chunks
SELECT t FROM hits WHERE t NOT IN chunks
SELECT t FROM hits WHERE t GLOBAL IN chunks
SELECT t FROM hits WHERE t GLOBAL NOT IN chunks
SELECT t FROM hits WHERE t IN system.one
SELECT t FROM hits WHERE (t, t) IN chunks
SELECT t FROM hits ARRAY JOIN (SELECT groupArray(name) FROM system.tables) AS x
SELECT t FROM {x:Identifier}
SELECT t FROM {x:Identifier}.{y:Identifier}
INSERT INTO hits SELECT 1
INSERT INTO FUNCTION file('x') SELECT 1
CREATE TABLE x (a Int64) ENGINE = Memory
CREATE VIEW x AS SELECT 1
ALTER TABLE chunks DELETE WHERE 1
DROP TABLE chunks
TRUNCATE TABLE chunks
DELETE FROM chunks WHERE 1
UPDATE chunks SET seq = 1
RENAME TABLE chunks TO x
ATTACH TABLE x
DETACH TABLE chunks
OPTIMIZE TABLE chunks
EXPLAIN SELECT 1
DESCRIBE hits
DESCRIBE (SELECT 1)
SHOW TABLES
SHOW CREATE TABLE chunks
EXISTS TABLE chunks
SET max_threads = 1
USE system
SYSTEM SHUTDOWN
KILL QUERY WHERE 1
GRANT ALL ON *.* TO x
BACKUP TABLE chunks TO Disk('x')
VALUES (1)
WITH x AS (INSERT INTO y SELECT 1) SELECT 1
SELECT 1; SELECT 2
SELECT 1; DROP TABLE chunks
SELECT t FROM hits SETTINGS max_threads = 8
SELECT t FROM (SELECT t FROM hits SETTINGS max_threads = 8)
(SELECT t FROM hits SETTINGS max_threads = 8) UNION ALL SELECT 1
SELECT t FROM hits FORMAT CSV
SELECT t FROM hits INTO OUTFILE '/tmp/x'
SELECT t FROM hits INTO OUTFILE '/tmp/x' FORMAT CSV
SELECT file('/etc/passwd')
SELECT FILE('/etc/passwd')
SELECT `file`('/etc/passwd')
SELECT dictGet('d', 'x', 1)
SELECT dictGetOrDefault('d', 'x', 1, 2)
SELECT dictHas('d', 1)
SELECT joinGet('j', 'x', 1)
SELECT joinGetOrNull('j', 'x', 1)
SELECT hasColumnInTable('system', 'one', 'dummy')
SELECT getSetting('max_threads')
SELECT getMacro('x')
SELECT currentUser()
SELECT current_user()
SELECT CURRENT_USER
SELECT user()
SELECT currentDatabase()
SELECT DATABASE()
SELECT hostName()
SELECT host_name()
SELECT fqdn()
SELECT sleep(3)
SELECT sleepEachRow(3)
SELECT filesystemAvailable()
SELECT catboostEvaluate('x', 1)
SELECT throwIf(1)
SELECT arrayMap(x -> sleep(x), [3])
SELECT t FROM hits WHERE sleep(3) = 0
WITH chunks AS (SELECT * FROM chunks) SELECT * FROM chunks
SELECT * FROM ledger WHERE 1 IN (WITH ledger AS (SELECT 1 AS x) SELECT x FROM ledger)
WITH a AS (SELECT * FROM chunks), chunks AS (SELECT 1) SELECT * FROM a
SELECT 1 FROM (WITH runs AS (SELECT 1 AS a) SELECT a FROM runs) AS x, runs
SELECT 0 IN (system.one)
SELECT t FROM hits WHERE t NOT IN (chunks)
SELECT notIn(0, system.one)
SELECT globalIn(0, system.one)
SELECT globalNotIn(0, system.one)
SELECT nullIn(0, chunks)
SELECT notNullIn(0, chunks)
SELECT inIgnoreSet(0, chunks)
SELECT globalNotNullInIgnoreSet(0, chunks)
SELECT `in`(0, chunks)
SELECT arrayMap(x -> notIn(x, chunks), [1])
SELECT * FROM upper('numbers')
SELECT {x:Identifier} FROM hits
SELECT * APPLY(file) FROM (SELECT '/etc/passwd' AS p)
SELECT * APPLY(p -> file(p)) FROM (SELECT '/etc/passwd' AS p)
SELECT COLUMNS('p') APPLY(file) FROM (SELECT '/etc/passwd' AS p)
SELECT x.* EXCEPT q APPLY file FROM (SELECT '/etc/passwd' AS p, 1 AS q) AS x
SELECT COLUMNS(p) APPLY(quantiles(0.5)) APPLY(file) FROM (SELECT '/etc/passwd' AS p)
SELECT arrayMap(file, ['/etc/passwd'])
SELECT arrayMap(`file`, ['/etc/passwd'])
SELECT arrayMap((file AS f), ['/etc/passwd'])
SELECT arrayFold(file, ['/etc/passwd'], '')
SELECT current_database
SELECT ‘ || '’, (SELECT count() FROM everyhit.tokens), ‘' || ’ FROM hits
SELECT “ || "”, (SELECT count() FROM everyhit.tokens), “" || ” FROM hits
SELECT ‘a’
SELECT 5 − 3
SELECT 1
SELECT 0 IN ((everyhit.tokens))
SELECT 0 IN (((everyhit.tokens)))
SELECT 0 IN (everyhit.tokens AS q)
SELECT 0 IN ((`everyhit`.`tokens`))
SELECT notIn(0, ((everyhit.tokens)))
SELECT arrayExists(x -> x IN ((everyhit.tokens)), [0])
SELECT 0 GLOBAL NOT IN ((everyhit.tokens))
SELECT 1 FROM (SELECT 1; SELECT 2)
SELECT CAST(unhex('00') AS AggregateFunction(uniq, UInt8))
SELECT CAST('x', concat('Str', 'ing'))
SELECT @@version
SELECT * FROM (EXPLAIN SELECT 1)
SELECT * FROM hits |> WHERE file('/etc/passwd') != ''
SELECT 1 PARALLEL WITH SELECT 2
EXECUTE AS reader SELECT 1
SELECT (SELECT count() FROM everyhit.tokens) AS c
SELECT t FROM hits WHERE ((SELECT count() FROM everyhit.tokens)) = 1
SELECT t FROM hits ORDER BY (SELECT count() FROM everyhit.tokens)
SELECT if(1, (SELECT count() FROM everyhit.tokens), (SELECT count() FROM everyhit.tokens)) AS c FROM hits
WITH (SELECT count() FROM everyhit.tokens) AS c SELECT c
WITH c AS (SELECT (SELECT count() FROM everyhit.tokens) AS y) SELECT y FROM c
SELECT arrayMap(v -> (SELECT count() FROM everyhit.tokens), [1])
SELECT * REPLACE ((SELECT count() FROM everyhit.tokens) AS t) FROM hits
SELECT sum(t) OVER (PARTITION BY (SELECT count() FROM everyhit.tokens)) FROM hits
SELECT t FROM hits LIMIT 1 BY (SELECT count() FROM everyhit.tokens)
SELECT t FROM hits UNION ALL SELECT (SELECT count() FROM everyhit.tokens)
SELECT count() FROM hits GROUP BY (SELECT count() FROM everyhit.tokens)
SELECT t FROM hits QUALIFY ((SELECT count() FROM everyhit.tokens)) = 1
SELECT file('/tmp/canary') AS c
SELECT t FROM hits WHERE (file('/tmp/canary')) = 1
SELECT t FROM hits ORDER BY file('/tmp/canary')
SELECT if(1, file('/tmp/canary'), file('/tmp/canary')) AS c FROM hits
WITH file('/tmp/canary') AS c SELECT c
WITH c AS (SELECT file('/tmp/canary') AS y) SELECT y FROM c
SELECT arrayMap(v -> file('/tmp/canary'), [1])
SELECT * REPLACE (file('/tmp/canary') AS t) FROM hits
SELECT sum(t) OVER (PARTITION BY file('/tmp/canary')) FROM hits
SELECT t FROM hits LIMIT 1 BY file('/tmp/canary')
SELECT t FROM hits UNION ALL SELECT file('/tmp/canary')
SELECT count() FROM hits GROUP BY file('/tmp/canary')
SELECT t FROM hits QUALIFY (file('/tmp/canary')) = 1
SELECT 0 IN everyhit.tokens AS c
SELECT t FROM hits WHERE (0 IN everyhit.tokens) = 1
SELECT t FROM hits ORDER BY 0 IN everyhit.tokens
SELECT if(1, 0 IN everyhit.tokens, 0 IN everyhit.tokens) AS c FROM hits
WITH 0 IN everyhit.tokens AS c SELECT c
WITH c AS (SELECT 0 IN everyhit.tokens AS y) SELECT y FROM c
SELECT arrayMap(v -> 0 IN everyhit.tokens, [1])
SELECT * REPLACE (0 IN everyhit.tokens AS t) FROM hits
SELECT sum(t) OVER (PARTITION BY 0 IN everyhit.tokens) FROM hits
SELECT t FROM hits LIMIT 1 BY 0 IN everyhit.tokens
SELECT t FROM hits UNION ALL SELECT 0 IN everyhit.tokens
SELECT count() FROM hits GROUP BY 0 IN everyhit.tokens
SELECT t FROM hits QUALIFY (0 IN everyhit.tokens) = 1
SELECT 0 IN (everyhit.tokens) AS c
SELECT t FROM hits WHERE (0 IN (everyhit.tokens)) = 1
SELECT t FROM hits ORDER BY 0 IN (everyhit.tokens)
SELECT if(1, 0 IN (everyhit.tokens), 0 IN (everyhit.tokens)) AS c FROM hits
WITH 0 IN (everyhit.tokens) AS c SELECT c
WITH c AS (SELECT 0 IN (everyhit.tokens) AS y) SELECT y FROM c
SELECT arrayMap(v -> 0 IN (everyhit.tokens), [1])
SELECT * REPLACE (0 IN (everyhit.tokens) AS t) FROM hits
SELECT sum(t) OVER (PARTITION BY 0 IN (everyhit.tokens)) FROM hits
SELECT t FROM hits LIMIT 1 BY 0 IN (everyhit.tokens)
SELECT t FROM hits UNION ALL SELECT 0 IN (everyhit.tokens)
SELECT count() FROM hits GROUP BY 0 IN (everyhit.tokens)
SELECT t FROM hits QUALIFY (0 IN (everyhit.tokens)) = 1
SELECT 0 IN ((everyhit.tokens)) AS c
SELECT t FROM hits WHERE (0 IN ((everyhit.tokens))) = 1
SELECT t FROM hits ORDER BY 0 IN ((everyhit.tokens))
SELECT if(1, 0 IN ((everyhit.tokens)), 0 IN ((everyhit.tokens))) AS c FROM hits
WITH 0 IN ((everyhit.tokens)) AS c SELECT c
WITH c AS (SELECT 0 IN ((everyhit.tokens)) AS y) SELECT y FROM c
SELECT arrayMap(v -> 0 IN ((everyhit.tokens)), [1])
SELECT * REPLACE (0 IN ((everyhit.tokens)) AS t) FROM hits
SELECT sum(t) OVER (PARTITION BY 0 IN ((everyhit.tokens))) FROM hits
SELECT t FROM hits LIMIT 1 BY 0 IN ((everyhit.tokens))
SELECT t FROM hits UNION ALL SELECT 0 IN ((everyhit.tokens))
SELECT count() FROM hits GROUP BY 0 IN ((everyhit.tokens))
SELECT t FROM hits QUALIFY (0 IN ((everyhit.tokens))) = 1
SELECT notIn(0, everyhit.tokens) AS c
SELECT t FROM hits WHERE (notIn(0, everyhit.tokens)) = 1
SELECT t FROM hits ORDER BY notIn(0, everyhit.tokens)
SELECT if(1, notIn(0, everyhit.tokens), notIn(0, everyhit.tokens)) AS c FROM hits
WITH notIn(0, everyhit.tokens) AS c SELECT c
WITH c AS (SELECT notIn(0, everyhit.tokens) AS y) SELECT y FROM c
SELECT arrayMap(v -> notIn(0, everyhit.tokens), [1])
SELECT * REPLACE (notIn(0, everyhit.tokens) AS t) FROM hits
SELECT sum(t) OVER (PARTITION BY notIn(0, everyhit.tokens)) FROM hits
SELECT t FROM hits LIMIT 1 BY notIn(0, everyhit.tokens)
SELECT t FROM hits UNION ALL SELECT notIn(0, everyhit.tokens)
SELECT count() FROM hits GROUP BY notIn(0, everyhit.tokens)
SELECT t FROM hits QUALIFY (notIn(0, everyhit.tokens)) = 1
SELECT arrayMap(file, ['/tmp/canary'])[1] AS c
SELECT t FROM hits WHERE (arrayMap(file, ['/tmp/canary'])[1]) = 1
SELECT t FROM hits ORDER BY arrayMap(file, ['/tmp/canary'])[1]
SELECT if(1, arrayMap(file, ['/tmp/canary'])[1], arrayMap(file, ['/tmp/canary'])[1]) AS c FROM hits
WITH arrayMap(file, ['/tmp/canary'])[1] AS c SELECT c
WITH c AS (SELECT arrayMap(file, ['/tmp/canary'])[1] AS y) SELECT y FROM c
SELECT arrayMap(v -> arrayMap(file, ['/tmp/canary'])[1], [1])
SELECT * REPLACE (arrayMap(file, ['/tmp/canary'])[1] AS t) FROM hits
SELECT sum(t) OVER (PARTITION BY arrayMap(file, ['/tmp/canary'])[1]) FROM hits
SELECT t FROM hits LIMIT 1 BY arrayMap(file, ['/tmp/canary'])[1]
SELECT t FROM hits UNION ALL SELECT arrayMap(file, ['/tmp/canary'])[1]
SELECT count() FROM hits GROUP BY arrayMap(file, ['/tmp/canary'])[1]
SELECT t FROM hits QUALIFY (arrayMap(file, ['/tmp/canary'])[1]) = 1
SELECT dictGet('d', 'x', 1) AS c
SELECT t FROM hits WHERE (dictGet('d', 'x', 1)) = 1
SELECT t FROM hits ORDER BY dictGet('d', 'x', 1)
SELECT if(1, dictGet('d', 'x', 1), dictGet('d', 'x', 1)) AS c FROM hits
WITH dictGet('d', 'x', 1) AS c SELECT c
WITH c AS (SELECT dictGet('d', 'x', 1) AS y) SELECT y FROM c
SELECT arrayMap(v -> dictGet('d', 'x', 1), [1])
SELECT * REPLACE (dictGet('d', 'x', 1) AS t) FROM hits
SELECT sum(t) OVER (PARTITION BY dictGet('d', 'x', 1)) FROM hits
SELECT t FROM hits LIMIT 1 BY dictGet('d', 'x', 1)
SELECT t FROM hits UNION ALL SELECT dictGet('d', 'x', 1)
SELECT count() FROM hits GROUP BY dictGet('d', 'x', 1)
SELECT t FROM hits QUALIFY (dictGet('d', 'x', 1)) = 1
SELECT joinGet('everyhit.j', 'x', 1) AS c
SELECT t FROM hits ORDER BY joinGet('everyhit.j', 'x', 1)
WITH joinGet('everyhit.j', 'x', 1) AS c SELECT c
SELECT arrayMap(v -> joinGet('everyhit.j', 'x', 1), [1])
SELECT sum(t) OVER (PARTITION BY joinGet('everyhit.j', 'x', 1)) FROM hits
SELECT t FROM hits UNION ALL SELECT joinGet('everyhit.j', 'x', 1)
SELECT t FROM hits QUALIFY (joinGet('everyhit.j', 'x', 1)) = 1
SELECT t FROM hits WHERE (getSetting('max_threads')) = 1
SELECT if(1, getSetting('max_threads'), getSetting('max_threads')) AS c FROM hits
WITH c AS (SELECT getSetting('max_threads') AS y) SELECT y FROM c
SELECT * REPLACE (getSetting('max_threads') AS t) FROM hits
SELECT t FROM hits LIMIT 1 BY getSetting('max_threads')
SELECT count() FROM hits GROUP BY getSetting('max_threads')
SELECT hostName() AS c
SELECT t FROM hits ORDER BY hostName()
WITH hostName() AS c SELECT c
SELECT arrayMap(v -> hostName(), [1])
SELECT sum(t) OVER (PARTITION BY hostName()) FROM hits
SELECT t FROM hits UNION ALL SELECT hostName()
SELECT t FROM hits QUALIFY (hostName()) = 1
SELECT t FROM hits WHERE (currentUser()) = 1
SELECT if(1, currentUser(), currentUser()) AS c FROM hits
WITH c AS (SELECT currentUser() AS y) SELECT y FROM c
SELECT * REPLACE (currentUser() AS t) FROM hits
SELECT t FROM hits LIMIT 1 BY currentUser()
SELECT count() FROM hits GROUP BY currentUser()
SELECT CURRENT_USER AS c
SELECT t FROM hits ORDER BY CURRENT_USER
WITH CURRENT_USER AS c SELECT c
SELECT arrayMap(v -> CURRENT_USER, [1])
SELECT sum(t) OVER (PARTITION BY CURRENT_USER) FROM hits
SELECT t FROM hits UNION ALL SELECT CURRENT_USER
SELECT t FROM hits QUALIFY (CURRENT_USER) = 1
SELECT t FROM hits WHERE (@@version) = 1
SELECT if(1, @@version, @@version) AS c FROM hits
WITH c AS (SELECT @@version AS y) SELECT y FROM c
SELECT * REPLACE (@@version AS t) FROM hits
SELECT t FROM hits LIMIT 1 BY @@version
SELECT count() FROM hits GROUP BY @@version
SELECT sleep(1) AS c
SELECT t FROM hits ORDER BY sleep(1)
WITH sleep(1) AS c SELECT c
SELECT arrayMap(v -> sleep(1), [1])
SELECT sum(t) OVER (PARTITION BY sleep(1)) FROM hits
SELECT t FROM hits UNION ALL SELECT sleep(1)
SELECT t FROM hits QUALIFY (sleep(1)) = 1
SELECT t FROM hits WHERE (catboostEvaluate('/tmp/canary', 1)) = 1
SELECT if(1, catboostEvaluate('/tmp/canary', 1), catboostEvaluate('/tmp/canary', 1)) AS c FROM hits
WITH c AS (SELECT catboostEvaluate('/tmp/canary', 1) AS y) SELECT y FROM c
SELECT * REPLACE (catboostEvaluate('/tmp/canary', 1) AS t) FROM hits
SELECT t FROM hits LIMIT 1 BY catboostEvaluate('/tmp/canary', 1)
SELECT count() FROM hits GROUP BY catboostEvaluate('/tmp/canary', 1)
SELECT filesystemAvailable() AS c
SELECT t FROM hits ORDER BY filesystemAvailable()
WITH filesystemAvailable() AS c SELECT c
SELECT arrayMap(v -> filesystemAvailable(), [1])
SELECT sum(t) OVER (PARTITION BY filesystemAvailable()) FROM hits
SELECT t FROM hits UNION ALL SELECT filesystemAvailable()
SELECT t FROM hits QUALIFY (filesystemAvailable()) = 1
SELECT t FROM hits WHERE (getMacro('x')) = 1
SELECT if(1, getMacro('x'), getMacro('x')) AS c FROM hits
WITH c AS (SELECT getMacro('x') AS y) SELECT y FROM c
SELECT * REPLACE (getMacro('x') AS t) FROM hits
SELECT t FROM hits LIMIT 1 BY getMacro('x')
SELECT count() FROM hits GROUP BY getMacro('x')
SELECT hasColumnInTable('everyhit', 'tokens', 'digest') AS c
SELECT t FROM hits ORDER BY hasColumnInTable('everyhit', 'tokens', 'digest')
WITH hasColumnInTable('everyhit', 'tokens', 'digest') AS c SELECT c
SELECT arrayMap(v -> hasColumnInTable('everyhit', 'tokens', 'digest'), [1])
SELECT sum(t) OVER (PARTITION BY hasColumnInTable('everyhit', 'tokens', 'digest')) FROM hits
SELECT t FROM hits UNION ALL SELECT hasColumnInTable('everyhit', 'tokens', 'digest')
SELECT t FROM hits QUALIFY (hasColumnInTable('everyhit', 'tokens', 'digest')) = 1
SELECT t FROM hits WHERE (formatRow('CSV', 1)) = 1
SELECT if(1, formatRow('CSV', 1), formatRow('CSV', 1)) AS c FROM hits
WITH c AS (SELECT formatRow('CSV', 1) AS y) SELECT y FROM c
SELECT * REPLACE (formatRow('CSV', 1) AS t) FROM hits
SELECT t FROM hits LIMIT 1 BY formatRow('CSV', 1)
SELECT count() FROM hits GROUP BY formatRow('CSV', 1)
SELECT connectionId() AS c
SELECT t FROM hits ORDER BY connectionId()
WITH connectionId() AS c SELECT c
SELECT arrayMap(v -> connectionId(), [1])
SELECT sum(t) OVER (PARTITION BY connectionId()) FROM hits
SELECT t FROM hits UNION ALL SELECT connectionId()
SELECT t FROM hits QUALIFY (connectionId()) = 1
SELECT t FROM hits WHERE (aiGenerate('x')) = 1
SELECT if(1, aiGenerate('x'), aiGenerate('x')) AS c FROM hits
WITH c AS (SELECT aiGenerate('x') AS y) SELECT y FROM c
SELECT * REPLACE (aiGenerate('x') AS t) FROM hits
SELECT t FROM hits LIMIT 1 BY aiGenerate('x')
SELECT count() FROM hits GROUP BY aiGenerate('x')
SELECT showCertificate() AS c
SELECT t FROM hits ORDER BY showCertificate()
WITH showCertificate() AS c SELECT c
SELECT arrayMap(v -> showCertificate(), [1])
SELECT sum(t) OVER (PARTITION BY showCertificate()) FROM hits
SELECT t FROM hits UNION ALL SELECT showCertificate()
SELECT t FROM hits QUALIFY (showCertificate()) = 1
SELECT t FROM hits WHERE (serverUUID()) = 1
SELECT if(1, serverUUID(), serverUUID()) AS c FROM hits
WITH c AS (SELECT serverUUID() AS y) SELECT y FROM c
SELECT * REPLACE (serverUUID() AS t) FROM hits
SELECT t FROM hits LIMIT 1 BY serverUUID()
SELECT count() FROM hits GROUP BY serverUUID()
SELECT query_id() AS c
SELECT t FROM hits ORDER BY query_id()
WITH query_id() AS c SELECT c
SELECT arrayMap(v -> query_id(), [1])
SELECT sum(t) OVER (PARTITION BY query_id()) FROM hits
SELECT t FROM hits UNION ALL SELECT query_id()
SELECT t FROM hits QUALIFY (query_id()) = 1
SELECT t FROM hits WHERE (__getScalar('x')) = 1
SELECT if(1, __getScalar('x'), __getScalar('x')) AS c FROM hits
WITH c AS (SELECT __getScalar('x') AS y) SELECT y FROM c
SELECT * REPLACE (__getScalar('x') AS t) FROM hits
SELECT t FROM hits LIMIT 1 BY __getScalar('x')
SELECT count() FROM hits GROUP BY __getScalar('x')
SELECT evalMLMethod(1, 2) AS c
SELECT t FROM hits ORDER BY evalMLMethod(1, 2)
WITH evalMLMethod(1, 2) AS c SELECT c
SELECT arrayMap(v -> evalMLMethod(1, 2), [1])
SELECT sum(t) OVER (PARTITION BY evalMLMethod(1, 2)) FROM hits
SELECT t FROM hits UNION ALL SELECT evalMLMethod(1, 2)
SELECT t FROM hits QUALIFY (evalMLMethod(1, 2)) = 1
SELECT t FROM hits WHERE (addressToLine(1)) = 1
SELECT if(1, addressToLine(1), addressToLine(1)) AS c FROM hits
WITH c AS (SELECT addressToLine(1) AS y) SELECT y FROM c
SELECT * REPLACE (addressToLine(1) AS t) FROM hits
SELECT t FROM hits LIMIT 1 BY addressToLine(1)
SELECT count() FROM hits GROUP BY addressToLine(1)
SELECT initializeSomething(1) AS c
SELECT t FROM hits ORDER BY initializeSomething(1)
WITH initializeSomething(1) AS c SELECT c
SELECT arrayMap(v -> initializeSomething(1), [1])
SELECT sum(t) OVER (PARTITION BY initializeSomething(1)) FROM hits
SELECT t FROM hits UNION ALL SELECT initializeSomething(1)
SELECT t FROM hits QUALIFY (initializeSomething(1)) = 1
SELECT t FROM hits WHERE (CAST('x' AS AggregateFunction(uniq, UInt8))) = 1
SELECT if(1, CAST('x' AS AggregateFunction(uniq, UInt8)), CAST('x' AS AggregateFunction(uniq, UInt8))) AS c FROM hits
WITH c AS (SELECT CAST('x' AS AggregateFunction(uniq, UInt8)) AS y) SELECT y FROM c
SELECT * REPLACE (CAST('x' AS AggregateFunction(uniq, UInt8)) AS t) FROM hits
SELECT t FROM hits LIMIT 1 BY CAST('x' AS AggregateFunction(uniq, UInt8))
SELECT count() FROM hits GROUP BY CAST('x' AS AggregateFunction(uniq, UInt8))
SELECT regionToName(1) AS c
SELECT t FROM hits ORDER BY regionToName(1)
WITH regionToName(1) AS c SELECT c
SELECT arrayMap(v -> regionToName(1), [1])
SELECT sum(t) OVER (PARTITION BY regionToName(1)) FROM hits
SELECT t FROM hits UNION ALL SELECT regionToName(1)
SELECT t FROM hits QUALIFY (regionToName(1)) = 1
SELECT t FROM hits WHERE (fuzzQuery('SELECT 1')) = 1
SELECT if(1, fuzzQuery('SELECT 1'), fuzzQuery('SELECT 1')) AS c FROM hits
WITH c AS (SELECT fuzzQuery('SELECT 1') AS y) SELECT y FROM c
SELECT * REPLACE (fuzzQuery('SELECT 1') AS t) FROM hits
SELECT t FROM hits LIMIT 1 BY fuzzQuery('SELECT 1')
SELECT count() FROM hits GROUP BY fuzzQuery('SELECT 1')
SELECT logTrace('x') AS c
SELECT t FROM hits ORDER BY logTrace('x')
WITH logTrace('x') AS c SELECT c
SELECT arrayMap(v -> logTrace('x'), [1])
SELECT sum(t) OVER (PARTITION BY logTrace('x')) FROM hits
SELECT t FROM hits UNION ALL SELECT logTrace('x')
SELECT t FROM hits QUALIFY (logTrace('x')) = 1
SELECT t FROM hits WHERE (tcpPort()) = 1
SELECT if(1, tcpPort(), tcpPort()) AS c FROM hits
WITH c AS (SELECT tcpPort() AS y) SELECT y FROM c
SELECT * REPLACE (tcpPort() AS t) FROM hits
SELECT t FROM hits LIMIT 1 BY tcpPort()
SELECT count() FROM hits GROUP BY tcpPort()
SELECT * FROM everyhit.tokens
SELECT * FROM hits, everyhit.tokens
SELECT t FROM hits JOIN everyhit.tokens AS q ON 1
SELECT (SELECT 1 FROM everyhit.tokens)
SELECT t FROM hits WHERE t IN (SELECT 1 FROM everyhit.tokens)
WITH a AS (SELECT * FROM everyhit.tokens) SELECT * FROM a
SELECT EXISTS (SELECT 1 FROM everyhit.tokens)
SELECT * FROM (SELECT * FROM everyhit.tokens) AS y
SELECT t FROM hits EXCEPT SELECT 1 FROM everyhit.tokens
SELECT * FROM `everyhit`.`tokens`
SELECT * FROM hits, `everyhit`.`tokens`
SELECT t FROM hits JOIN `everyhit`.`tokens` AS q ON 1
SELECT (SELECT 1 FROM `everyhit`.`tokens`)
SELECT t FROM hits WHERE t IN (SELECT 1 FROM `everyhit`.`tokens`)
WITH a AS (SELECT * FROM `everyhit`.`tokens`) SELECT * FROM a
SELECT EXISTS (SELECT 1 FROM `everyhit`.`tokens`)
SELECT * FROM (SELECT * FROM `everyhit`.`tokens`) AS y
SELECT t FROM hits EXCEPT SELECT 1 FROM `everyhit`.`tokens`
SELECT * FROM tokens
SELECT * FROM hits, tokens
SELECT t FROM hits JOIN tokens AS q ON 1
SELECT (SELECT 1 FROM tokens)
SELECT t FROM hits WHERE t IN (SELECT 1 FROM tokens)
WITH a AS (SELECT * FROM tokens) SELECT * FROM a
SELECT EXISTS (SELECT 1 FROM tokens)
SELECT * FROM (SELECT * FROM tokens) AS y
SELECT t FROM hits EXCEPT SELECT 1 FROM tokens
SELECT * FROM "tokens"
SELECT * FROM hits, "tokens"
SELECT t FROM hits JOIN "tokens" AS q ON 1
SELECT (SELECT 1 FROM "tokens")
SELECT t FROM hits WHERE t IN (SELECT 1 FROM "tokens")
WITH a AS (SELECT * FROM "tokens") SELECT * FROM a
SELECT EXISTS (SELECT 1 FROM "tokens")
SELECT * FROM (SELECT * FROM "tokens") AS y
SELECT t FROM hits EXCEPT SELECT 1 FROM "tokens"
SELECT * FROM hits, system.tables
SELECT t FROM hits JOIN system.tables AS q ON 1
SELECT (SELECT 1 FROM system.tables)
SELECT t FROM hits WHERE t IN (SELECT 1 FROM system.tables)
WITH a AS (SELECT * FROM system.tables) SELECT * FROM a
SELECT EXISTS (SELECT 1 FROM system.tables)
SELECT * FROM (SELECT * FROM system.tables) AS y
SELECT t FROM hits EXCEPT SELECT 1 FROM system.tables
SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')
SELECT * FROM hits, url('http://127.0.0.1:1/', 'LineAsString')
SELECT t FROM hits JOIN url('http://127.0.0.1:1/', 'LineAsString') AS q ON 1
SELECT (SELECT 1 FROM url('http://127.0.0.1:1/', 'LineAsString'))
SELECT t FROM hits WHERE t IN (SELECT 1 FROM url('http://127.0.0.1:1/', 'LineAsString'))
WITH a AS (SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')) SELECT * FROM a
SELECT EXISTS (SELECT 1 FROM url('http://127.0.0.1:1/', 'LineAsString'))
SELECT * FROM (SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')) AS y
SELECT t FROM hits EXCEPT SELECT 1 FROM url('http://127.0.0.1:1/', 'LineAsString')
SELECT * FROM file('/tmp/canary', 'LineAsString')
SELECT * FROM hits, file('/tmp/canary', 'LineAsString')
SELECT t FROM hits JOIN file('/tmp/canary', 'LineAsString') AS q ON 1
SELECT (SELECT 1 FROM file('/tmp/canary', 'LineAsString'))
SELECT t FROM hits WHERE t IN (SELECT 1 FROM file('/tmp/canary', 'LineAsString'))
WITH a AS (SELECT * FROM file('/tmp/canary', 'LineAsString')) SELECT * FROM a
SELECT EXISTS (SELECT 1 FROM file('/tmp/canary', 'LineAsString'))
SELECT * FROM (SELECT * FROM file('/tmp/canary', 'LineAsString')) AS y
SELECT t FROM hits EXCEPT SELECT 1 FROM file('/tmp/canary', 'LineAsString')
SELECT * FROM remote('127.0.0.1', 'everyhit', 'tokens')
SELECT * FROM hits, remote('127.0.0.1', 'everyhit', 'tokens')
SELECT t FROM hits JOIN remote('127.0.0.1', 'everyhit', 'tokens') AS q ON 1
SELECT (SELECT 1 FROM remote('127.0.0.1', 'everyhit', 'tokens'))
SELECT t FROM hits WHERE t IN (SELECT 1 FROM remote('127.0.0.1', 'everyhit', 'tokens'))
WITH a AS (SELECT * FROM remote('127.0.0.1', 'everyhit', 'tokens')) SELECT * FROM a
SELECT EXISTS (SELECT 1 FROM remote('127.0.0.1', 'everyhit', 'tokens'))
SELECT * FROM (SELECT * FROM remote('127.0.0.1', 'everyhit', 'tokens')) AS y
SELECT t FROM hits EXCEPT SELECT 1 FROM remote('127.0.0.1', 'everyhit', 'tokens')
SELECT * FROM merge('everyhit', 'tokens')
SELECT * FROM hits, merge('everyhit', 'tokens')
SELECT t FROM hits JOIN merge('everyhit', 'tokens') AS q ON 1
SELECT (SELECT 1 FROM merge('everyhit', 'tokens'))
SELECT t FROM hits WHERE t IN (SELECT 1 FROM merge('everyhit', 'tokens'))
WITH a AS (SELECT * FROM merge('everyhit', 'tokens')) SELECT * FROM a
SELECT EXISTS (SELECT 1 FROM merge('everyhit', 'tokens'))
SELECT * FROM (SELECT * FROM merge('everyhit', 'tokens')) AS y
SELECT t FROM hits EXCEPT SELECT 1 FROM merge('everyhit', 'tokens')
SELECT * FROM view(SELECT * FROM everyhit.tokens)
SELECT * FROM hits, view(SELECT * FROM everyhit.tokens)
SELECT t FROM hits JOIN view(SELECT * FROM everyhit.tokens) AS q ON 1
SELECT (SELECT 1 FROM view(SELECT * FROM everyhit.tokens))
SELECT t FROM hits WHERE t IN (SELECT 1 FROM view(SELECT * FROM everyhit.tokens))
WITH a AS (SELECT * FROM view(SELECT * FROM everyhit.tokens)) SELECT * FROM a
SELECT EXISTS (SELECT 1 FROM view(SELECT * FROM everyhit.tokens))
SELECT * FROM (SELECT * FROM view(SELECT * FROM everyhit.tokens)) AS y
SELECT t FROM hits EXCEPT SELECT 1 FROM view(SELECT * FROM everyhit.tokens)
SELECT * FROM Python(canary)
SELECT * FROM hits, Python(canary)
SELECT t FROM hits JOIN Python(canary) AS q ON 1
SELECT (SELECT 1 FROM Python(canary))
SELECT t FROM hits WHERE t IN (SELECT 1 FROM Python(canary))
WITH a AS (SELECT * FROM Python(canary)) SELECT * FROM a
SELECT EXISTS (SELECT 1 FROM Python(canary))
SELECT * FROM (SELECT * FROM Python(canary)) AS y
SELECT t FROM hits EXCEPT SELECT 1 FROM Python(canary)
SELECT * FROM cluster('c', 'everyhit', 'tokens')
SELECT * FROM hits, cluster('c', 'everyhit', 'tokens')
SELECT t FROM hits JOIN cluster('c', 'everyhit', 'tokens') AS q ON 1
SELECT (SELECT 1 FROM cluster('c', 'everyhit', 'tokens'))
SELECT t FROM hits WHERE t IN (SELECT 1 FROM cluster('c', 'everyhit', 'tokens'))
WITH a AS (SELECT * FROM cluster('c', 'everyhit', 'tokens')) SELECT * FROM a
SELECT EXISTS (SELECT 1 FROM cluster('c', 'everyhit', 'tokens'))
SELECT * FROM (SELECT * FROM cluster('c', 'everyhit', 'tokens')) AS y
SELECT t FROM hits EXCEPT SELECT 1 FROM cluster('c', 'everyhit', 'tokens')
SELECT * FROM loop(everyhit.tokens)
SELECT * FROM hits, loop(everyhit.tokens)
SELECT t FROM hits JOIN loop(everyhit.tokens) AS q ON 1
SELECT (SELECT 1 FROM loop(everyhit.tokens))
SELECT t FROM hits WHERE t IN (SELECT 1 FROM loop(everyhit.tokens))
WITH a AS (SELECT * FROM loop(everyhit.tokens)) SELECT * FROM a
SELECT EXISTS (SELECT 1 FROM loop(everyhit.tokens))
SELECT * FROM (SELECT * FROM loop(everyhit.tokens)) AS y
SELECT t FROM hits EXCEPT SELECT 1 FROM loop(everyhit.tokens)
SELECT * FROM viewIfPermitted(SELECT * FROM everyhit.tokens ELSE null('x Int8'))
SELECT * FROM hits, viewIfPermitted(SELECT * FROM everyhit.tokens ELSE null('x Int8'))
SELECT t FROM hits JOIN viewIfPermitted(SELECT * FROM everyhit.tokens ELSE null('x Int8')) AS q ON 1
SELECT (SELECT 1 FROM viewIfPermitted(SELECT * FROM everyhit.tokens ELSE null('x Int8')))
SELECT t FROM hits WHERE t IN (SELECT 1 FROM viewIfPermitted(SELECT * FROM everyhit.tokens ELSE null('x Int8')))
WITH a AS (SELECT * FROM viewIfPermitted(SELECT * FROM everyhit.tokens ELSE null('x Int8'))) SELECT * FROM a
SELECT EXISTS (SELECT 1 FROM viewIfPermitted(SELECT * FROM everyhit.tokens ELSE null('x Int8')))
SELECT * FROM (SELECT * FROM viewIfPermitted(SELECT * FROM everyhit.tokens ELSE null('x Int8'))) AS y
SELECT t FROM hits EXCEPT SELECT 1 FROM viewIfPermitted(SELECT * FROM everyhit.tokens ELSE null('x Int8'))
SELECT * FROM executable('cat', 'LineAsString', 'x String')
SELECT * FROM hits, executable('cat', 'LineAsString', 'x String')
SELECT t FROM hits JOIN executable('cat', 'LineAsString', 'x String') AS q ON 1
SELECT (SELECT 1 FROM executable('cat', 'LineAsString', 'x String'))
SELECT t FROM hits WHERE t IN (SELECT 1 FROM executable('cat', 'LineAsString', 'x String'))
WITH a AS (SELECT * FROM executable('cat', 'LineAsString', 'x String')) SELECT * FROM a
SELECT EXISTS (SELECT 1 FROM executable('cat', 'LineAsString', 'x String'))
SELECT * FROM (SELECT * FROM executable('cat', 'LineAsString', 'x String')) AS y
SELECT t FROM hits EXCEPT SELECT 1 FROM executable('cat', 'LineAsString', 'x String')
SELECT * FROM mergeTreeIndex('everyhit', 'tokens')
SELECT * FROM hits, mergeTreeIndex('everyhit', 'tokens')
SELECT t FROM hits JOIN mergeTreeIndex('everyhit', 'tokens') AS q ON 1
SELECT (SELECT 1 FROM mergeTreeIndex('everyhit', 'tokens'))
SELECT t FROM hits WHERE t IN (SELECT 1 FROM mergeTreeIndex('everyhit', 'tokens'))
WITH a AS (SELECT * FROM mergeTreeIndex('everyhit', 'tokens')) SELECT * FROM a
SELECT EXISTS (SELECT 1 FROM mergeTreeIndex('everyhit', 'tokens'))
SELECT * FROM (SELECT * FROM mergeTreeIndex('everyhit', 'tokens')) AS y
SELECT t FROM hits EXCEPT SELECT 1 FROM mergeTreeIndex('everyhit', 'tokens')
SELECT * FROM eval('SELECT 1')
SELECT * FROM hits, eval('SELECT 1')
SELECT t FROM hits JOIN eval('SELECT 1') AS q ON 1
SELECT (SELECT 1 FROM eval('SELECT 1'))
SELECT t FROM hits WHERE t IN (SELECT 1 FROM eval('SELECT 1'))
WITH a AS (SELECT * FROM eval('SELECT 1')) SELECT * FROM a
SELECT EXISTS (SELECT 1 FROM eval('SELECT 1'))
SELECT * FROM (SELECT * FROM eval('SELECT 1')) AS y
SELECT t FROM hits EXCEPT SELECT 1 FROM eval('SELECT 1')
SELECT * APPLY(file) FROM hits
SELECT * EXCEPT t APPLY file FROM hits
SELECT COLUMNS('t') APPLY(file) FROM hits
SELECT hits.* APPLY(v -> file(v)) FROM hits
SELECT arrayMap(file, ['a'])
SELECT arrayFilter(file, ['a'])
SELECT mapApply(file, map(1, 2))
SELECT `file`('x')
SELECT file ('x') FROM hits
SELECT * APPLY(sleep) FROM hits
SELECT * EXCEPT t APPLY sleep FROM hits
SELECT COLUMNS('t') APPLY(sleep) FROM hits
SELECT hits.* APPLY(v -> sleep(v)) FROM hits
SELECT arrayMap(sleep, ['a'])
SELECT arrayFilter(sleep, ['a'])
SELECT mapApply(sleep, map(1, 2))
SELECT `sleep`('x')
SELECT sleep ('x') FROM hits
SELECT * APPLY(hostName) FROM hits
SELECT * EXCEPT t APPLY hostName FROM hits
SELECT COLUMNS('t') APPLY(hostName) FROM hits
SELECT hits.* APPLY(v -> hostName(v)) FROM hits
SELECT arrayMap(hostName, ['a'])
SELECT arrayFilter(hostName, ['a'])
SELECT mapApply(hostName, map(1, 2))
SELECT `hostName`('x')
SELECT hostName ('x') FROM hits
SELECT * APPLY(currentUser) FROM hits
SELECT * EXCEPT t APPLY currentUser FROM hits
SELECT COLUMNS('t') APPLY(currentUser) FROM hits
SELECT hits.* APPLY(v -> currentUser(v)) FROM hits
SELECT arrayMap(currentUser, ['a'])
SELECT arrayFilter(currentUser, ['a'])
SELECT mapApply(currentUser, map(1, 2))
SELECT `currentUser`('x')
SELECT currentUser ('x') FROM hits
SELECT * APPLY(dictHas) FROM hits
SELECT * EXCEPT t APPLY dictHas FROM hits
SELECT COLUMNS('t') APPLY(dictHas) FROM hits
SELECT hits.* APPLY(v -> dictHas(v)) FROM hits
SELECT arrayMap(dictHas, ['a'])
SELECT arrayFilter(dictHas, ['a'])
SELECT mapApply(dictHas, map(1, 2))
SELECT `dictHas`('x')
SELECT dictHas ('x') FROM hits
SELECT * APPLY(getSetting) FROM hits
SELECT * EXCEPT t APPLY getSetting FROM hits
SELECT COLUMNS('t') APPLY(getSetting) FROM hits
SELECT hits.* APPLY(v -> getSetting(v)) FROM hits
SELECT arrayMap(getSetting, ['a'])
SELECT arrayFilter(getSetting, ['a'])
SELECT mapApply(getSetting, map(1, 2))
SELECT `getSetting`('x')
SELECT getSetting ('x') FROM hits
SELECT t FROM hits SETTINGS max_threads = 1
(SELECT t FROM hits) SETTINGS max_threads = 1
SELECT 1 UNION ALL SELECT 2 SETTINGS max_threads = 1
WITH 1 AS a SELECT a SETTINGS max_threads = 1
(SELECT t FROM hits) FORMAT CSV
SELECT 1 UNION ALL SELECT 2 FORMAT CSV
WITH 1 AS a SELECT a FORMAT CSV
(SELECT t FROM hits) INTO OUTFILE '/tmp/x'
SELECT 1 UNION ALL SELECT 2 INTO OUTFILE '/tmp/x'
WITH 1 AS a SELECT a INTO OUTFILE '/tmp/x'
SELECT t FROM hits SETTINGS readonly = 0
(SELECT t FROM hits) SETTINGS readonly = 0
SELECT 1 UNION ALL SELECT 2 SETTINGS readonly = 0
WITH 1 AS a SELECT a SETTINGS readonly = 0
SELECT t FROM hits ; SELECT 1
(SELECT t FROM hits) ; SELECT 1
SELECT 1 UNION ALL SELECT 2 ; SELECT 1
WITH 1 AS a SELECT a ; SELECT 1
SELECT t FROM hits ; DROP TABLE everyhit.tokens
(SELECT t FROM hits) ; DROP TABLE everyhit.tokens
SELECT 1 UNION ALL SELECT 2 ; DROP TABLE everyhit.tokens
WITH 1 AS a SELECT a ; DROP TABLE everyhit.tokens
SELECT t FROM hits FORMAT CSV SETTINGS max_threads = 1
(SELECT t FROM hits) FORMAT CSV SETTINGS max_threads = 1
SELECT 1 UNION ALL SELECT 2 FORMAT CSV SETTINGS max_threads = 1
WITH 1 AS a SELECT a FORMAT CSV SETTINGS max_threads = 1
SELECT t FROM hits PARALLEL WITH SELECT 1
(SELECT t FROM hits) PARALLEL WITH SELECT 1
SELECT 1 UNION ALL SELECT 2 PARALLEL WITH SELECT 1
WITH 1 AS a SELECT a PARALLEL WITH SELECT 1
