//! The words in which SQLite and PostgreSQL differ.
//!
//! Statements are written once. `rows($1)` stands for the rows of a JSON array of arrays, one column `value` each, so
//! that a statement takes any number of rows as one argument and stays the same text. Row locks are for PostgreSQL;
//! SQLite has one writer and needs none.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

const LOCKS: [&str; 3] = [" FOR UPDATE SKIP LOCKED", " FOR UPDATE", " FOR SHARE"];

impl Dialect {
    /// Begins a transaction that writes.
    pub(super) fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED",
        }
    }

    /// The statement as the database wants it.
    pub(super) fn text(self, statement: &str) -> String {
        let (before, after) = match self {
            Self::Sqlite => ("json_each(", ")"),
            Self::Postgres => ("jsonb_array_elements(CAST(", " AS jsonb))"),
        };
        let mut text = String::with_capacity(statement.len() + 64);
        let mut parts = statement.split("rows(");
        text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let (argument, rest) = part.split_once(')').unwrap_or((part, ""));
            text.push_str(before);
            text.push_str(argument);
            text.push_str(after);
            text.push_str(rest);
        }
        if self == Self::Sqlite {
            for lock in LOCKS {
                text = text.replace(lock, "");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATEMENT: &str =
        "SELECT id FROM jobs WHERE id IN (SELECT value->>0 FROM rows($1)) ORDER BY id FOR UPDATE";

    #[test]
    fn sqlite_gets_no_locks() {
        let text = Dialect::Sqlite.text(STATEMENT);
        assert_eq!(
            text,
            "SELECT id FROM jobs WHERE id IN (SELECT value->>0 FROM json_each($1)) ORDER BY id"
        );
    }

    #[test]
    fn postgres_keeps_locks() {
        let text = Dialect::Postgres.text(STATEMENT);
        assert!(text.contains("FROM jsonb_array_elements(CAST($1 AS jsonb))) ORDER BY id FOR UPDATE"));
    }
}
