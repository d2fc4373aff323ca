//! The simple commands of a shell text: their first words, as far as they can be told without being a shell.

/// Words that the shell does itself (POSIX, "Special Built-In Utilities", and what all shells have besides).
const BUILTINS: &[&str] = &[
    "", ".", ":", "[", "[[", "alias", "bg", "break", "case", "cd", "continue", "declare", "do", "done", "echo", "elif",
    "else", "esac", "eval", "exit", "export", "false", "fg", "fi", "for", "function", "getopts", "hash", "in", "jobs",
    "kill", "local", "popd", "printf", "pushd", "pwd", "read", "readonly", "return", "select", "set", "shift", "shopt",
    "source", "test", "then", "times", "trap", "true", "type", "typeset", "ulimit", "umask", "unalias", "unset",
    "until", "wait", "while", "if", "{", "}", "!", "time",
];
/// Words that have a command behind them.
const LEADING: &[&str] = &["!", "command", "do", "elif", "else", "exec", "if", "then", "time", "until", "while", "{"];

/// The words of each simple command, assignments and leading keywords taken off; builtins are left out.
pub(super) fn commands(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for mut words in split(text) {
        while words.first().is_some_and(|word| LEADING.contains(&word.as_str()) || is_assignment(word)) {
            words.remove(0);
        }
        let Some(first) = words.first() else { continue };
        let told = first.chars().all(|c| c.is_ascii_alphanumeric() || "_-./+@".contains(c));
        if told && !BUILTINS.contains(&first.as_str()) {
            found.push(words);
        }
    }
    found
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Words, command by command. Quotes are taken off; what stands in them separates nothing.
fn split(text: &str) -> Vec<Vec<String>> {
    let (mut commands, mut words, mut word) = (Vec::new(), Vec::new(), String::new());
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => word.push(c),
            (None, '"' | '\'') => quote = Some(c),
            (None, '\\') => match chars.next() {
                Some('\n') | None => {}
                Some(next) => word.push(next),
            },
            (None, '#') if word.is_empty() => while chars.next_if(|c| *c != '\n').is_some() {},
            (None, ' ' | '\t' | '\r') => words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty())),
            (None, ';' | '|' | '&' | '\n' | '(' | ')') => {
                // `2>&1` and `&>` are no end of a command.
                let redirects = c == '&' && (word.ends_with('>') || chars.peek() == Some(&'>'));
                if redirects {
                    word.push(c);
                    continue;
                }
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
                commands.push(std::mem::take(&mut words));
            }
            (None, _) => word.push(c),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    commands.push(words);
    commands.retain(|words| !words.is_empty());
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_words_are_told() {
        let firsts =
            |text: &str| commands(text).into_iter().map(|words| words[0].clone()).collect::<Vec<_>>().join(" ");
        assert_eq!(firsts("set -ex; cd /app && A=1 B='x y' exec python app.py 2>&1 | tee log"), "python tee");
        assert_eq!(firsts("if ! curl -f \"http://x;y\"; then exit 1; fi # wget"), "curl");
        assert_eq!(firsts("apt-get update \\\n && apt-get install -y gcc"), "apt-get apt-get");
        assert_eq!(firsts("$CMD; \"$@\"; (gunicorn app:app) &"), "gunicorn");
    }
}
