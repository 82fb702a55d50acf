//! What operators do.

use super::*;

impl Course {
    pub(super) fn issue(&mut self, what: What, admin: usize, code: &Code, d: u8) {
        match what {
            What::Batch => {
                let codes: Vec<_> = (0..3 + d % 3)
                    .map(|_| Code {
                        session: SessionId(self.world.draw16()),
                        key: self.world.draw_key(),
                    })
                    .collect();
                let pairs: Vec<_> =
                    codes.iter().map(|code| (code.session, code.public())).collect();
                let intent = RequestId(self.world.draw16());
                for (part, codes) in in_parts(intent, &pairs, 2) {
                    let terms = World::terms(300);
                    let piece = CodesIssued {
                        part,
                        codes,
                        derivation: 1,
                        seconds: terms.seconds,
                        from_ms: terms.from_ms,
                        until_ms: terms.until_ms,
                        place: terms.place,
                        by: by(HOST),
                    };
                    self.batches.push((admin, piece.clone()));
                    self.say(admin, piece);
                }
                self.codes.extend(codes);
                self.count("batch");
            }
            // The same piece once more, by the same author or another, with the same content or not.
            What::BatchTwice => {
                if self.batches.is_empty() {
                    return;
                }
                let (author, piece) = pick(&self.batches, d / 4).clone();
                let mut again = piece;
                match d % 4 {
                    0 => {}
                    1 => again.seconds += 60,
                    2 => again.codes.truncate(1),
                    _ => again.codes.reverse(),
                }
                let who = if d.is_multiple_of(3) { admin } else { author };
                self.say(who, again);
                self.count("piece of a batch repeated");
            }
            _ => {
                // Twice: the same session by two admin nodes, under two keys; or one key for two.
                let session = match what {
                    What::IssueTwice if d.is_multiple_of(2) => code.session,
                    _ => SessionId(self.world.draw16()),
                };
                let key = match what {
                    What::IssueTwice if d % 4 == 1 => code.key.clone(),
                    _ => self.world.draw_key(),
                };
                let fresh = Code { session, key };
                let terms = World::terms(60 * u32::from(1 + d % 20));
                let fact = domain::fact::CodeIssued {
                    session,
                    key: fresh.public(),
                    derivation: 1,
                    seconds: terms.seconds,
                    from_ms: terms.from_ms,
                    until_ms: terms.until_ms,
                    place: if d.is_multiple_of(5) {
                        Place::Room(self.world.room)
                    } else {
                        Place::Anywhere
                    },
                    label: None,
                    request: RequestId(self.world.draw16()),
                    by: by(HOST),
                };
                self.say(admin, fact);
                self.codes.push(fresh);
                if what == What::IssueTwice {
                    self.count("session or key issued twice");
                }
            }
        }
    }

    pub(super) fn configure(&mut self, what: What, admin: usize, kiosk: usize, c: u8, d: u8) {
        let kiosk = self.parties[kiosk].machine.kiosk;
        match what {
            What::Name => {
                let (name, room) = (format!("Poste {c}"), self.world.room);
                self.ask(admin, ADMIN, Command::NameKiosk { kiosk, name: name.clone(), room }, 0);
                self.ask(admin, ADMIN, Command::NameRoom { room, name, order: u16::from(d) }, 0);
            }
            What::Set => {
                let isolation =
                    [IsolationPolicy::AcceptKnown, IsolationPolicy::Finish, IsolationPolicy::Lock];
                let settings = Settings {
                    isolation: *pick(&isolation, c),
                    allowance_s: u32::from(d % 4) * 600,
                    ..Settings::default()
                };
                if d.is_multiple_of(8) {
                    let replaces = Vec::new();
                    self.say(admin, SettingsChanged { settings, replaces, by: by(ADMIN) });
                } else {
                    self.ask(admin, ADMIN, Command::ChangeSettings { settings }, 0);
                }
                self.count("settings changed");
            }
            What::Serve => {
                let (in_service, note) = (d.is_multiple_of(2), Some(RowId([c; 16])));
                if d.is_multiple_of(4) {
                    let replaces = Vec::new();
                    self.say(
                        admin,
                        KioskDescribed { kiosk, in_service, note, replaces, by: by(HOST) },
                    );
                } else {
                    self.ask(admin, HOST, Command::DescribeKiosk { kiosk, in_service, note }, 0);
                }
            }
            What::Message => {
                let message = RowId(self.world.draw16());
                self.ask(admin, HOST, Command::SendMessage { message, kiosk }, 0);
                self.messages.push(message);
            }
            _ => self.ask(admin, HOST, Command::EraseRow { row: RowId([c; 16]) }, 0),
        }
    }
}
