//! Paths as PostgreSQL prints them.

use std::fmt;

use super::{Node, Path, Step};
use crate::json::{Json, push_string, write};

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        if self.strict {
            out.push_str("strict ");
        }
        node(&self.root, true, &mut out);
        f.write_str(&out)
    }
}

const fn priority(node: &Node) -> u8 {
    match node {
        Node::Binary(operator, ..) => operator.priority(),
        Node::Signed(..) => 5,
        _ => 6,
    }
}

fn bracketed(brackets: bool, out: &mut String, inner: impl FnOnce(&mut String)) {
    if brackets {
        out.push('(');
    }
    inner(out);
    if brackets {
        out.push(')');
    }
}

fn node(of: &Node, brackets: bool, out: &mut String) {
    match of {
        Node::Root => out.push('$'),
        Node::Current => out.push('@'),
        Node::Last => out.push_str("last"),
        Node::Variable(name) => {
            out.push('$');
            push_string(name, out);
        }
        Node::Literal(Json::String(text)) => push_string(text, out),
        Node::Literal(json) => write(json, out),
        Node::Step(inner, step) => {
            let literal = matches!(&**inner, Node::Literal(Json::Number(_)));
            bracketed(literal, out, |out| node(inner, true, out));
            print_step(step, out);
        }
        Node::Binary(operator, a, b) => bracketed(brackets, out, |out| {
            node(a, priority(a) <= operator.priority(), out);
            out.push(' ');
            out.push_str(operator.text());
            out.push(' ');
            node(b, priority(b) <= operator.priority(), out);
        }),
        Node::Signed(minus, inner) => bracketed(brackets, out, |out| {
            out.push(if *minus { '-' } else { '+' });
            node(inner, priority(inner) <= 5, out);
        }),
        Node::Not(inner) => {
            out.push_str("!(");
            node(inner, false, out);
            out.push(')');
        }
        Node::IsUnknown(inner) => {
            out.push('(');
            node(inner, false, out);
            out.push_str(") is unknown");
        }
        Node::Exists(inner) => {
            out.push_str("exists (");
            node(inner, false, out);
            out.push(')');
        }
    }
}

fn print_step(step: &Step, out: &mut String) {
    match step {
        Step::Member(name) => {
            out.push('.');
            push_string(name, out);
        }
        Step::AnyMember => out.push_str(".*"),
        Step::AnyLevel => out.push_str(".**"),
        Step::AnyElement => out.push_str("[*]"),
        Step::Elements(subscripts) => {
            out.push('[');
            for (n, (from, to)) in subscripts.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                node(from, false, out);
                if let Some(to) = to {
                    out.push_str(" to ");
                    node(to, false, out);
                }
            }
            out.push(']');
        }
        Step::Filter(predicate) => {
            out.push_str("?(");
            node(predicate, false, out);
            out.push(')');
        }
        Step::Method(method) => {
            out.push('.');
            out.push_str(method.name());
            out.push_str("()");
        }
    }
}
