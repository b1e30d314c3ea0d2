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
