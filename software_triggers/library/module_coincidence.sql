-- trigger: module_coincidence
-- about: hits of which at least min_pmts different PMTs of one module follow within a time
-- reach: within
-- uses: module, pmt
-- params: min_pmts UInt8 = 4, within Int64 = 10 ns
SELECT t, module, pmts
FROM (
    SELECT t, module, pmt,
        uniqExact(pmt) OVER (
            PARTITION BY module ORDER BY t
            RANGE BETWEEN CURRENT ROW AND {within:Int64} FOLLOWING
        ) AS pmts
    FROM hits
)
WHERE pmts >= {min_pmts:UInt8}
GROUP BY t, module, pmts
