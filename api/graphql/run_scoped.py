"""What belongs to a run: the root on which each topic's resolvers stand."""

import strawberry

from db.catalogue import runs


@strawberry.type
class RunScoped:
    """Knows which run it is about."""

    run: strawberry.Private[runs.Run]

    @property
    def seconds(self) -> float:
        """Seconds in a tick."""
        return float(self.run.detector.tick) * 1e-9


Root = strawberry.Parent[RunScoped]
