-- trigger: coincidence
-- about: at least min_chambers chambers hit within a time; one row where such a time begins
-- reach: within + within
-- params: min_chambers UInt8 = 3, within Int64 = 500 ns
SELECT t, max(chambers) AS n_chambers, max(hits_within) AS n_hits
FROM (
    SELECT t, chambers, hits_within,
        count() OVER (
            ORDER BY t RANGE BETWEEN {within:Int64} PRECEDING AND 1 PRECEDING
        ) AS earlier
    FROM (
        SELECT t,
            bitCount(groupBitOr(bitShiftLeft(toUInt32(1), chamber)) OVER near) AS chambers,
            count() OVER near AS hits_within
        FROM hits
        WHERE wire > 0
        WINDOW near AS (ORDER BY t RANGE BETWEEN CURRENT ROW AND {within:Int64} FOLLOWING)
    )
    WHERE chambers >= {min_chambers:UInt8}
)
WHERE earlier = 0
GROUP BY t
