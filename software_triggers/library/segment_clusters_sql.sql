-- trigger: segment_clusters_sql
-- about: for each segment time that the front-end sent, the hits of its chamber that belong to it
-- reach: margin + after
-- uses: chamber, wire, head
-- params: margin Int16 = 10 ns, after Int16 = 400 ns
SELECT t, chamber,
    arrayMap(x -> toInt16(x - t), arraySort(arrayFilter(x -> x < t + {after:Int16}, around))) AS drift,
    toUInt32(length(drift)) AS n_hits
FROM (
    SELECT t, chamber, is_segment,
        groupArrayIf(t, NOT is_segment) OVER (
            PARTITION BY chamber ORDER BY t
            RANGE BETWEEN {margin:Int16} PRECEDING AND {after:Int16} FOLLOWING
        ) AS around
    FROM (
        SELECT t, chamber, head = 0 AS is_segment FROM words WHERE head = 0 OR (hit AND wire > 0)
    )
)
WHERE is_segment
