//! Rust source as the tidy test needs it: code without comments and literals, line by line.

/// A source file, split three ways.
#[derive(Debug)]
pub struct Source {
    /// Code with comments and literals blanked out, so that a word in it is a word of code. Ends where
    /// the unit tests begin.
    pub code: String,
    /// As `code`, with the unit tests.
    pub code_with_tests: String,
    /// The text of every string literal.
    pub literals: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Code,
    LineComment,
    BlockComment(u32),
    Text,
    RawText(usize),
}

impl Source {
    pub fn of(text: &str) -> Source {
        let chars: Vec<char> = text.chars().collect();
        let at = |place: usize| chars.get(place).copied().unwrap_or('\0');
        let mut code = String::with_capacity(text.len());
        let mut literals = Vec::new();
        let mut literal = String::new();
        let mut state = State::Code;
        let mut place = 0;
        while place < chars.len() {
            let (here, next) = (at(place), at(place + 1));
            let mut width = 1;
            match state {
                State::Code => {
                    let after_word = place > 0 && is_word(at(place - 1));
                    if (here, next) == ('/', '/') {
                        state = State::LineComment;
                    } else if (here, next) == ('/', '*') {
                        (state, width) = (State::BlockComment(1), 2);
                    } else if here == '"' {
                        state = State::Text;
                    } else if let Some(hashes) = raw_hashes(&chars, place).filter(|_| !after_word) {
                        (state, width) = (State::RawText(hashes), hashes + 2);
                    } else if here == '\'' {
                        width = character_width(&chars, place);
                    } else {
                        code.push(here);
                        place += 1;
                        continue;
                    }
                }
                State::LineComment => {
                    if here == '\n' {
                        state = State::Code;
                    }
                }
                State::BlockComment(depth) => match (here, next) {
                    ('/', '*') => (state, width) = (State::BlockComment(depth + 1), 2),
                    ('*', '/') => (state, width) = (if depth == 1 { State::Code } else { State::BlockComment(depth - 1) }, 2),
                    _ => {}
                },
                State::Text => match here {
                    '\\' => {
                        literal.push(next);
                        width = 2;
                    }
                    '"' => {
                        literals.push(std::mem::take(&mut literal));
                        state = State::Code;
                    }
                    _ => literal.push(here),
                },
                State::RawText(hashes) => {
                    if here == '"' && (1..=hashes).all(|ahead| at(place + ahead) == '#') {
                        literals.push(std::mem::take(&mut literal));
                        (state, width) = (State::Code, hashes + 1);
                    } else {
                        literal.push(here);
                    }
                }
            }
            // Blanked, but on the same line.
            code.extend(chars.iter().skip(place).take(width).map(|c| if *c == '\n' { '\n' } else { ' ' }));
            place += width;
        }
        let tests = code.find("\n#[cfg(test)]\nmod ").unwrap_or(code.len());
        Source {
            code: code.get(..tests).unwrap_or_default().to_string(),
            code_with_tests: code,
            literals,
        }
    }
}

/// The number of `#` when a raw string (`r"`, `r#"`) starts here; its `b` or `c` is code.
fn raw_hashes(chars: &[char], place: usize) -> Option<usize> {
    let rest = chars.get(place..)?.strip_prefix(&['r'])?;
    let hashes = rest.iter().take_while(|c| **c == '#').count();
    (rest.get(hashes) == Some(&'"')).then_some(hashes)
}

/// The width of a character literal, or 1 for the tick of a lifetime.
fn character_width(chars: &[char], place: usize) -> usize {
    match chars.get(place + 1) {
        Some('\\') => chars.iter().skip(place + 3).position(|c| *c == '\'').map_or(1, |end| end + 4),
        Some(_) if chars.get(place + 2) == Some(&'\'') => 3,
        _ => 1,
    }
}

pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where the word (or path, or call) stands in the code, not as part of a longer one: 1-based lines.
pub fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let starts_in_word = word.starts_with(is_word);
    let ends_in_word = word.ends_with(is_word);
    code.match_indices(word)
        .filter(|(place, _)| {
            let before = code.get(..*place).and_then(|before| before.chars().next_back());
            let after = code.get(place + word.len()..).and_then(|after| after.chars().next());
            let longer = starts_in_word && before.is_some_and(is_word) || ends_in_word && after.is_some_and(is_word);
            !longer
        })
        .map(|(place, _)| line_of(code, place))
        .collect()
}

/// The first names after every `root::`, with groups opened: `std::{fs, io::Read}` gives `fs` and `io`.
pub fn names_under(code: &str, root: &str) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    let prefix = format!("{root}::");
    for (place, _) in code.match_indices(&prefix) {
        if code
            .get(..place)
            .and_then(|before| before.chars().next_back())
            .is_some_and(|c| is_word(c) || c == ':')
        {
            continue;
        }
        let rest = code.get(place + prefix.len()..).unwrap_or_default();
        for (offset, name) in group_names(rest) {
            names.push((line_of(code, place + prefix.len() + offset), name));
        }
    }
    names
}

/// The names with their offsets: one, or those of a group `{a, b::{c}}` at its first level.
fn group_names(rest: &str) -> Vec<(usize, String)> {
    let gap = |text: &str| text.len() - text.trim_start().len();
    let word = |text: &str| text.trim_start().chars().take_while(|c| is_word(*c)).collect::<String>();
    let open = gap(rest);
    let Some(group) = rest.trim_start().strip_prefix('{') else {
        return vec![(open, word(rest))];
    };
    let mut items = vec![0];
    let mut depth = 1;
    for (place, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => items.push(place + 1),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    let named = items.into_iter().map(|start| {
        let item = group.get(start..).unwrap_or_default();
        (open + 1 + start + gap(item), word(item))
    });
    named.filter(|(_, name)| !name.is_empty()).collect()
}

fn line_of(code: &str, place: usize) -> usize {
    1 + code.bytes().take(place).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_not_code() {
        let source = Source::of(
            "let a = \"unsafe \\\" x\"; // unsafe\n/* unsafe /* unsafe */ */ let b = r#\"un\"safe\"#; let c = '\"'; let d: &'static str = b\"raw\"; let e = '\\'';\nend",
        );
        assert!(!source.code.contains("unsafe") && !source.code.contains("raw"), "{}", source.code);
        assert_eq!(source.literals, ["unsafe \" x", "un\"safe", "raw"]);
        assert!(source.code.contains("'static str") || source.code.contains("static str"));
        assert_eq!(lines_with(&source.code, "end"), [3]);
    }

    #[test]
    fn unit_tests_are_cut_off() {
        let source = Source::of("fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n");
        assert!(source.code.contains("fn a") && !source.code.contains("fn b"));
        assert!(source.code_with_tests.contains("fn b"));
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(lines_with("unsafe_code\nunsafe {", "unsafe"), [2]);
        assert_eq!(lines_with("known()\nnow()", "now("), [2]);
    }

    #[test]
    fn groups_are_opened() {
        let names = |code| {
            names_under(code, "crate")
                .into_iter()
                .map(|(line, name)| format!("{line} {name}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(names("use crate::money::Money;"), ["1 money"]);
        assert_eq!(names("use crate::{\n    claim::{Claim, party},\n    x12,\n};"), ["2 claim", "3 x12"]);
        assert_eq!(names("xcrate::a; crate::b::crate::c"), ["1 b"]);
    }
}
