-- trigger: ringing_channels
-- about: channels of drift tubes with at least most hits within a short time, for feedback to mask at once
-- reach: within
-- uses: fpga, tdc_channel
-- params: within Int64 = 5 ms, most UInt64 = 500
SELECT start AS t, fpga, tdc_channel, n
FROM (
    SELECT intDiv(t - positiveModulo(t, {within:Int64}), {within:Int64}) * {within:Int64} AS start,
        fpga, tdc_channel, count() AS n
    FROM hits
    GROUP BY start, fpga, tdc_channel
)
WHERE n >= {most:UInt64}
