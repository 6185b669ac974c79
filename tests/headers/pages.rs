//! docs/c: a page for each noun of the headers, made from their comments.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One declaration of a header, and what stands before it.
#[derive(Clone, Debug)]
struct Item {
    about: String,
    code: String,
}

/// The pages of a header, each under its name: what is declared in it, in the header's order. The numbers of `constants`
/// are put on the page of their noun.
pub(crate) struct Pages<'p> {
    /// `mecai_`.
    pub(crate) prefix: &'p str,
    /// The beginning of a constant's name behind the prefix, and its page.
    pub(crate) constants: &'p [(&'p str, &'p str)],
    /// The beginning of another name behind the prefix, and its page. A noun that is not here has a page of its own.
    pub(crate) names: &'p [(&'p str, &'p str)],
}

impl Pages<'_> {
    /// The text of every page, and of README.md, which has them all.
    pub(crate) fn of(&self, header: &str, file: &str) -> BTreeMap<String, String> {
        let mut pages: BTreeMap<&str, Vec<Item>> = BTreeMap::new();
        let items = items(header);
        let nouns: Vec<&str> = items.iter().filter_map(|item| self.noun(&item.code)).collect();
        for item in &items {
            pages.entry(self.page(&item.code, &nouns)).or_default().push(item.clone());
        }
        let mut texts: BTreeMap<String, String> =
            pages.iter().map(|(page, items)| (format!("{page}.md"), self.text(page, items, file))).collect();
        let mut list = format!(
            "# {file}, noun by noun\n\nMade from the comments of [the header](../../include/{file}): change the code.\n\n\
             | page | what |\n|---|---|\n"
        );
        for (page, items) in &pages {
            let noun = items.iter().find(|item| self.noun(&item.code) == Some(page));
            let about = noun.or_else(|| items.iter().find(|item| !item.code.starts_with("#define ")));
            let about = about.map(|item| item.about.as_str()).unwrap_or_default();
            let sentence = about
                .split_inclusive(['.', ':'])
                .next()
                .unwrap_or_default()
                .trim_end_matches(':')
                .trim_end_matches('.');
            let _ = writeln!(list, "| [{page}]({page}.md) | {} |", in_cell(sentence));
        }
        texts.insert("README.md".to_owned(), list);
        texts
    }

    /// The noun that this declares: `authority_list` of `typedef struct mecai_authority_list …`.
    fn noun<'c>(&self, code: &'c str) -> Option<&'c str> {
        let name = code.strip_prefix("typedef struct ")?.split_whitespace().next()?.strip_prefix(self.prefix)?;
        (!name.ends_with("_builder")).then_some(name)
    }

    fn page<'c>(&'c self, code: &'c str, nouns: &[&'c str]) -> &'c str {
        let name = name(code);
        let upper = self.prefix.to_uppercase();
        if let Some(constant) = name.strip_prefix(upper.as_str()) {
            let known = self.constants.iter().find(|(begin, _)| constant.starts_with(begin));
            return known.unwrap_or_else(|| panic!("{name} has no page: say one in tests/headers.rs")).1;
        }
        let rest =
            name.strip_prefix(self.prefix).unwrap_or_else(|| panic!("{name} does not begin with {}", self.prefix));
        let of_noun = |noun: &&&str| rest == **noun || rest.starts_with(&format!("{noun}_"));
        let known = self.names.iter().find(|(begin, _)| rest.starts_with(begin)).map(|(_, page)| *page);
        let longest = || nouns.iter().filter(of_noun).max_by_key(|noun| noun.len()).copied();
        known.or_else(longest).unwrap_or_else(|| panic!("{name} has no page: say one in tests/headers.rs"))
    }

    fn text(&self, page: &str, items: &[Item], file: &str) -> String {
        let mut text = format!("# {page}\n");
        let _ = write!(text, "\nOf [{file}](README.md); [the guide](../c-api.md) says how it all goes together.\n");
        let (constants, others): (Vec<&Item>, Vec<&Item>) =
            items.iter().partition(|item| item.code.starts_with("#define "));
        let (types, functions): (Vec<&Item>, Vec<&Item>) =
            others.into_iter().partition(|item| item.code.starts_with("typedef "));
        for item in types {
            let _ = write!(text, "\n## {}\n\n{}\n", name(&item.code), item.about);
            if !item.code.starts_with("typedef struct mecai") {
                let _ = write!(text, "\n```c\n{}\n```\n", item.code);
            }
        }
        for item in functions {
            let _ = write!(text, "\n## {}\n\n```c\n{}\n```\n\n{}\n", name(&item.code), item.code, item.about);
        }
        if !constants.is_empty() {
            text += "\n## Numbers\n\n| name | number | meaning |\n|---|---|---|\n";
        }
        for item in constants {
            let value = item.code.split_whitespace().nth(2).unwrap_or_default();
            let _ = writeln!(text, "| `{}` | {value} | {} |", name(&item.code), in_cell(&item.about));
        }
        text
    }
}

/// The declarations of a header that have a comment, in their order.
fn items(header: &str) -> Vec<Item> {
    let mut items = Vec::new();
    for part in header.split("\n/**\n").skip(1) {
        let (about, rest) = part.split_once("\n */\n").unwrap_or_else(|| panic!("a comment does not end: {part}"));
        let about: Vec<&str> = about.lines().map(|line| line.strip_prefix(" *").unwrap_or(line).trim_start()).collect();
        let end = if rest.starts_with("#define ") {
            rest.find('\n')
        } else if rest.starts_with("typedef struct {") {
            // Its fields have comments of their own; the name stands behind them.
            rest.find("\n}").and_then(|brace| rest[brace..].find(';').map(|end| brace + end + 1))
        } else {
            rest.find(';').map(|end| end + 1)
        };
        // The comments of a struct's fields are no declarations: their lines are indented.
        items.push(Item { about: about.join("\n"), code: rest[..end.unwrap_or(rest.len())].to_owned() });
    }
    items
}

/// What is declared: the word before the first `(`, the last one before `;`, or that behind `#define`.
fn name(code: &str) -> &str {
    let begin = match code.split_once('(') {
        _ if code.starts_with("#define ") => code.split_whitespace().nth(1).unwrap_or_default(),
        Some((begin, _)) if !code.starts_with("typedef ") => begin,
        _ => code.trim_end_matches(';'),
    };
    begin.rsplit([' ', '*', '}']).next().unwrap_or_default()
}

/// In a cell of a table a line cannot end.
fn in_cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|").trim().to_owned()
}
