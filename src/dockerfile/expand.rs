//! Variables in instructions, as BuildKit's shell lexer replaces them.

/// How deep `${A:-${B:-…}}` may go.
const DEEPEST: usize = 16;

/// Why a text could not be made.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// A variable that only a build knows.
    Unknown(String),
    /// Anything else, in words.
    Other(String),
}

/// What is known of a variable.
pub(super) enum Value<'a> {
    /// Its value.
    Set(&'a str),
    /// It has none.
    Unset,
    /// Only a build knows.
    Unknown,
}

/// Replaces variables, and takes off quotes and escapes. `room` is what all results together may still take, in bytes.
pub(super) struct Expander<'a, F> {
    /// The file's escape character.
    pub(super) escape: char,
    /// What is known of a variable.
    pub(super) lookup: F,
    /// Bytes left.
    pub(super) room: &'a mut usize,
}

impl<'v, F: Fn(&str) -> Value<'v>> Expander<'_, F> {
    /// The word with its variables replaced.
    pub(super) fn expand(&mut self, word: &str) -> Result<String, Failure> {
        let mut rest = Rest { chars: word.chars().collect(), at: 0 };
        let out = self.until(&mut rest, None, 0)?;
        Ok(out)
    }

    /// Reads up to `end`, or to the end.
    fn until(&mut self, rest: &mut Rest, end: Option<char>, depth: usize) -> Result<String, Failure> {
        let (mut out, mut double) = (String::new(), false);
        while let Some(c) = rest.next() {
            match c {
                c if Some(c) == end && !double => return Ok(out),
                '\'' if !double => self.single(rest, &mut out)?,
                '"' => double = !double,
                c if c == self.escape => match rest.next() {
                    Some(next) if double && !matches!(next, '"' | '$') && next != self.escape => {
                        self.put(&mut out, c)?;
                        self.put(&mut out, next)?;
                    }
                    Some(next) => self.put(&mut out, next)?,
                    None => self.put(&mut out, c)?,
                },
                '$' => {
                    let value = self.variable(rest, depth)?;
                    self.put_all(&mut out, &value)?;
                }
                c => self.put(&mut out, c)?,
            }
        }
        match end {
            Some(end) => Err(Failure::Other(format!("a variable has no {end} to end it"))),
            None => Ok(out),
        }
    }

    /// What is within single quotes stands for itself.
    fn single(&mut self, rest: &mut Rest, out: &mut String) -> Result<(), Failure> {
        while let Some(c) = rest.next().filter(|c| *c != '\'') {
            self.put(out, c)?;
        }
        Ok(())
    }

    /// After a `$`.
    fn variable(&mut self, rest: &mut Rest, depth: usize) -> Result<String, Failure> {
        if !rest.take('{') {
            let name = rest.name();
            return if name.is_empty() { Ok("$".into()) } else { self.plain(&name) };
        }
        let name = rest.name();
        if name.is_empty() || depth >= DEEPEST {
            let what = if name.is_empty() { "${ is not followed by a name" } else { "variables are nested too deep" };
            return Err(Failure::Other(what.into()));
        }
        if rest.take('}') {
            return self.plain(&name);
        }
        let colon = rest.take(':');
        let operator = rest.next();
        let word = self.until(rest, Some('}'), depth + 1)?;
        self.choose(&name, colon, operator, word)
    }

    /// `${name:-word}`, `${name:+word}` and `${name:?word}`, each also without the colon.
    fn choose(&self, name: &str, colon: bool, operator: Option<char>, word: String) -> Result<String, Failure> {
        let value = match (self.lookup)(name) {
            Value::Unknown => return Err(Failure::Unknown(name.into())),
            Value::Set(value) => Some(value).filter(|value| !(colon && value.is_empty())),
            Value::Unset => None,
        };
        match (operator, value) {
            (Some('-'), None) | (Some('+'), Some(_)) => Ok(word),
            (Some('+'), None) => Ok(String::new()),
            (Some('-' | '?'), Some(value)) => Ok(value.into()),
            (Some('?'), None) => Err(Failure::Other(format!("{name} is not set: {word}"))),
            _ => Err(Failure::Other(format!("what is asked of ${{{name}…}} is not understood here: - + and ? are"))),
        }
    }

    fn plain(&self, name: &str) -> Result<String, Failure> {
        match (self.lookup)(name) {
            Value::Set(value) => Ok(value.into()),
            Value::Unset => Ok(String::new()),
            Value::Unknown => Err(Failure::Unknown(name.into())),
        }
    }

    fn put(&mut self, out: &mut String, c: char) -> Result<(), Failure> {
        self.put_all(out, c.encode_utf8(&mut [0; 4]))
    }

    fn put_all(&mut self, out: &mut String, text: &str) -> Result<(), Failure> {
        let Some(room) = self.room.checked_sub(text.len()) else {
            return Err(Failure::Other("variables make more text than is kept".into()));
        };
        *self.room = room;
        out.push_str(text);
        Ok(())
    }
}

struct Rest {
    chars: Vec<char>,
    at: usize,
}

impl Rest {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.get(self.at).copied();
        self.at += usize::from(c.is_some());
        c
    }

    fn take(&mut self, wanted: char) -> bool {
        let there = self.chars.get(self.at) == Some(&wanted);
        self.at += usize::from(there);
        there
    }

    /// A variable's name, or one of the shell's own of one digit.
    fn name(&mut self) -> String {
        let rest = &self.chars[self.at..];
        let is_name = |c: &&char| c.is_ascii_alphanumeric() || **c == '_';
        let length = match rest.first() {
            Some(c) if c.is_ascii_digit() => 1,
            _ => rest.iter().take_while(is_name).count(),
        };
        self.at += length;
        rest[..length].iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Value<'static> {
        match name {
            "A" => Value::Set("a"),
            "EMPTY" => Value::Set(""),
            "TARGETARCH" => Value::Unknown,
            _ => Value::Unset,
        }
    }

    fn expand(word: &str) -> Result<String, Failure> {
        Expander { escape: '\\', lookup, room: &mut 1000 }.expand(word)
    }

    #[test]
    fn forms_of_variables() {
        for (written, made) in [
            ("x$A-${A}b$", "xa-ab$"),
            ("${U:-d}${U-d}${EMPTY:-d}${EMPTY-d}", "ddd"),
            ("${A:+y}${U:+y}${EMPTY:+y}${EMPTY+y}", "yy"),
            ("${U:-${V:-$A}}", "a"),
            ("${U:-'}'}", "}"),
            (r#""$A 'q'" '$A' \$A"#, "a 'q' $A $A"),
            (r#"a\ b "c\d\"""#, "a b c\\d\""),
            ("$1x", "x"),
        ] {
            assert_eq!(expand(written).as_deref(), Ok(made), "{written}");
        }
    }

    #[test]
    fn what_cannot_be_made_says_why() {
        assert_eq!(expand("$TARGETARCH"), Err(Failure::Unknown("TARGETARCH".into())));
        for bad in ["${A", "${}", "${U:?no}", "${A%x}", "${U:-${U", &"${U:-".repeat(100), &"$A".repeat(2000)] {
            assert!(matches!(expand(bad), Err(Failure::Other(_))), "{bad}");
        }
    }
}
