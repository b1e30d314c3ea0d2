import time

import pytest

from ops.servers.redis import Redis
from ops.services.news import announcing, hearing


@pytest.fixture
def redis(tmp_path):
    server = Redis(tmp_path / "redis")
    server.start()
    yield server
    server.kill()


def heard(news, announce):
    """Announce until it is heard, since a subscription takes a moment."""
    for _ in range(100):
        announce()
        if news.wait(0.1):
            news.clear()
            return True
    return False


def test_news_are_heard_also_after_redis_was_away(redis):
    announce = announcing(redis.url)
    with hearing(redis.url) as news:
        assert heard(news, announce)
        time.sleep(0.2)
        news.clear()
        assert not news.wait(0.3)  # nobody announced
        redis.kill()
        announce()
        assert not news.is_set()
        redis.start()
        assert heard(news, announce)


def test_nobody_is_hurt_by_a_redis_that_is_not_there(redis):
    redis.kill()
    announcing(redis.url)()
    with hearing(redis.url) as news:
        assert not news.wait(0.3)
