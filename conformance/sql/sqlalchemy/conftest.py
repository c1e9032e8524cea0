"""Loads SQLAlchemy's own test plugin, as its guide for dialects says.

No test of the suite uses the extensions that the plugin makes beforehand for SQLAlchemy's own tests of PostgreSQL.
"""

import pytest

pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

from sqlalchemy.dialects.postgresql import provision  # noqa: E402
from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402, F401, F403

provision._extensions.clear()
