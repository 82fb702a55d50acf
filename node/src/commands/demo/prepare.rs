//! The demonstration's site, founded and furnished as a real one is.

use domain::id::NodeId;

use crate::commands::join;
use crate::control::{Answer, PlaceNamed, Request};
use crate::founding::{self, first_account};
use crate::invitation::{Invitation, Right};
use crate::key_file;
use crate::membership::{Membership, admission, node_seed};
use crate::seal::{self, SiteKey};
use crate::seed::Seed;
use crate::texts::Say;

use super::crew::ask;
use super::plan::{LOGIN, Member, OPERATOR, PASSPHRASE, PASSWORD, Plan, ROOMS, Role, SITE};

/// Founds the site on the first admin node and admits the second. Goes on where an
/// interrupted start left off.
pub(super) fn found(plan: &Plan) -> Result<(), Say> {
    plan.write_configs()?;
    let key = site_key(plan)?;
    for member in plan.members.iter().filter(|m| m.role == Role::Admin) {
        let data_dir = &member.config.data_dir;
        let node = NodeId(node_seed(data_dir)?.public());
        if Membership::read(data_dir)?.is_some() {
            continue;
        }
        if member.name == plan.first_admin().name {
            let account = first_account(LOGIN, OPERATOR, PASSWORD)?;
            let membership = Membership::found(&key, SITE, node)?;
            founding::begin(&member.config, &membership, account)?;
        } else {
            let invitation = Invitation {
                site: key.site(),
                right: Right::Admitted(admission(&key, node).signature),
                addresses: vec![plan.first_admin().config.listen],
            };
            join::accept(&member.config, &invitation, node)?.create(data_dir)?;
        }
    }
    Ok(())
}

/// The demonstration's site key, made at its first start.
fn site_key(plan: &Plan) -> Result<SiteKey, Say> {
    let path = plan.folder.join("site-key.txt");
    if path.exists() {
        let sealed = std::fs::read_to_string(&path).map_err(|error| Say::FileTrouble {
            file: path.display().to_string(),
            reason: error.to_string(),
        })?;
        return seal::open(&sealed, PASSPHRASE);
    }
    let key = SiteKey::of(Seed::fresh()?);
    key_file::write_private(&path, seal::seal(&key, PASSPHRASE)?.as_bytes())?;
    Ok(key)
}

/// Names rooms and kiosks and invites the kiosks, through the running first admin
/// node.
pub(super) async fn furnish(plan: &Plan) -> Result<(), Say> {
    let admin = plan.first_admin();
    for (order, room) in (0..).zip(ROOMS) {
        done(admin, Request::RoomName { name: room.to_owned(), order }).await?;
    }
    for kiosk in plan.members.iter().filter(|m| m.role == Role::Kiosk) {
        let data_dir = &kiosk.config.data_dir;
        let node = NodeId(node_seed(data_dir)?.public());
        if Membership::read(data_dir)?.is_some() {
            continue;
        }
        let room = ROOMS.get(kiosk.room).copied().unwrap_or_default();
        done(admin, Request::KioskName { name: kiosk.title.to_owned(), room: room.to_owned() })
            .await?;
        let request =
            Request::TokenIssue { place: PlaceNamed::Kiosk(kiosk.title.to_owned()), hours: 1 };
        let Answer::Line(line) = ask(admin, &request).await? else {
            return Err(Say::AnswerOdd);
        };
        join::accept(&kiosk.config, &Invitation::read(&line)?, node)?.create(data_dir)?;
    }
    Ok(())
}

async fn done(admin: &Member, request: Request) -> Result<(), Say> {
    let Answer::Done = ask(admin, &request).await? else {
        return Err(Say::AnswerOdd);
    };
    Ok(())
}
