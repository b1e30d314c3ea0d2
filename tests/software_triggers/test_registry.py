import pytest

from db.errors import TriggerError
from software_triggers.registry import known_triggers, load_file, load_folder, register

SQL = "-- trigger: {name}\n-- reach: 1 us\n-- about: {about}\nSELECT t FROM hits"
PYTHON = '''
from software_triggers.trigger import trigger

@trigger(reach="1 us")
def {name}(hits, factor: int = 2):
    """{about}"""
    return hits.select("t")
'''
BUILT_IN = {
    "segments",
    "tracks",
    "segment_clusters",
    "segment_clusters_sql",
    "coincidence",
    "occupancy",
    "noisy_channels",
    "module_coincidence",
    "supernova",
    "muon_3d",
}


def test_built_in_triggers_are_known_and_say_what_they_find():
    known = known_triggers()
    assert set(known) >= BUILT_IN
    for name, trigger in known.items():
        assert trigger.name == name
        assert trigger.doc


def test_a_folders_triggers_are_known(tmp_path):
    (tmp_path / "one.sql").write_text(SQL.format(name="one", about="of sql"))
    (tmp_path / "two.py").write_text(PYTHON.format(name="two", about="of python"))
    (tmp_path / "notes.txt").write_text("no trigger")
    known = known_triggers(folders=[tmp_path])
    assert (known["one"].kind, known["one"].doc) == ("sql", "of sql")
    assert (known["two"].kind, known["two"].doc) == ("python", "of python")
    assert known["two"].params == {"factor": 2}
    assert "def two" in known["two"].source
    assert set(known) >= BUILT_IN


def test_later_sources_replace_earlier_ones(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "x.sql").write_text(SQL.format(name="occupancy", about=folder.name))
    assert known_triggers(folders=[first])["occupancy"].doc == "first"
    assert known_triggers(folders=[first, second])["occupancy"].doc == "second"


def test_a_file_may_hold_several_python_triggers(tmp_path):
    path = tmp_path / "several.py"
    path.write_text(PYTHON.format(name="one", about="1") + PYTHON.format(name="two", about="2"))
    assert [trigger.name for trigger in load_file(path)] == ["one", "two"]


def test_a_changed_file_is_read_anew(tmp_path):
    path = tmp_path / "one.py"
    path.write_text(PYTHON.format(name="one", about="before"))
    (before,) = load_file(path)
    path.write_text(PYTHON.format(name="one", about="now, and longer"))
    (after,) = load_file(path)
    assert (before.doc, after.doc) == ("before", "now, and longer")
    assert "now, and longer" in after.source


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("bad.sql", "SELECT t FROM hits", "no header line"),
        ("bad.sql", SQL.format(name="x", about="") + " WHERE (", "can't be parsed"),
        ("bad.py", "def x(:", "SyntaxError"),
        ("bad.py", "1 / 0", "ZeroDivisionError"),
        ("bad.py", "import no_such_module", "no_such_module"),
        (
            "bad.py",
            PYTHON.format(name="x", about="").replace("hits, ", "tracks, "),
            "takes 'tracks'|does not take",
        ),
    ],
)
def test_a_file_that_is_wrong_is_named(tmp_path, name, text, told):
    (tmp_path / name).write_text(text)
    with pytest.raises(TriggerError, match=told) as fault:
        known_triggers(folders=[tmp_path])
    assert str(tmp_path / name) in str(fault.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    for name in ("none.sql", "none.py"):
        with pytest.raises(TriggerError, match=name):
            load_file(tmp_path / name)


def test_a_folder_that_is_none_is_named(tmp_path):
    with pytest.raises(TriggerError, match="no folder with triggers"):
        list(load_folder(tmp_path / "none"))


def test_registered_sql_is_known_to_all_who_open_the_store(engine):
    register(engine, SQL.format(name="kept_in_store", about="first"))
    assert known_triggers(engine)["kept_in_store"].doc == "first"
    for about in ("second", "third"):
        register(engine, SQL.format(name="kept_in_store", about=about))
    assert known_triggers(engine)["kept_in_store"].doc == "third"
    assert "kept_in_store" not in known_triggers()
    register(engine, SQL.format(name="kept_in_store", about="off"), enabled=False)
    assert "kept_in_store" not in known_triggers(engine)
    register(engine, SQL.format(name="kept_in_store", about="on again"))
    assert known_triggers(engine)["kept_in_store"].doc == "on again"


def test_what_is_no_trigger_is_not_registered(engine):
    with pytest.raises(TriggerError):
        register(engine, "SELECT 1")
    rows = engine.fetch("SELECT count() AS n FROM triggers WHERE source = 'SELECT 1'")
    assert rows["n"].to_pylist() == [0]
