"""What PostgreSQL has, beyond what SQLAlchemy assumes of every database: what is closed here is skipped by the suite."""

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

OPEN = """
    array_type autocommit boolean_col_expressions comment_reflection comment_reflection_full_unicode computed_columns_stored
    computed_columns_default_persisted computed_columns_reflect_persisted computed_columns_on_update_virtual ctes ctes_on_dml ctes_with_update_delete ctes_with_values cross_schema_fk_reflection datetime_historic
    datetime_interval datetime_literals date_historic datetime_timezone time_timezone delete_returning delete_returning_many delete_from deferrable_or_no_constraints distinct_on_dialect
    duplicate_key_raises_integrity_error empty_inserts empty_inserts_executemany emulated_lastrowid_off foreign_key_constraint_name_reflection foreign_key_constraint_option_reflection_ondelete
    foreign_key_constraint_option_reflection_onupdate foreign_keys_reflect_as_index_off fetch_expression fetch_first fetch_no_order_by fetch_offset_with_options fetch_ties implicitly_named_constraints identity_columns identity_columns_standard
    index_reflects_included_columns index_reflection indexes_with_ascdesc reflect_indexes_with_ascdesc indexes_with_expressions reflect_indexes_with_expressions unique_constraints_reflect_as_index infinity_floats insert_executemany_returning insert_executemany_returning_arraysize insert_from_select insert_order_dicts
    insert_returning intersect except_ isolation_level get_isolation_level_values json_type legacy_unconditional_json_extract like_escapes materialized_views multivalues_inserts named_constraints named_paramstyle
    nullsordering offset order_by_col_from_union parens_in_union_contained_select_w_limit_offset parens_in_union_contained_select_wo_limit_offset precision_generic_float_type precision_numerics_enotation_large precision_numerics_enotation_small
    precision_numerics_general precision_numerics_many_significant_digits precision_numerics_retains_significant_digits primary_key_constraint_reflection foreign_key_constraint_reflection unique_constraint_reflection check_constraint_reflection
    unique_index_reflect_as_unique_constraints_off recursive_fk_cascade reflects_pk_names regexp_match regexp_replace returning returning_star savepoints schema_create_delete schema_reflection schemas select_independent_autocommit
    self_referential_foreign_keys sequences sequences_optional server_side_cursors sql_expression_limit_offset standalone_binds standard_cursor_sql string_type_isnull subqueries sane_multi_rowcount sane_rowcount supports_is_distinct_from supports_distinct_on symbol_names_w_double_quote
    table_value_constructor tablesample temp_table_names temp_table_reflection temporary_tables temporary_views text_type time_microseconds datetime_microseconds timestamp_microseconds timestamp_microseconds_implicit_bound transaction_isolation tuple_in tuple_in_w_empty two_phase_transactions_off unbounded_varchar
    uuid_data_type unicode_data unicode_ddl unicode_connections update_from update_returning update_returning_many update_where_target_in_subquery view_column_reflection view_reflection views window_functions window_range window_range_numeric reflect_table_options
    array_agg_with_order_by cast_precision_numerics_many_significant_digits ddl_does_not_match foreign_key_ddl inline_check_constraint_reflection on_update_cascade reflect_views dbapi_lastrowid_off check_constraints_reflect_at_column_off collate ctes_beneath_union group_by_complex_expression aggregate_order_by
""".split()


class Requirements(SuiteRequirements):
    """`schemas` needs test_schema and test_schema_2, which run.py makes."""

    def get_order_by_collation(self, config):
        return "C"

    def get_isolation_levels(self, config):
        return {"default": "READ COMMITTED", "supported": ["AUTOCOMMIT", "READ COMMITTED", "READ UNCOMMITTED", "REPEATABLE READ", "SERIALIZABLE"]}


for name in OPEN:
    if isinstance(getattr(SuiteRequirements, name, None), property):
        setattr(Requirements, name, property(lambda self: exclusions.open()))
