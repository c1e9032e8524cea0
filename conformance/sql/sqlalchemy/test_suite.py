"""SQLAlchemy's dialect suite as it is in its wheel."""

from sqlalchemy.testing.suite import *  # noqa: F401, F403
