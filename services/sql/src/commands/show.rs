//! `SHOW`.

use std::sync::Arc;

use bole_sql_dialect::plan::Output;
use bole_sql_types::Result;

use super::set::setting_name;
use super::tokens::Cursor;
use super::{Command, How, text_column};
use crate::session::{Done, Halt, Session, find_setting};

/// `SHOW name`; without one, `SHOW ALL`.
struct Show {
    name: Option<String>,
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["show"])?;
    let name = if cursor.accept(&["all"]) {
        None
    } else if cursor.accept(&["time", "zone"]) {
        Some("timezone".to_owned())
    } else if cursor.accept(&["transaction", "isolation", "level"]) {
        Some("transaction_isolation".to_owned())
    } else if cursor.accept(&["session", "authorization"]) {
        Some("session_authorization".to_owned())
    } else {
        Some(setting_name(cursor)?)
    };
    Ok(Some(Arc::new(Show { name })))
}

impl Command for Show {
    fn columns(&self, session: &mut Session) -> Result<Option<Vec<Output>>> {
        Ok(Some(match &self.name {
            Some(name) => {
                let _known = session.shared.settings.lock().get(name)?;
                vec![text_column(find_setting(name).map_or(name, |setting| setting.name))]
            }
            None => ["name", "setting", "description"].map(text_column).to_vec(),
        }))
    }

    fn run(&self, session: &mut Session, how: &How) -> Result<Done, Halt> {
        let columns = self.columns(session)?.unwrap_or_default();
        let rows: Vec<Vec<Option<String>>> = {
            let settings = session.shared.settings.lock();
            match &self.name {
                Some(name) => vec![vec![Some(settings.get(name)?.to_owned())]],
                None => settings
                    .all()
                    .map(|(setting, value)| {
                        [setting.name, value, setting.description].map(|text| Some(text.to_owned())).to_vec()
                    })
                    .collect(),
            }
        };
        session.reply(how, &columns, &rows)?;
        Ok(Done::Tag("SHOW".to_owned()))
    }
}
