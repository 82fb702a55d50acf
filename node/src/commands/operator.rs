//! `poste operator`: operators' accounts.

use crate::cli::OperatorVerb;
use crate::config::Config;
use crate::control::{Answer, Request};
use crate::prompt;
use crate::texts::Say;

use super::ask_admin;

/// Adds an account, or gives one a new password.
pub(crate) fn operator(config: &Config, verb: OperatorVerb) -> anyhow::Result<String> {
    let (request, done) = match verb {
        OperatorVerb::Add { login, name, role, password_file } => {
            let question = Say::AskPassword { login: login.clone() };
            let password = prompt::new_secret(password_file.as_deref(), &question)?;
            let request = Request::OperatorAdd {
                name: name.unwrap_or_else(|| login.clone()),
                login: login.clone(),
                role: role.into(),
                password: password.to_string(),
            };
            (request, Say::OperatorAdded { login })
        }
        OperatorVerb::Reset { login, password_file } => {
            let question = Say::AskPassword { login: login.clone() };
            let password = prompt::new_secret(password_file.as_deref(), &question)?;
            let request =
                Request::OperatorReset { login: login.clone(), password: password.to_string() };
            (request, Say::OperatorReset { login })
        }
    };
    let Answer::Done = ask_admin(config, &request)? else {
        return Err(Say::AnswerOdd.into());
    };
    Ok(done.to_string())
}
