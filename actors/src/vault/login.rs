//! The name that an operator signs in by.

use std::fmt;

/// A name to sign in by, as it is compared: lower case, French accents folded, of letters, digits
/// and `. _ - @`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Login(String);

/// Text that cannot be a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a login has 2 to 64 letters, digits or . _ - @")]
pub struct NotALogin;

impl Login {
    /// Reads what was typed: « Hélène.Payet » is `helene.payet`.
    pub fn parse(typed: &str) -> Result<Self, NotALogin> {
        if typed.len() > 256 {
            return Err(NotALogin);
        }
        let mut login = String::new();
        for typed in typed.trim().chars().flat_map(char::to_lowercase) {
            match typed {
                'a'..='z' | '0'..='9' | '.' | '_' | '-' | '@' => login.push(typed),
                'à' | 'â' | 'ä' => login.push('a'),
                'é' | 'è' | 'ê' | 'ë' => login.push('e'),
                'î' | 'ï' => login.push('i'),
                'ô' | 'ö' => login.push('o'),
                'ù' | 'û' | 'ü' => login.push('u'),
                'ÿ' => login.push('y'),
                'ç' => login.push('c'),
                'œ' => login.push_str("oe"),
                'æ' => login.push_str("ae"),
                // Accents typed apart from their letter.
                '\u{300}'..='\u{36f}' => {}
                _ => return Err(NotALogin),
            }
        }
        if (2..=64).contains(&login.len()) { Ok(Login(login)) } else { Err(NotALogin) }
    }

    /// The canonical characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_read_generously_and_compared_strictly() {
        for (typed, login) in [
            ("Hélène.Payet", "helene.payet"),
            (" MARIE ", "marie"),
            ("he\u{301}le\u{300}ne", "helene"),
            ("Sœur-Anne", "soeur-anne"),
            ("a.b_c-d@e9", "a.b_c-d@e9"),
        ] {
            assert_eq!(Login::parse(typed).unwrap().as_str(), login);
        }
        for bad in ["", "a", "a b", "ma\u{0}rie", "мария", &"a".repeat(65), &"é".repeat(300)]
        {
            assert_eq!(Login::parse(bad), Err(NotALogin), "{bad:.20}");
        }
    }
}
