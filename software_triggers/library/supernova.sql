-- trigger: supernova
-- about: at least min_pmts PMTs of one module within a time, t0 taken into account; one row for each such burst
-- reach: within + within + t0_span
-- uses: module, pmt, t0_ns
-- params: min_pmts UInt8 = 4, within Int64 = 10 ns, t0_span Int64 = 10 us
-- Ticks are ns here. The values of t0_ns may differ by t0_span; bursts nearer than within are one.
SELECT t, module, pmts
FROM (
    SELECT t, module, pmts, ps,
        lagInFrame(ps, 1, ps - 1000 * {within:Int64} - 1) OVER (
            PARTITION BY module ORDER BY ps, t ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        ) AS ps_before
    FROM (
        SELECT t, module, ps,
            uniqExact(pmt) OVER (
                PARTITION BY module ORDER BY ps
                RANGE BETWEEN CURRENT ROW AND 1000 * {within:Int64} FOLLOWING
            ) AS pmts
        FROM (SELECT t, module, pmt, 1000 * t + toInt64(round(1000 * t0_ns)) AS ps FROM hits)
    )
    WHERE pmts >= {min_pmts:UInt8}
)
WHERE ps - ps_before > 1000 * {within:Int64}
