from ops.bench.export import export


def test_each_format_is_measured_from_another_process(tmp_path):
    found = export(tmp_path / "store", 4000)
    assert [each.format for each in found] == [
        "arrow",
        "arrow-file",
        "parquet",
        "csv",
        "hdf5",
        "root",
    ]
    for each in found:
        row = each.as_row()
        assert row["hits"] == 4000
        assert each.bytes > 4000  # all of it came
        assert 100 < each.base_mb <= each.peak_mb + 50
        assert each.quarter_mb > 100
