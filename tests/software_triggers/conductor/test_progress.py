from software_triggers.conductor.progress import Progress


def test_where_nothing_waits_all_is_committed_that_is_due():
    progress = Progress((), range(100), next=7)
    assert progress.done_to(7) == 7
    progress.touch([3, 9])
    assert progress.done_to(12) == 3
