from hypothesis import settings

# Loops are compiled at their first call, which takes longer than hypothesis would wait.
settings.register_profile("compiled", deadline=None)
settings.load_profile("compiled")
