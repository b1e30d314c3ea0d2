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
SELECT CURRENT_USER
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
