"""A small application: models of most kinds of fields, migrations as Django writes them, and tests."""
