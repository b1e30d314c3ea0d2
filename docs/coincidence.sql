-- trigger: coincidence
-- about: at least min_chambers chambers hit within a time; one row where such a time begins
-- reach: within + within
-- uses: chamber, wire
-- params: min_chambers UInt8 = 3, within Int64 = 500 ns
SELECT t, chambers AS n_chambers, hits_within AS n_hits
FROM (
    SELECT t, chambers, hits_within,
        lagInFrame(t, 1, t - {within:Int64} - 1) OVER (
            ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS before
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
WHERE t - before > {within:Int64}
