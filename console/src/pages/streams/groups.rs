//! Groups: members, and how far each is.

use axum::response::Response;
use maud::{Markup, html};

use super::{SECTION, tabs, topic_link};
use crate::node::Fault;
use crate::node::streams::{ListedGroup, Member, Progress};
use crate::page::{cut, empty, facts, removal, state, table};
use crate::request::{Sent, Visitor};
use crate::show::{count, link};

/// `GET /console/streams/groups`
pub(super) async fn list(visitor: Visitor) -> Response {
    let body = list_body(&visitor).await;
    visitor.show(SECTION, "Groups", body)
}

async fn list_body(visitor: &Visitor) -> Result<Markup, Fault> {
    let groups = visitor.console.node.groups(visitor.by()).await?;
    let page = visitor.query.number("page", 0)?;
    let cut = cut(&groups, page, |page| link("/streams/groups", &[("page", &page.to_string())]));
    let row = |group: &ListedGroup| {
        let to = link("/streams/group", &[("id", &group.id)]);
        vec![html! { a href=(to) { (group.id) } }, html! { (group.kind) }, html! { (state(&group.state)) }]
    };
    let rows: Vec<_> = cut.rows.iter().map(row).collect();
    Ok(html! {
        (tabs(false))
        @if rows.is_empty() {
            (empty("There is no group that you may see.", "bole consume orders --group workers"))
        } @else {
            (table("Groups", &["group", "kind", "state"], &rows))
            (cut.links)
        }
    })
}

/// `GET /console/streams/group?id=`
pub(super) async fn one(visitor: Visitor) -> Response {
    let body = one_body(&visitor).await;
    let title = format!("Group {}", visitor.query.get("id"));
    visitor.show(SECTION, &title, body)
}

async fn one_body(visitor: &Visitor) -> Result<Markup, Fault> {
    let id = visitor.query.needed("id")?;
    let group = visitor.console.node.group(visitor.by(), id).await?;
    let group = group.ok_or_else(|| Fault::missing(format!("there is no group \"{id}\"")))?;
    let known: Option<i64> = group.progress.iter().map(|place| place.lag).sum();
    let lag = known.map_or_else(|| "–".to_owned(), |lag| count(lag.max(0).cast_unsigned()));
    let page = visitor.query.number("page", 0)?;
    let here = |page: usize| link("/streams/group", &[("id", id), ("page", &page.to_string())]);
    let cut = cut(&group.progress, page, here);
    let members: Vec<_> = group.members.iter().take(crate::limits::ROWS_MAX).map(member).collect();
    Ok(html! {
        (tabs(false))
        (facts(&[
            ("Kind", html! { (group.kind) }),
            ("State", state(&group.state)),
            ("Assignor", html! { (group.assignor) }),
            ("Members", html! { (group.members.len()) }),
            ("Records to read", html! { (lag) }),
        ]))
        (table("Progress", &["topic", "partition", "reads next", "to read"], &cut.rows.iter().map(place).collect::<Vec<_>>()))
        (cut.links)
        @if !members.is_empty() { (table("Members", &["member", "client", "from", "reads"], &members)) }
        h2 { "Remove" }
        (removal(visitor, "/streams/group/delete", &[("id", id)], "Delete the group"))
    })
}

fn place(place: &Progress) -> Vec<Markup> {
    vec![
        html! { a href=(topic_link(&place.topic)) { (place.topic) } },
        html! { (place.partition) },
        html! { (place.committed) },
        html! { @if let Some(lag) = place.lag { (count(lag.max(0).cast_unsigned())) } @else { "–" } },
    ]
}

fn member(member: &Member) -> Vec<Markup> {
    let reads = member.assignment.iter().map(|(topic, partitions)| {
        let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        format!("{topic}: {}", partitions.join(", "))
    });
    vec![
        html! { span .mono { (member.id) } },
        html! { (member.client) },
        html! { (member.host) },
        html! { (reads.collect::<Vec<_>>().join("\n")) },
    ]
}

/// `POST /console/streams/group/delete`
pub(super) async fn delete(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        form.sure()?;
        let id = form.needed("id")?;
        visitor.console.node.delete_group(visitor.by(), id).await?;
        Ok(format!("group {id} deleted"))
    };
    let outcome = outcome.await;
    visitor.after(SECTION, "Groups", outcome, &link("/streams/groups", &[]))
}
