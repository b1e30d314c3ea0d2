SELECT now() AS t
SELECT now AS t
SELECT rand() AS t
SELECT generateUUIDv4()
SELECT version()
SELECT arrayShuffle([1, 2])
SELECT arrayMap(rand, [1, 2])
SELECT t FROM hits WHERE t > toUnixTimestamp(today())
SELECT rowNumberInAllBlocks() AS t FROM hits
SELECT groupArraySampleIf(2)(t, 1) FROM hits
SELECT connectionId()
