//! `Filter` as conditions of a query.

use workflow::ports::Filter;

use super::fault::Done;
use super::row::{Arg, column};

/// Conditions that all must hold, with their arguments.
#[derive(Default, Clone)]
pub(super) struct Conditions {
    text: String,
    args: Vec<Arg>,
}

impl Conditions {
    /// `condition` has one `$`, for its argument.
    pub(super) fn and(&mut self, condition: &str, arg: impl Into<Arg>) {
        self.args.push(arg.into());
        let numbered = condition.replace('$', &format!("${}", self.args.len()));
        let word = if self.text.is_empty() { " WHERE " } else { " AND " };
        self.text.push_str(word);
        self.text.push_str(&numbered);
    }

    /// These ids and no others, if there are any; `id` is the column.
    pub(super) fn ids(&mut self, filter: &Filter, id: &str) -> Done<()> {
        if !filter.ids.is_empty() {
            let ids = column(filter.ids.iter().map(String::as_str))?;
            self.and(&format!("{id} IN (SELECT value->>0 FROM rows($))"), ids);
        }
        Ok(())
    }

    /// The statement with the conditions at its end, a row for each value of the column `by`.
    pub(super) fn grouped(self, select: &str, by: &str) -> (String, Vec<Arg>) {
        let text = format!("{select}{} GROUP BY {by} ORDER BY {by}", self.text);
        (text, self.args)
    }

    /// The statement with the conditions at its end, an order, and a limit.
    pub(super) fn statement(mut self, select: &str, order: &str, limit: u32) -> (String, Vec<Arg>) {
        self.args.push(limit.into());
        let text = format!(
            "{select}{} ORDER BY {order} LIMIT ${}",
            self.text,
            self.args.len()
        );
        (text, self.args)
    }
}
