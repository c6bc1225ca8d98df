"""No test asserts a time: Hypothesis would fail an example that takes 0.2 s on a busy machine."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Programs that tests run in processes of their own; they hold no doctests.
collect_ignore = ["programs"]
