from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from db.catalogue.alarms import Alarm
from ops.alarms.watch import Sign, Watch

AFTER_S = 10.0
SIGN = Sign("watermark", "run 1 link 2", AFTER_S, "link 2 has delivered nothing", "look at it")


def looked(watch, now, **sign):
    """The states that a look at one thing brings about."""
    return [a.state for a in watch.look({"watermark": [replace(SIGN, **sign)]}, now)]


# Seconds since the last look; whether something is wrong, whether the mark moved, whether what it
# needs moved, whether it could be looked at.
looks = st.lists(
    st.tuples(st.integers(1, 8), st.booleans(), st.booleans(), st.booleans(), st.booleans()),
    max_size=60,
)


@given(looks, st.booleans())
def test_an_alarm_is_raised_once_after_its_time_and_cleared_when_it_is_over(made, fails):
    watch, now, mark, need = Watch(), 0.0, 0, 0
    good, standing, raised_at = None, False, []
    good_mark = good_need = None
    for seconds, wrong, moves, fed, possible in made:
        now += seconds
        wrong = wrong and fails
        mark, need = mark + moves, need + fed
        if not possible:
            assert watch.look({}, now) == []
            continue
        states = looked(watch, now, wrong=wrong, mark=mark, needs=(need,))
        well = not wrong and (good is None or mark != good_mark or need == good_need)
        if well or good is None:
            assert states == (["cleared"] if standing else [])
            good, good_mark, good_need, standing = now, mark, need, False
        elif now - good >= AFTER_S and not standing:
            assert states == ["raised"]
            assert not raised_at or now - raised_at[-1] > AFTER_S  # it does not flap
            raised_at.append(now)
            standing = True
        else:
            assert states == []
        assert bool(watch.standing) == standing


def test_what_does_not_move_because_nothing_feeds_it_is_no_alarm():
    watch = Watch()
    for now in range(0, 100, 5):
        assert looked(watch, now, mark=7, needs=(3,)) == []
    assert looked(watch, 100, mark=7, needs=(4,)) == []
    assert looked(watch, 106, mark=7, needs=(5,)) == ["raised"]
    assert looked(watch, 107, mark=8, needs=(5,)) == ["cleared"]


def test_what_is_gone_is_over_and_what_could_not_be_looked_at_stays():
    watch = Watch()
    looked(watch, 0, wrong=True)
    assert looked(watch, 20, wrong=True) == ["raised"]
    assert watch.look({"worker": []}, 21) == []
    assert [a.state for a in watch.look({"watermark": []}, 22)] == ["cleared"]
    assert looked(watch, 23, wrong=True) == []  # its time begins anew
    assert looked(watch, 32, wrong=True) == []
    assert looked(watch, 33, wrong=True) == ["raised"]


def test_a_watch_that_starts_anew_does_not_raise_again_what_stands():
    first = Watch()
    looked(first, 0, mark=1)
    assert looked(first, 20, mark=1) == ["raised"]
    second = Watch(list(first.standing.values()))
    assert looked(second, 21, mark=1) == []
    assert looked(second, 50, mark=1) == []
    assert looked(second, 51, mark=2) == ["cleared"]


def test_the_message_tells_what_since_when_and_where_to_look():
    watch = Watch()
    looked(watch, 0, wrong=True)
    (alarm,) = watch.look({"watermark": [replace(SIGN, wrong=True)]}, 15)
    assert isinstance(alarm, Alarm)
    assert alarm.message == (
        "link 2 has delivered nothing since 1970-01-01 00:00:00 UTC: look at it"
    )
