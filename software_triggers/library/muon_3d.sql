-- trigger: muon_3d
-- about: modules hit at times that light and a particle can connect, in three dimensions; one row where such a time begins
-- reach: span + span + span + within + within + t0_span
-- uses: module, pmt, placed, x_m, y_m, z_m, t0_ns
-- params: min_modules UInt8 = 5, within Int64 = 25 ns, span Int64 = 3 us, slack Float64 = 20, index Float64 = 1.38, t0_span Int64 = 10 us
-- Ticks are ns here, ps are those with t0. A module is hit where two of its PMTs are within a time. Two
-- modules are connected if their times differ by no more than light needs between them, and slack ns.
-- Looked at are 31 hits of modules behind each, so that no event costs too much. The values of t0_ns
-- may differ by t0_span; what begins within span of another one belongs to it.
SELECT t, toUInt16(most) AS modules
FROM (
    SELECT t, ps,
        max(n) OVER (
            ORDER BY ps RANGE BETWEEN CURRENT ROW AND 1000 * {span:Int64} FOLLOWING
        ) AS most,
        lagInFrame(ps, 1, ps - 1000 * {span:Int64} - 1) OVER (
            ORDER BY ps, t, module ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        ) AS ps_before
    FROM (
        -- Of the modules connected to the first one, those connected to enough of them.
        SELECT t, ps, module, arrayUniq(arrayMap(b -> b.2, arrayFilter(
            b -> arrayUniq(arrayMap(c -> c.2, arrayFilter(
                c -> abs(b.1 - c.1) <= 1000 * {slack:Float64} + {index:Float64} / 0.000299792458
                    * sqrt(pow(b.3 - c.3, 2) + pow(b.4 - c.4, 2) + pow(b.5 - c.5, 2)),
                connected))) >= {min_modules:UInt8},
            connected))) AS n
        FROM (
            SELECT t, ps, module, arrayFilter(
                b -> b.1 - ps <= 1000 * {span:Int64}
                    AND b.1 - ps <= 1000 * {slack:Float64} + {index:Float64} / 0.000299792458
                    * sqrt(pow(b.3 - x_m, 2) + pow(b.4 - y_m, 2) + pow(b.5 - z_m, 2)),
                after) AS connected
            FROM (
                SELECT t, ps, module, x_m, y_m, z_m,
                    groupArray((ps, module, x_m, y_m, z_m)) OVER (
                        ORDER BY ps, t, module ROWS BETWEEN CURRENT ROW AND 31 FOLLOWING
                    ) AS after
                FROM (
                    SELECT t, ps, module, x_m, y_m, z_m, count() OVER (
                        ORDER BY ps
                        RANGE BETWEEN 1000 * {span:Int64} PRECEDING AND 1000 * {span:Int64} FOLLOWING
                    ) AS around
                    FROM (
                        SELECT t, ps, module, x_m, y_m, z_m,
                            lagInFrame(ps, 1, ps - 1000 * {within:Int64} - 1) OVER (
                                PARTITION BY module ORDER BY ps, t, pmt
                                ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
                            ) AS ps_hit
                        FROM (
                            SELECT t, ps, module, pmt, x_m, y_m, z_m,
                                uniqExact(pmt) OVER (
                                    PARTITION BY module ORDER BY ps
                                    RANGE BETWEEN CURRENT ROW AND 1000 * {within:Int64} FOLLOWING
                                ) AS pmts
                            FROM (
                                SELECT t, module, pmt, x_m, y_m, z_m,
                                    1000 * t + toInt64(round(1000 * t0_ns)) AS ps
                                FROM hits
                            )
                        )
                        WHERE pmts >= 2
                    )
                    WHERE ps - ps_hit > 1000 * {within:Int64}
                )
                WHERE around >= {min_modules:UInt8}
            )
        )
        WHERE arrayUniq(arrayMap(b -> b.2, connected)) >= {min_modules:UInt8}
    )
    WHERE n >= {min_modules:UInt8}
)
WHERE ps - ps_before > 1000 * {span:Int64}
