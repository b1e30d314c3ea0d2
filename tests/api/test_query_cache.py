import asyncio

import pytest

from api.query_cache import QueryCache
from db.catalogue.runs import amend_run, find_run


def asked_with(kept_s, scenario):
    now, counted = [0.0], [0]

    async def run():
        answers = QueryCache(kept_s, clock=lambda: now[0])

        async def answer():
            counted[0] += 1
            number = counted[0]
            await asyncio.sleep(0.01)
            return number

        return await scenario(answers, answer, now)

    return asyncio.run(run())


def test_who_asks_the_same_at_once_or_soon_gets_the_same_answer():
    async def scenario(answers, answer, now):
        at_once = await asyncio.gather(*(answers.ask("a", answer) for _ in range(5)))
        now[0] = 0.2
        soon, another = await answers.ask("a", answer), await answers.ask("b", answer)
        now[0] = 0.3
        return [*at_once, soon], another, await answers.ask("a", answer)

    assert asked_with(0.25, scenario) == ([1] * 6, 2, 3)


def test_after_a_change_nothing_older_is_told():
    async def scenario(answers, answer, now):
        under_way = asyncio.create_task(answers.ask("a", answer))
        await asyncio.sleep(0)
        answers.forget()
        return await answers.ask("a", answer), await under_way, await answers.ask("a", answer)

    assert asked_with(0.25, scenario) == (2, 1, 2)


def test_one_who_goes_away_leaves_the_others_their_answer():
    async def scenario(answers, answer, now):
        first = asyncio.create_task(answers.ask("a", answer))
        await asyncio.sleep(0)
        other = asyncio.create_task(answers.ask("a", answer))
        await asyncio.sleep(0)
        first.cancel()
        return await other

    assert asked_with(0.25, scenario) == 1


def test_errors_and_what_is_not_to_be_kept_are_asked_again():
    async def scenario(answers, answer, now):
        async def fail():
            raise ValueError

        for _ in range(2):
            with pytest.raises(ValueError):
                await answers.ask("a", fail)
        return [await answers.ask("a", answer, lambda found: found > 1) for _ in range(3)]

    assert asked_with(0.25, scenario) == [1, 2, 2]


def test_without_time_to_keep_them_each_question_is_asked():
    async def scenario(answers, answer, now):
        return await asyncio.gather(*(answers.ask("a", answer) for _ in range(3)))

    assert sorted(asked_with(0.0, scenario)) == [1, 2, 3]


def test_who_changes_something_here_sees_it_at_once(client, app_state, changing_run, monkeypatch):
    monkeypatch.setattr(app_state, "answers", QueryCache(60.0))
    number = changing_run.run_id
    question = f'{{ run(which: "{number}") {{ note }} }}'
    change = f'mutation($note: String!) {{ annotateRun(run: "{number}", note: $note) {{ note }} }}'

    def told():
        return client.graphql(question)["run"]["note"]

    before = told()
    amend_run(app_state.engine, find_run(app_state.engine, number), note="behind its back")
    assert told() == before
    client.graphql(change, {"note": "here"})
    assert told() == "here"
