//! The words in which SQLite and PostgreSQL differ.
//!
//! Statements are written once. `rows($1)` stands for the rows of a JSON array of arrays, one column `value` each, so
//! that a statement takes any number of rows as one argument and stays the same text. `json[a, b]` makes such an
//! array of a row, and `all[a, b]` one of all rows: a row of one text is read much faster than one of many columns.
//! Row locks are for PostgreSQL; SQLite has one writer and needs none.

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
        let mut text = statement.to_owned();
        for (open, close, before, after) in self.forms() {
            text = replaced(&text, (open, close), (before, after));
        }
        if self == Self::Sqlite {
            for lock in LOCKS {
                text = text.replace(lock, "");
            }
        }
        text
    }

    /// A migration as the database wants it.
    pub(super) fn schema(self, text: &str) -> String {
        match self {
            Self::Sqlite => text.to_owned(),
            // Compared by bytes, as in SQLite: quicker, and in the same order whatever the server's language is.
            Self::Postgres => text
                .replace(" WITHOUT ROWID", "")
                .replace(" TEXT", " TEXT COLLATE \"C\""),
        }
    }

    /// What a form opens and closes with, and what stands there instead.
    fn forms(self) -> [(&'static str, char, &'static str, &'static str); 3] {
        match self {
            Self::Sqlite => [
                ("rows(", ')', "jsonb_each(", ")"),
                ("json[", ']', "json_array(", ")"),
                ("all[", ']', "json_group_array(json_array(", "))"),
            ],
            Self::Postgres => [
                ("rows(", ')', "jsonb_array_elements(CAST(", " AS jsonb))"),
                ("json[", ']', "CAST(json_build_array(", ") AS TEXT)"),
                (
                    "all[",
                    ']',
                    "CAST(COALESCE(json_agg(json_build_array(",
                    ")), '[]') AS TEXT)",
                ),
            ],
        }
    }
}

fn replaced(text: &str, (open, close): (&str, char), (before, after): (&str, &str)) -> String {
    let mut parts = text.split(open);
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (inside, rest) = part.split_once(close).unwrap_or((part, ""));
        all.extend([before, inside, after, rest]);
    }
    all
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
            "SELECT id FROM jobs WHERE id IN (SELECT value->>0 FROM jsonb_each($1)) ORDER BY id"
        );
    }

    #[test]
    fn rows_become_json() {
        let statement = "SELECT all[id, lease] AS jobs FROM jobs";
        assert_eq!(
            Dialect::Sqlite.text(statement),
            "SELECT json_group_array(json_array(id, lease)) AS jobs FROM jobs"
        );
        assert_eq!(
            Dialect::Postgres.text(statement),
            "SELECT CAST(COALESCE(json_agg(json_build_array(id, lease)), '[]') AS TEXT) AS jobs FROM jobs"
        );
    }

    #[test]
    fn postgres_keeps_locks() {
        let text = Dialect::Postgres.text(STATEMENT);
        assert!(text.contains("FROM jsonb_array_elements(CAST($1 AS jsonb))) ORDER BY id FOR UPDATE"));
    }
}
