"""What the store makes of a detector's declaration: views that decode."""

from collections.abc import Collection

from db.detector import Detector, bare_sql, column_sql
from db.engine import Engine
from db.words.overlap import BELIEVED, overlap

AWAY = "words lie in another home than the store"
"""What a statement over hits says of chunks whose words have to be fetched."""


def key(detector: Detector) -> str:
    """Return the name under which the store keeps what it made of this declaration.

    It changes with every change of the declaration that could change a result, so that views of
    an old and a new channel map live side by side.
    """
    return f"{detector.name}_{detector.fingerprint[:12]}"


def create_views(engine: Engine, detector: Detector) -> None:
    """Create the views ``words_<key>`` and ``hits_<key>``.

    They take (run, a, b). ``words`` shows every sound word that carries a time, if it lies in
    [a, b), with ``hit`` telling which are hits; ``hits`` shows only those.
    """
    name, ticks = key(detector), detector.slice
    sql, bare = column_sql(detector), bare_sql(detector)
    sound = f"toBool({bare['hit']} AND NOT {bare['corrupt']})"
    shown = ",\n        ".join(f"{sql[column]} AS `{column}`" for column in detector.column_names)
    engine.define(f"""
        CREATE VIEW IF NOT EXISTS words_{name} AS
        SELECT link, {sql["t"]} AS t, {shown}, {sound} AS hit
        FROM chunks {_unfold(detector)}
        WHERE run_id = {{run:UInt32}} AND {overlap("{a:Int64}", "{b:Int64}", str(ticks))}
            AND {BELIEVED} AND {bare["timed"]} AND NOT {bare["corrupt"]}
            AND {bare["t"]} >= {{a:Int64}} AND {bare["t"]} < {{b:Int64}}""")
    engine.define(f"""
        CREATE VIEW IF NOT EXISTS hits_{name} AS
        SELECT * EXCEPT hit
        FROM words_{name}(run = {{run:UInt32}}, a = {{a:Int64}}, b = {{b:Int64}}) WHERE hit""")


def hits_sql(
    detector: Detector,
    run_id: int,
    a: int,
    b: int,
    columns: Collection[str] | None = None,
    *,
    hits_only: bool = True,
    fetched: int | None = None,
) -> str:
    """Return the SELECT of what the views ``hits_`` and ``words_`` show of a run in [a, b).

    Where words of it lie in another home the statement fails, see ``db.relations.away``, unless
    they were ``fetched`` into the store under that number.

    With ``columns`` it has only these, and ``t``: the engine resolves every column of a view anew
    for each statement, which costs several times a small window's work (33 against 9 ms).
    """
    sql, bare = column_sql(detector), bare_sql(detector)
    known = ["link", *detector.column_names, *([] if hits_only else ["hit"])]
    wanted = [name for name in known if columns is None or name in columns]
    shown = [f"{sql['t']} AS t"]
    shown += ["link" if name == "link" else f"{sql[name]} AS `{name}`" for name in wanted]
    kind, t = bare["hit"] if hits_only else bare["timed"], bare["t"]
    return (
        f"SELECT {', '.join(shown)} FROM {_chunks(run_id, a, b, detector.slice, fetched)}"
        f" {_unfold(detector)}"
        f" WHERE run_id = {run_id} AND {overlap(str(a), str(b), str(detector.slice))}"
        f" AND {BELIEVED} AND {kind} AND NOT {bare['corrupt']} AND {t} >= {a} AND {t} < {b}"
        + (_guard(run_id, a, b) if fetched is None else "")
    )


def _guard(run_id: int, a: int, b: int) -> str:
    """Return a condition that fails the statement for a chunk whose words are not here.

    It repeats what chooses the chunks: the engine may look at it first.
    """
    chosen = f"run_id = {run_id} AND t_first < {b} AND t_last >= {a} AND {BELIEVED}"
    return f" AND NOT throwIf(home != '' AND {chosen}, '{AWAY}')"


def _chunks(run_id: int, a: int, b: int, slice_ticks: int, fetched: int | None) -> str:
    """Return the table of chunks, or that of those whose words are here and of those fetched."""
    if fetched is None:
        return "chunks"
    columns = "run_id, link, epoch, t_first, t_last, n_hits, n_corrupt, words"
    which = f"run_id = {run_id} AND {overlap(str(a), str(b), str(slice_ticks))}"
    return (
        f"(SELECT {columns} FROM chunks WHERE {which} AND home = ''"
        f" UNION ALL SELECT {columns} FROM fetched_chunks WHERE fetch = {fetched})"
    )


def _unfold(detector: Detector) -> str:
    """Return the ARRAY JOIN that turns a chunk's words into rows with columns w0, w1, …"""
    n = detector.words_per_hit
    if n == 1:
        return "ARRAY JOIN words AS w0"
    # The lambda sees a word and its place, never the whole array: the engine would carry that into
    # each of its elements.
    parts = (
        f"arrayFilter((w, i) -> i % {n} = {(k + 1) % n}, words, arrayEnumerate(words)) AS w{k}"
        for k in range(n)
    )
    return "ARRAY JOIN " + ", ".join(parts)
