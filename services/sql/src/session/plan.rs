//! Prepared statements and their plans.

use std::sync::Arc;

use bole_sql_dialect::Catalog;
use bole_sql_dialect::bind::{self, Scope};
use bole_sql_dialect::catalog::temporary;
use bole_sql_dialect::plan::{Action, Bound, Output};
use bole_sql_functions::context;
use bole_sql_types::{Error, Result, SqlState, Type};
use parking_lot::Mutex;

use super::statement::Kind;
use super::{Session, Statement, effects, shapes};
use crate::protocol::backend;

/// OIDs of the schemas that everybody has.
const PG_CATALOG: &str = "pg_catalog";

/// A statement that is kept.
pub(crate) struct Prepared {
    pub(crate) text: String,
    /// `None` for an empty text.
    pub(crate) statement: Option<Statement>,
    /// What the client was told: of parameters, and of columns.
    pub(crate) parameters: Vec<Type>,
    pub(crate) columns: Option<Vec<Output>>,
    /// When it was made, in microseconds since 2000-01-01.
    pub(crate) at: i64,
    /// Whether `PREPARE` made it.
    pub(crate) from_sql: bool,
    cached: Mutex<Option<Arc<Plan>>>,
}

/// A statement with its names resolved.
pub(crate) struct Plan {
    /// The catalog's version, and that of the session's temporary objects.
    pub(crate) version: (u64, u64),
    /// The settings' generation.
    generation: u64,
    pub(crate) bound: Bound,
}

impl Prepared {
    /// A plan without a text: where it does not hold any more, it cannot be made anew.
    pub(super) fn of_plan(plan: Arc<Plan>, at: i64) -> Self {
        Self {
            text: String::new(),
            statement: None,
            parameters: plan.bound.parameters.clone(),
            columns: columns_of(&plan.bound).map(<[Output]>::to_vec),
            at,
            from_sql: false,
            cached: Mutex::new(Some(plan)),
        }
    }

    /// Whether it only reads.
    pub(crate) fn is_query(&self) -> bool {
        let plan = self.cached.lock();
        plan.as_ref().is_none_or(|plan| matches!(plan.bound.action, Action::Query(_)))
    }
}

/// What a statement gives, if it gives rows.
pub(crate) fn columns_of(bound: &Bound) -> Option<&[Output]> {
    match &bound.action {
        Action::Query(query) => Some(&query.columns),
        Action::Write(write) if !write.columns.is_empty() => Some(&write.columns),
        Action::Write(_) | Action::Schema(_) => None,
    }
}

/// Whether a client could not tell the results apart by their description.
fn same_result(one: Option<&[Output]>, other: Option<&[Output]>) -> bool {
    let types = |columns: Option<&[Output]>| {
        columns.map(|columns| columns.iter().map(|column| (column.ty, column.typmod)).collect::<Vec<_>>())
    };
    types(one) == types(other)
}

fn versions(catalog: &Catalog) -> (u64, u64) {
    (catalog.version, catalog.temporary_version())
}

impl Session {
    /// Schemas of the search path that exist, by OID. That of temporary objects is first unless the path says where it is; where it says so
    /// first, it is there twice.
    pub(crate) fn search_path(&self, catalog: &Catalog) -> Vec<u32> {
        let settings = self.shared.settings.lock();
        let names = &settings.derived().search_path;
        let find = |name: &String| {
            let name = if name == "$user" { &*self.user } else { name };
            if name == temporary::ALIAS {
                Some(temporary::SCHEMA)
            } else {
                catalog.schemas.get(name).copied()
            }
        };
        let mut path: Vec<u32> = names.iter().filter_map(find).collect();
        let own = catalog.schemas.get(PG_CATALOG).copied().unwrap_or(bole_sql_dialect::catalog::PG_CATALOG);
        if !path.contains(&own) {
            path.insert(0, own);
        }
        if path.first() == Some(&temporary::SCHEMA) {
            path.insert(0, temporary::SCHEMA);
        }
        catalog.with_temporary(&path)
    }

    /// Where names are looked for.
    pub(crate) fn scope(&self, catalog: &Arc<Catalog>) -> Scope {
        Scope {
            catalog: Arc::clone(catalog),
            search_path: self.search_path(catalog),
            user: self.user.to_string(),
            database: self.database.name().to_owned(),
            style: self.style(),
        }
    }

    /// Resolves a statement.
    pub(crate) fn bind_statement(
        &self,
        statement: &Statement,
        catalog: &Arc<Catalog>,
        types: &[Type],
    ) -> Result<Bound> {
        let Kind::Sql(parsed) = &statement.kind else {
            return Err(Error::new(SqlState::INTERNAL_ERROR, "a statement about the session has no plan"));
        };
        bind::bind(parsed, &self.scope(catalog), types).map_err(|error| statement.place(error))
    }

    /// Keeps a statement. Errors: its names and types cannot be resolved.
    pub(crate) fn prepare(&mut self, text: &str, types: &[u32]) -> Result<Arc<Prepared>> {
        let statement = Statement::single(text)?;
        self.prepare_statement(text, statement, types)
    }

    /// As [`Session::prepare`], of a statement that is parsed.
    pub(crate) fn prepare_statement(
        &mut self,
        text: &str,
        statement: Option<Statement>,
        types: &[u32],
    ) -> Result<Arc<Prepared>> {
        self.prepared_of(text, statement, types).map(Arc::new)
    }

    /// As [`Session::prepare_statement`], for those who have more to say of it.
    pub(crate) fn prepared_of(
        &mut self,
        text: &str,
        statement: Option<Statement>,
        types: &[u32],
    ) -> Result<Prepared> {
        let types: Vec<Type> = types.iter().map(|oid| Type(*oid)).collect();
        let (mut parameters, mut columns, mut plan) = (types.clone(), None, None);
        match &statement {
            None => {}
            Some(Statement { kind: Kind::Command(command), .. }) => {
                if !command.ends_block() {
                    self.check_not_failed()?;
                }
                parameters = command.parameters(self, &types)?;
                columns = command.columns(self)?;
            }
            Some(statement) => {
                self.check_not_failed()?;
                self.begin_implicit();
                let made = self.make_plan(statement, &self.catalog(), &types)?;
                parameters.clone_from(&made.bound.parameters);
                columns = columns_of(&made.bound).map(<[Output]>::to_vec);
                plan = Some(made).filter(|_| !self.transaction.schema_changed);
            }
        }
        Ok(Prepared {
            text: text.to_owned(),
            statement,
            parameters,
            columns,
            at: effects::now(),
            from_sql: false,
            cached: Mutex::new(plan),
        })
    }

    /// Whether a plan holds for a catalog and the settings.
    pub(super) fn holds(&self, plan: &Plan, catalog: &Catalog) -> bool {
        let generation = self.shared.settings.lock().generation();
        (plan.version, plan.generation) == (versions(catalog), generation)
    }

    pub(super) fn make_plan(
        &self,
        statement: &Statement,
        catalog: &Arc<Catalog>,
        types: &[Type],
    ) -> Result<Arc<Plan>> {
        let bound = self.bind_statement(statement, catalog, types)?;
        let generation = self.shared.settings.lock().generation();
        Ok(Arc::new(Plan { version: versions(catalog), generation, bound }))
    }

    /// The plan of a statement for a catalog. Errors: it cannot be resolved any more, or its result has become another.
    pub(crate) fn plan(&self, prepared: &Prepared, catalog: &Arc<Catalog>) -> Result<Arc<Plan>> {
        if !self.transaction.schema_changed
            && let Some(plan) = &*prepared.cached.lock()
            && self.holds(plan, catalog)
        {
            return Ok(Arc::clone(plan));
        }
        let Some(statement) = &prepared.statement else {
            // That of a shape is made anew out of a text, by who finds this error.
            return Err(shapes::outdated());
        };
        let plan = self.make_plan(statement, catalog, &prepared.parameters)?;
        if !same_result(columns_of(&plan.bound), prepared.columns.as_deref()) {
            return Err(Error::unsupported("").with_message(backend::CACHED_PLAN));
        }
        if !self.transaction.schema_changed {
            *prepared.cached.lock() = Some(Arc::clone(&plan));
        }
        Ok(plan)
    }

    /// Lets functions know of the cursors.
    fn show_cursors(&self) {
        let shown = self.portals.iter().filter(|(name, _)| !name.is_empty());
        let mut cursors = self.shared.cursors.lock();
        cursors.clear();
        cursors.extend(shown.map(|(name, portal)| portal.shown(name)));
    }

    /// What functions know of the session while a statement runs.
    pub(crate) fn function_session(&self, catalog: &Arc<Catalog>) -> Arc<context::Session> {
        *self.shared.catalog.lock() = Arc::clone(catalog);
        self.show_cursors();
        let search_path = self.search_path(catalog);
        let mut settings = self.shared.settings.lock();
        Arc::new(context::Session {
            transaction_time: self.transaction.began,
            statement_time: effects::now(),
            time_zone: settings.derived().style.zone.name().to_owned(),
            user: self.user.to_string(),
            settings: settings.shared(),
            search_path,
            process_id: self.process_id,
            catalog: Arc::clone(catalog),
            effects: Arc::clone(&self.shared) as Arc<dyn context::Effects>,
        })
    }
}
