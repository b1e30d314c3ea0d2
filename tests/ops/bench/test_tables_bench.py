from ops.bench.tables import FORMATS, tables


def test_each_format_is_taken_whole_in_a_process_of_its_own(tmp_path):
    found = tables(tmp_path, 60_000)
    assert [each.format for each in found] == list(FORMATS)
    for each in found:
        row = each.as_row()
        assert row["rows"] == 60_000
        assert 60_000 < row["bytes"] < 60_000 * 40
        assert row["rows_per_s"] > 0 < row["polars_rows_per_s"]
        assert 50 < each.base_mb <= each.peak_mb
    assert not list(tmp_path.glob("whole.*"))
