-- trigger: occupancy
-- about: hits of each channel in each period, from the counts that were taken at insert
-- reach: period
-- params: period Int64 = 1 s
SELECT intDiv(t - positiveModulo(t, {period:Int64}), {period:Int64}) * {period:Int64} AS t,
    link, channel, sum(n_hits) AS n
FROM rates
WHERE hit
GROUP BY t, link, channel
