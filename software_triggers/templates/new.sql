-- trigger: NAME
-- about: at least so many hits within a time; one row for each hit that begins such a time
-- reach: within
-- params: least UInt16 = 3, within Int64 = 100 ns
-- A row needs t, in ticks since the run's start; the other columns are what you want to keep.
-- The reach is how far from t the query looks: hits of a window come with a margin as wide as that.
-- `everyhit query "DESCRIBE hits"` lists what hits have beside t.
SELECT t, link, n
FROM (
    SELECT t, link, count() OVER (
        ORDER BY t RANGE BETWEEN CURRENT ROW AND {within:Int64} FOLLOWING
    ) AS n
    FROM hits
)
WHERE n >= {least:UInt16}
