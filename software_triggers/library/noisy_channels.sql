-- trigger: noisy_channels
-- about: channels that count factor times more than the typical channel that counts at all
-- reach: period
-- params: period Int64 = 1 s, factor Float64 = 10, min_hits UInt64 = 20
SELECT start AS t, link, channel, n, n / typical AS ratio
FROM (
    SELECT start, link, channel, n, quantileExact(0.5)(n) OVER (PARTITION BY start) AS typical
    FROM (
        SELECT intDiv(t - positiveModulo(t, {period:Int64}), {period:Int64}) * {period:Int64}
                AS start,
            link, channel, sum(n_hits) AS n
        FROM rates
        WHERE hit
        GROUP BY start, link, channel
    )
)
WHERE n >= {min_hits:UInt64} AND n > {factor:Float64} * typical
